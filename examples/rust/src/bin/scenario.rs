//! Runs the calls on standard input, a JSON object a line, and prints what came of each.

use std::env;
use std::error::Error;
use std::io::{BufRead, stdin};
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine};
use paramd_examples::parameter::parameter_service_client::ParameterServiceClient;
use paramd_examples::parameter::watch_response::Kind;
use paramd_examples::parameter::{WatchRequest, WatchResponse};
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};
use serde_json::{Value, json};
use tonic::client::Grpc;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Response, Status};
use tonic_prost::ProstCodec;

const TIMEOUT_MS: u64 = 10_000;
const SERVICE: &str = "parameter.v1.ParameterService";

/// One call.
struct Step {
    method: String,
    request: DynamicMessage,
    /// prost drops the fields that a message does not know; such a request is sent without it.
    unknown_fields: bool,
    timeout: Duration,
    take_events: usize,
}

/// The encoded responses.
type Outcome = Result<Vec<Vec<u8>>, Status>;

// Another thread answers the server's pings while this one waits for input.
#[tokio::main(flavor = "multi_thread", worker_threads = 1)]
async fn main() -> Result<(), Box<dyn Error>> {
    let target = env::var("PARAMD_TARGET").unwrap_or("127.0.0.1:50051".into());
    let channel = Endpoint::from_shared(format!("http://{target}"))?.connect_lazy();
    let image = include_bytes!("../../../../gen/image.binpb");
    let types = DescriptorPool::decode(image.as_slice())?;
    for line in stdin().lock().lines() {
        println!("{}", answer(&types, &channel, &line?).await?);
    }
    Ok(())
}

async fn answer(
    types: &DescriptorPool,
    channel: &Channel,
    line: &str,
) -> Result<Value, Box<dyn Error>> {
    let input: Value = match serde_json::from_str(line) {
        Ok(input) => input,
        Err(error) => return Ok(refused(&error)), // a lone surrogate
    };
    let service = types.get_service_by_name(SERVICE).ok_or(SERVICE)?;
    let method = service
        .methods()
        .find(|method| method.name() == input["method"]);
    let method = method.ok_or("no such method")?;
    let request = match request(method.input(), &input) {
        Ok(request) => request,
        Err(error) => return Ok(refused(error.as_ref())),
    };
    let step = Step {
        method: method.name().to_owned(),
        request,
        unknown_fields: input.get("requestBase64").is_some(),
        timeout: Duration::from_millis(input["timeoutMs"].as_u64().unwrap_or(TIMEOUT_MS)),
        take_events: usize::try_from(input["takeEvents"].as_u64().unwrap_or(0))?,
    };
    let outcome = tokio::time::timeout(step.timeout, run(channel, &step)).await;
    let responses = match outcome.unwrap_or_else(|_| Err(Status::deadline_exceeded("too late"))) {
        Ok(responses) => responses,
        Err(status) => return Ok(json!({ "error": error(types, &status)? })),
    };
    let responses: Vec<Value> = responses
        .iter()
        .map(|bytes| json(method.output(), bytes))
        .collect::<Result<_, _>>()?;
    Ok(match method.is_server_streaming() {
        true => json!({ "responses": responses }),
        false => json!({ "response": responses[0] }),
    })
}

fn refused(error: &dyn Error) -> Value {
    json!({ "refused": error.to_string() })
}

fn request(message: MessageDescriptor, input: &Value) -> Result<DynamicMessage, Box<dyn Error>> {
    Ok(match input["requestBase64"].as_str() {
        Some(text) => DynamicMessage::decode(message, BASE64_STANDARD.decode(text)?.as_slice())?,
        None => DynamicMessage::deserialize(message, &input["request"])?,
    })
}

async fn run(channel: &Channel, step: &Step) -> Outcome {
    let mut client = ParameterServiceClient::new(channel.clone());
    match step.method.as_str() {
        "GetParameter" => unary(channel, step, async |r| client.get_parameter(r).await).await,
        "BatchGetParameters" => {
            unary(channel, step, async |r| {
                client.batch_get_parameters(r).await
            })
            .await
        }
        "ListParameters" => unary(channel, step, async |r| client.list_parameters(r).await).await,
        "SetParameter" => unary(channel, step, async |r| client.set_parameter(r).await).await,
        "DeleteParameter" => unary(channel, step, async |r| client.delete_parameter(r).await).await,
        "Commit" => unary(channel, step, async |r| client.commit(r).await).await,
        "Watch" => watch(client, step).await,
        other => Err(Status::unimplemented(other)),
    }
}

async fn unary<Q, R>(
    channel: &Channel,
    step: &Step,
    call: impl AsyncFnOnce(Request<Q>) -> Result<Response<R>, Status>,
) -> Outcome
where
    Q: Message + Default,
    R: Message + Default + 'static,
{
    let response = if step.unknown_fields {
        let mut grpc = Grpc::new(channel.clone());
        grpc.ready()
            .await
            .map_err(|error| Status::unavailable(error.to_string()))?;
        let path = format!("/{SERVICE}/{}", step.method)
            .parse()
            .map_err(invalid)?;
        let codec = ProstCodec::<DynamicMessage, R>::default();
        grpc.unary(Request::new(step.request.clone()), path, codec)
            .await?
    } else {
        call(Request::new(step.request.transcode_to().map_err(invalid)?)).await?
    };
    Ok(vec![response.into_inner().encode_to_vec()])
}

/// Up to that many events, and to the end of the snapshot.
async fn watch(mut client: ParameterServiceClient<Channel>, step: &Step) -> Outcome {
    let request: WatchRequest = step.request.transcode_to().map_err(invalid)?;
    let mut whole = !request.send_initial;
    let mut responses = client.watch(request).await?.into_inner();
    let mut received = Vec::new();
    let mut events = 0;
    while events < step.take_events || !whole || received.is_empty() {
        let response: Option<WatchResponse> = responses.message().await?;
        let response = response.ok_or_else(|| Status::unavailable("the watch ended"))?;
        events += response.events.len();
        whole |= response.kind() == Kind::InitialComplete;
        received.push(response.encode_to_vec());
    }
    Ok(received)
}

fn invalid(error: impl Error) -> Status {
    Status::invalid_argument(error.to_string())
}

fn error(types: &DescriptorPool, status: &Status) -> Result<Value, Box<dyn Error>> {
    let message = types
        .get_message_by_name("google.rpc.Status")
        .ok_or("no google.rpc")?;
    let decoded = json(message, status.details())?;
    Ok(json!({
        "code": code_name(status.code()),
        "message": status.message(),
        "details": decoded.get("details").cloned().unwrap_or(json!([])),
    }))
}

fn json(message: MessageDescriptor, bytes: &[u8]) -> Result<Value, Box<dyn Error>> {
    Ok(serde_json::to_value(DynamicMessage::decode(
        message, bytes,
    )?)?)
}

/// `AlreadyExists` is ALREADY_EXISTS elsewhere.
fn code_name(code: Code) -> String {
    let mut name = String::new();
    for letter in format!("{code:?}").chars() {
        if letter.is_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.extend(letter.to_uppercase());
    }
    name
}
