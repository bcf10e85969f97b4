//! Background work on the tables: ends what has run out, forgets what was over long ago, and shows the gauges. Woken by time
//! it reads what is true, so several processes may do it at once.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use homeroom_pg::Error;
use metrics::{counter, gauge};
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::config::Retention;
use crate::metric;
use crate::schedule::Policy;
use crate::store::{BATCH, Store};

/// How often the gauges are shown.
const SHOW_EVERY: Duration = Duration::from_secs(10);

/// The sweeper.
#[derive(Debug)]
pub(crate) struct Sweeper {
    pub(crate) store: Store,
    pub(crate) policy: Arc<Policy>,
    pub(crate) every: Duration,
    pub(crate) retention: Retention,
    /// How often what is old is looked for.
    pub(crate) forget_every: Duration,
}

impl Sweeper {
    /// Sweeps until `stop`. A database that is away is tried again at the next turn.
    pub(crate) async fn run(self, stop: CancellationToken) -> Result<(), Infallible> {
        let mut turn = interval(self.every);
        turn.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut shown: Option<Instant> = None;
        let mut forgot: Option<Instant> = None;
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
            if forgot.is_none_or(|at| at.elapsed() >= self.forget_every) {
                match self.forget().await {
                    // One batch per district and turn, so that nothing waits behind years of alerts.
                    Ok(more) => forgot = (!more).then(Instant::now),
                    Err(error) => {
                        tracing::warn!(%error, "old alerts could not be forgotten; the next turn tries again");
                    }
                }
            }
        }
    }

    /// Forgets a batch of each district; whether there may be more.
    async fn forget(&self) -> Result<bool, Error> {
        let mut more = self.store.forget_dead_letters(self.retention.dead_letters).await? == BATCH;
        for district in self.store.districts().await? {
            let alerts = self.store.forget(&district, self.retention.alerts).await?;
            if alerts > 0 {
                counter!(metric::FORGOTTEN).increment(alerts as u64);
                tracing::info!(district = district.as_str(), alerts, "alerts that were over long ago are forgotten");
            }
            more |= alerts == BATCH;
        }
        Ok(more)
    }

    async fn sweep(&self, show: bool) -> Result<(), Error> {
        let districts = self.store.districts().await?;
        for district in &districts {
            self.store.hold_back(district).await?;
            let ended = self.store.sweep(district, &self.policy).await?;
            if ended > 0 {
                tracing::info!(district = district.as_str(), ended, "leases or deliveries have run out");
            }
        }
        if show && !districts.is_empty() {
            gauge!(metric::OLDEST_UNDELIVERED).set(self.store.oldest_due(&districts).await?.as_secs_f64());
            // Exact up to 2^53.
            #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
            gauge!(metric::UNREACHABLE).set(self.store.count_unreachable(&districts).await? as f64);
            #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
            gauge!(metric::CASES).set(self.store.count_open_cases(&districts).await? as f64);
            let counts = self.store.count_deliveries(&districts).await?;
            for state in ["waiting", "held", "leased", "dead", "expired"] {
                let count = counts.iter().find(|(name, _)| name == state).map_or(0, |(_, count)| *count);
                // Exact up to 2^53.
                #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
                gauge!(metric::DELIVERIES, "state" => state).set(count as f64);
            }
        }
        Ok(())
    }
}
