//! Servers: the HTTP and gRPC doors of a process, on listeners that somebody else bound.
//!
//! Who is who: [`Doors`] merges what the components answer and puts around it what every door has (health, metrics,
//! reflection, limits, a span per request); `connection` accepts, encrypts and drains; `http` and `grpc` are the layers of
//! each protocol. Health and metrics may have a door of their own, and so may peers who show a certificate. Shutdown: readiness turns false at once, listeners stay open for [`Limits::linger_millis`] so that load
//! balancers notice, then connections finish what they have begun; after [`Limits::drain_seconds`], or at a second signal,
//! they are dropped.

mod body;
mod connection;
mod grpc;
mod health;
mod http;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use serde::Deserialize;
use tokio::net::TcpListener;
use tonic::service::Routes;

use crate::component::Component;
use crate::lifecycle::TaskGroup;
use crate::telemetry;
use crate::tls::{self, Followed, Offered, TlsFiles};

use connection::{Door, Protocol};
use health::Health;

/// What a door takes at most, and how long it waits. Each bound keeps one sender from taking what the others need.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Limits {
    /// Bytes of an HTTP request's body; more is answered with 413.
    pub body_bytes: usize,
    /// How long an HTTP request's body may bring nothing.
    pub body_idle_seconds: u64,
    /// How long a request may take until its answer begins, its body included.
    pub request_seconds: u64,
    /// How long a client may take to send its request line and headers, and how long a kept connection may wait.
    pub header_seconds: u64,
    /// Connections of one door; further ones wait in the system's queue.
    pub connections: usize,
    /// TLS handshakes at a time, each of which costs a processor a millisecond.
    pub handshakes: usize,
    /// How long a handshake may take.
    pub handshake_seconds: u64,
    /// Streams of one gRPC connection.
    pub streams: u32,
    /// Bytes that a gRPC peer may send on one stream before it is read: small, so that flow control is felt at once.
    pub stream_window_bytes: u32,
    /// How often a silent gRPC connection is pinged, and how long the answer may take.
    pub keepalive_seconds: u64,
    /// How long listeners stay open after readiness has turned false.
    pub linger_millis: u64,
    /// How long work in flight may take after the first signal.
    pub drain_seconds: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 10 * 1024 * 1024,
            body_idle_seconds: 30,
            request_seconds: 120,
            header_seconds: 30,
            connections: 1024,
            handshakes: 64,
            handshake_seconds: 10,
            streams: 256,
            stream_window_bytes: 256 * 1024,
            keepalive_seconds: 15,
            linger_millis: 500,
            drain_seconds: 25,
        }
    }
}

/// Why the doors could not be opened, or closed otherwise than asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The TLS files cannot be used.
    #[error("cannot offer TLS")]
    Tls(#[from] tls::Error),
    /// The descriptors for reflection are not a `FileDescriptorSet`.
    #[error("the gRPC descriptors cannot be read: {0}")]
    Descriptors(String),
    /// The process stopped because a task failed.
    #[error("{0}")]
    Failed(String),
    /// Work in flight was cut at the deadline or by a second signal.
    #[error("work in flight was cut")]
    Cut,
}

/// What a process listens on.
#[derive(Debug, Default)]
pub struct Doors {
    /// Where HTTP is answered.
    pub http: Option<TcpListener>,
    /// Where gRPC is answered.
    pub grpc: Option<TcpListener>,
    /// Where health and metrics are answered, instead of among `http`: nobody has to show a certificate there, for neither a
    /// kubelet nor every Prometheus has one.
    pub health: Option<TcpListener>,
    /// Where gRPC is answered to peers, over TLS files of their own.
    pub peers: Option<(TcpListener, TlsFiles)>,
    /// The encoded `FileDescriptorSet` of every gRPC service, for reflection.
    pub descriptors: &'static [u8],
    /// With it every door but that of peers speaks only TLS, by these files.
    pub tls: Option<TlsFiles>,
    /// Bounds.
    pub limits: Limits,
}

impl Doors {
    /// Serves the components until the group has stopped and drained. Fails before anything is answered when TLS or
    /// descriptors are wrong.
    pub async fn run(self, tasks: TaskGroup, components: Vec<Component>) -> Result<(), Error> {
        let Self { http, grpc, health: apart, peers, descriptors, tls, limits } = self;
        let (mut router, rpcs, health) = merge(&tasks, components);
        if let Some(listener) = apart {
            let tls = tls.as_ref().map(TlsFiles::for_everybody);
            serve_http(&tasks, listener, health::routes(Arc::clone(&health)), tls.as_ref(), limits.clone())?;
        } else {
            router = router.merge(health::routes(Arc::clone(&health)));
        }
        let tls = tls.map(|files| files.follow("server", &tasks)).transpose()?;
        if let Some(listener) = http {
            open_http(&tasks, listener, router, tls.clone(), limits.clone());
        }
        let peers = peers.map(|(listener, files)| Ok::<_, Error>((listener, Some(files.follow("peers", &tasks)?))));
        let grpc: Vec<_> = grpc.map(|listener| (listener, tls)).into_iter().chain(peers.transpose()?).collect();
        if !grpc.is_empty() {
            let (reporter, service) = tonic_health::server::health_reporter();
            let router = grpc::layered(rpcs.add_service(service), descriptors, &limits)?;
            tasks.spawn("health", health::report(Arc::clone(&health), reporter));
            for (listener, tls) in grpc {
                open_grpc(&tasks, listener, router.clone(), tls, limits.clone());
            }
        }
        let stopping = tasks.stopping();
        tasks.spawn("metrics", async {
            telemetry::keep_up(stopping).await;
            Ok::<_, std::convert::Infallible>(())
        });
        let ended = tasks.drained_within(Duration::from_secs(limits.drain_seconds)).await;
        match tasks.failure() {
            Some(why) => Err(Error::Failed(why)),
            None if ended => Ok(()),
            None => Err(Error::Cut),
        }
    }
}

/// Puts the components' answers side by side. Fallbacks of theirs give way to the door's own.
fn merge(tasks: &TaskGroup, components: Vec<Component>) -> (Router, Routes, Arc<Health>) {
    let mut router = Router::new();
    let mut rpcs = Routes::default().into_axum_router();
    let mut asked = Vec::new();
    for component in components {
        if let Some(http) = component.http {
            router = router.merge(http.reset_fallback());
        }
        if let Some(grpc) = component.grpc {
            rpcs = rpcs.merge(grpc.into_axum_router().reset_fallback());
        }
        asked.push(health::Asked {
            name: component.name,
            grpc_services: component.grpc_services,
            ready: component.ready,
        });
    }
    (router, Routes::from(rpcs), Arc::new(Health::new(asked, tasks.stopping())))
}

/// Answers HTTP on the listener until the group stops. Returns at once; the server is a task of the group.
pub fn serve_http(
    tasks: &TaskGroup,
    listener: TcpListener,
    router: Router,
    tls: Option<&TlsFiles>,
    limits: Limits,
) -> Result<(), Error> {
    let tls = tls.map(|files| files.follow("server", tasks)).transpose()?;
    open_http(tasks, listener, router, tls, limits);
    Ok(())
}

fn open_http(tasks: &TaskGroup, listener: TcpListener, router: Router, tls: Option<Followed<Offered>>, limits: Limits) {
    let door = Door::new(Protocol::Http1, http::layered(router, &limits), tls, limits);
    tasks.spawn("http server", door.serve(listener, tasks.clone()));
}

/// Answers gRPC on the listener until the group stops, with reflection. Returns at once; the server is a task of the group.
pub fn serve_grpc(
    tasks: &TaskGroup,
    listener: TcpListener,
    rpcs: Routes,
    descriptors: &'static [u8],
    tls: Option<&TlsFiles>,
    limits: Limits,
) -> Result<(), Error> {
    let tls = tls.map(|files| files.follow("server", tasks)).transpose()?;
    open_grpc(tasks, listener, grpc::layered(rpcs, descriptors, &limits)?, tls, limits);
    Ok(())
}

fn open_grpc(tasks: &TaskGroup, listener: TcpListener, router: Router, tls: Option<Followed<Offered>>, limits: Limits) {
    let door = Door::new(Protocol::Http2, router, tls, limits);
    tasks.spawn("gRPC server", door.serve(listener, tasks.clone()));
}

#[cfg(test)]
mod tests;
