//! TLS on both doors, with certificates made for the test.

use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::PermissionsExt;

use axum::routing::get;
use axum::{Extension, Router};
use tokio::io::AsyncReadExt;
use tonic::transport::{ClientTlsConfig, Endpoint, Identity};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use super::authority::Authority;
use super::client::{DEADLINE, Desk, builder};
use crate::server::Limits;
use crate::tls::{ClientCertificates, Error, TlsFiles};

fn router() -> Router {
    let shown =
        async |shown: Option<Extension<ClientCertificates>>| shown.map_or(0, |shown| shown.0.0.len()).to_string();
    let scheme = async |headers: http::HeaderMap| {
        headers.get("x-forwarded-proto").map_or("", |scheme| scheme.to_str().unwrap_or_default()).to_owned()
    };
    Router::new().route("/shown", get(shown)).route("/scheme", get(scheme))
}

async fn open(tls: TlsFiles) -> Desk {
    Desk::open(router(), Some(tls), Limits { linger_millis: 0, ..Limits::default() }).await
}

/// Asks the gRPC door for its health.
async fn health(desk: &Desk, tls: ClientTlsConfig) -> Result<(), Box<dyn std::error::Error>> {
    let endpoint = Endpoint::from_shared(format!("https://localhost:{}", desk.grpc.port()))?.tls_config(tls)?;
    let mut client = HealthClient::new(endpoint.connect().await?);
    client.check(HealthCheckRequest { service: String::new() }).await?;
    Ok(())
}

#[tokio::test]
async fn both_doors_speak_tls_and_nothing_else() {
    let authority = Authority::new();
    let desk = open(authority.files(false)).await;
    let url = format!("https://localhost:{}/shown", desk.http.port());
    let answer = authority.client().build().unwrap().get(&url).send().await.unwrap();
    assert_eq!(answer.text().await.unwrap(), "0");
    let scheme = authority.client().build().unwrap().get(url.replace("/shown", "/scheme")).send().await.unwrap();
    assert_eq!(scheme.text().await.unwrap(), "https", "answers that hold our own address hold the right one");
    health(&desk, authority.grpc()).await.unwrap();

    assert!(builder().build().unwrap().get(desk.url("/shown")).send().await.is_err());
    let stranger = Authority::new();
    assert!(stranger.client().build().unwrap().get(&url).send().await.is_err());
    desk.tasks.stop();
    desk.closed().await.unwrap();
}

#[tokio::test]
async fn with_an_authority_of_clients_each_must_show_its_certificate() {
    let authority = Authority::new();
    let desk = open(authority.files(true)).await;
    let url = format!("https://localhost:{}/shown", desk.http.port());
    assert!(authority.client().build().unwrap().get(&url).send().await.is_err());
    assert!(health(&desk, authority.grpc()).await.is_err());

    let (cert, key) = authority.give("channel");
    let identity = reqwest::Identity::from_pem(format!("{cert}{key}").as_bytes()).unwrap();
    let client = authority.client().identity(identity).build().unwrap();
    assert_eq!(client.get(&url).send().await.unwrap().text().await.unwrap(), "1");
    health(&desk, authority.grpc().identity(Identity::from_pem(cert, key))).await.unwrap();
    desk.tasks.stop();
    desk.closed().await.unwrap();
}

#[tokio::test]
async fn a_handshake_that_never_comes_does_not_hold_the_door() {
    let authority = Authority::new();
    let limits = Limits { handshake_seconds: 1, handshakes: 1, linger_millis: 0, ..Limits::default() };
    let desk = Desk::open(router(), Some(authority.files(false)), limits).await;
    let mut silent = tokio::net::TcpStream::connect(desk.http).await.unwrap();
    let mut nothing = Vec::new();
    tokio::time::timeout(DEADLINE, silent.read_to_end(&mut nothing)).await.unwrap().unwrap();
    let url = format!("https://localhost:{}/shown", desk.http.port());
    assert!(authority.client().build().unwrap().get(&url).send().await.is_ok());
    desk.tasks.stop();
    desk.closed().await.unwrap();
}

#[test]
fn wrong_files_are_told_before_anything_is_served() {
    let authority = Authority::new();
    let files = authority.files(false);
    let refused = |files: &TlsFiles| files.offer("test").unwrap_err();
    let (_, other) = authority.give("localhost");
    let pair = TlsFiles { key: authority.write("other.pem", &other), ..files.clone() };
    assert!(matches!(refused(&pair), Error::Pair { .. }));
    let swapped = TlsFiles { cert: files.key.clone(), ..files.clone() };
    assert!(matches!(refused(&swapped), Error::Pem { expected: "certificate", .. }));
    set_permissions(&files.key, Permissions::from_mode(0o644)).unwrap();
    assert!(refused(&files).to_string().contains("chmod 600"));
}
