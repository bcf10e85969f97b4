//! Shutdown: what is in flight is answered, and readiness says so before the door closes.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use tokio::sync::Semaphore;
use tonic::transport::Endpoint;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::client::{Desk, client};
use crate::server::{Error, Limits};

/// A route that says when a request has come and answers when told to.
#[derive(Clone)]
struct Gate {
    come: Arc<Semaphore>,
    go: Arc<Semaphore>,
}

impl Gate {
    fn new() -> Self {
        Self { come: Arc::new(Semaphore::new(0)), go: Arc::new(Semaphore::new(0)) }
    }

    fn router(&self) -> Router {
        let gate = self.clone();
        let answer = async move || {
            gate.come.add_permits(1);
            gate.go.acquire().await.unwrap().forget();
            "done"
        };
        Router::new().route("/slow", get(answer))
    }
}

#[tokio::test]
async fn a_request_in_flight_is_answered_and_readiness_turns_false_first() {
    let gate = Gate::new();
    let desk = Desk::open(gate.router(), None, Limits { linger_millis: 3_000, ..Limits::default() }).await;
    let ready = client().get(desk.url("/readyz")).send().await.unwrap();
    assert_eq!(ready.status(), 200);

    let slow = client().get(desk.url("/slow")).send();
    // Made before the door lingers, since that takes a while; each makes a connection of its own later.
    let (probe, another) = (client(), client());
    let script = async {
        gate.come.acquire().await.unwrap().forget();
        desk.tasks.stop();
        // The listener still answers a new connection, and says no.
        let ready = probe.get(desk.url("/readyz")).send().await.unwrap();
        assert_eq!(ready.status(), 503);
        let body: serde_json::Value = ready.json().await.unwrap();
        assert_eq!(body, serde_json::json!({ "ready": false, "components": { "desk": "stopping" } }));
        let alive = another.get(desk.url("/healthz")).send().await.unwrap();
        assert_eq!(alive.status(), 200);
        let mut again = tokio::time::interval(Duration::from_millis(20));
        while tokio::net::TcpStream::connect(desk.http).await.is_ok() {
            again.tick().await;
        }
        gate.go.add_permits(1);
    };
    let (answer, ()) = tokio::join!(slow, script);
    assert_eq!(answer.unwrap().text().await.unwrap(), "done");
    desk.closed().await.unwrap();
}

#[tokio::test]
async fn a_second_signal_cuts_what_is_in_flight() {
    let gate = Gate::new();
    let desk = Desk::open(gate.router(), None, Limits { linger_millis: 0, ..Limits::default() }).await;
    let slow = client().get(desk.url("/slow")).send();
    let script = async {
        gate.come.acquire().await.unwrap().forget();
        desk.tasks.stop();
        desk.tasks.cut();
    };
    let (answer, ()) = tokio::join!(slow, script);
    assert!(answer.is_err());
    assert!(matches!(desk.closed().await, Err(Error::Cut)));
}

#[tokio::test]
async fn work_that_outlives_the_deadline_is_cut() {
    let gate = Gate::new();
    let limits = Limits { linger_millis: 0, drain_seconds: 0, ..Limits::default() };
    let desk = Desk::open(gate.router(), None, limits).await;
    let slow = client().get(desk.url("/slow")).send();
    let script = async {
        gate.come.acquire().await.unwrap().forget();
        desk.tasks.stop();
    };
    let (answer, ()) = tokio::join!(slow, script);
    assert!(answer.is_err());
    assert!(matches!(desk.closed().await, Err(Error::Cut)));
}

#[tokio::test]
async fn a_task_that_panics_ends_the_process_with_a_failure() {
    let desk = Desk::open(Router::new(), None, Limits { linger_millis: 0, ..Limits::default() }).await;
    desk.tasks.spawn("relay", async {
        assert!(std::hint::black_box(false), "out of order");
        Ok::<_, Infallible>(())
    });
    let Err(Error::Failed(why)) = desk.closed().await else { panic!("it ended as if nothing had happened") };
    assert!(why.starts_with("relay: "), "{why}");
}

#[tokio::test]
async fn grpc_health_follows_the_components_and_its_watchers_see_the_stop() {
    let desk = Desk::open(Router::new(), None, Limits { linger_millis: 500, ..Limits::default() }).await;
    let channel = Endpoint::from_shared(format!("http://{}", desk.grpc)).unwrap().connect().await.unwrap();
    let request = || HealthCheckRequest { service: "homeroom.desk.v1.Desk".to_owned() };
    let mut health = HealthClient::new(channel);
    let mut again = tokio::time::interval(Duration::from_millis(20));
    loop {
        // The name is known once the components were asked the first time.
        match health.check(request()).await {
            Ok(answer) if answer.get_ref().status() == ServingStatus::Serving => break,
            _ => drop(again.tick().await),
        }
    }
    let mut watched = health.watch(request()).await.unwrap().into_inner();
    assert_eq!(watched.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
    desk.tasks.stop();
    assert_eq!(watched.message().await.unwrap().unwrap().status(), ServingStatus::NotServing);
    drop(watched);
    desk.closed().await.unwrap();
}
