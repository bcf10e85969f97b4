//! One trace from a request's sender through the door to a collector, and the metrics and logs of the same process. Apart from the
//! other tests, since a process has its telemetry once.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::routing::get;
use homeroom_chassis::lifecycle::TaskGroup;
use homeroom_chassis::server::{Limits, serve_http};
use homeroom_chassis::telemetry::{self, trace};
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::{LogsService, LogsServiceServer};
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse};
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{ExportMetricsServiceRequest, ExportMetricsServiceResponse};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;
use tokio::net::TcpListener;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

const SENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// What a collector was sent.
#[derive(Default)]
struct Kept {
    spans: Vec<ExportTraceServiceRequest>,
    metrics: Vec<ExportMetricsServiceRequest>,
    logs: Vec<ExportLogsServiceRequest>,
}

/// Keeps what it is sent.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Kept>>);

impl Collector {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().expect("nobody panics while holding it")
    }
}

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.kept().spans.push(request.into_inner());
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl MetricsService for Collector {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        self.kept().metrics.push(request.into_inner());
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl LogsService for Collector {
    async fn export(
        &self,
        request: Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        self.kept().logs.push(request.into_inner());
        Ok(Response::new(ExportLogsServiceResponse::default()))
    }
}

async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free loopback port");
    let address = listener.local_addr().expect("it is bound");
    (listener, address)
}

/// Starts a collector; its address.
async fn collect(tasks: &TaskGroup) -> (Collector, SocketAddr) {
    let (listener, at) = listener().await;
    let collector = Collector::default();
    let serving = Server::builder()
        .add_service(TraceServiceServer::new(collector.clone()))
        .add_service(MetricsServiceServer::new(collector.clone()))
        .add_service(LogsServiceServer::new(collector.clone()));
    let stopping = tasks.stopping();
    let serve = serving.serve_with_incoming_shutdown(TcpIncoming::from(listener), async move {
        stopping.cancelled().await;
    });
    tasks.spawn("collector", serve);
    (collector, at)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_is_one_trace_from_its_sender_to_the_collector_which_has_its_metrics_and_logs_too() {
    let tasks = TaskGroup::default();
    let (collector, at) = collect(&tasks).await;
    let config = telemetry::Config {
        otlp_endpoint: Some(format!("http://{at}")),
        otlp_metrics: true,
        otlp_logs: true,
        ..telemetry::Config::default()
    };
    let guard = telemetry::init("homeroom-test", &config).unwrap();

    let (door, at) = listener().await;
    let here = async || {
        tracing::info!(records = 3, "asked");
        trace::current_traceparent().unwrap_or_default()
    };
    let router = Router::new().route("/students/{student}", get(here));
    serve_http(&tasks, door, router, None, Limits { linger_millis: 0, ..Limits::default() }).unwrap();
    homeroom_chassis::tls::install_provider();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("http://{at}/students/canary");
    let here = client.get(url).header("traceparent", SENT).send().await.unwrap().text().await.unwrap();
    guard.flush();

    let kept = std::mem::take(&mut *collector.kept());
    assert!(
        !format!("{:?}{:?}{:?}", kept.spans, kept.metrics, kept.logs).contains("canary"),
        "a path may name a student"
    );
    let span = the_span(&kept);
    assert_eq!(span.name, "GET /students/{student}");
    assert_eq!(hex::encode(&span.trace_id), "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(hex::encode(&span.parent_span_id), "00f067aa0ba902b7");
    assert_eq!(here, format!("00-{}-{}-01", hex::encode(&span.trace_id), hex::encode(&span.span_id)));
    the_request_is_counted(&kept);
    all_is_of_one_process(&kept);
    what_was_logged_is_of_the_trace(&kept, &span);
    tasks.stop();
    tasks.drained().await;
    assert_eq!(tasks.failure(), None);
}

fn the_span(kept: &Kept) -> Span {
    let resources: Vec<_> = kept.spans.iter().flat_map(|sent| &sent.resource_spans).collect();
    assert!(format!("{:?}", resources[0].resource).contains("homeroom-test"), "{:?}", resources[0].resource);
    let spans: Vec<&Span> = resources.iter().flat_map(|r| &r.scope_spans).flat_map(|s| &s.spans).collect();
    let [span] = spans[..] else { panic!("one span was expected: {spans:?}") };
    span.clone()
}

fn the_request_is_counted(kept: &Kept) {
    let last = &kept.metrics.last().expect("metrics were sent").resource_metrics[0];
    assert!(format!("{:?}", last.resource).contains("homeroom-test"), "{:?}", last.resource);
    let mut metrics = last.scope_metrics.iter().flat_map(|scope| &scope.metrics);
    let duration = metrics.find(|metric| metric.name == "homeroom_http_request_duration_seconds");
    let Some(Data::Histogram(histogram)) = duration.and_then(|metric| metric.data.as_ref()) else {
        panic!("no histogram of requests: {last:?}")
    };
    assert_eq!(histogram.data_points.iter().map(|point| point.count).sum::<u64>(), 1);
}

/// Replicas have the same name: without an id of their own, their metrics would be one series that jumps.
fn all_is_of_one_process(kept: &Kept) {
    let instance = |resource: Option<&Resource>| {
        let attributes = resource.map(|it| &*it.attributes).unwrap_or_default();
        let id = attributes.iter().find(|attribute| attribute.key == "service.instance.id")?;
        match id.value.as_ref()?.value.as_ref()? {
            Value::StringValue(id) => Some(id.clone()),
            _ => None,
        }
    };
    let spans = kept.spans.iter().flat_map(|sent| &sent.resource_spans).map(|it| it.resource.as_ref());
    let metrics = kept.metrics.iter().flat_map(|sent| &sent.resource_metrics).map(|it| it.resource.as_ref());
    let logs = kept.logs.iter().flat_map(|sent| &sent.resource_logs).map(|it| it.resource.as_ref());
    let mut ids: Vec<_> = spans.chain(metrics).chain(logs).map(instance).collect();
    ids.dedup();
    let [Some(id)] = &*ids else { panic!("one process was expected: {ids:?}") };
    assert!(!id.is_empty(), "an id that is empty tells nothing apart");
}

fn what_was_logged_is_of_the_trace(kept: &Kept, span: &Span) {
    let records =
        kept.logs.iter().flat_map(|sent| &sent.resource_logs).flat_map(|r| &r.scope_logs).flat_map(|s| &s.log_records);
    let asked: Vec<_> = records.filter(|record| format!("{:?}", record.body).contains("asked")).collect();
    let [asked] = asked[..] else { panic!("one record was expected: {:?}", kept.logs) };
    assert_eq!((&asked.trace_id, &asked.span_id), (&span.trace_id, &span.span_id));
    assert_eq!(asked.severity_text, "INFO");
    assert!(asked.attributes.iter().any(|attribute| attribute.key == "records"), "{asked:?}");
}
