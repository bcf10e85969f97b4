//! Effects of batches, in one transaction that begins with the fence.

use std::collections::BTreeSet;
use std::sync::Arc;

use homeroom_domain::id::{DistrictId, SchoolId};
use homeroom_domain::settings::Now;
use homeroom_pg::{Database, Districts, Error, Locks};
use sqlx::PgConnection;

use crate::evaluate::{Row, Written};
use crate::store::postgres::outbox;
use crate::store::{Committed, DeadLetter, Effects, Lease, OutboxRow, StudentChange, Tally};

/// What a partition commits: its lease moves from `from` to `to`, and the effects are written.
#[derive(Debug, Clone)]
pub(crate) struct Commit {
    pub(crate) from: Lease,
    pub(crate) to: Lease,
    pub(crate) effects: Arc<Effects>,
}

/// Commits what each of several partitions has, all of it or nothing: [`Committed::Fenced`] when one of their rows is not as its
/// owner left it, or, where that is waited for briefly, somebody holds a row.
pub(crate) async fn commit(database: &Database, commits: Arc<[Commit]>, locks: Locks) -> Result<Committed, Error> {
    let result = database
        .run("rules.batch.commit", &districts(&commits), move |tx| {
            let commits = Arc::clone(&commits);
            Box::pin(async move {
                match write(tx, &commits, locks).await {
                    // Not tried again, as others are: all partitions would wait for who holds the row of one.
                    Err(error) if locks == Locks::WaitedForBriefly && error.is_held() => {
                        Err(Error::Abandoned("rules.batch.commit"))
                    }
                    written => written,
                }
            })
        })
        .await;
    match result {
        Ok(()) => Ok(Committed::Yes),
        Err(Error::Abandoned(_)) => Ok(Committed::Fenced),
        Err(error) => Err(error),
    }
}

fn districts(commits: &[Commit]) -> Districts {
    let effects = || commits.iter().map(|commit| &*commit.effects);
    let of_students = effects().flat_map(|effects| &effects.students).map(|change| &change.district);
    let of_dates = effects().flat_map(|effects| &effects.dates).map(|(district, _)| district);
    let of_tallies = effects().flat_map(|effects| effects.tally.keys()).map(|(district, _)| district);
    Districts::of(of_students.chain(of_dates).chain(of_tallies).collect::<BTreeSet<_>>())
}

async fn advance(tx: &mut PgConnection, commits: &[Commit], locks: Locks) -> Result<bool, Error> {
    let from = |of: fn(&Lease) -> i64| commits.iter().map(|commit| of(&commit.from)).collect::<Vec<_>>();
    let to = |of: fn(&Lease) -> i64| commits.iter().map(|commit| of(&commit.to)).collect::<Vec<_>>();
    // With the statement that must come first, the setting costs no round trip. It is in force before a row is locked, since the
    // rows to lock come of a join with it.
    let moved = sqlx::query(
        "with waits as materialized (select set_config('lock_timeout', coalesce($15, current_setting('lock_timeout')), true) as timeout)
         update partitions p
         set commits = n.to_commits, next_offset = n.to_next, state_offset = n.to_state, reference_offset = n.to_reference,
             alerts_offset = n.to_alerts, next_seq = n.to_seq, counting = n.to_counting
         from unnest($1::int[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],
                     $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[],
                     $16::int[], $17::int[])
              as n (partition, epoch, commits, next_offset, state_offset, reference_offset, alerts_offset, next_seq,
                    to_commits, to_next, to_state, to_reference, to_alerts, to_seq, counting, to_counting), waits
         where waits.timeout is not null and p.partition = n.partition and p.epoch = n.epoch and p.commits = n.commits and p.next_offset = n.next_offset
           and p.state_offset = n.state_offset and p.reference_offset = n.reference_offset
           and p.alerts_offset = n.alerts_offset and p.next_seq = n.next_seq
           and p.counting = n.counting",
    )
    .bind(commits.iter().map(|commit| commit.from.partition).collect::<Vec<_>>())
    .bind(from(|lease| lease.epoch))
    .bind(from(|lease| lease.commits))
    .bind(from(|lease| lease.next_offset))
    .bind(from(|lease| lease.state_offset))
    .bind(from(|lease| lease.reference_offset))
    .bind(from(|lease| lease.alerts_offset))
    .bind(from(|lease| lease.next_seq))
    .bind(to(|lease| lease.commits))
    .bind(to(|lease| lease.next_offset))
    .bind(to(|lease| lease.state_offset))
    .bind(to(|lease| lease.reference_offset))
    .bind(to(|lease| lease.alerts_offset))
    .bind(to(|lease| lease.next_seq))
    .bind(locks.timeout())
    .bind(commits.iter().map(|commit| commit.from.counting).collect::<Vec<_>>())
    .bind(commits.iter().map(|commit| commit.to.counting).collect::<Vec<_>>())
    .execute(tx)
    .await?;
    Ok(usize::try_from(moved.rows_affected()).is_ok_and(|moved| moved == commits.len()))
}

/// Something of a partition.
type Of<'a, T> = (i32, &'a T);

async fn write(tx: &mut PgConnection, commits: &[Commit], locks: Locks) -> Result<(), Error> {
    if !advance(tx, commits, locks).await? {
        return Err(Error::Abandoned("rules.batch.commit"));
    }
    for commit in commits {
        dates(tx, commit.from.partition, &commit.effects.dates).await?;
    }
    let changes: Vec<Of<'_, StudentChange>> = commits
        .iter()
        .flat_map(|commit| commit.effects.students.iter().map(|change| (commit.from.partition, change)))
        .collect();
    students(tx, &changes).await?;
    let changes: Vec<_> = changes.into_iter().filter(|(_, change)| change.moves_tables()).collect();
    measures(tx, &changes).await?;
    leanings(tx, &changes).await?;
    tally(tx, commits).await?;
    messages(tx, commits).await?;
    for commit in commits {
        dead_letters(tx, commit.from.partition, &commit.effects.dead_letters).await?;
    }
    Ok(())
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

async fn students(tx: &mut PgConnection, changes: &[Of<'_, StudentChange>]) -> Result<(), Error> {
    if changes.is_empty() {
        return Ok(());
    }
    let all = || changes.iter().map(|(_, change)| *change);
    let column = |of: fn(&StudentChange) -> Vec<u8>| all().map(of).collect::<Vec<_>>();
    let evaluated =
        |of: fn(Now) -> i32| all().map(|change| change.after.evaluated.map(of)).collect::<Vec<Option<i32>>>();
    sqlx::query(
        "insert into students (district, student, partition, ledger, episodes, written, included_offset, evaluated_today,
                              evaluated_as_of, evaluated_reference, waiting, marks, open_alerts, live, counting)
         select district, student, partition, ledger, episodes, written, included_offset, evaluated_today, evaluated_as_of,
                evaluated_reference, waiting, marks, open_alerts, live, counting
         from unnest($1::int[], $2::text[], $3::bytea[], $4::bytea[], $5::bytea[], $6::bytea[], $7::bigint[], $8::int[],
                     $9::int[], $10::bigint[], $11::bool[], $12::int[], $13::int[], $14::bool[], $15::int[])
              as new (partition, district, student, ledger, episodes, written, included_offset, evaluated_today, evaluated_as_of,
                      evaluated_reference, waiting, marks, open_alerts, live, counting)
         on conflict (district, student) do update
         set partition = excluded.partition, ledger = excluded.ledger, episodes = excluded.episodes, written = excluded.written,
             included_offset = excluded.included_offset, evaluated_today = excluded.evaluated_today,
             evaluated_as_of = excluded.evaluated_as_of, evaluated_reference = excluded.evaluated_reference,
             waiting = excluded.waiting, marks = excluded.marks, open_alerts = excluded.open_alerts, live = excluded.live,
             counting = excluded.counting",
    )
    .bind(changes.iter().map(|(partition, _)| *partition).collect::<Vec<_>>())
    .bind(all().map(|change| change.district.as_str()).collect::<Vec<_>>())
    .bind(all().map(|change| change.student.as_bytes().as_slice()).collect::<Vec<_>>())
    .bind(column(|change| change.after.ledger.encode()))
    .bind(column(|change| change.after.episodes.encode()))
    .bind(column(|change| change.after.written.encode()))
    .bind(all().map(|change| change.after.included_offset).collect::<Vec<_>>())
    .bind(evaluated(|now| now.today.days()))
    .bind(evaluated(|now| now.as_of.days()))
    .bind(all().map(|change| change.after.evaluated_reference).collect::<Vec<_>>())
    // Also who could not be evaluated yet, so that one index has all whom each sweep tries again.
    .bind(all().map(|change| change.after.waiting || change.after.evaluated.is_none()).collect::<Vec<_>>())
    .bind(all().map(|change| count(change.after.ledger.count_marks())).collect::<Vec<_>>())
    .bind(all().map(|change| count(change.after.open_alerts())).collect::<Vec<_>>())
    .bind(all().map(|change| change.after.ledger.says_anything()).collect::<Vec<_>>())
    .bind(all().map(|change| change.after.counting).collect::<Vec<_>>())
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
async fn measures(tx: &mut PgConnection, changes: &[Of<'_, StudentChange>]) -> Result<(), Error> {
    let (mut new, mut gone) = (Vec::new(), Vec::new());
    for &(_, change) in changes {
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

async fn leanings(tx: &mut PgConnection, changes: &[Of<'_, StudentChange>]) -> Result<(), Error> {
    let rows = |from: fn(&StudentChange) -> (&Written, &Written)| {
        let mut rows = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for &(partition, change) in changes {
            let (has, has_not) = from(change);
            for school in has.leans_on.difference(&has_not.leans_on) {
                rows.0.push(change.district.to_string());
                rows.1.push(school.to_string());
                rows.2.push(partition);
                rows.3.push(change.student.as_bytes().to_vec());
            }
        }
        rows
    };
    let (districts, schools, partitions, students) = rows(|change| (&change.after.written, &change.before));
    if !districts.is_empty() {
        sqlx::query(
            "insert into student_schools (district, school, partition, student)
             select * from unnest($1::text[], $2::text[], $3::int[], $4::bytea[]) on conflict do nothing",
        )
        .bind(districts)
        .bind(schools)
        .bind(partitions)
        .bind(students)
        .execute(&mut *tx)
        .await?;
    }
    let (districts, schools, partitions, students) = rows(|change| (&change.before, &change.after.written));
    if !districts.is_empty() {
        sqlx::query(
            "delete from student_schools x
             using unnest($1::text[], $2::text[], $3::int[], $4::bytea[]) as gone (district, school, partition, student)
             where x.district = gone.district and x.school = gone.school and x.partition = any (array[gone.partition, -1])
               and x.student = gone.student",
        )
        .bind(districts)
        .bind(schools)
        .bind(partitions)
        .bind(students)
        .execute(tx)
        .await?;
    }
    Ok(())
}

async fn tally(tx: &mut PgConnection, commits: &[Commit]) -> Result<(), Error> {
    let tallies: Vec<_> = commits
        .iter()
        .flat_map(|commit| commit.effects.tally.iter().map(|tally| (commit.from.partition, tally)))
        .collect();
    if tallies.is_empty() {
        return Ok(());
    }
    let numbers = |of: fn(&Tally) -> i64| tallies.iter().map(|(_, (_, tally))| of(tally)).collect::<Vec<i64>>();
    sqlx::query(
        "insert into rule_tallies (district, partition, rule, open, opened, failures, last_failure, last_failed_at)
         select district, partition, rule, open, opened, failures, last_failure, case when last_failure is not null then now() end
         from unnest($1::int[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::text[])
              as new (partition, district, rule, open, opened, failures, last_failure)
         on conflict (district, partition, rule) do update
         set open = rule_tallies.open + excluded.open, opened = rule_tallies.opened + excluded.opened,
             failures = rule_tallies.failures + excluded.failures,
             last_failure = coalesce(excluded.last_failure, rule_tallies.last_failure),
             last_failed_at = coalesce(excluded.last_failed_at, rule_tallies.last_failed_at)",
    )
    .bind(tallies.iter().map(|(partition, _)| *partition).collect::<Vec<_>>())
    .bind(tallies.iter().map(|(_, ((district, _), _))| district.as_str()).collect::<Vec<_>>())
    .bind(tallies.iter().map(|(_, ((_, rule), _))| rule.as_str()).collect::<Vec<_>>())
    .bind(numbers(|tally| tally.open))
    .bind(numbers(|tally| tally.opened))
    .bind(numbers(|tally| tally.failures))
    .bind(tallies.iter().map(|(_, (_, tally))| tally.last_failure.map(|failure| failure.to_string())).collect::<Vec<_>>())
    .execute(tx)
    .await?;
    Ok(())
}

async fn messages(tx: &mut PgConnection, commits: &[Commit]) -> Result<(), Error> {
    let rows: Vec<(i32, i64, &OutboxRow)> = commits
        .iter()
        .flat_map(|commit| {
            let (partition, first) = (commit.from.partition, commit.from.next_seq);
            (first..).zip(&commit.effects.outbox).map(move |(seq, row)| (partition, seq, row))
        })
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "insert into outbox (partition, seq, topic, key, value, traceparent)
         select * from unnest($1::int[], $2::bigint[], $3::text[], $4::bytea[], $5::bytea[], $6::text[])",
    )
    .bind(rows.iter().map(|(partition, ..)| *partition).collect::<Vec<_>>())
    .bind(rows.iter().map(|(_, seq, _)| *seq).collect::<Vec<_>>())
    .bind(rows.iter().map(|(.., row)| outbox::name(row.topic)).collect::<Vec<_>>())
    .bind(rows.iter().map(|(.., row)| row.key.as_slice()).collect::<Vec<_>>())
    .bind(rows.iter().map(|(.., row)| row.value.as_slice()).collect::<Vec<_>>())
    .bind(rows.iter().map(|(.., row)| row.traceparent.as_deref()).collect::<Vec<_>>())
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
