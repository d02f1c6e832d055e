//! The watch loop that parameter_service.proto gives at `rpc Watch`, to be copied.

use std::collections::HashMap;
use std::error::Error;
use std::time::Duration;

use tonic::transport::Channel;
use tonic::{Code, Status, Streaming};

use crate::parameter::event::Type;
use crate::parameter::parameter_service_client::ParameterServiceClient;
use crate::parameter::watch_response::Kind;
use crate::parameter::{Event, Parameter, WatchRequest, WatchResponse};

const BACKOFF_MIN_MS: f64 = 100.0;
const BACKOFF_MAX_MS: f64 = 10_000.0;

pub type State = HashMap<String, Parameter>;

/// The parameters of a prefix by key, kept up to date. Dropping it ends the call.
pub struct Watch {
    service: ParameterServiceClient<Channel>,
    prefix: String,
    state: State,
    snapshot: State,
    start_revision: i64,
    responses: Option<Streaming<WatchResponse>>,
    failures: i32,
}

impl Watch {
    pub fn new(service: ParameterServiceClient<Channel>, prefix: &str) -> Self {
        Self {
            service,
            prefix: prefix.to_owned(),
            state: State::new(),
            snapshot: State::new(),
            start_revision: 0,
            responses: None,
            failures: 0,
        }
    }

    /// The state at first, and after each change.
    pub async fn next(&mut self) -> Result<&State, Status> {
        loop {
            match self.response().await {
                Ok(response) => {
                    if self.take(response) {
                        return Ok(&self.state);
                    }
                }
                Err(status) if calls_again(&status) => {
                    self.responses = None;
                    self.back_off().await;
                }
                Err(status) => return Err(status),
            }
        }
    }

    async fn response(&mut self) -> Result<WatchResponse, Status> {
        let responses = match &mut self.responses {
            Some(responses) => responses,
            None => {
                self.snapshot.clear();
                let request = WatchRequest {
                    prefixes: vec![self.prefix.clone()],
                    send_initial: true,
                    start_revision: self.start_revision,
                    ..Default::default()
                };
                let responses = self.service.watch(request).await?.into_inner();
                self.responses.insert(responses)
            }
        };
        let ended = || Status::unavailable("the watch ended without an error");
        responses.message().await?.ok_or_else(ended)
    }

    /// Whether the state is another one now.
    fn take(&mut self, response: WatchResponse) -> bool {
        self.failures = 0;
        if response.revision != 0 {
            self.start_revision = response.revision + 1;
        }
        match response.kind() {
            Kind::Initial => {
                apply(&mut self.snapshot, response.events);
                false
            }
            Kind::InitialComplete => {
                self.state = std::mem::take(&mut self.snapshot);
                true
            }
            Kind::Changes => {
                apply(&mut self.state, response.events);
                true
            }
            Kind::Progress | Kind::Unspecified => false,
        }
    }

    /// Jittered, so that not all readers of a lost replica come back at once.
    async fn back_off(&mut self) {
        let limit_ms = BACKOFF_MAX_MS.min(BACKOFF_MIN_MS * 2_f64.powi(self.failures));
        self.failures += 1;
        tokio::time::sleep(Duration::from_secs_f64(fastrand::f64() * limit_ms / 1000.0)).await;
    }
}

fn calls_again(status: &Status) -> bool {
    // With a source it is no answer of the server: the connection broke, which tonic calls UNKNOWN.
    status.source().is_some()
        || matches!(
            status.code(),
            Code::Unavailable | Code::OutOfRange | Code::DataLoss
        )
}

fn apply(state: &mut State, events: Vec<Event>) {
    for event in events {
        let deleted = event.r#type() == Type::Delete;
        let Some(parameter) = event.parameter else {
            continue;
        };
        if deleted {
            state.remove(&parameter.key);
        } else {
            state.insert(parameter.key.clone(), parameter);
        }
    }
}
