//! Cases: while one is open for a student, nobody is told of what rules say may wait for that (`quiet-while-case-open`).
//!
//! A word that may wait carries whose case holds it back, and the claim asks for an open one: so it does not matter what came first, the
//! case or the word, nor which process planned it, and what is under way when a case opens is not tried again before it closes. A word
//! waits as any other: what follows rewrites it or cancels it, and what takes an earlier word back is held by no case. The sweep sets
//! aside what is held, so that it is neither overdue nor runs out, and claims need not pass over it. It also lets go of what nothing
//! holds any more: whatever became of the process that closed a case, its words are told.

mod follow;
mod list;

use homeroom_domain::date::Date;
use homeroom_domain::id::{DistrictId, StudentKey};
use homeroom_pg::{Districts, Error};
use jiff::Timestamp;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use super::{Store, bad_row, moment, notify};
use crate::plan;

pub(super) use follow::follow;
pub(crate) use list::{After, OpenCase};

/// Who opened or closed a case, and when, by the database's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Act {
    /// Of which case.
    pub(crate) case: Uuid,
    /// The key's name.
    pub(crate) by: String,
    pub(crate) at: Timestamp,
}

impl Store {
    /// Opens a case for a student. Whoever did so first stays.
    pub(crate) async fn open_case(&self, district: &DistrictId, student: StudentKey, key: &str) -> Result<Act, Error> {
        self.database
            .run("open-case", &Districts::one(district), |connection| {
                let (district, key) = (district.as_str().to_owned(), key.to_owned());
                Box::pin(async move { open(connection, &district, student, &key).await })
            })
            .await
    }

    /// Closes the student's case, and lets go what it held back; none when no case is open.
    pub(crate) async fn close_case(
        &self,
        district: &DistrictId,
        student: StudentKey,
        key: &str,
    ) -> Result<Option<Act>, Error> {
        self.database
            .run("close-case", &Districts::one(district), |connection| {
                let (district, key) = (district.as_str().to_owned(), key.to_owned());
                Box::pin(async move { close(connection, &district, student, &key).await })
            })
            .await
    }

    /// Sets aside what is due and held back, and lets go of what is set aside and held back no more.
    pub(crate) async fn hold_back(&self, district: &DistrictId) -> Result<(), Error> {
        self.database
            .run("hold-back-deliveries", &Districts::one(district), |connection| {
                let district = district.as_str().to_owned();
                Box::pin(async move {
                    sqlx::query(SET_ASIDE).bind(&district).execute(&mut *connection).await?;
                    let_go(connection, &district).await
                })
            })
            .await
    }
}

/// What is still held a month later is set aside once more. A word is worth sending for as long as it would have been. The case is
/// locked too: it closes after this, and lets go of what this has set aside, or before, and nothing is.
const SET_ASIDE: &str = "
    update deliveries set set_aside_due_at = coalesce(set_aside_due_at, due_at), due_at = clock() + interval '30 days',
        expires_at = expires_at + (clock() + interval '30 days' - due_at)
    where delivery_id in (
        select d.delivery_id from cases c
        join deliveries d on d.district = c.district and d.quiet_of = c.student
        where c.district = $1 and c.closed_at is null and d.state = 'waiting' and d.due_at <= clock()
        order by d.delivery_id for update of d skip locked for share of c skip locked)";

/// What is set aside and held by nothing: its case is closed, or its rule lets it wait no more. Of late news with the change that it tells.
const HELD_NO_MORE: &str = "
    select d.delivery_id, d.late_since, microseconds(greatest(d.set_aside_due_at, clock())) as due_at,
        microseconds(clock()) as now, case when d.late_since is not null then (
            select a.message from alert_changes a where a.alert_id = d.alert_id and a.number = d.content_number) end as message
    from deliveries d
    where d.district = $1 and d.state = 'waiting' and d.set_aside_due_at is not null
        and not exists (select from cases c
            where c.district = d.district and c.student = d.quiet_of and c.closed_at is null)
    order by d.delivery_id limit $2 for update of d skip locked";

const LET_GO: &str = "
    update deliveries d set set_aside_due_at = null, due_at = moment(n.due_at), let_go_at = moment(n.due_at),
        expires_at = d.expires_at + (moment(n.due_at) - d.due_at)
    from unnest($1::uuid[], $2::bigint[]) as n (id, due_at)
    where d.delivery_id = n.id";

/// How many words are let go at once; the others follow with the next sweep.
const BATCH: i64 = 1_000;

/// Lets go of what a district's cases no longer hold back. What somebody else has locked is let go by the next sweep.
async fn let_go(connection: &mut PgConnection, district: &str) -> Result<(), Error> {
    let rows = sqlx::query(HELD_NO_MORE).bind(district).bind(BATCH).fetch_all(&mut *connection).await?;
    if rows.is_empty() {
        return Ok(());
    }
    let (mut ids, mut due): (Vec<Uuid>, Vec<i64>) = (Vec::new(), Vec::new());
    for row in &rows {
        ids.push(row.try_get("delivery_id")?);
        due.push(due_at(row)?.as_microsecond());
    }
    sqlx::query(LET_GO).bind(ids).bind(due).execute(&mut *connection).await?;
    notify(connection).await
}

/// When a word is due that nothing holds back any more.
fn due_at(row: &PgRow) -> Result<Timestamp, Error> {
    let due_at = moment("deliveries", "due_at", row.try_get("due_at")?)?;
    let Some(message) = row.try_get::<Option<Vec<u8>>, _>("message")? else { return Ok(due_at) };
    let late_since: Option<i32> = row.try_get("late_since")?;
    let late_since =
        late_since.map(Date::from_days).transpose().map_err(|e| bad_row("deliveries", "late_since", &e))?;
    let change = homeroom_proto::alert::decode(&message).map_err(|e| bad_row("alert_changes", "message", &e))?;
    let now = moment("deliveries", "now", row.try_get("now")?)?;
    Ok(due_at.max(plan::let_go(&change, late_since, now)))
}

async fn open(connection: &mut PgConnection, district: &str, student: StudentKey, key: &str) -> Result<Act, Error> {
    let row = sqlx::query(
        "insert into cases (case_id, district, student, opened_at, opened_by) values ($1, $2, $3, clock(), $4)
         on conflict (district, student) where closed_at is null do update set opened_by = cases.opened_by
         returning case_id, opened_by, microseconds(opened_at) as at",
    )
    .bind(Uuid::new_v4())
    .bind(district)
    .bind(student.as_bytes())
    .bind(key)
    .fetch_one(connection)
    .await?;
    let at = moment("cases", "opened_at", row.try_get("at")?)?;
    Ok(Act { case: row.try_get("case_id")?, by: row.try_get("opened_by")?, at })
}

async fn close(
    connection: &mut PgConnection,
    district: &str,
    student: StudentKey,
    key: &str,
) -> Result<Option<Act>, Error> {
    let row = sqlx::query(
        "update cases set closed_at = clock(), closed_by = $3
         where district = $1 and student = $2 and closed_at is null
         returning case_id, closed_by, microseconds(closed_at) as at",
    )
    .bind(district)
    .bind(student.as_bytes())
    .bind(key)
    .fetch_optional(&mut *connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let_go(&mut *connection, district).await?;
    // What was not due yet when the case was open waits as it did; what fell due just now is free to go.
    notify(connection).await?;
    let at = moment("cases", "closed_at", row.try_get("at")?)?;
    Ok(Some(Act { case: row.try_get("case_id")?, by: row.try_get("closed_by")?, at }))
}
