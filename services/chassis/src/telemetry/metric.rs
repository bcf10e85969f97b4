//! Metrics: the recorder behind the `metrics` macros, rendered as Prometheus text.

use std::sync::OnceLock;
use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio_util::sync::CancellationToken;

/// Bounds of every histogram of seconds: from a blink to the longest wait that anybody would sit through.
const SECONDS: [f64; 15] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0, 300.0];

/// How often samples are folded into their histograms, so that they take no memory when nobody asks for them.
const UPKEEP: Duration = Duration::from_secs(5);

static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();

/// Begins to keep metrics for the whole process; what was counted before is lost. Calling it again changes nothing.
pub fn install() {
    handle();
}

/// All metrics as Prometheus text.
pub fn text() -> String {
    handle().render()
}

/// Folds samples, and shows what the process takes, until the group stops.
pub(crate) async fn keep_up(stopping: CancellationToken) {
    let mut tick = tokio::time::interval(UPKEEP);
    while stopping.run_until_cancelled(tick.tick()).await.is_some() {
        handle().run_upkeep();
        super::process::show();
    }
}

fn handle() -> &'static PrometheusHandle {
    HANDLE.get_or_init(|| {
        let recorder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
            .expect("there are buckets")
            .build_recorder();
        let handle = recorder.handle();
        if metrics::set_global_recorder(recorder).is_err() {
            tracing::warn!("another library keeps the metrics; ours stay empty");
        }
        handle
    })
}
