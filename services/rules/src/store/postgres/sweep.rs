//! Finding students whose last evaluation is behind the dates or reference records in force.

use homeroom_pg::{Database, Districts, Error};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row as _};

use crate::metric;
use crate::reference::Concerned;
use crate::store::postgres::load::read;
use crate::store::{Found, Wanted};

/// Students of a partition whose dates are in force and whom reference records concern that are not.
pub(crate) async fn count_concerned(tx: &mut PgConnection, wanted: &Wanted) -> Result<i64, Error> {
    if wanted.concerned == Concerned::default() {
        return Ok(0);
    }
    let schools: Vec<String> = wanted.concerned.schools.iter().map(ToString::to_string).collect();
    let count = sqlx::query_scalar(
        "select count(*)
         from students s
         where s.partition = $1 and s.district = $2 and s.evaluated_as_of >= $3 and s.evaluated_today >= $4
           and s.evaluated_reference < $5
           and ($6 or (s.waiting and $8)
                or exists (select 1 from student_schools x
                           where x.district = s.district and x.student = s.student and x.school = any ($7)))",
    )
    .bind(wanted.partition)
    .bind(wanted.district.as_str())
    .bind(wanted.now.as_of.days())
    .bind(wanted.now.today.days())
    .bind(wanted.reference_offset)
    .bind(wanted.concerned.everyone)
    .bind(schools)
    .bind(wanted.concerned.waiting)
    .fetch_one(tx)
    .await?;
    Ok(count)
}

/// The next page of students that are behind, in order of key. One whose row cannot be read stays behind and stops no other.
pub(crate) async fn behind(database: &Database, wanted: &Wanted) -> Result<Vec<Found>, Error> {
    let districts = Districts::one(&wanted.district);
    let wanted = std::sync::Arc::new(wanted.clone());
    database
        .run("rules.student.sweep", &districts, move |tx| {
            let wanted = std::sync::Arc::clone(&wanted);
            Box::pin(async move { page(tx, &wanted).await })
        })
        .await
}

async fn page(tx: &mut PgConnection, wanted: &Wanted) -> Result<Vec<Found>, Error> {
    let schools: Vec<String> = wanted.concerned.schools.iter().map(ToString::to_string).collect();
    let full = usize::try_from(wanted.limit).unwrap_or(usize::MAX);
    let (mut found, mut after) = (Vec::new(), wanted.after.clone());
    loop {
        let asked = wanted.limit - i64::try_from(found.len()).unwrap_or(wanted.limit);
        let rows = sqlx::query(
            "select s.district, s.student, s.ledger, s.episodes, s.written, s.included_offset, s.evaluated_today,
                    s.evaluated_as_of, s.evaluated_reference, s.waiting
             from students s
             where s.partition = $1 and s.district = $2 and s.student > $3
               and (s.evaluated_as_of is null or s.evaluated_as_of < $4 or s.evaluated_today < $5
                    or (s.evaluated_reference < $6
                        and ($7 or (s.waiting and $8)
                             or exists (select 1 from student_schools x
                                        where x.district = s.district and x.student = s.student and x.school = any ($9)))))
             order by s.student limit $10",
        )
        .bind(wanted.partition)
        .bind(wanted.district.as_str())
        .bind(&after)
        .bind(wanted.now.as_of.days())
        .bind(wanted.now.today.days())
        .bind(wanted.reference_offset)
        .bind(wanted.concerned.everyone)
        .bind(wanted.concerned.waiting)
        .bind(&schools)
        .bind(asked)
        .fetch_all(&mut *tx)
        .await?;
        found.extend(rows.iter().filter_map(readable));
        match rows.last() {
            // As many as were asked for, and not all of them can be read.
            Some(last) if i64::try_from(rows.len()) == Ok(asked) && found.len() < full => {
                after = last.try_get("student")?;
            }
            _ => return Ok(found),
        }
    }
}

fn readable(row: &PgRow) -> Option<Found> {
    match read(row) {
        Ok(found) => Some(found),
        Err(error) => {
            metrics::counter!(metric::SWEEPS_REFUSED).increment(1);
            tracing::error!(error = %error, "a student whose row cannot be read stays behind the date or the reference records");
            None
        }
    }
}
