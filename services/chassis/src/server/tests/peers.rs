//! Doors apart: peers show a certificate at theirs, people show none at the others, and nobody does for health.

use axum::Router;
use tokio::net::TcpListener;
use tonic::Status;
use tonic::transport::{ClientTlsConfig, Endpoint, Identity};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use super::authority::Authority;
use super::client::Desk;
use crate::server::{Doors, Limits};
use crate::telemetry;

/// Asks a gRPC door for its health.
async fn ask(port: u16, tls: ClientTlsConfig) -> Result<(), Status> {
    let endpoint = Endpoint::from_shared(format!("https://localhost:{port}")).unwrap().tls_config(tls).unwrap();
    // Of TLS 1.3 a client hears only with its first answer that it was refused.
    HealthClient::new(endpoint.connect_lazy()).check(HealthCheckRequest { service: String::new() }).await.map(drop)
}

#[tokio::test]
async fn peers_show_a_certificate_of_their_authority_and_people_show_none() {
    telemetry::install_metrics();
    let (people, peers, stranger) = (Authority::new(), Authority::new(), Authority::new());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let limits = Limits { linger_millis: 0, ..Limits::default() };
    let doors = Doors {
        peers: Some((listener, peers.files(true))),
        tls: Some(people.files(false)),
        limits,
        ..Doors::default()
    };
    let desk = Desk::open_more(Router::new(), doors).await;

    ask(desk.grpc.port(), people.grpc()).await.unwrap();
    ask(port, peers.grpc()).await.unwrap_err();
    let shown = |authority: &Authority| {
        let (cert, key) = authority.give("channel");
        peers.grpc().identity(Identity::from_pem(cert, key))
    };
    ask(port, shown(&stranger)).await.unwrap_err();
    ask(port, shown(&people)).await.unwrap_err();
    ask(port, shown(&peers)).await.unwrap();
    let text = telemetry::metrics_text();
    assert!(text.contains("homeroom_certificate_expires_timestamp_seconds{certificate=\"peers\"}"), "{text}");
    desk.tasks.stop();
    desk.closed().await.unwrap();
}

#[tokio::test]
async fn health_at_a_port_of_its_own_asks_nobody_for_a_certificate() {
    let authority = Authority::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let limits = Limits { linger_millis: 0, ..Limits::default() };
    let doors = Doors { health: Some(listener), tls: Some(authority.files(true)), limits, ..Doors::default() };
    let desk = Desk::open_more(Router::new(), doors).await;

    let status = async |client: &reqwest::Client, port: u16, path: &str| {
        let answer = client.get(format!("https://localhost:{port}{path}")).send().await;
        answer.map(|answer| answer.status().as_u16()).map_err(drop)
    };
    let anybody = authority.client().build().unwrap();
    let (cert, key) = authority.give("channel");
    let identity = reqwest::Identity::from_pem(format!("{cert}{key}").as_bytes()).unwrap();
    let peer = authority.client().identity(identity).build().unwrap();
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(status(&anybody, port, path).await, Ok(200), "{path}");
        assert_eq!(status(&anybody, desk.http.port(), path).await, Err(()), "{path}");
        assert_eq!(status(&peer, desk.http.port(), path).await, Ok(404), "{path}");
    }
    desk.tasks.stop();
    desk.closed().await.unwrap();
}
