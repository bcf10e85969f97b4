//! What a run comes to.

use std::fmt;
use std::time::Duration;

/// Measured latencies.
#[derive(Debug, Default)]
pub(crate) struct Latencies {
    all: Vec<Duration>,
    /// Marks without an alert.
    pub(crate) missing: usize,
}

impl Latencies {
    pub(crate) fn record(&mut self, latency: Duration) {
        self.all.push(latency);
    }

    pub(crate) fn sort(&mut self) {
        self.all.sort_unstable();
    }

    /// The latency that so many of a thousand do not exceed (nearest rank).
    fn quantile(&self, permille: usize) -> f64 {
        let rank = (self.all.len() * permille).div_ceil(1_000).max(1);
        self.all.get(rank - 1).map_or(0.0, |latency| latency.as_secs_f64() * 1_000.0)
    }

    pub(crate) fn json(&self, rate: u32) -> String {
        serde_json::json!({
            "benchmark": "mark-to-alert",
            "marks_per_second": rate,
            "alerts": self.all.len(),
            "missing": self.missing,
            "p50_ms": self.quantile(500),
            "p99_ms": self.quantile(990),
            "max_ms": self.quantile(1_000),
            "load_average": load_average(),
        })
        .to_string()
    }
}

/// The machine's load over the last minute, for judging a figure; empty where the system does not tell.
fn load_average() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_owned()
}

impl fmt::Display for Latencies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "mark to alert: {} alerts, median {:.1} ms, 99th percentile {:.1} ms, slowest {:.1} ms, {} missing",
            self.all.len(),
            self.quantile(500),
            self.quantile(990),
            self.quantile(1_000),
            self.missing
        )
    }
}
