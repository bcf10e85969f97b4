//! The tables of what is merged.

use std::collections::HashMap;
use std::sync::Arc;

use homeroom_domain::id::{DistrictId, StudentKey};
use homeroom_pg::{Database, Districts, Error};
use jiff::Timestamp;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row as _};

use super::crosswalk::{Crosswalk, Decision, Refusal};
use super::{CHANNEL, Snapshot};

/// The most merges, and splits, that are listed: the newest.
const MAX_LISTED: i64 = 1_000;

/// How far the move has come of what was sent before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// Whether all of it has moved.
    pub is_moved: bool,
    /// Whether it cannot be as things are; those after it go on, and it is tried again now and then.
    pub is_set_aside: bool,
    /// Records that were moved.
    pub records: u64,
    /// Why it does not go on; none while it does.
    pub problem: Option<String>,
}

/// Two students that are one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merge {
    /// Whose records count for the other.
    pub from: StudentKey,
    /// Into whom they were merged.
    pub into: StudentKey,
    /// Since when.
    pub merged_at: Timestamp,
    /// How far it has come.
    pub state: State,
}

/// Two students that were one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// Who was merged.
    pub from: StudentKey,
    /// Into whom.
    pub into: StudentKey,
    /// Until when.
    pub split_at: Timestamp,
    /// How far it has come.
    pub state: State,
}

/// The last change of what is merged.
pub(super) async fn last_version(database: &Database) -> Result<i64, Error> {
    database
        .run("ingestion.merges.version", &Districts::none(), |connection| {
            Box::pin(
                async move { Ok(sqlx::query_scalar("select last from merge_versions").fetch_one(connection).await?) },
            )
        })
        .await
}

/// What is merged in these districts. One statement, so that it is as of one moment, and its version says which.
pub(super) async fn load(database: &Database, districts: &Districts) -> Result<Snapshot, Error> {
    database
        .run("ingestion.merges.load", districts, |connection| {
            Box::pin(async move {
                let sql = "select v.last, m.district, m.from_student, m.into_student \
                           from merge_versions v left join student_merges m on true";
                let rows = sqlx::query(sql).fetch_all(connection).await?;
                let mut version = 0;
                let mut merges = HashMap::<DistrictId, Vec<_>>::new();
                for row in &rows {
                    version = row.try_get(0)?;
                    if let Some(name) = row.try_get::<Option<String>, _>(1)? {
                        merges.entry(district(&name)?).or_default().push((student(row, 2)?, student(row, 3)?));
                    }
                }
                let districts = merges.into_iter().map(|(district, pairs)| (district, Arc::new(Crosswalk::of(pairs))));
                Ok(Snapshot { version, districts: districts.collect() })
            })
        })
        .await
}

/// A district's crosswalk, in a transaction of the caller's.
pub(crate) async fn find_in(connection: &mut PgConnection, district: &DistrictId) -> Result<Crosswalk, Error> {
    let sql = "select from_student, into_student from student_merges where district = $1";
    let rows = sqlx::query(sql).bind(district.as_str()).fetch_all(connection).await?;
    let pairs = rows.iter().map(|row| Ok((student(row, 0)?, student(row, 1)?)));
    Ok(Crosswalk::of(pairs.collect::<Result<Vec<_>, Error>>()?))
}

/// Merges a student into another, and has what was sent before moved.
pub(crate) async fn merge(
    database: &Database,
    district: &DistrictId,
    from: StudentKey,
    into: StudentKey,
) -> Result<Result<Merge, Refusal>, Error> {
    let district = district.clone();
    database
        .run("ingestion.students.merge", &Districts::one(&district.clone()), move |connection| {
            let district = district.clone();
            Box::pin(async move {
                let version = next_version(connection).await?;
                match find_in(connection, &district).await?.decide(from, into) {
                    Err(refusal) => return Ok(Err(refusal)),
                    Ok(Decision::AlreadySo) => {}
                    Ok(Decision::Merge) => {
                        let change =
                            Change { district: &district, version, is_split: false, from, into, student: from };
                        change.keep(connection).await?;
                    }
                }
                let merges = select_merges(connection, &district, Some(from)).await?;
                merges.into_iter().next().map(Ok).ok_or(Error::Abandoned("ingestion.students.merge"))
            })
        })
        .await
}

/// Ends the merge of a student, and has what was sent as the student moved back. A repeat changes nothing. None when the student
/// was never merged.
pub(crate) async fn split(
    database: &Database,
    district: &DistrictId,
    from: StudentKey,
) -> Result<Option<Split>, Error> {
    let district = district.clone();
    database
        .run("ingestion.students.split", &Districts::one(&district.clone()), move |connection| {
            let district = district.clone();
            Box::pin(async move {
                let version = next_version(connection).await?;
                // Of a chain, the records stand at its end.
                let student = find_in(connection, &district).await?.resolve(from);
                let sql = "delete from student_merges where district = $1 and from_student = $2 returning into_student";
                let query = sqlx::query(sql).bind(district.as_str()).bind(from.as_bytes().as_slice());
                if let Some(row) = query.fetch_optional(&mut *connection).await? {
                    let into = self::student(&row, 0)?;
                    Change { district: &district, version, is_split: true, from, into, student }
                        .keep(connection)
                        .await?;
                }
                Ok(select_splits(connection, &district, Some(from)).await?.into_iter().next())
            })
        })
        .await
}

/// The newest merges and splits of a district.
pub(crate) async fn list(database: &Database, district: &DistrictId) -> Result<(Vec<Merge>, Vec<Split>), Error> {
    let district = district.clone();
    database
        .run("ingestion.merges.list", &Districts::one(&district.clone()), move |connection| {
            let district = district.clone();
            Box::pin(async move {
                let merges = select_merges(connection, &district, None).await?;
                Ok((merges, select_splits(connection, &district, None).await?))
            })
        })
        .await
}

/// Locks out every other change of what is merged until the end of the transaction. What a refused one does not use is skipped.
async fn next_version(connection: &mut PgConnection) -> Result<i64, Error> {
    let sql = "update merge_versions set last = last + 1 returning last";
    Ok(sqlx::query_scalar(sql).fetch_one(connection).await?)
}

/// A merge or a split.
struct Change<'c> {
    district: &'c DistrictId,
    version: i64,
    is_split: bool,
    from: StudentKey,
    into: StudentKey,
    student: StudentKey,
}

impl Change<'_> {
    /// The order matters: the district's row waits for its batches of documents, and only then is what they left to be published
    /// all that there will be.
    async fn keep(&self, connection: &mut PgConnection) -> Result<(), Error> {
        let sql = "insert into change_versions (district, last, merge_version) values ($1, 0, $2) \
                   on conflict (district) do update set merge_version = excluded.merge_version";
        sqlx::query(sql).bind(self.district.as_str()).bind(self.version).execute(&mut *connection).await?;
        if !self.is_split {
            let sql = "insert into student_merges (district, from_student, into_student, merged_at, version) \
                       values ($1, $2, $3, now(), $4)";
            let query = sqlx::query(sql).bind(self.district.as_str()).bind(self.from.as_bytes().as_slice());
            query.bind(self.into.as_bytes().as_slice()).bind(self.version).execute(&mut *connection).await?;
        }
        let sql = "insert into student_moves (district, version, is_split, from_student, into_student, student, \
                       requested_at, outbox_mark, due_at) \
                   values ($1, $2, $3, $4, $5, $6, now(), (select coalesce(max(outbox_id), 0) from outbox), now())";
        sqlx::query(sql)
            .bind(self.district.as_str())
            .bind(self.version)
            .bind(self.is_split)
            .bind(self.from.as_bytes().as_slice())
            .bind(self.into.as_bytes().as_slice())
            .bind(self.student.as_bytes().as_slice())
            .execute(&mut *connection)
            .await?;
        sqlx::query("select pg_notify($1, '')").bind(CHANNEL).execute(connection).await?;
        Ok(())
    }
}

/// One that waits for an earlier one of its district says what that one's problem is.
const STATE: &str = "v.passes > 0, v.records, coalesce(v.problem, \
                         (select 'an earlier merge or split of the district comes first: ' || e.problem from student_moves e \
                              where e.district = v.district and e.version < v.version and e.passes = 0 and v.passes = 0 \
                                  and e.problem is not null and not e.set_aside order by e.version limit 1)), v.set_aside and v.passes = 0";

async fn select_merges(
    connection: &mut PgConnection,
    district: &DistrictId,
    from: Option<StudentKey>,
) -> Result<Vec<Merge>, Error> {
    let sql = format!(
        "select m.from_student, m.into_student, {AT}, {STATE} from student_merges m \
         join student_moves v on (v.district, v.version) = (m.district, m.version) \
         where m.district = $1 and ($2::bytea is null or m.from_student = $2) order by m.version desc limit $3",
        AT = "(extract(epoch from m.merged_at) * 1000000)::bigint",
    );
    let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(district.as_str());
    let rows = query.bind(from.map(|it| it.as_bytes().to_vec())).bind(MAX_LISTED).fetch_all(connection).await?;
    let merge = |row: &PgRow| {
        let (from, into, merged_at) = (student(row, 0)?, student(row, 1)?, moment(row, 2)?);
        Ok(Merge { from, into, merged_at, state: state(row)? })
    };
    rows.iter().map(merge).collect()
}

async fn select_splits(
    connection: &mut PgConnection,
    district: &DistrictId,
    from: Option<StudentKey>,
) -> Result<Vec<Split>, Error> {
    let sql = format!(
        "select v.from_student, v.into_student, {AT}, {STATE} from student_moves v \
         where v.district = $1 and v.is_split and ($2::bytea is null or v.from_student = $2) \
         order by v.version desc limit $3",
        AT = "(extract(epoch from v.requested_at) * 1000000)::bigint",
    );
    let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(district.as_str());
    let rows = query.bind(from.map(|it| it.as_bytes().to_vec())).bind(MAX_LISTED).fetch_all(connection).await?;
    let split = |row: &PgRow| {
        let (from, into, split_at) = (student(row, 0)?, student(row, 1)?, moment(row, 2)?);
        Ok(Split { from, into, split_at, state: state(row)? })
    };
    rows.iter().map(split).collect()
}

fn state(row: &PgRow) -> Result<State, Error> {
    let records: i64 = row.try_get(4)?;
    let (is_moved, is_set_aside) = (row.try_get(3)?, row.try_get(6)?);
    Ok(State { is_moved, is_set_aside, records: records.cast_unsigned(), problem: row.try_get(5)? })
}

/// A student's key in a column.
pub(super) fn student(row: &PgRow, column: usize) -> Result<StudentKey, Error> {
    let bytes: Vec<u8> = row.try_get(column)?;
    StudentKey::from_slice(&bytes).map_err(|error| bad_row("student", &error.to_string()))
}

/// A moment in a column, in microseconds.
pub(super) fn moment(row: &PgRow, column: usize) -> Result<Timestamp, Error> {
    Timestamp::from_microsecond(row.try_get(column)?).map_err(|error| bad_row("moment", &error.to_string()))
}

/// A district's name.
pub(super) fn district(name: &str) -> Result<DistrictId, Error> {
    DistrictId::parse(name).map_err(|error| bad_row("district", &error.to_string()))
}

fn bad_row(column: &'static str, problem: &str) -> Error {
    Error::Row { table: "student_moves", column, problem: problem.to_owned() }
}
