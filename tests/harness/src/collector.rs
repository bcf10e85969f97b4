//! An OpenTelemetry collector that keeps what it is sent.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Server, ServerTlsConfig};
use tonic::{Request, Response, Status};

/// A running collector; stopped when dropped.
#[derive(Debug)]
pub struct Collector {
    /// Where to send spans: `http://127.0.0.1:port`.
    pub url: String,
    kept: Kept,
    _server: JoinSet<()>,
}

#[derive(Debug, Clone, Default)]
struct Kept(Arc<Mutex<Vec<ExportTraceServiceRequest>>>);

impl Collector {
    /// Starts one on a free port.
    pub async fn start() -> Result<Self> {
        Self::serve("http", Server::builder()).await
    }

    /// The same with TLS.
    pub async fn start_tls(tls: ServerTlsConfig) -> Result<Self> {
        Self::serve("https", Server::builder().tls_config(tls)?).await
    }

    async fn serve(scheme: &str, mut builder: Server) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("{scheme}://{}", listener.local_addr()?);
        let kept = Kept::default();
        let serving =
            builder.add_service(TraceServiceServer::new(kept.clone())).serve_with_incoming(TcpIncoming::from(listener));
        let mut server = JoinSet::new();
        server.spawn(async move { serving.await.expect("the listener stays good") });
        Ok(Self { url, kept, _server: server })
    }

    /// Every span so far with its name, attributes, events and resource, as text.
    pub fn text(&self) -> String {
        format!("{:?}", self.kept.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A span, as far as tests look at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Its trace, in hexadecimal.
    pub trace: String,
    /// What was done.
    pub name: String,
    /// Traces that it is linked to, in hexadecimal.
    pub links: Vec<String>,
}

impl Collector {
    /// Every span so far.
    pub fn spans(&self) -> Vec<Span> {
        let kept = self.kept.0.lock().unwrap_or_else(PoisonError::into_inner);
        let resources = kept.iter().flat_map(|request| &request.resource_spans);
        let spans = resources.flat_map(|resource| &resource.scope_spans).flat_map(|scope| &scope.spans);
        spans
            .map(|span| Span {
                trace: hex::encode(&span.trace_id),
                name: span.name.clone(),
                links: span.links.iter().map(|link| hex::encode(&link.trace_id)).collect(),
            })
            .collect()
    }
}

#[tonic::async_trait]
impl TraceService for Kept {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(request.into_inner());
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}
