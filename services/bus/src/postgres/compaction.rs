//! Sweeping superseded records of compacted topics. The last word on each key stays, a tombstone too.

use std::sync::Arc;
use std::time::Duration;

use homeroom_pg::Districts;
use tokio::time::sleep;

use super::{Shared, unavailable};
use crate::log::Error;

/// How many records one transaction deletes.
const STEP: i64 = 10_000;
/// Only one process sweeps at a time: "busswept" in hexadecimal.
const LOCK: i64 = 0x6275_7373_7765_7074;

/// The last word is the last of all, young ones included.
const DELETE: &str = r#"
with last as (
    select topic_id, partition, key, max("offset") as "offset"
    from records join topics using (topic_id)
    where compacted
    group by topic_id, partition, key
), superseded as (
    select r.topic_id, r.partition, r."offset"
    from records r join last l using (topic_id, partition, key)
    where r."offset" < l."offset" and r.recorded_at < clock_timestamp() - make_interval(secs => $1)
    limit $2
)
delete from records r using superseded s
where r.topic_id = s.topic_id and r.partition = s.partition and r."offset" = s."offset""#;

/// Sweeps again and again until the log is dropped.
pub(super) async fn sweep_regularly(shared: Arc<Shared>, pause: Duration, age: Duration) {
    loop {
        sleep(pause).await;
        match sweep(&shared, age).await {
            Ok(records) => tracing::debug!(records, "compacted topics swept"),
            Err(error) => tracing::warn!(%error, "compacted topics could not be swept"),
        }
    }
}

/// Deletes superseded records older than `age`, and says how many.
pub(super) async fn sweep(shared: &Shared, age: Duration) -> Result<u64, Error> {
    let mut total = 0;
    loop {
        let deleted = step(shared, age).await.map_err(|error| unavailable(&error))?;
        total += deleted;
        if deleted < STEP.unsigned_abs() {
            return Ok(total);
        }
    }
}

async fn step(shared: &Shared, age: Duration) -> Result<u64, homeroom_pg::Error> {
    shared
        .database
        .run("bus compaction", &Districts::none(), move |connection| {
            Box::pin(async move {
                let free: bool = sqlx::query_scalar("select pg_try_advisory_xact_lock($1)")
                    .bind(LOCK)
                    .fetch_one(&mut *connection)
                    .await?;
                if !free {
                    return Ok(0);
                }
                let deleted = sqlx::query(DELETE).bind(age.as_secs_f64()).bind(STEP).execute(connection).await?;
                Ok(deleted.rows_affected())
            })
        })
        .await
}
