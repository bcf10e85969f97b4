//! A log that is slow, full or away costs a sender a wait, and nothing else.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use homeroom_bus::memory::MemoryLog;
use homeroom_bus::{Appended, Error, Log, NewRecord, Topic};
use homeroom_harness::{Behind, Between};
use reqwest::{Method, StatusCode};
use serde_json::json;
use tokio::sync::watch;

use crate::world::{Role, World, answer, mark, memory_log};

/// Keeps appends to a log waiting until it is open.
pub(crate) struct Gate {
    pub(crate) open: watch::Sender<bool>,
    pub(crate) waiting: watch::Sender<usize>,
}

/// A log behind a gate that is shut.
pub(crate) async fn shut() -> Behind<Gate> {
    Behind::new(Gate { open: watch::Sender::new(false), waiting: watch::Sender::new(0) }, memory_log().await)
}

#[async_trait]
impl Between for Gate {
    async fn append(&self, log: &dyn Log, topic: Topic, records: Vec<NewRecord>) -> Vec<Result<Appended, Error>> {
        self.waiting.send_modify(|waiting| *waiting += 1);
        self.open.subscribe().wait_for(|open| *open).await.unwrap();
        log.append(topic, records).await
    }
}

#[tokio::test]
async fn requests_beyond_the_bound_are_told_to_wait_and_none_is_lost() {
    let log = shut().await;
    let world = World::with(Arc::new(log.clone()), |limits| limits.native_requests = 1).await;
    let request = || {
        let request = world.request(Method::POST, "/v1/events").json(&mark("1", &json!({})));
        request.header("authorization", Role::Sis.authorization())
    };
    let overload = async {
        log.between.waiting.subscribe().wait_for(|waiting| *waiting == 1).await.unwrap();
        let refused = answer(request()).await;
        assert!(world.events().await.is_empty(), "nothing is acknowledged before it is kept");
        log.between.open.send_replace(true);
        refused
    };
    let (first, refused) = tokio::join!(answer(request()), overload);
    assert_eq!((refused.status, refused.problem()), (StatusCode::SERVICE_UNAVAILABLE, "overloaded"));
    assert_eq!(refused.retry_after.as_deref(), Some("1"));
    assert_eq!(first.outcomes(), ["accepted"]);
    assert_eq!(answer(request()).await.outcomes(), ["accepted"]);
    assert_eq!(world.events().await.len(), 2);
}

#[tokio::test]
async fn bytes_beyond_the_bound_are_told_to_wait() {
    let log = shut().await;
    let world = World::with(Arc::new(log.clone()), |limits| limits.native_bytes = 10 * 1024 * 1024).await;
    let padded = format!("{}{}", mark("1", &json!({})), " ".repeat(6 * 1024 * 1024));
    let overload = async {
        log.between.waiting.subscribe().wait_for(|waiting| *waiting == 1).await.unwrap();
        let refused = world.post("application/json", padded.clone()).await;
        log.between.open.send_replace(true);
        refused
    };
    let (first, refused) = tokio::join!(world.post("application/json", padded.clone()), overload);
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(first.outcomes(), ["accepted"]);
}

#[tokio::test]
async fn a_log_that_does_not_answer_is_not_waited_for_without_end() {
    let log = shut().await;
    let world = World::with(Arc::new(log), |limits| limits.append_timeout_ms = 50).await;
    let answer = world.post_json(&mark("1", &json!({}))).await;
    assert_eq!((answer.status, answer.problem()), (StatusCode::SERVICE_UNAVAILABLE, "log-unavailable"));
    assert_eq!(answer.retry_after.as_deref(), Some("5"));
}

#[tokio::test]
async fn what_a_full_log_does_not_keep_is_to_be_sent_again() {
    let log = MemoryLog::with_limit(2);
    log.create_topics(1).await.unwrap();
    let world = World::with(Arc::new(log), |_| {}).await;
    let answer = world.post_json(&json!([mark("1", &json!({})), mark("2", &json!({})), mark("3", &json!({}))])).await;
    assert_eq!((answer.status, answer.outcomes()), (StatusCode::MULTI_STATUS, vec!["accepted", "accepted", "retry"]));
    assert_eq!(answer.retry_after.as_deref(), Some("5"));
    let bad = world.post_json(&mark("1", &json!({ "date": 1 }))).await;
    assert_eq!(bad.outcomes(), ["quarantined"], "its letter waits in the outbox");
}

#[tokio::test]
async fn a_body_that_ends_early_is_refused_and_nothing_kept() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let world = World::start().await;
    let mut socket = tokio::net::TcpStream::connect(world.http).await.unwrap();
    let head = format!(
        "POST /v1/events HTTP/1.1\r\nhost: localhost\r\nauthorization: {}\r\ncontent-type: application/x-ndjson\r\n\
         content-length: 1000\r\n\r\n{}\n",
        Role::Sis.authorization(),
        mark("1", &json!({})),
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    socket.shutdown().await.unwrap();
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(10), socket.read_to_end(&mut answer)).await;
    read.unwrap().unwrap();
    let text = String::from_utf8_lossy(&answer);
    assert!(text.is_empty() || text.starts_with("HTTP/1.1 400"), "{text}");
    assert!(world.events().await.is_empty());
}

#[tokio::test]
async fn the_quarantine_takes_no_more_than_the_outbox_does() {
    let log = shut().await;
    let world = World::with(Arc::new(log.clone()), |limits| limits.outbox_rows = 1).await;
    let bad = mark("1", &json!({ "date": 1 }));
    assert_eq!(world.post_json(&bad).await.outcomes(), ["quarantined"]);
    let full = world.post_json(&bad).await;
    assert_eq!((full.status, full.problem()), (StatusCode::SERVICE_UNAVAILABLE, "quarantine-unavailable"));
    log.between.open.send_replace(true);
    assert_eq!(world.dead_letters(1).await.len(), 1);
}

/// What is answered to a request of the key with limits, of whose body nothing more comes.
async fn answer_to_half(world: &World) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut socket = tokio::net::TcpStream::connect(world.http).await.unwrap();
    let head = format!(
        "POST /v1/events HTTP/1.1\r\nhost: localhost\r\nauthorization: {}\r\ncontent-type: application/json\r\n\
         content-length: 1000\r\nconnection: close\r\n\r\n[",
        Role::Hasty.authorization(),
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(10), socket.read_to_end(&mut answer)).await;
    read.unwrap().unwrap();
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn a_key_has_limits_of_size_and_time_of_its_own() {
    let log = shut().await;
    let world = World::with(Arc::new(log.clone()), |_| {}).await;
    let send = |role: Role, body: reqwest::Body| {
        let request = world.request(Method::POST, "/v1/events").header("content-type", "application/json").body(body);
        answer(request.header("authorization", role.authorization()))
    };
    let large = send(Role::Narrow, format!("[{}]", " ".repeat(999)).into()).await;
    assert_eq!((large.status, large.problem()), (StatusCode::PAYLOAD_TOO_LARGE, "body-too-large"));
    assert_eq!(large.body["detail"], "at most 1000 bytes are taken; send it in parts");

    let slow = answer_to_half(&world).await;
    assert!(slow.starts_with("HTTP/1.1 408") && slow.contains("retry-after: 5"), "{slow}");
    assert!(slow.contains("requests of this key may take 1 s; nothing of it was kept"), "{slow}");

    let late = send(Role::Hasty, mark("1", &json!({})).to_string().into()).await;
    assert_eq!((late.status, late.problem()), (StatusCode::GATEWAY_TIMEOUT, "took-too-long"));
    assert_eq!(late.retry_after.as_deref(), Some("5"));
    log.between.open.send_replace(true);
    assert_eq!(send(Role::Narrow, mark("1", &json!({})).to_string().into()).await.status, StatusCode::OK);
    assert_eq!(world.post("application/json", format!("[{}]", " ".repeat(999))).await.status, StatusCode::OK);
}
