//! One trace from a request's sender through the door to a collector. Apart from the other tests, since a process has its
//! telemetry once.

use std::net::SocketAddr;

use axum::Router;
use axum::routing::get;
use homeroom_chassis::lifecycle::TaskGroup;
use homeroom_chassis::server::{Limits, serve_http};
use homeroom_chassis::telemetry::{self, trace};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::trace::v1::Span;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

const SENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// Keeps what it is sent.
struct Collector(mpsc::Sender<ExportTraceServiceRequest>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.0.send(request.into_inner()).await.expect("the test listens");
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free loopback port");
    let address = listener.local_addr().expect("it is bound");
    (listener, address)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_is_one_trace_from_its_sender_to_the_collector() {
    let tasks = TaskGroup::default();
    let (collector, at) = listener().await;
    let (keep, mut received) = mpsc::channel(16);
    let collecting = Server::builder().add_service(TraceServiceServer::new(Collector(keep)));
    let stopping = tasks.stopping();
    tasks.spawn(
        "collector",
        collecting.serve_with_incoming_shutdown(TcpIncoming::from(collector), async move {
            stopping.cancelled().await;
        }),
    );
    let config = telemetry::Config {
        log_filter: "off".to_owned(),
        otlp_endpoint: Some(format!("http://{at}")),
        ..telemetry::Config::default()
    };
    let guard = telemetry::init("homeroom-test", &config).unwrap();

    let (door, at) = listener().await;
    let here = async || trace::current_traceparent().unwrap_or_default();
    let router = Router::new().route("/students/{student}", get(here));
    serve_http(&tasks, door, router, None, Limits { linger_millis: 0, ..Limits::default() }).unwrap();
    homeroom_chassis::tls::install_provider();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("http://{at}/students/canary");
    let here = client.get(url).header("traceparent", SENT).send().await.unwrap().text().await.unwrap();
    guard.flush();

    let sent = received.recv().await.unwrap();
    let resource = &sent.resource_spans[0];
    assert!(format!("{:?}", resource.resource).contains("homeroom-test"), "{:?}", resource.resource);
    let spans: Vec<&Span> = sent.resource_spans.iter().flat_map(|r| &r.scope_spans).flat_map(|s| &s.spans).collect();
    let [span] = spans[..] else { panic!("one span was expected: {spans:?}") };
    assert_eq!(span.name, "GET /students/{student}");
    assert_eq!(hex::encode(&span.trace_id), "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(hex::encode(&span.parent_span_id), "00f067aa0ba902b7");
    assert_eq!(here, format!("00-{}-{}-01", hex::encode(&span.trace_id), hex::encode(&span.span_id)));
    assert!(!format!("{spans:?}").contains("canary"), "a path may name a student");
    tasks.stop();
    tasks.drained().await;
    assert_eq!(tasks.failure(), None);
}
