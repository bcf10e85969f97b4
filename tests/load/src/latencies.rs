//! Latencies of an open loop: from the moment at which something was due, whether or not it was sent in time.

use std::time::Duration;

use crate::report::Report;

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

    /// To be called before the quantiles are asked for.
    pub(crate) fn sort(&mut self) {
        self.all.sort_unstable();
    }

    /// The latency in milliseconds that so many of a thousand do not exceed (nearest rank).
    pub(crate) fn quantile(&self, permille: usize) -> f64 {
        let rank = (self.all.len() * permille).div_ceil(1_000).max(1);
        self.all.get(rank - 1).map_or(0.0, |latency| latency.as_secs_f64() * 1_000.0)
    }

    /// Adds the quantiles to a report.
    pub(crate) fn report(&self, report: &mut Report, what: &str) {
        for (name, permille) in [("p50", 500), ("p90", 900), ("p99", 990), ("p99.9", 999), ("slowest", 1_000)] {
            report.figure(format!("{what} {name}"), self.quantile(permille), "ms");
        }
        #[expect(clippy::cast_precision_loss, reason = "counts of a run are far below 2^52")]
        report.figure(format!("{what} measured"), self.all.len() as f64, "marks");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_the_nearest_rank() {
        let mut latencies = Latencies::default();
        for millis in (1..=1_000).rev() {
            latencies.record(Duration::from_millis(millis));
        }
        latencies.sort();
        let quantiles = [500, 990, 1_000].map(|permille| latencies.quantile(permille));
        assert!(
            quantiles.iter().zip([500.0, 990.0, 1_000.0]).all(|(got, want)| (got - want).abs() < 1e-9),
            "{quantiles:?}"
        );
    }
}
