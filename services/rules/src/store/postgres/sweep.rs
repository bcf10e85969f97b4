//! Finding students whose last evaluation is behind the dates or reference records in force, or who were counted in an older way.

use homeroom_domain::counting;
use homeroom_pg::{Database, Districts, Error};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row as _};

use crate::metric;
use crate::store::postgres::load::read;
use crate::store::{Found, Wanted};

/// So many schools are gone through student by student; of more, everyone of the partition is read, once a pass and not once a
/// page.
const FEW_SCHOOLS: usize = 16;

/// Among whom a sweep looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// Who waits for something unknown, or could not be evaluated yet.
    Waiting,
    /// They, and who leans on one of a few schools.
    Schools,
    /// Everyone of the partition.
    Everyone,
}

impl Reach {
    fn of(wanted: &Wanted) -> Self {
        let schools = wanted.concerned.schools.len();
        if wanted.dates_moved || wanted.recount || wanted.concerned.everyone || schools > FEW_SCHOOLS {
            Self::Everyone
        } else if schools > 0 {
            Self::Schools
        } else {
            Self::Waiting
        }
    }
}

/// Who waits, in order of key.
const WAITING: &str = "
    select s.district, s.student, s.ledger, s.episodes, s.written, s.included_offset, s.evaluated_today,
           s.evaluated_as_of, s.evaluated_reference, s.counting, s.waiting
    from students s
    where s.partition = $1 and s.district = $2 and s.student > $3 and s.waiting
      and (s.evaluated_reference < $4 or s.evaluated_as_of is null)
    order by s.student limit $5";

/// Who waits, and who leans on some schools. A school's students are of every partition: an index has those of this one together, and
/// those of whom an earlier version has not said it (-1). `offset 0` and `limit 1` keep the order of the steps, since a prepared
/// statement's plan may be of a time when the tables were all but empty.
const OF_SCHOOLS: &str = "
    select s.district, s.student, s.ledger, s.episodes, s.written, s.included_offset, s.evaluated_today,
           s.evaluated_as_of, s.evaluated_reference, s.counting, s.waiting
    from (select student from students
          where partition = $1 and district = $2 and student > $3 and waiting
          union
          select of_school.student
          from unnest($6::text[]) as wanted (school)
          cross join unnest(array[$1, -1]) as said (partition)
          cross join lateral (
              select student from student_schools x
              where x.district = $2 and x.school = wanted.school and x.partition = said.partition and x.student > $3
              offset 0
          ) of_school) concerned
    cross join lateral (
        select * from students
        where students.partition = $1 and students.district = $2 and students.student = concerned.student
        limit 1
    ) s
    where s.evaluated_reference < $4 or s.evaluated_as_of is null
    order by concerned.student limit $5";

/// Everyone who is behind.
const OF_ALL: &str = "
    select s.district, s.student, s.ledger, s.episodes, s.written, s.included_offset, s.evaluated_today,
           s.evaluated_as_of, s.evaluated_reference, s.counting, s.waiting
    from students s
    where s.partition = $1 and s.district = $2 and s.student > $3
      and (s.evaluated_as_of is null or s.evaluated_as_of < $7 or s.evaluated_today < $8 or s.counting < $11
           or (s.evaluated_reference < $4
               and ($9 or (s.waiting and $10)
                    or exists (select 1 from student_schools x
                               where x.district = $2 and x.school = any ($6) and x.partition in ($1, -1)
                                 and x.student = s.student))))
    order by s.student limit $5";

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
    let full = usize::try_from(wanted.limit).unwrap_or(usize::MAX);
    let (mut found, mut after) = (Vec::new(), wanted.after.clone());
    loop {
        let asked = wanted.limit - i64::try_from(found.len()).unwrap_or(wanted.limit);
        let rows = rows(tx, wanted, &after, asked).await?;
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

async fn rows(tx: &mut PgConnection, wanted: &Wanted, after: &[u8], limit: i64) -> Result<Vec<PgRow>, Error> {
    let reach = Reach::of(wanted);
    let statement = match reach {
        Reach::Waiting => WAITING,
        Reach::Schools => OF_SCHOOLS,
        Reach::Everyone => OF_ALL,
    };
    let mut query = sqlx::query(statement)
        .bind(wanted.partition)
        .bind(wanted.district.as_str())
        .bind(after)
        .bind(wanted.reference_offset)
        .bind(limit);
    if reach != Reach::Waiting {
        query = query.bind(schools(wanted));
    }
    if reach == Reach::Everyone {
        query = query
            .bind(wanted.now.as_of.days())
            .bind(wanted.now.today.days())
            .bind(wanted.concerned.everyone)
            .bind(wanted.concerned.waiting)
            .bind(counting::VERSION);
    }
    Ok(query.fetch_all(tx).await?)
}

fn schools(wanted: &Wanted) -> Vec<String> {
    wanted.concerned.schools.iter().map(ToString::to_string).collect()
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

#[cfg(test)]
mod tests;
