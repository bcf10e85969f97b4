//! One batch's effects, in one transaction that begins with the fence.

use std::collections::BTreeMap;
use std::sync::Arc;

use homeroom_domain::id::{DistrictId, RuleId, SchoolId};
use homeroom_domain::settings::Now;
use homeroom_pg::{Database, Districts, Error};
use sqlx::PgConnection;

use crate::evaluate::{Row, Written};
use crate::store::postgres::outbox;
use crate::store::{Committed, DeadLetter, Effects, Lease, OutboxRow, StudentChange, Tally};

/// Commits the effects and moves the lease from `from` to `to`.
pub(crate) async fn commit(
    database: &Database,
    from: Lease,
    to: Lease,
    effects: Arc<Effects>,
) -> Result<Committed, Error> {
    let of_students = effects.students.iter().map(|change| &change.district);
    let districts = Districts::of(
        of_students
            .chain(effects.dates.iter().map(|(district, _)| district))
            .chain(effects.tally.keys().map(|(district, _)| district))
            .collect::<std::collections::BTreeSet<_>>(),
    );
    let result = database
        .run("rules.batch.commit", &districts, move |tx| {
            let effects = Arc::clone(&effects);
            Box::pin(async move {
                if !advance(tx, from, to).await? {
                    return Err(Error::Abandoned("rules.batch.commit"));
                }
                write(tx, from, &effects).await
            })
        })
        .await;
    match result {
        Ok(()) => Ok(Committed::Yes),
        Err(Error::Abandoned(_)) => Ok(Committed::Fenced),
        Err(error) => Err(error),
    }
}

async fn advance(tx: &mut PgConnection, from: Lease, to: Lease) -> Result<bool, Error> {
    let moved = sqlx::query(
        "update partitions
         set commits = $3, next_offset = $4, state_offset = $5, reference_offset = $6, alerts_offset = $7, next_seq = $8
         where partition = $1 and epoch = $2 and commits = $9 and next_offset = $10 and state_offset = $11
           and reference_offset = $12 and alerts_offset = $13 and next_seq = $14",
    )
    .bind(from.partition)
    .bind(from.epoch)
    .bind(to.commits)
    .bind(to.next_offset)
    .bind(to.state_offset)
    .bind(to.reference_offset)
    .bind(to.alerts_offset)
    .bind(to.next_seq)
    .bind(from.commits)
    .bind(from.next_offset)
    .bind(from.state_offset)
    .bind(from.reference_offset)
    .bind(from.alerts_offset)
    .bind(from.next_seq)
    .execute(tx)
    .await?;
    Ok(moved.rows_affected() == 1)
}

async fn write(tx: &mut PgConnection, from: Lease, effects: &Effects) -> Result<(), Error> {
    dates(tx, from.partition, &effects.dates).await?;
    students(tx, from.partition, &effects.students).await?;
    measures(tx, &effects.students).await?;
    leanings(tx, &effects.students).await?;
    tally(tx, from.partition, &effects.tally).await?;
    messages(tx, from, &effects.outbox).await?;
    dead_letters(tx, from.partition, &effects.dead_letters).await
}

async fn dates(tx: &mut PgConnection, partition: i32, dates: &[(DistrictId, Now)]) -> Result<(), Error> {
    for (district, now) in dates {
        sqlx::query(
            "insert into district_dates (district, partition, today, as_of) values ($1, $2, $3, $4)
             on conflict (district, partition) do update
             set today = greatest(district_dates.today, excluded.today), as_of = greatest(district_dates.as_of, excluded.as_of)",
        )
        .bind(district.as_str())
        .bind(partition)
        .bind(now.today.days())
        .bind(now.as_of.days())
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}

async fn students(tx: &mut PgConnection, partition: i32, changes: &[StudentChange]) -> Result<(), Error> {
    if changes.is_empty() {
        return Ok(());
    }
    let column = |of: fn(&StudentChange) -> Vec<u8>| changes.iter().map(of).collect::<Vec<_>>();
    let districts: Vec<&str> = changes.iter().map(|change| change.district.as_str()).collect();
    let keys: Vec<&[u8]> = changes.iter().map(|change| change.student.as_bytes().as_slice()).collect();
    let evaluated =
        |of: fn(Now) -> i32| changes.iter().map(|change| change.after.evaluated.map(of)).collect::<Vec<Option<i32>>>();
    sqlx::query(
        "insert into students (district, student, partition, ledger, episodes, written, included_offset, evaluated_today,
                              evaluated_as_of, evaluated_reference, waiting, marks, open_alerts)
         select district, student, $1, ledger, episodes, written, included_offset, evaluated_today, evaluated_as_of,
                evaluated_reference, waiting, marks, open_alerts
         from unnest($2::text[], $3::bytea[], $4::bytea[], $5::bytea[], $6::bytea[], $7::bigint[], $8::int[], $9::int[],
                     $10::bigint[], $11::bool[], $12::int[], $13::int[])
              as new (district, student, ledger, episodes, written, included_offset, evaluated_today, evaluated_as_of,
                      evaluated_reference, waiting, marks, open_alerts)
         on conflict (district, student) do update
         set partition = excluded.partition, ledger = excluded.ledger, episodes = excluded.episodes, written = excluded.written,
             included_offset = excluded.included_offset, evaluated_today = excluded.evaluated_today,
             evaluated_as_of = excluded.evaluated_as_of, evaluated_reference = excluded.evaluated_reference,
             waiting = excluded.waiting, marks = excluded.marks, open_alerts = excluded.open_alerts",
    )
    .bind(partition)
    .bind(districts)
    .bind(keys)
    .bind(column(|change| change.after.ledger.encode()))
    .bind(column(|change| change.after.episodes.encode()))
    .bind(column(|change| change.after.written.encode()))
    .bind(changes.iter().map(|change| change.after.included_offset).collect::<Vec<_>>())
    .bind(evaluated(|now| now.today.days()))
    .bind(evaluated(|now| now.as_of.days()))
    .bind(changes.iter().map(|change| change.after.evaluated_reference).collect::<Vec<_>>())
    .bind(changes.iter().map(|change| change.after.waiting).collect::<Vec<_>>())
    .bind(changes.iter().map(|change| count(change.after.ledger.count_marks())).collect::<Vec<_>>())
    .bind(changes.iter().map(|change| count(change.after.open_alerts())).collect::<Vec<_>>())
    .execute(tx)
    .await?;
    Ok(())
}

impl StudentChange {
    /// Whether the tables beside the student's row may need anything.
    pub(super) fn moves_tables(&self) -> bool {
        !Arc::ptr_eq(&self.before, &self.after.written)
    }
}

fn count(many: usize) -> i32 {
    i32::try_from(many).unwrap_or(i32::MAX)
}

/// Writes the rows that differ from what is there, and deletes those that are no more.
async fn measures(tx: &mut PgConnection, changes: &[StudentChange]) -> Result<(), Error> {
    let (mut new, mut gone) = (Vec::new(), Vec::new());
    for change in changes.iter().filter(|change| change.moves_tables()) {
        let rows = &change.after.written.rows;
        new.extend(rows.iter().filter(|row| !change.before.rows.contains(row)).map(|row| (change, row)));
        let dropped = change.before.rows.iter().filter(|old| !rows.iter().any(|row| row.school == old.school));
        gone.extend(dropped.map(|row| (change, row)));
    }
    upsert_measures(tx, &new).await?;
    if gone.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "delete from measures using unnest($1::text[], $2::bytea[], $3::text[]) as gone (district, student, school)
         where measures.district = gone.district and measures.student = gone.student and measures.school = gone.school",
    )
    .bind(gone.iter().map(|(change, _)| change.district.as_str()).collect::<Vec<_>>())
    .bind(gone.iter().map(|(change, _)| change.student.as_bytes().as_slice()).collect::<Vec<_>>())
    .bind(gone.iter().map(|(_, row)| school(row)).collect::<Vec<_>>())
    .execute(tx)
    .await?;
    Ok(())
}

fn school(row: &Row) -> &str {
    row.school.as_ref().map_or("", SchoolId::as_str)
}

async fn upsert_measures(tx: &mut PgConnection, rows: &[(&StudentChange, &Row)]) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let numbers = |of: fn(&Row) -> i64| rows.iter().map(|(_, row)| of(row)).collect::<Vec<i64>>();
    sqlx::query(
        "insert into measures (district, student, school, enrolled, absent, unexcused, tardy, tier, streak, unexcused_streak,
                              unexplained_absence_today, failing, failing_core, open_alerts)
         select * from unnest($1::text[], $2::bytea[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],
                              $8::smallint[], $9::bigint[], $10::bigint[], $11::bool[], $12::bigint[], $13::bigint[], $14::int[])
         on conflict (district, student, school) do update
         set enrolled = excluded.enrolled, absent = excluded.absent, unexcused = excluded.unexcused, tardy = excluded.tardy,
             tier = excluded.tier, streak = excluded.streak, unexcused_streak = excluded.unexcused_streak,
             unexplained_absence_today = excluded.unexplained_absence_today, failing = excluded.failing,
             failing_core = excluded.failing_core, open_alerts = excluded.open_alerts",
    )
    .bind(rows.iter().map(|(change, _)| change.district.as_str()).collect::<Vec<_>>())
    .bind(rows.iter().map(|(change, _)| change.student.as_bytes().as_slice()).collect::<Vec<_>>())
    .bind(rows.iter().map(|(_, row)| school(row)).collect::<Vec<_>>())
    .bind(numbers(|row| row.measures.enrolled))
    .bind(numbers(|row| row.measures.absent))
    .bind(numbers(|row| row.measures.unexcused))
    .bind(numbers(|row| row.measures.tardy))
    .bind(rows.iter().map(|(_, row)| row.measures.tier().map(i16::from)).collect::<Vec<_>>())
    .bind(numbers(|row| row.measures.streak))
    .bind(numbers(|row| row.measures.unexcused_streak))
    .bind(rows.iter().map(|(_, row)| row.measures.unexplained_absence_today).collect::<Vec<_>>())
    .bind(numbers(|row| row.measures.failing))
    .bind(numbers(|row| row.measures.failing_core))
    .bind(rows.iter().map(|(_, row)| i32::try_from(row.open_alerts).unwrap_or(i32::MAX)).collect::<Vec<_>>())
    .execute(tx)
    .await?;
    Ok(())
}

async fn leanings(tx: &mut PgConnection, changes: &[StudentChange]) -> Result<(), Error> {
    let pairs = |from: fn(&StudentChange) -> (&Written, &Written)| {
        let mut pairs = (Vec::new(), Vec::new(), Vec::new());
        for change in changes.iter().filter(|change| change.moves_tables()) {
            let (has, has_not) = from(change);
            for school in has.leans_on.difference(&has_not.leans_on) {
                pairs.0.push(change.district.to_string());
                pairs.1.push(school.to_string());
                pairs.2.push(change.student.as_bytes().to_vec());
            }
        }
        pairs
    };
    let (districts, schools, students) = pairs(|change| (&change.after.written, &change.before));
    if !districts.is_empty() {
        sqlx::query("insert into student_schools (district, school, student) select * from unnest($1::text[], $2::text[], $3::bytea[]) on conflict do nothing")
            .bind(districts)
            .bind(schools)
            .bind(students)
            .execute(&mut *tx)
            .await?;
    }
    let (districts, schools, students) = pairs(|change| (&change.before, &change.after.written));
    if !districts.is_empty() {
        sqlx::query(
            "delete from student_schools using unnest($1::text[], $2::text[], $3::bytea[]) as gone (district, school, student)
             where student_schools.district = gone.district and student_schools.school = gone.school and student_schools.student = gone.student",
        )
        .bind(districts)
        .bind(schools)
        .bind(students)
        .execute(tx)
        .await?;
    }
    Ok(())
}

async fn tally(
    tx: &mut PgConnection,
    partition: i32,
    tally: &BTreeMap<(DistrictId, RuleId), Tally>,
) -> Result<(), Error> {
    if tally.is_empty() {
        return Ok(());
    }
    let numbers = |of: fn(&Tally) -> i64| tally.values().map(of).collect::<Vec<i64>>();
    sqlx::query(
        "insert into rule_tallies (district, partition, rule, open, opened, failures, last_failure, last_failed_at)
         select district, $1, rule, open, opened, failures, last_failure, case when last_failure is not null then now() end
         from unnest($2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::text[])
              as new (district, rule, open, opened, failures, last_failure)
         on conflict (district, partition, rule) do update
         set open = rule_tallies.open + excluded.open, opened = rule_tallies.opened + excluded.opened,
             failures = rule_tallies.failures + excluded.failures,
             last_failure = coalesce(excluded.last_failure, rule_tallies.last_failure),
             last_failed_at = coalesce(excluded.last_failed_at, rule_tallies.last_failed_at)",
    )
    .bind(partition)
    .bind(tally.keys().map(|(district, _)| district.to_string()).collect::<Vec<_>>())
    .bind(tally.keys().map(|(_, rule)| rule.to_string()).collect::<Vec<_>>())
    .bind(numbers(|tally| tally.open))
    .bind(numbers(|tally| tally.opened))
    .bind(numbers(|tally| tally.failures))
    .bind(tally.values().map(|tally| tally.last_failure.map(|failure| failure.to_string())).collect::<Vec<_>>())
    .execute(tx)
    .await?;
    Ok(())
}

async fn messages(tx: &mut PgConnection, from: Lease, rows: &[OutboxRow]) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let seqs: Vec<i64> = (from.next_seq..).take(rows.len()).collect();
    sqlx::query(
        "insert into outbox (partition, seq, topic, key, value, traceparent)
         select $1, * from unnest($2::bigint[], $3::text[], $4::bytea[], $5::bytea[], $6::text[])",
    )
    .bind(from.partition)
    .bind(seqs)
    .bind(rows.iter().map(|row| outbox::name(row.topic)).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.key.as_slice()).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.value.as_slice()).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.traceparent.as_deref()).collect::<Vec<_>>())
    .execute(tx)
    .await?;
    Ok(())
}

async fn dead_letters(tx: &mut PgConnection, partition: i32, letters: &[DeadLetter]) -> Result<(), Error> {
    for letter in letters {
        sqlx::query("insert into dead_letters (partition, event_offset, problem, value, traceparent) values ($1, $2, $3, $4, $5) on conflict do nothing")
            .bind(partition)
            .bind(letter.offset)
            .bind(&letter.problem)
            .bind(&letter.value)
            .bind(&letter.traceparent)
            .execute(&mut *tx)
            .await?;
    }
    Ok(())
}
