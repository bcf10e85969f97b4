//! Reading students and dates back.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use homeroom_domain::count::Count;
use homeroom_domain::date::Date;
use homeroom_domain::episode::Episodes;
use homeroom_domain::id::{DistrictId, SchoolId, StudentKey};
use homeroom_domain::ledger::Ledger;
use homeroom_domain::measure::Measures;
use homeroom_domain::settings::Now;
use homeroom_pg::{Database, Districts, Error};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row as _};

use crate::evaluate::{Row, Student, Written};
use crate::store::Found;
use crate::store::postgres::bad_row;

/// Loads students by district and key; the missing ones are new.
///
/// Each is looked up by itself: the plan of a prepared statement may be of a time when the table was all but empty, and a join
/// that reads every row for a batch, which was right then, takes longer with each student when a district has just arrived.
pub(crate) async fn students(database: &Database, wanted: Vec<(DistrictId, StudentKey)>) -> Result<Vec<Found>, Error> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let districts = Districts::of(wanted.iter().map(|(district, _)| district));
    let names: Vec<String> = wanted.iter().map(|(district, _)| district.to_string()).collect();
    let keys: Vec<Vec<u8>> = wanted.iter().map(|(_, student)| student.as_bytes().to_vec()).collect();
    database
        .run("rules.student.load", &districts, move |tx| {
            let (names, keys) = (names.clone(), keys.clone());
            Box::pin(async move {
                let rows = sqlx::query(
                    "select s.district, s.student, s.ledger, s.episodes, s.written, s.included_offset, s.evaluated_today,
                            s.evaluated_as_of, s.evaluated_reference, s.counting, s.waiting
                     from unnest($1::text[], $2::bytea[]) as wanted (district, student)
                     cross join lateral (
                         select * from students
                         where students.district = wanted.district and students.student = wanted.student
                         limit 1
                     ) s",
                )
                .bind(names)
                .bind(keys)
                .fetch_all(tx)
                .await?;
                rows.iter().map(read).collect()
            })
        })
        .await
}

/// A page of a district's students behind one, in order of key, read inside a transaction.
pub(crate) async fn page(
    tx: &mut PgConnection,
    district: &DistrictId,
    after: &[u8],
    limit: i64,
) -> Result<Vec<Found>, Error> {
    let rows = sqlx::query(
        "select district, student, ledger, episodes, written, included_offset, evaluated_today, evaluated_as_of, evaluated_reference,
                counting, waiting
         from students where district = $1 and student > $2 order by student limit $3",
    )
    .bind(district.as_str())
    .bind(after)
    .bind(limit)
    .fetch_all(tx)
    .await?;
    rows.iter().map(read).collect()
}

pub(crate) fn read(row: &PgRow) -> Result<Found, Error> {
    let district =
        DistrictId::parse(row.try_get("district")?).map_err(|error| bad_row("student", "district", &error))?;
    let key = StudentKey::from_slice(row.try_get("student")?).map_err(|error| bad_row("student", "student", &error))?;
    let student = Student {
        ledger: Ledger::decode(row.try_get("ledger")?).map_err(|error| bad_row("student", "ledger", &error))?,
        episodes: Episodes::decode(row.try_get("episodes")?).map_err(|error| bad_row("student", "episodes", &error))?,
        written: Arc::new(Written::decode(row.try_get("written")?)?),
        included_offset: row.try_get("included_offset")?,
        evaluated: dates(row.try_get("evaluated_today")?, row.try_get("evaluated_as_of")?)?,
        evaluated_reference: row.try_get("evaluated_reference")?,
        counting: row.try_get("counting")?,
        waiting: row.try_get("waiting")?,
        count: Count::default(),
    };
    Ok(((district, key), student))
}

/// A row of measures and whose it is.
pub(crate) fn row(row: &PgRow) -> Result<(Vec<u8>, Row), Error> {
    let school: String = row.try_get("school")?;
    let school = if school.is_empty() {
        None
    } else {
        Some(SchoolId::parse(&school).map_err(|error| bad_row("measure", "school", &error))?)
    };
    let measures = Measures {
        enrolled: row.try_get("enrolled")?,
        absent: row.try_get("absent")?,
        unexcused: row.try_get("unexcused")?,
        tardy: row.try_get("tardy")?,
        streak: row.try_get("streak")?,
        unexcused_streak: row.try_get("unexcused_streak")?,
        unexplained_absence_today: row.try_get("unexplained_absence_today")?,
        failing: row.try_get("failing")?,
        failing_core: row.try_get("failing_core")?,
    };
    let open_alerts = u32::try_from(row.try_get::<i32, _>("open_alerts")?)
        .map_err(|error| bad_row("measure", "open_alerts", &error))?;
    Ok((row.try_get("student")?, Row { school, measures, open_alerts }))
}

fn dates(today: Option<i32>, as_of: Option<i32>) -> Result<Option<Now>, Error> {
    let (Some(today), Some(as_of)) = (today, as_of) else { return Ok(None) };
    let date = |days, column| Date::from_days(days).map_err(|error| bad_row("student", column, &error));
    Ok(Some(Now { today: date(today, "evaluated_today")?, as_of: date(as_of, "evaluated_as_of")? }))
}

/// The dates in force for a district's students of a partition.
pub(crate) async fn district_date(
    database: &Database,
    district: &DistrictId,
    partition: i32,
) -> Result<Option<Now>, Error> {
    let name = district.to_string();
    database
        .run("rules.district_date.load", &Districts::one(district), move |tx| {
            let name = name.clone();
            Box::pin(async move {
                let row: Option<(i32, i32)> =
                    sqlx::query_as("select today, as_of from district_dates where district = $1 and partition = $2")
                        .bind(name)
                        .bind(partition)
                        .fetch_optional(tx)
                        .await?;
                row.map_or(Ok(None), |(today, as_of)| dates(Some(today), Some(as_of)))
            })
        })
        .await
}

/// Offsets of a partition's dead letters within a range.
pub(crate) async fn given_up(database: &Database, partition: i32, offsets: Range<i64>) -> Result<BTreeSet<i64>, Error> {
    database
        .run("rules.dead_letter.list", &Districts::none(), move |tx| {
            let offsets = offsets.clone();
            Box::pin(async move {
                let offsets: Vec<i64> = sqlx::query_scalar(
                    "select event_offset from dead_letters where partition = $1 and event_offset >= $2 and event_offset < $3",
                )
                .bind(partition)
                .bind(offsets.start)
                .bind(offsets.end)
                .fetch_all(tx)
                .await?;
                Ok(offsets.into_iter().collect())
            })
        })
        .await
}

impl Written {
    pub(crate) fn encode(&self) -> Vec<u8> {
        postcard::to_stdvec(self).expect("plain values always encode into memory")
    }

    fn decode(bytes: &[u8]) -> Result<Self, Error> {
        postcard::from_bytes(bytes).map_err(|error| bad_row("student", "written", &error))
    }
}
