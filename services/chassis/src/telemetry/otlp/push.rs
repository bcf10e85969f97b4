//! Sends the metrics every fifteen seconds, and once more at the end. A collector that is away misses some: the next sending has
//! everything that was counted meanwhile, since counters go on from the start.

use std::sync::mpsc;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_client::MetricsServiceClient;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::{ResourceMetrics, ScopeMetrics};
use opentelemetry_proto::tonic::resource::v1::Resource;
use tokio::sync::oneshot;
use tokio::time::{MissedTickBehavior, interval};
use tonic::transport::Channel;

use super::instance;
use super::metric::{Period, metrics};
use crate::clock;
use crate::telemetry::metrics_text;

/// How often metrics are sent, as Prometheus would ask for them.
const EVERY: Duration = Duration::from_secs(15);

/// The sender of metrics.
#[derive(Debug)]
pub(super) struct Push {
    service: &'static str,
    instance: String,
    channel: Channel,
    running: Option<Running>,
}

/// How the task is told to end, and tells that it has.
#[derive(Debug)]
struct Running {
    stop: oneshot::Sender<()>,
    done: mpsc::Receiver<()>,
}

impl Push {
    pub(super) const fn new(service: &'static str, instance: String, channel: Channel) -> Self {
        Self { service, instance, channel, running: None }
    }

    /// Begins to send.
    pub(super) fn start(self) -> Self {
        let (stop, stopped) = oneshot::channel();
        let (tell, done) = mpsc::sync_channel(1);
        let task = Task {
            service: self.service,
            instance: self.instance.clone(),
            client: MetricsServiceClient::new(self.channel.clone()),
            started: nanoseconds(),
        };
        #[expect(
            clippy::disallowed_methods,
            reason = "it outlives the group's tasks, whose last counts it sends; `finish` ends it"
        )]
        tokio::spawn(async move {
            task.run(stopped).await;
            // Nobody waits any more when it took too long.
            tell.send(()).ok();
        });
        Self { running: Some(Running { stop, done }), ..self }
    }

    /// Sends once more and ends. Blocks the thread, for at most this long.
    pub(super) fn finish(self, within: Duration) {
        let Some(Running { stop, done }) = self.running else { return };
        if stop.send(()).is_ok() && done.recv_timeout(within).is_err() {
            tracing::warn!("the last metrics were not sent in time");
        }
    }
}

struct Task {
    service: &'static str,
    instance: String,
    client: MetricsServiceClient<Channel>,
    started: u64,
}

impl Task {
    async fn run(mut self, mut stopped: oneshot::Receiver<()>) {
        let mut turn = interval(EVERY);
        turn.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let last = tokio::select! {
                _ = turn.tick() => false,
                _ = &mut stopped => true,
            };
            if let Err(status) = self.client.export(self.request()).await {
                tracing::warn!(status = ?status.code(), "metrics were not sent; the next ones follow");
            }
            if last {
                return;
            }
        }
    }

    fn request(&self) -> ExportMetricsServiceRequest {
        let period = Period { from: self.started, to: nanoseconds() };
        let attributes = vec![attribute("service.name", self.service), attribute(instance::KEY, &self.instance)];
        let scope = InstrumentationScope { name: "homeroom".to_owned(), ..InstrumentationScope::default() };
        ExportMetricsServiceRequest {
            resource_metrics: vec![ResourceMetrics {
                resource: Some(Resource { attributes, ..Resource::default() }),
                scope_metrics: vec![ScopeMetrics {
                    scope: Some(scope),
                    metrics: metrics(&metrics_text(), period),
                    schema_url: String::new(),
                }],
                schema_url: String::new(),
            }],
        }
    }
}

fn attribute(key: &str, value: &str) -> KeyValue {
    let value = AnyValue { value: Some(Value::StringValue(value.to_owned())) };
    KeyValue { key: key.to_owned(), value: Some(value), ..KeyValue::default() }
}

/// Since 1970.
fn nanoseconds() -> u64 {
    u64::try_from(clock::now().as_nanosecond()).unwrap_or_default()
}
