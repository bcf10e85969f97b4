//! A day taken out of a school's calendar and put back again, while marks of today come in: how long until everyone of the school
//! is counted by it and every alert that it changes is on the feed, and what it does to today's alerts.

mod school;

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use homeroom_bus::Topic;
use serde_json::json;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::latencies::Latencies;
use crate::open_loop::{self, Pace, Today};
use crate::options::Options;
use crate::report::{Bound, Report};
use crate::school_day::SchoolDay;
use crate::spent::Spent;
use crate::stages::Stages;
use crate::workload::YEAR_DAYS;
use crate::world::World;
use school::{Edit, School};

/// Measures edits of a school's calendar.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    pace: Pace,
    /// Students of the school, each with a mark a day.
    #[arg(long, default_value_t = 2_000)]
    students: u32,
    /// Seconds from one edit to the next.
    #[arg(long, default_value_t = 3)]
    every: u64,
    /// Partitions of the events topic.
    #[arg(long, default_value_t = 8)]
    partitions: u32,
    /// Also reads both topics, and tells how far marks that were due during an edit had come when.
    #[arg(long)]
    stages: bool,
}

/// How long until everyone is counted by an edit, at most.
const GOAL_SECONDS: f64 = 2.0;
/// How much later today's alerts may be beside edits, at the 99th percentile: what they may take without any is 60 ms.
const GOAL_TODAY_MS: f64 = 60.0;

/// Runs it.
pub(crate) async fn run(options: &Options, args: &Args) -> Result<Report> {
    let settings = json!({
        "students": args.students, "marks_per_second": args.pace.rate, "every_seconds": args.every,
        "partitions": args.partitions,
    });
    let mut report = Report::begin("calendar", settings);
    let day = SchoolDay::start_on(options, args.partitions, YEAR_DAYS).await?;
    println!("a school of {} students and their year of marks", args.students);
    let mut school = School::open(&day, args.students).await?;
    let today = Today::enroll(&day.target, args.pace).await?;
    school.counted().await?;
    let (began, spent) = (Instant::now(), Spent::so_far(&day.world)?);
    let marked = today.alone(&day.target, &mut report, "no edit").await?;
    let alone = Quiet { seconds: began.elapsed().as_secs_f64(), spent, after: Spent::so_far(&day.world)? };
    let told = told_so_far(&day.world).await?;
    let floor = school.rewrite().await?;
    report.baseline("the same rows written again by SQL alone", millis(floor), "ms");

    let stages = if args.stages { Some(Stages::start(&day.world).await?) } else { None };
    let (began, spent) = (Instant::now(), Spent::so_far(&day.world)?);
    let (stop, stopped) = watch::channel(false);
    let marks = async {
        let run = open_loop::run(args.pace, &day.target, marked).await;
        stop.send_replace(true);
        run
    };
    let (run, edits) = tokio::join!(marks, school.edit_until(stopped, Duration::from_secs(args.every)));
    let (run, edits) = (run?, edits?);
    day.world.all_alive()?;
    let told = told_so_far(&day.world).await? - told - i64::from(args.pace.marks());
    let of_one = u32::try_from(told)? / u32::try_from(edits.len())?.max(1);
    report.figure("alert changes of an edit", f64::from(of_one), "changes");
    alone.take_off(&mut report, &Spent::so_far(&day.world)?, &spent, began.elapsed(), edits.len())?;
    tell(&mut report, &school, &edits)?;
    run.alerts.report(&mut report, "mark of today to alert");
    ensure!(run.alerts.missing == 0, "{} marks had no alert", run.alerts.missing);
    if let Some(stages) = stages {
        let due = run.due.into_iter().filter(|(_, due)| is_during(&edits, *due)).collect();
        stages.report(&due, &mut report);
    }
    let beside = beside(&run.arrived, &edits);
    beside.report(&mut report, "marks due during an edit: to alert");
    report.goal("marks due during an edit: to alert p99, ms", beside.quantile(990), Bound::AtMost(GOAL_TODAY_MS));
    school.is_exact(&day.world).await?;
    report.remark("An edit is a document posted to the Ed-Fi door; in the end `homeroom verify` found no difference.");
    Ok(report)
}

/// Alert changes on their topic.
async fn told_so_far(world: &World) -> Result<i64> {
    Ok(world.log()?.end_offsets(Topic::Alerts).await?.iter().map(|end| end.0).sum())
}

/// The parts that count again, and tell.
const COUNTED: [&str; 4] = ["rules", "notification", "PostgreSQL, rules", "PostgreSQL, notification"];

/// What the same marks cost without edits.
struct Quiet {
    seconds: f64,
    spent: Spent,
    after: Spent,
}

impl Quiet {
    /// What an edit costs its services: what was used beside edits, without what the marks alone use in that time. The broker still
    /// warms up at first, so of it nothing can be said.
    fn take_off(&self, report: &mut Report, now: &Spent, before: &Spent, took: Duration, edits: usize) -> Result<()> {
        let edits = f64::from(u32::try_from(edits)?);
        let parts = now.since(before).zip(self.after.since(&self.spent));
        for ((name, beside), (_, alone)) in parts.filter(|((name, _), _)| COUNTED.contains(name)) {
            let of_marks = alone * took.as_secs_f64() / self.seconds;
            report.figure(format!("CPU of {name} for an edit"), (beside - of_marks) * 1e3 / edits, "ms");
        }
        Ok(())
    }
}

fn tell(report: &mut Report, school: &School, edits: &[Edit]) -> Result<()> {
    let mut sorted = |name: &str, of: fn(&Edit) -> Duration| -> Result<Duration> {
        let mut all: Vec<Duration> = edits.iter().map(of).collect();
        all.sort_unstable();
        let (median, slowest) = (all.get(all.len() / 2), all.last());
        let (median, slowest) = (*median.context("there was no edit")?, *slowest.context("there was no edit")?);
        report.figure(format!("{name}: median"), millis(median), "ms");
        report.figure(format!("{name}: slowest"), millis(slowest), "ms");
        Ok(slowest)
    };
    sorted("an edit answered", |edit| edit.answered)?;
    let counted = sorted("everyone counted by it", |edit| edit.counted)?;
    let told = sorted("every alert that it changes on the feed", |edit| edit.told)?;
    report.figure("alerts that an edit changes, at least", f64::from(school.on_the_bound()), "alerts");
    report.figure("edits", f64::from(u32::try_from(edits.len())?), "edits");
    report.goal("an edit in force, slowest, s", counted.max(told).as_secs_f64(), Bound::AtMost(GOAL_SECONDS));
    Ok(())
}

/// Of the marks that were due between an edit and its end.
fn beside(arrived: &[(Instant, Duration)], edits: &[Edit]) -> Latencies {
    let mut latencies = Latencies::default();
    for (_, latency) in arrived.iter().filter(|(due, _)| is_during(edits, *due)) {
        latencies.record(*latency);
    }
    latencies.sort();
    latencies
}

fn is_during(edits: &[Edit], due: Instant) -> bool {
    edits.iter().any(|edit| due >= edit.sent_at && due < edit.sent_at + edit.end())
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_beside_an_edit_from_its_sending_to_its_last_effect() {
        let start = Instant::now();
        let after = |millis| start + Duration::from_millis(millis);
        let time = Duration::from_millis;
        let edit = Edit { sent_at: after(100), answered: time(5), counted: time(50), told: time(80) };
        let arrived = [(after(99), time(1)), (after(100), time(2)), (after(179), time(3)), (after(180), time(4))];
        let beside = beside(&arrived, &[edit]);
        let quantiles = [1, 1_000].map(|permille| beside.quantile(permille));
        assert!(quantiles.iter().zip([2.0, 3.0]).all(|(got, want)| (got - want).abs() < 1e-9), "{quantiles:?}");
    }
}
