//! How much waits to be published. The outbox is bounded in rows and age, because documents are acknowledged before the log
//! has them: an outage of the log must become the senders' wait and not our disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use homeroom_chassis::lifecycle::TaskGroup;
use homeroom_pg::{Database, Districts, Error};
use sqlx::Row as _;
use tokio::sync::Notify;

use crate::config::Limits;
use crate::district::{self, Known};

/// How often the outbox is measured. Between two measurements each process counts what it adds.
const EVERY: Duration = Duration::from_secs(1);

/// The outbox as last measured.
#[derive(Debug)]
pub(crate) struct Backlog {
    rows: AtomicU64,
    /// All that this process has added.
    added: AtomicU64,
    oldest_ms: AtomicU64,
    measured: AtomicBool,
    stranded: AtomicU64,
    /// Wakes the relay of this process.
    wake: Notify,
    max_rows: u64,
    max_age: Duration,
}

impl Backlog {
    /// Measures the outbox from now on.
    pub(crate) fn start(database: Database, known: &Known, limits: &Limits, tasks: &TaskGroup) -> Arc<Self> {
        let backlog = Arc::new(Self {
            rows: AtomicU64::new(0),
            added: AtomicU64::new(0),
            oldest_ms: AtomicU64::new(0),
            // The process has just connected.
            measured: AtomicBool::new(true),
            stranded: AtomicU64::new(known.stranded),
            wake: Notify::new(),
            max_rows: limits.outbox_rows,
            max_age: limits.outbox_age(),
        });
        let (measured, stopping) = (Arc::clone(&backlog), tasks.stopping());
        let known = known.clone();
        tasks.spawn("ingestion backlog", async move {
            let mut every = tokio::time::interval(EVERY);
            loop {
                tokio::select! {
                    _ = every.tick() => {}
                    () = stopping.cancelled() => return Ok::<_, std::convert::Infallible>(()),
                }
                let result = measured.measure(&database, &known).await;
                measured.measured.store(result.is_ok(), Ordering::Relaxed);
                if let Err(error) = result {
                    tracing::warn!(error = %error, "the outbox cannot be measured");
                }
            }
        });
        backlog
    }

    /// Why no more may be added; none when there is room.
    pub(crate) fn refusal(&self) -> Option<&'static str> {
        if self.rows.load(Ordering::Relaxed) >= self.max_rows {
            return Some("Too many records wait to be published.");
        }
        let oldest = Duration::from_millis(self.oldest_ms.load(Ordering::Relaxed));
        (oldest > self.max_age).then_some("Records have waited to be published for too long.")
    }

    /// Whether the last measurement worked.
    pub(crate) fn is_measured(&self) -> bool {
        self.measured.load(Ordering::Relaxed)
    }

    /// Rows of districts whose secret is gone, as last measured.
    pub(crate) fn stranded(&self) -> u64 {
        self.stranded.load(Ordering::Relaxed)
    }

    /// Counts rows that this process has added and committed since the last measurement, and wakes its relay.
    pub(crate) fn appended(&self, rows: usize) {
        if rows == 0 {
            return;
        }
        self.added.fetch_add(rows as u64, Ordering::Relaxed);
        self.rows.fetch_add(rows as u64, Ordering::Relaxed);
        self.wake.notify_one();
    }

    /// Waits until this process has added rows since the last call. Of several who wait, one is woken.
    pub(crate) async fn woken(&self) {
        self.wake.notified().await;
    }

    /// Counts rows that this process has published since the last measurement.
    pub(crate) fn published(&self, rows: usize) {
        let rows = rows as u64;
        // It may have counted fewer than there were: another process adds too.
        let less = |counted: u64| Some(counted.saturating_sub(rows));
        let _before = self.rows.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }

    async fn measure(&self, database: &Database, known: &Known) -> Result<(), Error> {
        self.measure_outbox(database, &known.with_key).await?;
        if known.without_key != Districts::none() {
            let most = i64::try_from(self.max_rows).unwrap_or(i64::MAX);
            self.stranded.store(district::count_outbox(database, &known.without_key, most).await?, Ordering::Relaxed);
        }
        #[expect(clippy::cast_precision_loss, reason = "a gauge shows a few digits")]
        metrics::gauge!(crate::edfi::OUTBOX_STRANDED_ROWS).set(self.stranded() as f64);
        Ok(())
    }

    async fn measure_outbox(&self, database: &Database, districts: &Districts) -> Result<(), Error> {
        // No further than the bound: how far above it does not matter, and counting is not free.
        let most = i64::try_from(self.max_rows).unwrap_or(i64::MAX);
        let added = self.added.load(Ordering::Relaxed);
        let (rows, oldest_ms) = database
            .run("ingestion.outbox.measure", districts, move |connection| {
                Box::pin(async move {
                    let sql = "select (select count(*) from (select 1 from outbox limit $1) counted), \
                                   coalesce((select greatest(0, extract(epoch from now() - created_at) * 1000)::bigint \
                                             from outbox order by outbox_id limit 1), 0)";
                    let row = sqlx::query(sql).bind(most).fetch_one(connection).await?;
                    Ok((row.try_get::<i64, _>(0)?, row.try_get::<i64, _>(1)?))
                })
            })
            .await?;
        // What was added meanwhile may not have been seen. Some of it counts twice until the next measurement, which only makes the
        // bound stricter.
        let meanwhile = self.added.load(Ordering::Relaxed).wrapping_sub(added);
        self.rows.store(rows.cast_unsigned() + meanwhile, Ordering::Relaxed);
        self.oldest_ms.store(oldest_ms.cast_unsigned(), Ordering::Relaxed);
        #[expect(clippy::cast_precision_loss, reason = "a gauge shows a few digits")]
        metrics::gauge!(crate::edfi::OUTBOX_ROWS).set(rows as f64);
        #[expect(clippy::cast_precision_loss, reason = "a gauge shows a few digits")]
        metrics::gauge!(crate::edfi::OUTBOX_AGE_SECONDS).set(oldest_ms as f64 / 1000.0);
        Ok(())
    }
}
