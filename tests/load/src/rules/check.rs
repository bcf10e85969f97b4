//! What the marks come to, in plain code that shares nothing with the service, against what its tables hold.

use anyhow::{Result, ensure};
use sqlx::{FromRow, Row as _, postgres::PgRow};

use super::count;
use crate::report::Report;
use crate::workload::canonical::{District, student_of};
use crate::workload::{Case, Code};
use crate::world::World;

/// One student's measures as the tables have them: enrolled, absent and unexcused in hundredths of a day, the rest in days.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Measures {
    enrolled: i64,
    absent: i64,
    unexcused: i64,
    tardy: i64,
    tier: i16,
    streak: i64,
    unexcused_streak: i64,
    unexplained_absence_today: bool,
    open_alerts: i32,
}

const DAY: i64 = 100;
/// Differences that are shown.
const SHOWN: usize = 5;

/// Fails unless every student's row says what the marks come to; reports how many students stand where.
pub(super) async fn exact(world: &World, district: &District, case: Case, report: &mut Report) -> Result<()> {
    let expected = expect(district, case);
    let mut seen = vec![false; expected.len()];
    let mut differences = Vec::new();
    let mut database = world.database().await?;
    let select = "select student, enrolled, absent, unexcused, tardy, coalesce(tier, 0::smallint) as tier, streak, unexcused_streak,
                         unexplained_absence_today, open_alerts
                  from rules.measures where school = ''";
    let mut rows = sqlx::query(select).fetch(&mut database);
    while let Some(row) = next(&mut rows).await? {
        let student = student_of(row.get("student")).and_then(|student| usize::try_from(student).ok());
        let Some(student) = student.filter(|&student| student < expected.len()) else {
            differences.push("a student that nobody sent".to_owned());
            continue;
        };
        seen[student] = true;
        let stored = Measures::from_row(&row)?;
        if stored != expected[student] {
            differences.push(format!("student {student}: {stored:?} and not {:?}", expected[student]));
        }
    }
    drop(rows);
    let missing = seen.iter().filter(|seen| !**seen).count();
    ensure!(missing == 0, "{missing} students have no measures");
    let shown = &differences[..differences.len().min(SHOWN)];
    ensure!(differences.is_empty(), "{} students differ, such as {shown:#?}", differences.len());
    let tiers: Vec<u64> = (0..4).map(|tier| expected.iter().filter(|it| it.tier == tier).count() as u64).collect();
    let opened: i64 = sqlx::query_scalar("select coalesce(sum(opened), 0)::bigint from rules.rule_tallies")
        .fetch_one(&mut database)
        .await?;
    drop(database);
    let published = world.log()?.end_offsets(homeroom_bus::Topic::Alerts).await?;
    let published: i64 = published.iter().map(|end| end.0).sum();
    report.figure("alert changes published", count(published.unsigned_abs()), "changes");
    report.remark(format!(
        "exact: each student's measures and open alerts are those of the marks; students by tier {tiers:?}, {opened} alerts opened"
    ));
    Ok(())
}

async fn next<S: futures_util::TryStream<Ok = PgRow, Error = sqlx::Error> + Unpin>(
    rows: &mut S,
) -> Result<Option<PgRow>> {
    Ok(futures_util::TryStreamExt::try_next(rows).await?)
}

impl FromRow<'_, PgRow> for Measures {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            enrolled: row.try_get("enrolled")?,
            absent: row.try_get("absent")?,
            unexcused: row.try_get("unexcused")?,
            tardy: row.try_get("tardy")?,
            tier: row.try_get("tier")?,
            streak: row.try_get("streak")?,
            unexcused_streak: row.try_get("unexcused_streak")?,
            unexplained_absence_today: row.try_get("unexplained_absence_today")?,
            open_alerts: row.try_get("open_alerts")?,
        })
    }
}

/// Each student's measures: the highest revision of each day's record counts, and of equals the later one.
fn expect(district: &District, case: Case) -> Vec<Measures> {
    let days = usize::try_from(case.days()).unwrap_or(0);
    let students = usize::try_from(case.students).unwrap_or(0);
    let mut table: Vec<Option<(u64, Code)>> = vec![None; students * days];
    for mark in case.marks() {
        let at = usize::try_from(mark.student).unwrap_or(0) * days + usize::try_from(mark.day).unwrap_or(0);
        let word = &mut table[at];
        if word.is_none_or(|(revision, _)| revision <= mark.revision) {
            *word = Some((mark.revision, mark.code));
        }
    }
    let enrolled = i64::try_from(district.enrolled_days()).unwrap_or(0) * DAY;
    table.chunks(days).map(|row| measures(enrolled, row)).collect()
}

fn many(days: usize) -> i64 {
    i64::try_from(days).unwrap_or(i64::MAX)
}

fn measures(enrolled: i64, row: &[Option<(u64, Code)>]) -> Measures {
    let codes: Vec<Code> = row.iter().map(|word| word.map_or(Code::Withdrawn, |(_, code)| code)).collect();
    let days = |holds: fn(&Code) -> bool| many(codes.iter().filter(|code| holds(code)).count());
    let back = |holds: fn(&Code) -> bool| many(codes.iter().rev().take_while(|code| holds(code)).count());
    let is_absent = |code: &Code| matches!(code, Code::Unexcused | Code::Excused);
    let is_unexcused = |code: &Code| matches!(code, Code::Unexcused);
    let absent = days(is_absent) * DAY;
    let tier = [5, 10, 20].iter().filter(|percent| absent * 100 >= **percent * enrolled).count();
    let streak = back(is_absent);
    let today = codes.last().is_some_and(is_unexcused);
    Measures {
        enrolled,
        absent,
        unexcused: days(is_unexcused) * DAY,
        tardy: days(|code| matches!(code, Code::Tardy)),
        tier: i16::try_from(tier).unwrap_or(0),
        streak,
        unexcused_streak: back(is_unexcused),
        unexplained_absence_today: today,
        open_alerts: i32::from(tier > 0) + i32::from(streak >= 3) + i32::from(today),
    }
}
