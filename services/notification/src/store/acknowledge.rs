//! Somebody takes an alert up: whoever would have been told because nobody did is told no more.
//!
//! The alert's lock comes first and then those of its deliveries, as planning takes them: so either a change that is being planned sees
//! the acknowledgement's end of deliveries, or the acknowledgement sees what was planned. What is to be told when nobody acts waits as a
//! row with its time from the opening on, so nothing is lost or told twice when processes end.

use homeroom_domain::id::DistrictId;
use homeroom_pg::{Districts, Error};
use jiff::Timestamp;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use super::{Store, count, delivery, moment, stored};
use crate::plan::{self, Delivery};

/// Why a delivery ended that was for want of somebody who acts.
pub(super) const REASON: &str = "somebody has acknowledged the alert";

/// Who took an alert up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Acknowledged {
    /// The change as of which.
    pub(crate) number: u32,
    /// The key's name.
    pub(crate) by: String,
    /// When, by the database's clock.
    pub(crate) at: Timestamp,
    /// For how long it had been known here by then that the alert opened, or rose last, seconds; none when it was acknowledged before
    /// this, and when that change is not known.
    pub(crate) waited_s: Option<i64>,
}

/// Why what somebody says of an alert is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The district has none of this id.
    Unknown,
    /// It is over.
    Over,
    /// It has risen since, by the change of this number.
    Risen(u32),
    /// It does not ask for what is said to be done.
    NoSuchDuty,
}

impl Store {
    /// Acknowledges an open alert as it is now, unless it has opened or risen since the change `seen`. Whoever did so first stays, until
    /// the alert rises.
    pub(crate) async fn acknowledge(
        &self,
        district: &DistrictId,
        alert: Uuid,
        seen: Option<u32>,
        key: &str,
    ) -> Result<Result<Acknowledged, Refused>, Error> {
        self.database
            .run("acknowledge-alert", &Districts::one(district), |connection| {
                let (district, key) = (district.as_str().to_owned(), key.to_owned());
                Box::pin(async move { acknowledge(connection, &district, alert, seen, &key).await })
            })
            .await
    }
}

async fn acknowledge(
    connection: &mut PgConnection,
    district: &str,
    alert: Uuid,
    seen: Option<u32>,
    key: &str,
) -> Result<Result<Acknowledged, Refused>, Error> {
    let telling = match lock_open(connection, district, alert).await? {
        Ok(open) => open.telling,
        Err(refused) => return Ok(Err(refused)),
    };
    let risen = last_rise(connection, alert).await?;
    if seen.is_some_and(|seen| seen < risen) {
        return Ok(Err(Refused::Risen(risen)));
    }
    let acknowledged = keep(connection, alert, risen, key).await?;
    let known = load(connection, alert).await?;
    end(connection, &plan::acknowledged(telling, &known), REASON).await?;
    Ok(Ok(acknowledged))
}

/// An open alert, locked until the transaction ends.
pub(super) struct OpenAlert {
    /// The number of the change that opened its telling.
    pub(super) telling: u32,
    /// The number of its last change.
    pub(super) last_number: u32,
}

/// Locks an alert of the district that is open.
pub(super) async fn lock_open(
    connection: &mut PgConnection,
    district: &str,
    alert: Uuid,
) -> Result<Result<OpenAlert, Refused>, Error> {
    let select = "select state, telling, last_number from alerts where alert_id = $1 and district = $2 for update";
    let row = sqlx::query(select).bind(alert).bind(district).fetch_optional(connection).await?;
    let Some(row) = row else { return Ok(Err(Refused::Unknown)) };
    if row.try_get::<&str, _>("state")? != "open" {
        return Ok(Err(Refused::Over));
    }
    let number = |column| count("alerts", column, row.try_get(column)?);
    Ok(Ok(OpenAlert { telling: number("telling")?, last_number: number("last_number")? }))
}

/// The number of the change by which the alert opened or rose last, as far as anybody was told; 0 when none is known.
async fn last_rise(connection: &mut PgConnection, alert: Uuid) -> Result<u32, Error> {
    let number: i32 = sqlx::query_scalar(
        "select coalesce(max(number), 0) from alert_changes where alert_id = $1 and kind in ('opened', 'escalated')
             and not untold",
    )
    .bind(alert)
    .fetch_one(connection)
    .await?;
    count("alert_changes", "number", number)
}

/// Keeps who did so, unless somebody has since the alert opened or rose last.
async fn keep(connection: &mut PgConnection, alert: Uuid, risen: u32, key: &str) -> Result<Acknowledged, Error> {
    let row = sqlx::query(
        "with kept as (
             update alerts set acknowledged_number = last_number, acknowledged_at = clock(), acknowledged_by = $2
             where alert_id = $1 and coalesce(acknowledged_number, -1) < $3
             returning acknowledged_number, acknowledged_at, acknowledged_by)
         select acknowledged_number, acknowledged_by, microseconds(acknowledged_at) as at,
             extract(epoch from acknowledged_at
                 - (select recorded_at from alert_changes where alert_id = $1 and number = $3))::bigint as waited
         from kept
         union all
         select acknowledged_number, acknowledged_by, microseconds(acknowledged_at), null from alerts
         where alert_id = $1 and not exists (select from kept)",
    )
    .bind(alert)
    .bind(key)
    .bind(stored(risen))
    .fetch_one(connection)
    .await?;
    Ok(Acknowledged {
        number: count("alerts", "acknowledged_number", row.try_get("acknowledged_number")?)?,
        by: row.try_get("acknowledged_by")?,
        at: moment("alerts", "acknowledged_at", row.try_get("at")?)?,
        waited_s: row.try_get("waited")?,
    })
}

async fn load(connection: &mut PgConnection, alert: Uuid) -> Result<Vec<Delivery>, Error> {
    let rows = sqlx::query(
        "select delivery_id, change_number, telling, kind, team, channel, address, told_after, state, maybe_sent, late_since
         from deliveries where alert_id = $1 order by delivery_id for update",
    )
    .bind(alert)
    .fetch_all(connection)
    .await?;
    rows.iter().map(delivery).collect()
}

/// Ends what waits. What an adapter has may still arrive; when it does not, it is not tried again.
pub(super) async fn end(connection: &mut PgConnection, deliveries: &[Uuid], reason: &str) -> Result<(), Error> {
    if deliveries.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "update deliveries set last_reason = $2,
             state = case when state = 'waiting' then 'cancelled' else state end,
             settled_at = case when state = 'waiting' then clock() else settled_at end,
             expires_at = case when state = 'waiting' then expires_at else clock() end
         where delivery_id = any($1)",
    )
    .bind(deliveries)
    .bind(reason)
    .execute(connection)
    .await?;
    Ok(())
}

/// What somebody has acknowledged did not reach a recipient in reserve: a rise that waited for it is the first word to them, and others
/// have their time to act on that.
pub(super) async fn ask_anew(connection: &mut PgConnection, chain: &[Delivery]) -> Result<(), Error> {
    let words: Vec<Uuid> = chain.iter().map(|delivery| delivery.id).collect();
    sqlx::query(
        "update deliveries set due_at = due_at + told_after * interval '1 second',
             set_aside_due_at = set_aside_due_at + told_after * interval '1 second',
             expires_at = expires_at + told_after * interval '1 second'
         where delivery_id = any($1) and state = 'waiting'",
    )
    .bind(words)
    .execute(connection)
    .await?;
    Ok(())
}
