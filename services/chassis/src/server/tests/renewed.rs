//! Certificates that change while doors are open: new connections meet the new ones, old connections go on.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};
use tokio_rustls::TlsConnector;
use tonic::transport::{Channel, Endpoint, Identity};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use super::authority::Authority;
use super::client::{DEADLINE, Desk};
use crate::lifecycle::TaskGroup;
use crate::server::Limits;
use crate::telemetry;
use crate::tls::{ClientFiles, TlsFiles};

const POLL: Duration = Duration::from_millis(50);

/// A mounted secret: its files are links into a folder that is itself a link, and all change at once when that one does.
struct Mounted {
    folder: tempfile::TempDir,
    versions: std::cell::Cell<u32>,
}

impl Mounted {
    fn new(cert: &str, key: &str, ca: &str) -> Self {
        let mounted = Self { folder: tempfile::tempdir().unwrap(), versions: std::cell::Cell::new(0) };
        mounted.put(cert, key, ca);
        for name in ["tls.crt", "tls.key", "ca.crt"] {
            symlink(Path::new("..data").join(name), mounted.path(name)).unwrap();
        }
        mounted
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn files(&self, clients: bool) -> TlsFiles {
        TlsFiles {
            cert: self.path("tls.crt"),
            key: self.path("tls.key"),
            client_ca: clients.then(|| self.path("ca.crt")),
        }
    }

    /// A new version, as a kubelet brings it.
    fn put(&self, cert: &str, key: &str, ca: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        self.versions.set(self.versions.get() + 1);
        let version = format!("..version-{}", self.versions.get());
        std::fs::create_dir(self.path(&version)).unwrap();
        for (name, text) in [("tls.crt", cert), ("tls.key", key), ("ca.crt", ca)] {
            let file = self.path(&version).join(name);
            std::fs::write(&file, text).unwrap();
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        }
        symlink(&version, self.path("..data_tmp")).unwrap();
        std::fs::rename(self.path("..data_tmp"), self.path("..data")).unwrap();
    }
}

/// The certificate that a new connection meets.
async fn met(port: u16, authority: &Authority) -> CertificateDer<'static> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(authority.der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(roots).with_no_client_auth();
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
    stream.get_ref().1.peer_certificates().unwrap()[0].clone().into_owned()
}

fn der(pem: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !holds().await {
        assert!(Instant::now() < deadline, "in time: {what}");
        sleep(POLL).await;
    }
}

fn channel(port: u16, tls: tonic::transport::ClientTlsConfig) -> Channel {
    Endpoint::from_shared(format!("https://localhost:{port}")).unwrap().tls_config(tls).unwrap().connect_lazy()
}

fn whole_server() -> HealthCheckRequest {
    HealthCheckRequest { service: String::new() }
}

async fn open(files: TlsFiles) -> Desk {
    Desk::open(Router::new(), Some(files), Limits { linger_millis: 0, ..Limits::default() }).await
}

#[tokio::test]
async fn new_connections_meet_a_new_certificate_and_open_streams_go_on() {
    let authority = Authority::new();
    let (old, old_key) = authority.give("localhost");
    let mounted = Mounted::new(&old, &old_key, "");
    let desk = open(mounted.files(false)).await;
    let mut watched = HealthClient::new(channel(desk.grpc.port(), authority.grpc()));
    let mut watched = watched.watch(whole_server()).await.unwrap().into_inner();
    watched.message().await.unwrap();
    for port in [desk.http.port(), desk.grpc.port()] {
        assert_eq!(met(port, &authority).await, der(&old));
    }

    let (new, new_key) = authority.give("localhost");
    mounted.put(&new, &new_key, "");
    for port in [desk.http.port(), desk.grpc.port()] {
        until("the new certificate", async || met(port, &authority).await == der(&new)).await;
    }
    // The stream of before is still there to be told that the process stops.
    desk.tasks.stop();
    let not_serving = tonic_health::pb::health_check_response::ServingStatus::NotServing;
    let mut told = watched.message().await.unwrap().unwrap();
    while told.status() != not_serving {
        told = watched.message().await.unwrap().unwrap();
    }
    drop(watched);
    desk.closed().await.unwrap();
}

/// Changes that were refused until now. No other test of this process has any.
fn refusals() -> u64 {
    let of_server = "homeroom_certificate_changes_total{certificate=\"server\",outcome=\"refused\"} ";
    let text = telemetry::metrics_text();
    text.lines().find_map(|line| line.strip_prefix(of_server)).map_or(0, |count| count.parse().unwrap())
}

#[tokio::test]
async fn files_that_cannot_be_used_leave_those_of_before_in_force() {
    telemetry::install_metrics();
    let authority = Authority::new();
    let (old, old_key) = authority.give("localhost");
    let mounted = Mounted::new(&old, &old_key, "");
    let desk = open(mounted.files(false)).await;
    let port = desk.http.port();
    assert_eq!(met(port, &authority).await, der(&old));
    let (new, new_key) = authority.give("localhost");
    let broken = [("no certificate", new_key.as_str()), (new.as_str(), old_key.as_str()), ("", "")];
    for (cert, key) in broken {
        let before = refusals();
        mounted.put(cert, key, "");
        until("it is told", async || refusals() > before).await;
        assert_eq!(met(port, &authority).await, der(&old));
    }
    mounted.put(&new, &new_key, "");
    until("the new certificate", async || met(port, &authority).await == der(&new)).await;
    desk.tasks.stop();
    desk.closed().await.unwrap();
}

#[tokio::test]
async fn a_new_authority_of_clients_decides_about_new_connections() {
    let (old, new) = (Authority::new(), Authority::new());
    let (cert, key) = old.give("localhost");
    let mounted = Mounted::new(&cert, &key, &old.pem());
    let desk = open(mounted.files(true)).await;
    let enters = async |of: &Authority| {
        let (cert, key) = of.give("channel");
        let tls = old.grpc().identity(Identity::from_pem(cert, key));
        HealthClient::new(channel(desk.grpc.port(), tls)).check(whole_server()).await.is_ok()
    };
    assert!(enters(&old).await);
    assert!(!enters(&new).await);
    // The server's own certificate stays of the old one, as it does while authorities are changed over.
    mounted.put(&cert, &key, &new.pem());
    until("the new authority", async || enters(&new).await).await;
    assert!(!enters(&old).await);
    desk.tasks.stop();
    desk.closed().await.unwrap();
}

#[tokio::test]
async fn a_client_shows_its_new_certificate_when_it_connects_again() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let desk = open(authority.files(true)).await;
    let (cert, key) = stranger.give("channel");
    let mounted = Mounted::new(&cert, &key, &authority.pem());
    let identity = Some((mounted.path("tls.crt"), mounted.path("tls.key")));
    let files = ClientFiles { ca: Some(mounted.path("ca.crt")), identity };
    let endpoint = Endpoint::from_shared(format!("https://localhost:{}", desk.grpc.port())).unwrap();
    let tasks = TaskGroup::default();
    let endpoint = files.follow("client", endpoint, &tasks).unwrap();
    let enters = async || HealthClient::new(endpoint.current().connect_lazy()).check(whole_server()).await.is_ok();
    assert!(!enters().await);

    let (cert, key) = authority.give("channel");
    mounted.put(&cert, &key, &authority.pem());
    until("the new certificate", enters).await;
    // And so it learns whom to believe: now nobody who is here.
    mounted.put(&cert, &key, &stranger.pem());
    until("the new authority", async || !enters().await).await;
    tasks.stop();
    tasks.drained().await;
    desk.tasks.stop();
    desk.closed().await.unwrap();
}

#[tokio::test]
async fn a_channel_learns_whom_to_believe_while_it_is_in_use() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let desk = open(authority.files(false)).await;
    let mounted = Mounted::new("", "", &stranger.pem());
    let endpoint = Endpoint::from_shared(format!("https://localhost:{}", desk.grpc.port())).unwrap();
    let tasks = TaskGroup::default();
    let files = ClientFiles { ca: Some(mounted.path("ca.crt")), identity: None };
    let channel = files.channel("collector", endpoint, &tasks).unwrap();
    let enters = async || HealthClient::new(channel.clone()).check(whole_server()).await.is_ok();
    assert!(!enters().await);

    mounted.put("", "", &authority.pem());
    until("the new authority", enters).await;
    mounted.put("", "", &stranger.pem());
    until("the authority after it", async || !enters().await).await;
    // It stays in use when nothing looks at the files any more: the last of everything is sent then.
    mounted.put("", "", &authority.pem());
    until("the authority again", enters).await;
    tasks.stop();
    tasks.drained().await;
    assert!(enters().await);
    desk.tasks.stop();
    desk.closed().await.unwrap();
}
