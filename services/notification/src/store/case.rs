//! Cases: while one is open for a student, nobody is told of what rules say may wait for that (`quiet-while-case-open`).
//!
//! A word that may wait carries whose case holds it back, and the claim asks for an open one: so it does not matter what came first, the
//! case or the word, nor which process planned it, and what is under way when a case opens is not tried again before it closes. A word
//! waits as any other: what follows rewrites it or cancels it, and what takes an earlier word back is held by no case. The sweep sets
//! aside what is held, so that it is neither overdue nor runs out, and claims need not pass over it.

use homeroom_domain::id::{DistrictId, StudentKey};
use homeroom_pg::{Districts, Error};
use jiff::Timestamp;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use super::{Store, moment, notify};

/// Who opened or closed a case, and when, by the database's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Act {
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

    /// Sets aside what is due and held back.
    pub(crate) async fn set_aside(&self, district: &DistrictId) -> Result<(), Error> {
        self.database
            .run("set-aside-deliveries", &Districts::one(district), |connection| {
                let district = district.as_str().to_owned();
                Box::pin(async move {
                    sqlx::query(SET_ASIDE).bind(district).execute(connection).await?;
                    Ok(())
                })
            })
            .await
    }
}

/// What is still held a month later is set aside once more. A word is worth sending for as long as it would have been.
const SET_ASIDE: &str = "
    update deliveries set set_aside_due_at = coalesce(set_aside_due_at, due_at), due_at = clock() + interval '30 days',
        expires_at = expires_at + (clock() + interval '30 days' - due_at)
    where delivery_id in (
        select d.delivery_id from cases c
        join deliveries d on d.district = c.district and d.quiet_of = c.student
        where c.district = $1 and c.closed_at is null and d.state = 'waiting' and d.due_at <= clock()
        order by d.delivery_id for update of d skip locked)";

const LET_GO: &str = "
    update deliveries set set_aside_due_at = null, due_at = greatest(set_aside_due_at, clock()),
        expires_at = expires_at + (greatest(set_aside_due_at, clock()) - due_at)
    where delivery_id in (
        select delivery_id from deliveries
        where district = $1 and quiet_of = $2 and state = 'waiting' and set_aside_due_at is not null
        order by delivery_id for update)";

async fn open(connection: &mut PgConnection, district: &str, student: StudentKey, key: &str) -> Result<Act, Error> {
    sqlx::query(
        "insert into cases (case_id, district, student, opened_at, opened_by) values ($1, $2, $3, clock(), $4)
         on conflict (district, student) where closed_at is null do nothing",
    )
    .bind(Uuid::new_v4())
    .bind(district)
    .bind(student.as_bytes())
    .bind(key)
    .execute(&mut *connection)
    .await?;
    let row = sqlx::query(
        "select opened_by, microseconds(opened_at) as at from cases
         where district = $1 and student = $2 and closed_at is null",
    )
    .bind(district)
    .bind(student.as_bytes())
    .fetch_one(connection)
    .await?;
    Ok(Act { by: row.try_get("opened_by")?, at: moment("cases", "opened_at", row.try_get("at")?)? })
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
         returning closed_by, microseconds(closed_at) as at",
    )
    .bind(district)
    .bind(student.as_bytes())
    .bind(key)
    .fetch_optional(&mut *connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    sqlx::query(LET_GO).bind(district).bind(student.as_bytes()).execute(&mut *connection).await?;
    notify(connection).await?;
    Ok(Some(Act { by: row.try_get("closed_by")?, at: moment("cases", "closed_at", row.try_get("at")?)? }))
}
