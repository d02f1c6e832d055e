//! What buf generated, and the watch loop.

pub mod watch;

/// The package `parameter.v1`.
pub mod parameter {
    include!("../gen/parameter/v1/parameter.v1.rs");
}
