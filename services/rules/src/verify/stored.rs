//! What the tables hold of a student, beside the ledger too.

use std::collections::{BTreeMap, BTreeSet};

use homeroom_domain::id::{DistrictId, StudentKey};
use homeroom_pg::{Database, Districts, Error};
use sqlx::{PgConnection, Row as _};

use crate::evaluate::{Row, Student};
use crate::store::postgres::load;

/// One student with all of its rows.
pub(super) struct Stored {
    pub(super) key: (DistrictId, StudentKey),
    pub(super) student: Student,
    marks: i32,
    open_alerts: i32,
    live: bool,
    /// The rows of measures with the tier as stored, in order of school, the district as a whole first.
    measures: Vec<(Row, Option<i16>)>,
    leans_on: BTreeSet<String>,
}

impl Stored {
    /// What differs between the student's own row and those beside it.
    pub(super) fn beside(&self) -> Option<&'static str> {
        let student = &self.student;
        let marks = usize::try_from(self.marks).ok();
        if marks != Some(student.ledger.count_marks()) {
            return Some("count of marks");
        }
        if usize::try_from(self.open_alerts).ok() != Some(student.open_alerts()) {
            return Some("count of open alerts");
        }
        if self.live != student.ledger.says_anything() {
            return Some("whether anything is said of the student");
        }
        let written: BTreeMap<_, _> = student.written.rows.iter().map(|row| (row.school.clone(), row)).collect();
        let same = written.len() == self.measures.len()
            && self.measures.iter().all(|(row, tier)| {
                written.get(&row.school) == Some(&row) && *tier == row.measures.tier().map(i16::from)
            });
        if !same {
            return Some("rows of measures");
        }
        let leans_on: BTreeSet<String> = student.written.leans_on.iter().map(ToString::to_string).collect();
        (leans_on != self.leans_on).then_some("rows of schools")
    }
}

/// The students of a partition behind one, in order of key.
pub(super) async fn page(
    database: &Database,
    district: &DistrictId,
    partition: i32,
    after: Vec<u8>,
) -> Result<Vec<Stored>, Error> {
    let district = district.clone();
    database
        .run("rules.verify.page", &Districts::one(&district.clone()), move |tx| {
            let (district, after) = (district.clone(), after.clone());
            Box::pin(async move { read(tx, &district, partition, after).await })
        })
        .await
}

async fn read(
    tx: &mut PgConnection,
    district: &DistrictId,
    partition: i32,
    after: Vec<u8>,
) -> Result<Vec<Stored>, Error> {
    let rows = sqlx::query(
        "select district, student, ledger, episodes, written, included_offset, evaluated_today, evaluated_as_of,
                evaluated_reference, counting, waiting, marks, open_alerts, live
         from students where partition = $1 and district = $2 and student > $3 order by student limit 500",
    )
    .bind(partition)
    .bind(district.as_str())
    .bind(after)
    .fetch_all(&mut *tx)
    .await?;
    let keys: Vec<Vec<u8>> = rows.iter().map(|row| row.try_get("student")).collect::<Result<_, _>>()?;
    let mut measures = measures(tx, district, &keys).await?;
    let mut leans_on = leans_on(tx, district, partition, &keys).await?;
    let stored = rows.iter().zip(keys).map(|(row, bytes)| {
        let (key, student) = load::read(row)?;
        Ok(Stored {
            key,
            student,
            marks: row.try_get("marks")?,
            open_alerts: row.try_get("open_alerts")?,
            live: row.try_get("live")?,
            measures: measures.remove(&bytes).unwrap_or_default(),
            leans_on: leans_on.remove(&bytes).unwrap_or_default(),
        })
    });
    stored.collect()
}

async fn measures(
    tx: &mut PgConnection,
    district: &DistrictId,
    keys: &[Vec<u8>],
) -> Result<BTreeMap<Vec<u8>, Vec<(Row, Option<i16>)>>, Error> {
    let rows =
        sqlx::query("select * from measures where district = $1 and student = any ($2) order by student, school")
            .bind(district.as_str())
            .bind(keys)
            .fetch_all(tx)
            .await?;
    let mut measures: BTreeMap<Vec<u8>, Vec<_>> = BTreeMap::new();
    for row in &rows {
        let (student, measure) = load::row(row)?;
        measures.entry(student).or_default().push((measure, row.try_get("tier")?));
    }
    Ok(measures)
}

/// A row that names another partition is as good as missing: no sweep of a school finds the student by it.
async fn leans_on(
    tx: &mut PgConnection,
    district: &DistrictId,
    partition: i32,
    keys: &[Vec<u8>],
) -> Result<BTreeMap<Vec<u8>, BTreeSet<String>>, Error> {
    let pairs: Vec<(Vec<u8>, String)> = sqlx::query_as(
        "select student, school from student_schools where district = $1 and partition in ($2, -1) and student = any ($3)",
    )
    .bind(district.as_str())
    .bind(partition)
    .bind(keys)
    .fetch_all(tx)
    .await?;
    let mut schools: BTreeMap<Vec<u8>, BTreeSet<String>> = BTreeMap::new();
    for (student, school) in pairs {
        schools.entry(student).or_default().insert(school);
    }
    Ok(schools)
}
