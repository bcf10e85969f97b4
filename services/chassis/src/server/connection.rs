//! Connections: accepting, encrypting, serving and draining them.
//!
//! Every connection and every stream of it is dropped when the group is cut, so that nothing outlives the process's promise
//! to be gone. hyper is driven here and not through `axum::serve` or tonic's server, since neither of them bounds the
//! time for headers and handshakes, nor can drop what does not end.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use http::HeaderValue;
use hyper::body::Incoming;
use hyper::rt::{Executor, Read, Write};
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tonic::transport::server::TcpConnectInfo;
use tower::ServiceExt;

use super::Limits;
use crate::lifecycle::TaskGroup;
use crate::tls::{ClientCertificates, Followed, Offered};

/// How long accepting rests after an error that is not the peer's, such as no file descriptor left.
const ACCEPT_REST: Duration = Duration::from_millis(500);

/// Bytes of a request's line and headers.
const MAX_HEADERS: usize = 64 * 1024;

/// What is spoken on a door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2, for gRPC.
    Http2,
}

/// A door before it is opened.
pub(super) struct Door {
    protocol: Protocol,
    router: Router,
    tls: Option<Followed<Offered>>,
    limits: Limits,
}

/// What each connection needs of its door.
struct Shared {
    door: Door,
    handshakes: Semaphore,
    /// Cancelled when connections must finish what they have begun and take no more.
    closing: CancellationToken,
    cutting: CancellationToken,
}

impl Door {
    pub(super) fn new(protocol: Protocol, router: Router, tls: Option<Followed<Offered>>, limits: Limits) -> Self {
        Self { protocol, router, tls, limits }
    }

    /// What this connection is encrypted with: whatever the files hold by now. None where nothing is.
    fn acceptor(&self) -> Option<TlsAcceptor> {
        let offered = self.tls.as_ref()?.current();
        let config = match self.protocol {
            Protocol::Http1 => &offered.http1,
            Protocol::Http2 => &offered.http2,
        };
        Some(TlsAcceptor::from(Arc::clone(config)))
    }

    /// Accepts until the group stops and the lingering is over, then waits for the connections.
    pub(super) async fn serve(self, listener: TcpListener, tasks: TaskGroup) -> Result<(), Infallible> {
        let linger = Duration::from_millis(self.limits.linger_millis);
        let places = Arc::new(Semaphore::new(self.limits.connections));
        let shared = Arc::new(Shared {
            handshakes: Semaphore::new(self.limits.handshakes),
            door: self,
            closing: CancellationToken::new(),
            cutting: tasks.cutting(),
        });
        let stopping = tasks.stopping();
        let mut closed = pin!(async {
            stopping.cancelled().await;
            tokio::time::sleep(linger).await;
        });
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                () = &mut closed => break,
                (stream, remote, place) = accept(&listener, &places) => {
                    connections.spawn(serve_one(Arc::clone(&shared), stream, remote, place));
                }
                Some(ended) = connections.join_next() => tell_panic(ended),
            }
        }
        drop(listener);
        shared.closing.cancel();
        while let Some(ended) = connections.join_next().await {
            tell_panic(ended);
        }
        Ok(())
    }
}

/// A bug in one connection is told and ends that connection only.
fn tell_panic(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(error = %error, "serving a connection panicked");
    }
}

/// The next connection, once there is a place for it.
async fn accept(listener: &TcpListener, places: &Arc<Semaphore>) -> (TcpStream, SocketAddr, OwnedSemaphorePermit) {
    let place = Arc::clone(places).acquire_owned().await.expect("the semaphore is never closed");
    loop {
        match listener.accept().await {
            Ok((stream, remote)) => return (stream, remote, place),
            Err(error) if of_peer(&error) => {}
            Err(error) => {
                tracing::error!(error = %error, "cannot accept a connection; resting");
                tokio::time::sleep(ACCEPT_REST).await;
            }
        }
    }
}

/// Whether the peer gave up between its knock and our answer.
fn of_peer(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

async fn serve_one(shared: Arc<Shared>, stream: TcpStream, remote: SocketAddr, place: OwnedSemaphorePermit) {
    let local = stream.local_addr().ok();
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(error = %error, "a connection keeps Nagle's delay");
    }
    match shared.door.acceptor() {
        None => {
            drive(&shared, TokioIo::new(stream), Peer { remote, local, encrypted: false, certificates: None }).await;
        }
        Some(acceptor) => {
            let Some(stream) = shake_hands(&shared, &acceptor, stream).await else { return };
            let certificates = stream.get_ref().1.peer_certificates().map(|shown| ClientCertificates(shown.into()));
            drive(&shared, TokioIo::new(stream), Peer { remote, local, encrypted: true, certificates }).await;
        }
    }
    drop(place);
}

async fn shake_hands(
    shared: &Shared,
    acceptor: &TlsAcceptor,
    stream: TcpStream,
) -> Option<tokio_rustls::server::TlsStream<TcpStream>> {
    let deadline = Duration::from_secs(shared.door.limits.handshake_seconds);
    let handshake = async {
        let permit = shared.handshakes.acquire().await.expect("the semaphore is never closed");
        let shaken = acceptor.accept(stream).await;
        drop(permit);
        shaken
    };
    let reason = tokio::select! {
        () = shared.closing.cancelled() => return None,
        shaken = tokio::time::timeout(deadline, handshake) => match shaken {
            Ok(Ok(stream)) => return Some(stream),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "it took too long".to_owned(),
        },
    };
    metrics::counter!("homeroom_tls_handshake_failures_total").increment(1);
    tracing::debug!(reason, "a TLS handshake failed");
    None
}

/// Who is at the other end; goes into every request as extensions.
#[derive(Clone)]
struct Peer {
    remote: SocketAddr,
    local: Option<SocketAddr>,
    encrypted: bool,
    certificates: Option<ClientCertificates>,
}

impl Peer {
    fn introduce(&self, request: http::Request<Incoming>) -> http::Request<Body> {
        let mut request = request.map(Body::new);
        let extensions = request.extensions_mut();
        extensions.insert(ConnectInfo(self.remote));
        extensions.insert(TcpConnectInfo { local_addr: self.local, remote_addr: Some(self.remote) });
        if self.encrypted {
            // As a proxy that ends TLS before us says it, for answers that hold our own address.
            request.headers_mut().insert("x-forwarded-proto", HeaderValue::from_static("https"));
        }
        if let Some(certificates) = &self.certificates {
            let extensions = request.extensions_mut();
            extensions.insert(certificates.clone());
        }
        request
    }
}

/// Speaks the door's protocol on a connection until it ends, must close, or is cut.
async fn drive<I>(shared: &Shared, io: I, peer: Peer)
where
    I: Read + Write + Unpin + Send + 'static,
{
    let limits = &shared.door.limits;
    let router = shared.door.router.clone();
    let service = TowerToHyperService::new(router.map_request(move |request| peer.introduce(request)));
    let ended = match shared.door.protocol {
        Protocol::Http1 => {
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .max_buf_size(MAX_HEADERS)
                .header_read_timeout(Duration::from_secs(limits.header_seconds))
                .serve_connection(io, service);
            until_closed(shared, connection, http1::Connection::graceful_shutdown).await
        }
        Protocol::Http2 => {
            let keepalive = Duration::from_secs(limits.keepalive_seconds);
            let connection = http2::Builder::new(Streams(shared.cutting.clone()))
                .timer(TokioTimer::new())
                .initial_stream_window_size(limits.stream_window_bytes)
                .initial_connection_window_size(limits.stream_window_bytes.saturating_mul(4))
                .max_concurrent_streams(limits.streams)
                .keep_alive_interval(keepalive)
                .keep_alive_timeout(keepalive)
                .serve_connection(io, service);
            until_closed(shared, connection, http2::Connection::graceful_shutdown).await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(error = %error, "a connection ended with an error");
    }
}

async fn until_closed<C>(shared: &Shared, connection: C, close: fn(Pin<&mut C>)) -> hyper::Result<()>
where
    C: Future<Output = hyper::Result<()>>,
{
    let mut connection = pin!(connection);
    tokio::select! {
        ended = &mut connection => return ended,
        () = shared.closing.cancelled() => close(connection.as_mut()),
    }
    tokio::select! {
        ended = connection => ended,
        () = shared.cutting.cancelled() => Ok(()),
    }
}

/// Runs the streams of an HTTP/2 connection, until the group is cut.
#[derive(Clone)]
struct Streams(CancellationToken);

impl<F> Executor<F> for Streams
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    #[expect(clippy::disallowed_methods, reason = "a stream ends with its connection, which the door waits for")]
    fn execute(&self, stream: F) {
        let cutting = self.0.clone();
        tokio::spawn(async move {
            cutting.run_until_cancelled(stream).await;
        });
    }
}
