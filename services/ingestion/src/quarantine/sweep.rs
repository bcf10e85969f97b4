//! Forgets what has been in quarantine for too long, or is more than is kept, oldest first.

use homeroom_chassis::lifecycle::TaskGroup;
use homeroom_pg::{Database, Districts, Error};
use sqlx::PgConnection;

use super::DELETED_TOTAL;
use crate::config::Limits;
use crate::sweep::{self, BATCH};

/// How long, and how many, rows are kept.
#[derive(Clone, Copy)]
struct Bounds {
    days: i32,
    rows: i64,
}

/// Starts the task. `districts` are all that rows may be of: one whose secret is gone is forgotten in time too.
pub(crate) fn start(database: Database, districts: Districts, limits: &Limits, tasks: &TaskGroup) {
    let bounds = Bounds {
        days: i32::try_from(limits.quarantine_days).unwrap_or(i32::MAX),
        rows: i64::try_from(limits.quarantine_rows).unwrap_or(i64::MAX),
    };
    sweep::start("ingestion quarantine", DELETED_TOTAL, tasks, move || {
        let (database, districts) = (database.clone(), districts.clone());
        async move {
            database
                .run("ingestion.quarantine.sweep", &districts, move |connection| Box::pin(delete(connection, bounds)))
                .await
        }
    });
}

async fn delete(connection: &mut PgConnection, bounds: Bounds) -> Result<u64, Error> {
    let old = "delete from quarantine where (district, quarantine_id) in \
               (select district, quarantine_id from quarantine where received_at < now() - make_interval(days => $1) \
                order by received_at limit $2)";
    let deleted = sqlx::query(old).bind(bounds.days).bind(BATCH).execute(&mut *connection).await?;
    if deleted.rows_affected() > 0 {
        return Ok(deleted.rows_affected());
    }
    // Counted anew for each batch: another process may delete too.
    let beyond = "delete from quarantine where (district, quarantine_id) in \
                  (select district, quarantine_id from quarantine order by received_at, quarantine_id \
                   limit least($2, greatest(0, (select count(*) from quarantine) - $1)))";
    let deleted = sqlx::query(beyond).bind(bounds.rows).bind(BATCH).execute(connection).await?;
    Ok(deleted.rows_affected())
}
