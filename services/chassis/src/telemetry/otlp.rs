//! Traces, metrics and logs by OTLP over gRPC, to the one collector that the configuration names.
//!
//! Spans and logs leave in batches from threads of their own, whose queues are bounded: what does not fit is dropped, never waited
//! for. Metrics are those of the Prometheus text, every fifteen seconds: whoever has a collector and no Prometheus sees the same.

mod instance;
mod metric;
mod push;

use std::path::PathBuf;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_otlp::{LogExporter, SpanExporter, WithTonicConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio_util::sync::DropGuard;
use tonic::transport::{Channel, Endpoint};
use tracing_subscriber::Layer;
use tracing_subscriber::registry::LookupSpan;

use super::{Config, Error};
use crate::TaskGroup;
use crate::tls::ClientFiles;
use push::Push;

/// How long the last of everything may take to leave.
const FLUSH: Duration = Duration::from_secs(5);

/// How long the collector may take to answer.
const ANSWER: Duration = Duration::from_secs(10);

/// What is sent, and still to be sent at the end.
#[derive(Debug, Default)]
pub(super) struct Sending {
    pub(super) spans: Option<SdkTracerProvider>,
    pub(super) logs: Option<SdkLoggerProvider>,
    metrics: Option<Push>,
    /// Ends what looks at the collector's authorities.
    _following: Option<DropGuard>,
}

impl Sending {
    /// Prepares what the configuration asks for. Nothing is sent yet.
    pub(super) fn prepare(service: &'static str, config: &Config) -> Result<Self, Error> {
        let Some(address) = config.otlp_endpoint.as_deref() else { return Ok(Self::default()) };
        let following = TaskGroup::default();
        let channel = channel(address, config.otlp_ca_file.as_ref(), &following)?;
        let wrong = |source| Error::Otlp { endpoint: address.to_owned(), source };
        let instance = instance::id();
        let attribute = KeyValue::new(instance::KEY, instance.clone());
        let resource = Resource::builder().with_service_name(service).with_attribute(attribute).build();
        let exporter = SpanExporter::builder().with_tonic().with_channel(channel.clone()).build();
        let spans = SdkTracerProvider::builder()
            .with_batch_exporter(exporter.map_err(wrong)?)
            .with_resource(resource.clone())
            .build();
        let exporter = || LogExporter::builder().with_tonic().with_channel(channel.clone()).build();
        let logs = config.otlp_logs.then(exporter).transpose().map_err(wrong)?;
        let logs = logs
            .map(|exporter| SdkLoggerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build());
        let metrics = config.otlp_metrics.then(|| Push::new(service, instance, channel));
        Ok(Self { spans: Some(spans), logs, metrics, _following: Some(following.stopping().drop_guard()) })
    }

    /// Begins to send metrics; spans and logs begin by themselves.
    pub(super) fn start(mut self) -> Self {
        self.metrics = self.metrics.map(Push::start);
        self
    }

    /// Sends what is left, for a few seconds. Metrics first: they tell of what the process did last.
    pub(super) fn flush(self) {
        if let Some(metrics) = self.metrics {
            metrics.finish(FLUSH);
        }
        if let Some(spans) = self.spans
            && let Err(error) = spans.shutdown_with_timeout(FLUSH)
        {
            tracing::warn!(error = %error, "the last spans were not sent");
        }
        // Nothing that is said from here on could be sent.
        if let Some(logs) = self.logs {
            drop(logs.shutdown_with_timeout(FLUSH));
        }
    }
}

/// Hands logged events to the provider.
pub(super) fn events<S>(logs: &SdkLoggerProvider) -> impl Layer<S> + use<S>
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
{
    OpenTelemetryTracingBridge::new(logs)
}

/// The connection that everything is sent by; connected when something is.
fn channel(address: &str, authorities: Option<&PathBuf>, following: &TaskGroup) -> Result<Channel, Error> {
    let unusable = |source| Error::OtlpEndpoint { endpoint: address.to_owned(), source };
    let endpoint = Endpoint::from_shared(address.to_owned()).map_err(unusable)?.timeout(ANSWER).connect_timeout(ANSWER);
    if !address.starts_with("https://") {
        return Ok(endpoint.connect_lazy());
    }
    let files = ClientFiles { ca: authorities.cloned(), identity: None };
    files.channel("collector", endpoint, following).map_err(Error::Ca)
}
