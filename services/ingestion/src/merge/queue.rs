//! What is to be moved, and who moves it.

use std::sync::Arc;
use std::time::Duration;

use homeroom_domain::id::{DistrictId, StudentKey};
use homeroom_pg::{Database, Districts, Error};
use jiff::Timestamp;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row as _};
use uuid::Uuid;

use super::crosswalk::Crosswalk;
use super::follow::ALIVE;
use super::store::{self, moment, student};

/// How long a process that stopped without a word keeps others from moving. No longer than a process counts as alive: who takes over too
/// early only does what is done already.
pub(super) const LEASE: Duration = ALIVE;

/// A look through a student's records.
#[derive(Debug, Clone)]
pub(super) struct Job {
    pub(super) district: DistrictId,
    pub(super) version: i64,
    /// Who was merged or split.
    pub(super) from: StudentKey,
    /// Under whose key the records stand.
    pub(super) student: StudentKey,
    /// When it was asked for.
    pub(super) requested_at: Timestamp,
    /// From which offset on.
    pub(super) looked_to: i64,
    /// When it was due, microseconds: whoever asks for another look meanwhile changes that.
    due_at: i64,
    /// Who is who in the district now.
    pub(super) crosswalk: Arc<Crosswalk>,
}

/// The next job that may begin, when this process has the lease. Those of a district begin in order, each after the one before it
/// has looked through everything once: what that one brought here is then seen. One that is set aside is not waited for, neither by
/// those of its district nor by others that could begin: when it succeeds after all, it moves records to where they belong by then.
pub(super) async fn claim(database: &Database, districts: &Districts, owner: Uuid) -> Result<Option<Job>, Error> {
    database
        .run("ingestion.moves.claim", districts, move |connection| {
            Box::pin(async move {
                let sql = "select m.district, m.version, m.from_student, m.student, \
                               (extract(epoch from m.requested_at) * 1000000)::bigint, m.looked_to, \
                               (extract(epoch from m.due_at) * 1000000)::bigint \
                           from student_moves m \
                           where m.due_at <= now() \
                               and not exists (select from student_moves e \
                                   where e.district = m.district and e.version < m.version and e.passes = 0 and not e.set_aside) \
                               and not exists (select from outbox o \
                                   where o.district = m.district and o.outbox_id <= m.outbox_mark) \
                               and not exists (select from merge_readers r \
                                   where r.version < m.version and r.seen_at > now() - make_interval(secs => $1)) \
                           order by m.set_aside, m.due_at, m.version limit 1";
                let query = sqlx::query(sql).bind(ALIVE.as_secs_f64());
                let Some(row) = query.fetch_optional(&mut *connection).await? else { return Ok(None) };
                // Asked for last, since nearly always there is nothing to do.
                if !lease(connection, owner).await? {
                    return Ok(None);
                }
                let mut job = job(&row)?;
                job.crosswalk = Arc::new(store::find_in(connection, &job.district).await?);
                Ok(Some(job))
            })
        })
        .await
}

/// Whether a job is due, although it may not begin yet.
pub(super) async fn is_any_due(database: &Database, districts: &Districts) -> Result<bool, Error> {
    database
        .run("ingestion.moves.due", districts, |connection| {
            Box::pin(async move {
                let sql = "select exists (select from student_moves where due_at <= now())";
                Ok(sqlx::query_scalar(sql).fetch_one(connection).await?)
            })
        })
        .await
}

fn job(row: &PgRow) -> Result<Job, Error> {
    Ok(Job {
        district: store::district(&row.try_get::<String, _>(0)?)?,
        version: row.try_get(1)?,
        from: student(row, 2)?,
        student: student(row, 3)?,
        requested_at: moment(row, 4)?,
        looked_to: row.try_get(5)?,
        due_at: row.try_get(6)?,
        crosswalk: Arc::default(),
    })
}

/// Keeps the lease, and counts records that were moved. False when another process has it. Why a job is set aside is said until it is
/// finished: that it is tried once more solves nothing.
pub(super) async fn go_on(database: &Database, job: &Job, owner: Uuid, records: usize) -> Result<bool, Error> {
    let (district, version, records) = (job.district.clone(), job.version, i64::try_from(records).unwrap_or(i64::MAX));
    database
        .run("ingestion.move.go_on", &Districts::one(&job.district), move |connection| {
            let district = district.clone();
            Box::pin(async move {
                if !lease(connection, owner).await? {
                    return Ok(false);
                }
                let sql = "update student_moves set records = records + $3, problem = case when set_aside then problem end \
                           where district = $1 and version = $2";
                let query = sqlx::query(sql).bind(district.as_str()).bind(version).bind(records);
                query.execute(connection).await?;
                Ok(true)
            })
        })
        .await
}

/// The records are looked through up to an offset. After the first time they are looked at once more, `settle` later.
pub(super) async fn finish(database: &Database, job: &Job, looked_to: i64, settle: Duration) -> Result<(), Error> {
    let (district, version, due_at) = (job.district.clone(), job.version, job.due_at);
    database
        .run("ingestion.move.finish", &Districts::one(&job.district), move |connection| {
            let district = district.clone();
            Box::pin(async move {
                let sql = "update student_moves set passes = passes + 1, looked_to = greatest(looked_to, $3), problem = null, set_aside = false, \
                               due_at = case when passes = 0 then now() + make_interval(secs => $4) \
                                   when (extract(epoch from due_at) * 1000000)::bigint <> $5 then due_at end \
                           where district = $1 and version = $2";
                let query = sqlx::query(sql).bind(district.as_str()).bind(version).bind(looked_to);
                query.bind(settle.as_secs_f64()).bind(due_at).execute(connection).await?;
                Ok(())
            })
        })
        .await
}

/// Says why a job does not go on, and has it tried again later: after the first pause, or the time since it was asked for when that is
/// longer, which doubles from one try to the next, at most the second one. One that is set aside holds up no other until it is finished,
/// also when another problem comes between.
pub(super) async fn put_off(
    database: &Database,
    job: &Job,
    problem: String,
    set_aside: bool,
    (pause, at_most): (Duration, Duration),
) -> Result<(), Error> {
    let (district, version) = (job.district.clone(), job.version);
    database
        .run("ingestion.move.put_off", &Districts::one(&job.district), move |connection| {
            let (district, problem) = (district.clone(), problem.clone());
            Box::pin(async move {
                let sql = "update student_moves set problem = case when set_aside and not $3 then problem else $4 end, \
                               set_aside = set_aside or $3, \
                               due_at = now() + greatest(make_interval(secs => $5), \
                                   least(now() - requested_at, make_interval(secs => $6))) \
                           where district = $1 and version = $2";
                let query = sqlx::query(sql).bind(district.as_str()).bind(version).bind(set_aside).bind(problem);
                query.bind(pause.as_secs_f64()).bind(at_most.as_secs_f64()).execute(connection).await?;
                Ok(())
            })
        })
        .await
}

/// Lets another process go on at once.
pub(super) async fn release(database: &Database, owner: Uuid) -> Result<(), Error> {
    database
        .run("ingestion.merge_lease.release", &Districts::none(), move |connection| {
            Box::pin(async move {
                let sql = "update merge_lease set leased_until = 'epoch' where owner = $1";
                sqlx::query(sql).bind(owner).execute(connection).await?;
                Ok(())
            })
        })
        .await
}

async fn lease(connection: &mut PgConnection, owner: Uuid) -> Result<bool, Error> {
    let sql = "update merge_lease set owner = $1, leased_until = now() + make_interval(secs => $2) \
               where owner = $1 or leased_until < now()";
    let done = sqlx::query(sql).bind(owner).bind(LEASE.as_secs_f64()).execute(connection).await?;
    Ok(done.rows_affected() == 1)
}
