//! A typed set and get, how stale a read can be, the details of an error, and a watch.

use std::env;
use std::error::Error;
use std::time::Duration;

use paramd_examples::parameter::parameter_service_client::ParameterServiceClient;
use paramd_examples::parameter::value::Kind;
use paramd_examples::parameter::{
    GetParameterRequest, GetParameterResponse, Parameter, ReadConsistency, SetParameterRequest,
    StringList, Value,
};
use paramd_examples::watch::Watch;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;
use uuid::Uuid;

const DEADLINE: Duration = Duration::from_secs(5);

struct Tour {
    service: ParameterServiceClient<Channel>,
    prefix: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let target = env::var("PARAMD_TARGET").unwrap_or("127.0.0.1:50051".into());
    let channel = Endpoint::from_shared(format!("http://{target}"))?
        // Pings find a connection that died silently: without them a watch waits for ever.
        .http2_keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(10))
        .connect_timeout(DEADLINE)
        .connect_lazy();
    let mut tour = Tour {
        service: ParameterServiceClient::new(channel),
        prefix: env::args().nth(1).unwrap_or("tour:".into()),
    };
    tour.show_values().await?;
    tour.show_error().await?;
    tour.show_watch().await
}

impl Tour {
    async fn show_values(&mut self) -> Result<(), Box<dyn Error>> {
        let written = self.set("max_users", Kind::IntValue(100)).await?;
        let read = self.get("max_users", written.revision).await?;
        println!("max_users = {}", text(read.parameter.as_ref())?);
        let freshness = read.freshness.unwrap_or_default();

        let timeout = Duration::from_millis(1500).try_into()?;
        let written = self.set("timeout", Kind::DurationValue(timeout)).await?;
        let read = self.get("timeout", written.revision).await?;
        println!("timeout = {}", text(read.parameter.as_ref())?);

        let values = vec!["a".into(), "b".into()];
        let hosts = Kind::StringListValue(StringList { values });
        let written = self.set("hosts", hosts).await?;
        let read = self.get("hosts", written.revision).await?;
        println!("hosts = {}", text(read.parameter.as_ref())?);

        let bound = freshness.staleness_bound.ok_or("no staleness bound")?;
        let bound = Duration::try_from(bound)?;
        eprintln!("staleness bound: {bound:?}");
        let fresh = bound <= Duration::from_millis(500);
        println!("fresh within 500 ms: {fresh}");
        Ok(())
    }

    async fn show_error(&mut self) -> Result<(), Box<dyn Error>> {
        let only_if_new = SetParameterRequest {
            if_revision: Some(0),
            ..self.set_request("max_users", Kind::IntValue(1))
        };
        if let Err(status) = self.service.set_parameter(timed(only_if_new)).await {
            let info = status.get_details_error_info().ok_or("no ErrorInfo")?;
            let stored = self.get("max_users", 0).await?.parameter;
            let revision = stored.ok_or("no parameter")?.revision.to_string();
            let known = info.metadata.get("currentRevision") == Some(&revision);
            let code = match status.code() {
                Code::AlreadyExists => "ALREADY_EXISTS",
                other => other.description(),
            };
            println!("{code} {}: {known}", info.reason);
        }
        Ok(())
    }

    async fn show_watch(&mut self) -> Result<(), Box<dyn Error>> {
        let key = format!("{}max_users", self.prefix);
        let mut watch = Watch::new(self.service.clone(), &self.prefix);
        loop {
            let max_users = text(watch.next().await?.get(&key))?;
            println!("watching: max_users = {max_users}");
            if max_users == "120" {
                return Ok(());
            }
            self.set("max_users", Kind::IntValue(120)).await?;
        }
    }

    async fn set(&mut self, name: &str, kind: Kind) -> Result<Parameter, Box<dyn Error>> {
        let request = timed(self.set_request(name, kind));
        let response = self.service.set_parameter(request).await?.into_inner();
        Ok(response.parameter.ok_or("no parameter")?)
    }

    fn set_request(&self, name: &str, kind: Kind) -> SetParameterRequest {
        SetParameterRequest {
            key: format!("{}{name}", self.prefix),
            value: Some(Value { kind: Some(kind) }),
            // Makes it safe to send the same request again.
            request_id: Uuid::new_v4().to_string(),
            ..Default::default()
        }
    }

    async fn get(
        &mut self,
        name: &str,
        at_least_revision: i64,
    ) -> Result<GetParameterResponse, Status> {
        let request = GetParameterRequest {
            key: format!("{}{name}", self.prefix),
            consistency: Some(ReadConsistency {
                at_least_revision,
                ..Default::default()
            }),
        };
        let response = self.service.get_parameter(timed(request)).await?;
        Ok(response.into_inner())
    }
}

fn timed<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(DEADLINE);
    request
}

fn text(parameter: Option<&Parameter>) -> Result<String, Box<dyn Error>> {
    let value = parameter.ok_or("no parameter")?.value.as_ref();
    let kind = value.and_then(|value| value.kind.as_ref());
    let kind = kind.ok_or("a value of a kind that this program does not know")?;
    Ok(match kind {
        Kind::StringValue(text) | Kind::JsonValue(text) => text.clone(),
        Kind::IntValue(number) => number.to_string(),
        Kind::DoubleValue(number) => number.to_string(),
        Kind::BoolValue(truth) => truth.to_string(),
        Kind::BytesValue(bytes) => format!("{} bytes", bytes.len()),
        Kind::DurationValue(duration) => {
            let seconds = duration.seconds as f64 + f64::from(duration.nanos) / 1e9;
            format!("{seconds} s")
        }
        Kind::StringListValue(list) => list.values.join(", "),
    })
}
