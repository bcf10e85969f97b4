//! Retention. Dead letters are forgotten by age. An alert is forgotten as a whole, once it is over and all that was said of it has settled: as long as it may be
//! taken back it must be known who was told. Cases are forgotten when they were closed as long ago.

use std::time::Duration;

use homeroom_domain::id::DistrictId;
use homeroom_pg::{Districts, Error};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Store;
use super::claim::microseconds;

/// How many alerts one transaction forgets. Its last statement locks the district's sequence, as that of a batch does, so that the
/// two cannot wait for each other.
pub(crate) const BATCH: usize = 100;

impl Store {
    /// Deletes alerts of a district that have been over, and settled, for this long: with changes, deliveries and attempts, the
    /// longest over first, at most [`BATCH`]. Says how many there were.
    pub(crate) async fn forget(&self, district: &DistrictId, age: Duration) -> Result<usize, Error> {
        self.database
            .run("forget-alerts", &Districts::one(district), |connection| {
                let district = district.clone();
                Box::pin(async move { forget(connection, &district, age).await })
            })
            .await
    }

    /// Deletes dead letters of this age, at most [`BATCH`]. Says how many there were.
    pub(crate) async fn forget_dead_letters(&self, age: Duration) -> Result<usize, Error> {
        self.database
            .run("forget-dead-letters", &Districts::none(), |connection| {
                Box::pin(async move {
                    let gone = sqlx::query(
                        "delete from dead_letters where (\"partition\", \"offset\") in (
                             select \"partition\", \"offset\" from dead_letters
                             where recorded_at < clock() - $1 * interval '1 microsecond'
                             order by recorded_at limit $2)",
                    )
                    .bind(microseconds(age))
                    .bind(i64::try_from(BATCH).unwrap_or(i64::MAX))
                    .execute(connection)
                    .await?;
                    Ok(usize::try_from(gone.rows_affected()).unwrap_or(usize::MAX))
                })
            })
            .await
    }
}

async fn forget(connection: &mut PgConnection, district: &DistrictId, age: Duration) -> Result<usize, Error> {
    sqlx::query("delete from cases where district = $1 and closed_at < clock() - $2 * interval '1 microsecond'")
        .bind(district.as_str())
        .bind(microseconds(age))
        .execute(&mut *connection)
        .await?;
    let alerts: Vec<Uuid> = sqlx::query_scalar(
        "select alert_id from alerts a
         where district = $1 and closed_at < clock() - $2 * interval '1 microsecond'
             and not exists (select from deliveries d
                 where d.alert_id = a.alert_id and (d.settled_at is null or d.settled_at >= clock() - $2 * interval '1 microsecond'))
         order by closed_at limit $3 for update skip locked",
    )
    .bind(district.as_str())
    .bind(microseconds(age))
    .bind(i64::try_from(BATCH).unwrap_or(i64::MAX))
    .fetch_all(&mut *connection)
    .await?;
    if alerts.is_empty() {
        return Ok(0);
    }
    for delete in [
        "delete from attempts t using deliveries d where d.alert_id = any($1) and t.delivery_id = d.delivery_id",
        "delete from deliveries where alert_id = any($1)",
        "delete from duties_done where alert_id = any($1)",
        "delete from alerts where alert_id = any($1)",
    ] {
        sqlx::query(delete).bind(&alerts).execute(&mut *connection).await?;
    }
    sqlx::query(
        "with gone as (delete from alert_changes where alert_id = any($1) returning sequence)
         update feed_positions set forgotten_sequence = greatest(forgotten_sequence, (select max(sequence) from gone))
         where district = $2",
    )
    .bind(&alerts)
    .bind(district.as_str())
    .execute(&mut *connection)
    .await?;
    Ok(alerts.len())
}
