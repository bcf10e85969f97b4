//! Background work on the tables: ends what has run out, and shows the gauges. Woken by time it reads what is true, so several
//! processes may do it at once.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use homeroom_pg::Error;
use metrics::gauge;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::metric;
use crate::schedule::Policy;
use crate::store::Store;

/// How often the gauges are shown.
const SHOW_EVERY: Duration = Duration::from_secs(10);

/// The sweeper.
#[derive(Debug)]
pub(crate) struct Sweeper {
    pub(crate) store: Store,
    pub(crate) policy: Arc<Policy>,
    pub(crate) clock: Clock,
    pub(crate) every: Duration,
}

impl Sweeper {
    /// Sweeps until `stop`. A database that is away is tried again at the next turn.
    pub(crate) async fn run(self, stop: CancellationToken) -> Result<(), Infallible> {
        let mut turn = interval(self.every);
        turn.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut shown: Option<Instant> = None;
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                _ = turn.tick() => {}
            }
            let show = shown.is_none_or(|at| at.elapsed() >= SHOW_EVERY);
            if let Err(error) = self.sweep(show).await {
                tracing::warn!(%error, "a sweep failed; the next one follows");
            } else if show {
                shown = Some(Instant::now());
            }
        }
    }

    async fn sweep(&self, show: bool) -> Result<(), Error> {
        let districts = self.store.districts().await?;
        for district in &districts {
            let ended = self.store.sweep(district, &self.policy, self.clock.now()).await?;
            if ended > 0 {
                tracing::info!(district = district.as_str(), ended, "leases or deliveries have run out");
            }
        }
        if show && !districts.is_empty() {
            let now = self.clock.now();
            let oldest = self.store.oldest_due(&districts, now).await?;
            gauge!(metric::OLDEST_UNDELIVERED).set(oldest.map_or(0.0, |due| now.duration_since(due).as_secs_f64()));
            let counts = self.store.count_deliveries(&districts).await?;
            for state in ["waiting", "leased", "dead", "expired"] {
                let count = counts.iter().find(|(name, _)| name == state).map_or(0, |(_, count)| *count);
                // Exact up to 2^53.
                #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
                gauge!(metric::DELIVERIES, "state" => state).set(count as f64);
            }
        }
        Ok(())
    }
}
