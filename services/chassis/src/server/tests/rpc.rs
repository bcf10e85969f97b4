//! The gRPC door: reflection, what is counted, deadlines, and streams at shutdown.

use std::time::Duration;

use axum::Router;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

use super::client::Desk;
use crate::server::{Error, Limits};
use crate::telemetry;

async fn open(limits: Limits) -> (Desk, Channel) {
    let desk = Desk::open(Router::new(), None, Limits { linger_millis: 0, ..limits }).await;
    let endpoint = Endpoint::from_shared(format!("http://{}", desk.grpc)).unwrap();
    let channel = endpoint.connect().await.unwrap();
    (desk, channel)
}

fn whole_server() -> HealthCheckRequest {
    HealthCheckRequest { service: String::new() }
}

#[tokio::test]
async fn the_door_lists_what_it_answers() {
    let (desk, channel) = open(Limits::default()).await;
    let request = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let requests = futures_util::stream::iter([request]);
    let mut answers = ServerReflectionClient::new(channel).server_reflection_info(requests).await.unwrap().into_inner();
    let answer = answers.message().await.unwrap().unwrap().message_response;
    let Some(MessageResponse::ListServicesResponse(list)) = answer else { panic!("a list was expected: {answer:?}") };
    let names: Vec<_> = list.service.iter().map(|service| service.name.as_str()).collect();
    assert!(names.contains(&"grpc.health.v1.Health"), "{names:?}");
    drop(answers);
    desk.tasks.stop();
    desk.closed().await.unwrap();
}

#[tokio::test]
async fn calls_are_counted_by_known_method_and_status() {
    telemetry::install_metrics();
    let (desk, channel) = open(Limits::default()).await;
    HealthClient::new(channel.clone()).check(whole_server()).await.unwrap();
    let mut raw = tonic::client::Grpc::new(channel);
    raw.ready().await.unwrap();
    let path = http::uri::PathAndQuery::from_static("/homeroom.made.Up/Canary");
    let codec = tonic_prost::ProstCodec::<HealthCheckRequest, HealthCheckRequest>::default();
    let refused = raw.unary(Request::new(whole_server()), path, codec).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unimplemented);
    desk.tasks.stop();
    desk.closed().await.unwrap();

    let text = telemetry::metrics_text();
    let name = "homeroom_grpc_request_duration_seconds_count";
    assert!(text.contains(&format!("{name}{{method=\"/grpc.health.v1.Health/Check\",status=\"Ok\"}}")), "{text}");
    assert!(text.contains(&format!("{name}{{method=\"unknown\",status=\"Unimplemented\"}}")), "{text}");
    assert!(!text.contains("Canary"));
}

#[tokio::test]
async fn a_stream_that_does_not_end_is_cut_at_the_deadline() {
    let (desk, channel) = open(Limits { drain_seconds: 1, ..Limits::default() }).await;
    let mut watched = HealthClient::new(channel).watch(whole_server()).await.unwrap().into_inner();
    watched.message().await.unwrap();
    desk.tasks.stop();
    // The watcher hears of the stop and stays; the door does not wait for it for ever.
    while watched.message().await.is_ok_and(|message| message.is_some()) {}
    assert!(matches!(desk.closed().await, Err(Error::Cut)));
}

/// A door whose only method never answers; asked below a client, which would keep the deadline by itself.
async fn asked_of_a_method_that_never_answers(
    deadline: Option<&str>,
    limits: Limits,
) -> http::Response<axum::body::Body> {
    let never = Router::new().route("/never", axum::routing::post(std::future::pending::<&'static str>));
    let router = crate::server::grpc::layered(tonic::service::Routes::from(never), &[], &limits).unwrap();
    let mut request = http::Request::post("/never");
    if let Some(deadline) = deadline {
        request = request.header("grpc-timeout", deadline);
    }
    let answer = tower::ServiceExt::oneshot(router, request.body(axum::body::Body::empty()).unwrap());
    tokio::time::timeout(Duration::from_secs(20), answer).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_call_ends_with_its_callers_deadline() {
    let answer = asked_of_a_method_that_never_answers(Some("1m"), Limits::default()).await;
    assert_eq!(answer.headers()["grpc-status"], (Code::DeadlineExceeded as i32).to_string());
}

#[tokio::test]
async fn no_call_takes_longer_than_any_may() {
    for deadline in [None, Some("1H")] {
        let limits = Limits { request_seconds: 0, ..Limits::default() };
        let answer = asked_of_a_method_that_never_answers(deadline, limits).await;
        assert_eq!(answer.headers()["grpc-status"], (Code::DeadlineExceeded as i32).to_string());
    }
}
