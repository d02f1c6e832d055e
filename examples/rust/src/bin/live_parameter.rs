//! Shows a parameter, again after every change of its namespace.

use std::env;
use std::error::Error;
use std::time::Duration;

use paramd_examples::parameter::parameter_service_client::ParameterServiceClient;
use paramd_examples::parameter::{Value, value::Kind};
use paramd_examples::watch::Watch;
use tonic::transport::Endpoint;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let target = env::var("PARAMD_TARGET").unwrap_or("127.0.0.1:50051".into());
    let channel = Endpoint::from_shared(format!("http://{target}"))?
        // Pings find a connection that died silently: without them a watch waits for ever.
        .http2_keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(10))
        .connect_timeout(Duration::from_secs(5))
        .connect_lazy();
    let mut watch = Watch::new(ParameterServiceClient::new(channel), "app:config:");
    loop {
        // The state of the namespace, again after every change, over broken connections too.
        let state = watch.next().await?;
        let parameter = state.get("app:config:max_users");
        let max_users = match parameter.and_then(|found| found.value.as_ref()) {
            Some(Value {
                kind: Some(Kind::IntValue(number)),
            }) => *number,
            _ => 50,
        };
        println!("max_users is {max_users}");
    }
}
