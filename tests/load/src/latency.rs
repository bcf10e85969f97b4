//! From mark to alert with every service in a process of its own, on Kafka: a mark is sent to the native door when it is due,
//! and measured until its alert is on the feed of a live screen.

use anyhow::{Result, ensure};
use serde_json::json;

use crate::floor;
use crate::open_loop::{self, Pace};
use crate::options::Options;
use crate::report::{Bound, Report};
use crate::school_day::{FIRST_DAY, SchoolDay};
use crate::spent::Spent;
use crate::stages::Stages;

/// Measures the time from a mark to its alert.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    pace: Pace,
    /// Partitions of the events topic.
    #[arg(long, default_value_t = 8)]
    partitions: u32,
    /// Also reads both topics, and tells how far marks had come when.
    #[arg(long)]
    stages: bool,
}

/// Runs it.
pub(crate) async fn run(options: &Options, args: &Args) -> Result<Report> {
    let settings =
        json!({ "marks_per_second": args.pace.rate, "seconds": args.pace.seconds, "partitions": args.partitions });
    let mut report = Report::begin("latency", settings);
    let day = SchoolDay::start(options, args.partitions).await?;
    floor::report(&day.world, args.pace.rate, &mut report).await?;
    println!("enrolling {} students", args.pace.marks());
    let students = day.target.enroll("latency", args.pace.marks(), FIRST_DAY).await?;
    day.target.wait_until_caught_up().await?;
    let stages = if args.stages { Some(Stages::start(&day.world).await?) } else { None };
    let before = Spent::so_far(&day.world)?;
    let run = open_loop::run(args.pace, &day.target, students).await?;
    for (name, seconds) in Spent::so_far(&day.world)?.since(&before) {
        report.figure(format!("CPU of {name} for a mark"), seconds * 1e6 / f64::from(args.pace.marks()), "us");
    }
    day.world.all_alive()?;
    run.answered.report(&mut report, "mark accepted");
    if let Some(stages) = stages {
        stages.report(&run.due, &mut report);
    }
    run.alerts.report(&mut report, "mark to alert");
    ensure!(run.alerts.missing == 0, "{} marks had no alert", run.alerts.missing);
    report.goal("mark to alert p50, ms", run.alerts.quantile(500), Bound::AtMost(15.0));
    report.goal("mark to alert p99, ms", run.alerts.quantile(990), Bound::AtMost(60.0));
    Ok(report)
}
