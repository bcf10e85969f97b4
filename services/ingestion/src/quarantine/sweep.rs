//! Forgets what has been in quarantine for too long, or is more than is kept, oldest first.
//!
//! A reconciler: it takes no input and looks at what is there, so any number of processes may run it.

use std::time::Duration;

use homeroom_chassis::lifecycle::TaskGroup;
use homeroom_pg::{Database, Districts, Error};
use sqlx::PgConnection;

use super::DELETED_TOTAL;
use crate::config::Limits;

/// How often it looks; a row too many for a while does not matter.
const EVERY: Duration = Duration::from_mins(10);

/// The most rows of one transaction.
const BATCH: u32 = 1_000;

/// What the task owns.
#[derive(Clone)]
struct Sweep {
    database: Database,
    districts: Districts,
    days: i32,
    rows: i64,
}

/// Starts the task. `districts` are all that rows may be of: one whose secret is gone is forgotten in time too.
pub(crate) fn start(database: Database, districts: Districts, limits: &Limits, tasks: &TaskGroup) {
    let sweep = Sweep {
        database,
        districts,
        days: i32::try_from(limits.quarantine_days).unwrap_or(i32::MAX),
        rows: i64::try_from(limits.quarantine_rows).unwrap_or(i64::MAX),
    };
    let stopping = tasks.stopping();
    tasks.spawn("ingestion quarantine", async move {
        let mut every = tokio::time::interval(EVERY);
        loop {
            tokio::select! {
                _ = every.tick() => {}
                () = stopping.cancelled() => return Ok::<_, std::convert::Infallible>(()),
            }
            tokio::select! {
                result = sweep.run() => if let Err(error) = result {
                    tracing::warn!(error = %error, "the quarantine cannot be swept; trying again later");
                },
                () = stopping.cancelled() => return Ok(()),
            }
        }
    });
}

impl Sweep {
    /// Deletes in batches until nothing is left to delete.
    async fn run(&self) -> Result<(), Error> {
        loop {
            let sweep = self.clone();
            let deleted = self
                .database
                .run("ingestion.quarantine.sweep", &self.districts, move |connection| {
                    let sweep = sweep.clone();
                    Box::pin(async move { sweep.delete(connection).await })
                })
                .await?;
            if deleted == 0 {
                return Ok(());
            }
            metrics::counter!(DELETED_TOTAL).increment(deleted);
            tracing::info!(rows = deleted, "rows of the quarantine were deleted");
        }
    }

    async fn delete(&self, connection: &mut PgConnection) -> Result<u64, Error> {
        let old = "delete from quarantine where (district, quarantine_id) in \
                   (select district, quarantine_id from quarantine where received_at < now() - make_interval(days => $1) \
                    order by received_at limit $2)";
        let deleted = sqlx::query(old).bind(self.days).bind(i64::from(BATCH)).execute(&mut *connection).await?;
        if deleted.rows_affected() > 0 {
            return Ok(deleted.rows_affected());
        }
        // Counted anew for each batch: another process may delete too.
        let beyond = "delete from quarantine where (district, quarantine_id) in \
                      (select district, quarantine_id from quarantine order by received_at, quarantine_id \
                       limit least($2, greatest(0, (select count(*) from quarantine) - $1)))";
        let deleted = sqlx::query(beyond).bind(self.rows).bind(i64::from(BATCH)).execute(connection).await?;
        Ok(deleted.rows_affected())
    }
}
