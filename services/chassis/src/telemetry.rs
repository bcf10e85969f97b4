//! Logs, traces and metrics: what operators see. Nothing here ever holds a student's id, name or free text.
//!
//! Logs go to standard error, as text or JSON. Spans go to an OpenTelemetry collector when an endpoint is set, and their ids
//! travel on as W3C `traceparent` (see [`trace`]). Metrics are kept in memory and rendered as Prometheus text.

mod metric;
pub mod trace;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::tonic_types::transport::{Certificate, ClientTlsConfig};
use opentelemetry_otlp::{WithExportConfig, WithTonicConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use serde::Deserialize;
use tracing::{Level, Metadata};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

pub(crate) use metric::keep_up;
pub use metric::{install as install_metrics, text as metrics_text};

/// How long the last spans may take to leave.
const FLUSH: Duration = Duration::from_secs(5);

/// What is logged, how, and where spans go.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Config {
    /// Which events and spans are logged: `info`, or per module as in `info,homeroom_rules=debug`.
    pub log_filter: String,
    /// How events look.
    pub log_format: LogFormat,
    /// The collector that takes spans by OTLP over gRPC, such as `http://localhost:4317`; without one they are not sent.
    pub otlp_endpoint: Option<String>,
    /// Certificate authorities of the collector, PEM, for an endpoint with `https://`; the system's when not given.
    pub otlp_ca_file: Option<PathBuf>,
}

impl Default for Config {
    fn default() -> Self {
        Self { log_filter: "info".to_owned(), log_format: LogFormat::Text, otlp_endpoint: None, otlp_ca_file: None }
    }
}

/// How logged events look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Why telemetry cannot start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The filter is not one.
    #[error("`log-filter` `{filter}` is not a filter such as `info,homeroom_rules=debug`")]
    Filter {
        /// As given.
        filter: String,
        /// Where it is wrong.
        source: tracing_subscriber::filter::ParseError,
    },
    /// The endpoint is not one.
    #[error("`otlp-endpoint` `{endpoint}` cannot be used")]
    Otlp {
        /// As given.
        endpoint: String,
        /// Why not.
        source: opentelemetry_otlp::ExporterBuildError,
    },
    /// The collector's authorities cannot be read.
    #[error("`otlp-ca-file` `{}` cannot be read", .path.display())]
    Ca {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
}

/// Holds the spans that are still to be sent. Call [`Guard::flush`] at the end, also when the process fails.
#[derive(Debug)]
#[must_use = "flush it at the end, or the last spans are lost"]
pub struct Guard(Option<SdkTracerProvider>);

impl Guard {
    /// Sends the last spans, for at most five seconds. Call it on a thread of a runtime with several, where the exporter's
    /// connection still lives.
    pub fn flush(self) {
        if let Some(provider) = self.0
            && let Err(error) = provider.shutdown_with_timeout(FLUSH)
        {
            tracing::warn!(error = %error, "the last spans were not sent");
        }
    }
}

/// Starts logs, traces and metrics for the whole process, inside a tokio runtime. A second call changes nothing and gives a
/// guard without spans: the first one's settings stay, as when several tests share a process.
pub fn init(service: &'static str, config: &Config) -> Result<Guard, Error> {
    static STARTED: OnceLock<()> = OnceLock::new();

    let filter = EnvFilter::try_new(&config.log_filter)
        .map_err(|source| Error::Filter { filter: config.log_filter.clone(), source })?;
    let provider = exporting(service, config)?;
    metric::install();
    if STARTED.set(()).is_err() {
        return Ok(Guard(None));
    }
    let spans = provider.as_ref().map(|provider| {
        tracing_opentelemetry::layer().with_tracer(provider.tracer(service)).with_filter(filter_fn(is_sent))
    });
    let started = Registry::default().with(spans).with(lines(config.log_format).with_filter(filter)).try_init();
    if started.is_err() {
        // Another library's subscriber is there already: keep it.
        return Ok(Guard(None));
    }
    Ok(Guard(provider))
}

/// Whether a span or event is sent to the collector, whatever the log's filter says. What sending itself is made of stays
/// out, or each batch would make the next one.
fn is_sent(metadata: &Metadata<'_>) -> bool {
    const SENDING: [&str; 5] = ["h2", "hyper", "hyper_util", "tonic", "tower"];
    let crate_name = metadata.target().split("::").next().unwrap_or_default();
    *metadata.level() <= Level::INFO && !SENDING.contains(&crate_name) && !crate_name.starts_with("opentelemetry")
}

/// Writes events as lines on standard error.
fn lines<S>(format: LogFormat) -> Box<dyn Layer<S> + Send + Sync>
where
    S: tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
{
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    match format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    }
}

/// Sends spans in batches from a thread of its own, whose queue is bounded: what does not fit is dropped, never waited for.
fn exporting(service: &'static str, config: &Config) -> Result<Option<SdkTracerProvider>, Error> {
    let Some(endpoint) = config.otlp_endpoint.as_deref() else { return Ok(None) };
    let mut exporter = opentelemetry_otlp::SpanExporter::builder().with_tonic().with_endpoint(endpoint);
    if endpoint.starts_with("https://") {
        exporter = exporter.with_tls_config(authorities(config.otlp_ca_file.as_deref())?);
    }
    let exporter = exporter.build().map_err(|source| Error::Otlp { endpoint: endpoint.to_owned(), source })?;
    let resource = Resource::builder().with_service_name(service).build();
    Ok(Some(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build()))
}

fn authorities(file: Option<&Path>) -> Result<ClientTlsConfig, Error> {
    let Some(path) = file else { return Ok(ClientTlsConfig::new().with_native_roots()) };
    let pem = std::fs::read(path).map_err(|source| Error::Ca { path: path.to_owned(), source })?;
    Ok(ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem)))
}

#[cfg(test)]
mod tests;
