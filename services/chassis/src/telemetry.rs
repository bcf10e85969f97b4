//! Logs, traces and metrics: what operators see. Nothing here ever holds a student's id, name or free text.
//!
//! Logs go to standard error, as text or JSON. Spans go to an OpenTelemetry collector when an endpoint is set, and their ids
//! travel on as W3C `traceparent` (see [`trace`]). Metrics are kept in memory and rendered as Prometheus text. Metrics and logs go to the
//! collector too when that is asked for.

mod metric;
mod otlp;
mod process;
pub mod trace;

use std::path::PathBuf;
use std::sync::OnceLock;

use opentelemetry::trace::TracerProvider;
use serde::Deserialize;
use tracing::{Level, Metadata};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

use crate::tls;

pub(crate) use metric::keep_up;
pub use metric::{install as install_metrics, text as metrics_text};

/// What is logged, how, and where spans go.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Config {
    /// Which events and spans are logged: `info`, or per module as in `info,homeroom_rules=debug`.
    pub log_filter: String,
    /// How events look.
    pub log_format: LogFormat,
    /// The collector that takes spans by OTLP over gRPC, such as `http://localhost:4317`; without one nothing is sent.
    pub otlp_endpoint: Option<String>,
    /// Whether it takes the metrics too, every fifteen seconds; they stay at `/metrics` as well.
    pub otlp_metrics: bool,
    /// Whether it takes what is logged too; it stays on standard error as well.
    pub otlp_logs: bool,
    /// Certificate authorities of the collector, PEM, for an endpoint with `https://`; the system's when not given.
    pub otlp_ca_file: Option<PathBuf>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            log_filter: "info".to_owned(),
            log_format: LogFormat::Text,
            otlp_endpoint: None,
            otlp_metrics: false,
            otlp_logs: false,
            otlp_ca_file: None,
        }
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
    /// Nothing can be sent there, by the variables that the library reads.
    #[error("`otlp-endpoint` `{endpoint}` cannot be sent to")]
    Otlp {
        /// As given.
        endpoint: String,
        /// Why not.
        source: opentelemetry_otlp::ExporterBuildError,
    },
    /// The endpoint is not one.
    #[error("`otlp-endpoint` `{endpoint}` cannot be used")]
    OtlpEndpoint {
        /// As given.
        endpoint: String,
        /// Why not.
        source: tonic::transport::Error,
    },
    /// The collector's authorities cannot be used.
    #[error("`otlp-ca-file` cannot be used")]
    Ca(#[source] tls::Error),
}

/// Holds what is still to be sent. Call [`Guard::flush`] at the end, also when the process fails.
#[derive(Debug)]
#[must_use = "flush it at the end, or the last spans are lost"]
pub struct Guard(otlp::Sending);

impl Guard {
    /// Sends what is left, for a few seconds. Call it on a thread of a runtime with several, where the exporters' connections
    /// still live.
    pub fn flush(self) {
        self.0.flush();
    }
}

/// Starts logs, traces and metrics for the whole process, inside a tokio runtime. A second call changes nothing and gives a
/// guard that sends nothing: the first one's settings stay, as when several tests share a process.
pub fn init(service: &'static str, config: &Config) -> Result<Guard, Error> {
    static STARTED: OnceLock<()> = OnceLock::new();

    let filter = || {
        EnvFilter::try_new(&config.log_filter)
            .map_err(|source| Error::Filter { filter: config.log_filter.clone(), source })
    };
    let (logged, sent) = (filter()?, filter()?);
    let sending = otlp::Sending::prepare(service, config)?;
    metric::install();
    if STARTED.set(()).is_err() {
        return Ok(Guard(otlp::Sending::default()));
    }
    let spans = sending.spans.as_ref().map(|provider| {
        tracing_opentelemetry::layer().with_tracer(provider.tracer(service)).with_filter(filter_fn(is_sent))
    });
    // What sending itself logs stays out: each batch would make the next one.
    let events = sending
        .logs
        .as_ref()
        .map(|logs| otlp::events(logs).with_filter(sent).with_filter(filter_fn(|metadata| !is_sending(metadata))));
    let lines = lines(config.log_format).with_filter(logged);
    let started = Registry::default().with(spans).with(events).with(lines).try_init();
    if started.is_err() {
        // Another library's subscriber is there already: keep it.
        return Ok(Guard(otlp::Sending::default()));
    }
    Ok(Guard(sending.start()))
}

/// Whether a span or event is sent to the collector as a part of a trace, whatever the log's filter says.
fn is_sent(metadata: &Metadata<'_>) -> bool {
    *metadata.level() <= Level::INFO && !is_sending(metadata)
}

/// Whether it is of what sending is made of.
fn is_sending(metadata: &Metadata<'_>) -> bool {
    const SENDING: [&str; 5] = ["h2", "hyper", "hyper_util", "tonic", "tower"];
    let crate_name = metadata.target().split("::").next().unwrap_or_default();
    SENDING.contains(&crate_name)
        || crate_name.starts_with("opentelemetry")
        || metadata.target().ends_with("otlp::push")
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

#[cfg(test)]
mod tests;
