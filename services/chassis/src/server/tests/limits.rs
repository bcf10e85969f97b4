//! What a door takes at most, what it says beyond, and what it counts.

use std::io::{Read, Write};

use axum::Router;
use axum::body::Bytes;
use axum::routing::{get, post};
use futures_util::stream;
use http_body::Frame;
use http_body_util::StreamBody;

use super::client::{DEADLINE, Desk, client};
use crate::server::Limits;
use crate::telemetry;

async fn defect() -> &'static str {
    assert!(std::hint::black_box(false), "out of order");
    "never"
}

fn echo() -> Router {
    let length = async |body: Bytes| body.len().to_string();
    Router::new()
        .route("/echo/{student}", post(length))
        .route("/fine", get(async || "fine"))
        .route("/defect", get(defect))
        .route("/never", get(std::future::pending::<&'static str>))
}

async fn problem(response: reqwest::Response) -> (u16, String) {
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let status = response.status().as_u16();
    let body: serde_json::Value = response.json().await.unwrap();
    (status, body["type"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_body_beyond_the_bound_is_a_problem_whether_declared_or_not() {
    let desk = Desk::open(echo(), None, Limits { body_bytes: 1000, linger_millis: 0, ..Limits::default() }).await;
    let too_large = (413, "urn:homeroom:problem:body-too-large".to_owned());

    let declared = client().post(desk.url("/echo/1")).body(vec![b'x'; 1001]).send().await.unwrap();
    assert_eq!(problem(declared).await, too_large);
    let part = || Ok::<_, std::io::Error>(Frame::data(Bytes::from_static(&[b'x'; 600])));
    let parts = reqwest::Body::wrap(StreamBody::new(stream::iter([part(), part()])));
    let streamed = client().post(desk.url("/echo/1")).body(parts).send().await.unwrap();
    assert_eq!(problem(streamed).await, too_large);
    let fits = client().post(desk.url("/echo/1")).body(vec![b'x'; 1000]).send().await.unwrap();
    assert_eq!(fits.text().await.unwrap(), "1000");

    desk.tasks.stop();
    desk.closed().await.unwrap();
}

#[tokio::test]
async fn what_no_route_answers_or_a_defect_stops_is_a_problem() {
    let desk = Desk::open(echo(), None, Limits { linger_millis: 0, ..Limits::default() }).await;
    let absent = client().get(desk.url("/absent")).send().await.unwrap();
    assert_eq!(problem(absent).await, (404, "urn:homeroom:problem:not-found".to_owned()));
    let method = client().delete(desk.url("/fine")).send().await.unwrap();
    assert_eq!(problem(method).await, (405, "urn:homeroom:problem:method-not-allowed".to_owned()));
    let defect = client().get(desk.url("/defect")).send().await.unwrap();
    assert_eq!(problem(defect).await, (500, "urn:homeroom:problem:defect".to_owned()));
    desk.tasks.stop();
    desk.closed().await.unwrap();
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_told_to_come_back() {
    let desk = Desk::open(echo(), None, Limits { request_seconds: 0, linger_millis: 0, ..Limits::default() }).await;
    let answer = client().get(desk.url("/never")).send().await.unwrap();
    assert_eq!(answer.headers()["retry-after"], "5");
    assert_eq!(problem(answer).await, (503, "urn:homeroom:problem:took-too-long".to_owned()));
    desk.tasks.stop();
    desk.closed().await.unwrap();
}

#[tokio::test]
async fn requests_are_counted_by_route_and_never_by_path() {
    telemetry::install_metrics();
    let desk = Desk::open(echo(), None, Limits { linger_millis: 0, ..Limits::default() }).await;
    client().post(desk.url("/echo/canary-student")).body("x").send().await.unwrap();
    let text = client().get(desk.url("/metrics")).send().await.unwrap().text().await.unwrap();
    let counted =
        "homeroom_http_request_duration_seconds_count{method=\"POST\",route=\"/echo/{student}\",status=\"200\"}";
    assert!(text.contains(counted), "{text}");
    assert!(!text.contains("canary-student"));
    desk.tasks.stop();
    desk.closed().await.unwrap();
}

#[tokio::test]
async fn a_body_that_stops_half_way_does_not_hold_the_connection() {
    let desk = Desk::open(echo(), None, Limits { body_idle_seconds: 0, linger_millis: 0, ..Limits::default() }).await;
    let answer = answer_to(&desk, "POST /echo/1 HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nhalf").await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    desk.tasks.stop();
    desk.closed().await.unwrap();
}

#[tokio::test]
async fn headers_that_never_end_do_not_hold_the_connection() {
    let desk = Desk::open(echo(), None, Limits { header_seconds: 1, linger_millis: 0, ..Limits::default() }).await;
    let answer = answer_to(&desk, "GET /fine HTTP/1.1\r\nhost: x\r\n").await;
    assert!(!answer.contains("fine"), "{answer}");
    desk.tasks.stop();
    desk.closed().await.unwrap();
}

/// Sends these bytes and reads until the server closes.
async fn answer_to(desk: &Desk, bytes: &'static str) -> String {
    let address = desk.http;
    tokio::task::spawn_blocking(move || {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.write_all(bytes.as_bytes()).unwrap();
        let mut answer = Vec::new();
        // A reset after the answer is a close too.
        drop(stream.read_to_end(&mut answer));
        String::from_utf8_lossy(&answer).into_owned()
    })
    .await
    .unwrap()
}
