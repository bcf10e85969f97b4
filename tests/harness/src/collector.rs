//! An OpenTelemetry collector that keeps what it is sent, compressed or not: other collectors compress what they hand on.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::{LogsService, LogsServiceServer};
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse};
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{ExportMetricsServiceRequest, ExportMetricsServiceResponse};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tonic::codec::CompressionEncoding::Gzip;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Server, ServerTlsConfig};
use tonic::{Request, Response, Status};

/// A running collector; stopped when dropped.
#[derive(Debug)]
pub struct Collector {
    /// Where to send: `http://127.0.0.1:port`.
    pub url: String,
    kept: Kept,
    _server: JoinSet<()>,
}

#[derive(Debug, Clone, Default)]
struct Kept(Arc<Mutex<Sent>>);

/// What it was sent.
#[derive(Debug, Default)]
struct Sent {
    spans: Vec<ExportTraceServiceRequest>,
    metrics: Vec<ExportMetricsServiceRequest>,
    logs: Vec<ExportLogsServiceRequest>,
}

impl Kept {
    fn sent(&self) -> MutexGuard<'_, Sent> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

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
        let serving = builder
            .add_service(TraceServiceServer::new(kept.clone()).accept_compressed(Gzip))
            .add_service(MetricsServiceServer::new(kept.clone()).accept_compressed(Gzip))
            .add_service(LogsServiceServer::new(kept.clone()).accept_compressed(Gzip))
            .serve_with_incoming(TcpIncoming::from(listener));
        let mut server = JoinSet::new();
        server.spawn(async move { serving.await.expect("the listener stays good") });
        Ok(Self { url, kept, _server: server })
    }

    /// Everything so far, each span with its name, attributes, events and resource, as text.
    pub fn text(&self) -> String {
        format!("{:?}", self.kept.sent())
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
        let sent = self.kept.sent();
        let resources = sent.spans.iter().flat_map(|request| &request.resource_spans);
        let spans = resources.flat_map(|resource| &resource.scope_spans).flat_map(|scope| &scope.spans);
        spans
            .map(|span| Span {
                trace: hex::encode(&span.trace_id),
                name: span.name.clone(),
                links: span.links.iter().map(|link| hex::encode(&link.trace_id)).collect(),
            })
            .collect()
    }

    /// The names of all metrics so far.
    pub fn metrics(&self) -> BTreeSet<String> {
        let sent = self.kept.sent();
        let resources = sent.metrics.iter().flat_map(|request| &request.resource_metrics);
        let metrics = resources.flat_map(|resource| &resource.scope_metrics).flat_map(|scope| &scope.metrics);
        metrics.map(|metric| metric.name.clone()).collect()
    }

    /// How many log lines there were so far.
    pub fn log_lines(&self) -> usize {
        let sent = self.kept.sent();
        let resources = sent.logs.iter().flat_map(|request| &request.resource_logs);
        resources.flat_map(|resource| &resource.scope_logs).map(|scope| scope.log_records.len()).sum()
    }
}

#[tonic::async_trait]
impl TraceService for Kept {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.sent().spans.push(request.into_inner());
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl MetricsService for Kept {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        self.sent().metrics.push(request.into_inner());
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl LogsService for Kept {
    async fn export(
        &self,
        request: Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        self.sent().logs.push(request.into_inner());
        Ok(Response::new(ExportLogsServiceResponse::default()))
    }
}
