//! Somebody has done what an alert asks for: nobody is told any more that it has fallen due.
//!
//! The alert's lock comes first and then those of its deliveries, as an acknowledgement takes them: so either a rise that is being
//! planned sees that its duties are done, or who records that sees what was planned. Whoever did so first stays.

use std::collections::{BTreeMap, BTreeSet};

use homeroom_domain::alert::{AlertChange, DueDuty};
use homeroom_domain::id::DistrictId;
use homeroom_pg::{Districts, Error};
use jiff::Timestamp;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use super::acknowledge::{end, lock_open};
use super::{Refused, Store, bad_row, count, moment, stored};
use crate::plan::{self, DutyKey};

/// Why a delivery ended that was for want of somebody who does what is due.
const REASON: &str = "what has fallen due is done";

/// Who did what an alert asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Done {
    /// The key's name.
    pub(crate) by: String,
    /// When that was recorded, by the database's clock.
    pub(crate) at: Timestamp,
}

/// A duty of an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DutyState {
    pub(crate) duty: DueDuty,
    /// Whether the alert asks for it by now; of what it asked for before only what was done is known.
    pub(crate) is_asked: bool,
    pub(crate) done: Option<Done>,
}

/// An alert's duties.
#[derive(Debug)]
pub(crate) struct Duties {
    /// The alert's last change.
    pub(crate) number: u32,
    /// First those that it asks for, in its order.
    pub(crate) duties: Vec<DutyState>,
}

impl Store {
    /// Records that a duty of an open alert is done: the one at a place, counted from 0, of those that the change `seen` asks for, or the
    /// last change.
    pub(crate) async fn record_duty_done(
        &self,
        district: &DistrictId,
        alert: Uuid,
        (seen, place): (Option<u32>, u32),
        key: &str,
    ) -> Result<Result<Done, Refused>, Error> {
        self.database
            .run("record-duty-done", &Districts::one(district), |connection| {
                let (district, key) = (district.as_str().to_owned(), key.to_owned());
                Box::pin(async move { record(connection, &district, alert, (seen, place), &key).await })
            })
            .await
    }

    /// The duties of an alert, open or over; none when the district has no such alert.
    pub(crate) async fn list_duties(&self, district: &DistrictId, alert: Uuid) -> Result<Option<Duties>, Error> {
        self.database
            .run("list-duties", &Districts::one(district), |connection| {
                let district = district.as_str().to_owned();
                Box::pin(async move { list(connection, &district, alert).await })
            })
            .await
    }
}

async fn record(
    connection: &mut PgConnection,
    district: &str,
    alert: Uuid,
    (seen, place): (Option<u32>, u32),
    key: &str,
) -> Result<Result<Done, Refused>, Error> {
    let last = match lock_open(connection, district, alert).await? {
        Ok(open) => open.last_number,
        Err(refused) => return Ok(Err(refused)),
    };
    let change = find_change(connection, alert, seen.unwrap_or(last)).await?;
    let duties = change.map(|change| DutyKey::of(&change.claim.terms.duties)).unwrap_or_default();
    let duty = usize::try_from(place).ok().and_then(|place| duties.get(place));
    let Some(duty) = duty else { return Ok(Err(Refused::NoSuchDuty)) };
    let done = keep(connection, (district, alert), duty, key).await?;
    withhold(connection, alert).await?;
    Ok(Ok(done))
}

async fn find_change(connection: &mut PgConnection, alert: Uuid, number: u32) -> Result<Option<AlertChange>, Error> {
    let message: Option<Vec<u8>> =
        sqlx::query_scalar("select message from alert_changes where alert_id = $1 and number = $2")
            .bind(alert)
            .bind(stored(number))
            .fetch_optional(connection)
            .await?;
    message.as_deref().map(decode).transpose()
}

fn decode(message: &[u8]) -> Result<AlertChange, Error> {
    homeroom_proto::alert::decode(message).map_err(|e| bad_row("alert_changes", "message", &e))
}

async fn keep(
    connection: &mut PgConnection,
    (district, alert): (&str, Uuid),
    duty: &DutyKey,
    key: &str,
) -> Result<Done, Error> {
    let row = sqlx::query(
        "insert into duties_done (alert_id, what, occurrence, district, done_at, done_by) values ($1, $2, $3, $4, clock(), $5)
         on conflict (alert_id, what, occurrence) do update set done_by = duties_done.done_by
         returning done_by, microseconds(done_at) as at",
    )
    .bind(alert)
    .bind(&duty.what)
    .bind(stored(duty.occurrence))
    .bind(district)
    .bind(key)
    .fetch_one(connection)
    .await?;
    Ok(Done { by: row.try_get("done_by")?, at: moment("duties_done", "done_at", row.try_get("at")?)? })
}

/// Which duties of these alerts are done.
pub(super) async fn known(
    connection: &mut PgConnection,
    alerts: &[Uuid],
) -> Result<BTreeMap<Uuid, BTreeSet<DutyKey>>, Error> {
    let rows: Vec<(Uuid, String, i32)> =
        sqlx::query_as("select alert_id, what, occurrence from duties_done where alert_id = any($1)")
            .bind(alerts)
            .fetch_all(connection)
            .await?;
    let mut known: BTreeMap<Uuid, BTreeSet<DutyKey>> = BTreeMap::new();
    for (alert, what, occurrence) in rows {
        let occurrence = count("duties_done", "occurrence", occurrence)?;
        known.entry(alert).or_default().insert(DutyKey { what, occurrence });
    }
    Ok(known)
}

/// Ends the words of rises whose duties are all done by now, unless they have become those of a later change. What an adapter has may
/// still arrive; when it does not, it is not tried again.
async fn withhold(connection: &mut PgConnection, alert: Uuid) -> Result<(), Error> {
    let done = known(connection, &[alert]).await?.remove(&alert).unwrap_or_default();
    let rises: Vec<Vec<u8>> = sqlx::query_scalar(
        "select message from alert_changes where alert_id = $1 and kind = 'escalated' and not untold order by number",
    )
    .bind(alert)
    .fetch_all(&mut *connection)
    .await?;
    let mut numbers: Vec<i32> = Vec::new();
    for message in rises {
        let change = decode(&message)?;
        if plan::is_done(&change, &done) {
            numbers.push(stored(change.number));
        }
    }
    if numbers.is_empty() {
        return Ok(());
    }
    sqlx::query("update alert_changes set untold = true where alert_id = $1 and number = any($2)")
        .bind(alert)
        .bind(&numbers)
        .execute(&mut *connection)
        .await?;
    let words: Vec<Uuid> = sqlx::query_scalar(
        "select delivery_id from deliveries
         where alert_id = $1 and kind = 'escalated' and change_number = any($2) and content_number = change_number
             and state in ('waiting', 'leased')
         order by delivery_id for update",
    )
    .bind(alert)
    .bind(&numbers)
    .fetch_all(&mut *connection)
    .await?;
    end(connection, &words, REASON).await
}

async fn list(connection: &mut PgConnection, district: &str, alert: Uuid) -> Result<Option<Duties>, Error> {
    let row = sqlx::query(
        "select c.number, c.message from alerts a join alert_changes c on c.alert_id = a.alert_id and c.number = a.last_number
         where a.alert_id = $1 and a.district = $2",
    )
    .bind(alert)
    .bind(district)
    .fetch_optional(&mut *connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let number = count("alert_changes", "number", row.try_get("number")?)?;
    let asked = decode(row.try_get("message")?)?.claim.terms.duties;
    let mut done = load(connection, alert).await?;
    let mut duties = Vec::new();
    for (key, duty) in DutyKey::of(&asked).iter().zip(asked) {
        duties.push(DutyState { duty, is_asked: true, done: done.remove(key) });
    }
    duties.extend(done.into_iter().map(|(key, done)| DutyState {
        duty: DueDuty { what: key.what, due_on: None, source: String::new(), evidence: String::new() },
        is_asked: false,
        done: Some(done),
    }));
    Ok(Some(Duties { number, duties }))
}

async fn load(connection: &mut PgConnection, alert: Uuid) -> Result<BTreeMap<DutyKey, Done>, Error> {
    let rows = sqlx::query(
        "select what, occurrence, done_by, microseconds(done_at) as at from duties_done where alert_id = $1",
    )
    .bind(alert)
    .fetch_all(connection)
    .await?;
    let done = |row: &sqlx::postgres::PgRow| {
        let occurrence = count("duties_done", "occurrence", row.try_get("occurrence")?)?;
        let key = DutyKey { what: row.try_get("what")?, occurrence };
        let at = moment("duties_done", "done_at", row.try_get("at")?)?;
        Ok((key, Done { by: row.try_get("done_by")?, at }))
    };
    rows.iter().map(done).collect()
}
