//! Marks at a steady rate, and how long after its scheduled moment each one's alert is on the feed.
//!
//! An open loop: marks are sent when they are due, whether or not earlier ones were answered, and a late sender counts against
//! us (no coordinated omission). Each mark is an unexplained absence today of a student of its own, so each opens one alert.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::latencies::Latencies;
use crate::report::Report;
use crate::school_day::FIRST_DAY;
use crate::target::{Student, Target};

/// How fast and how long.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Pace {
    /// Marks a second.
    #[arg(long, default_value_t = 100)]
    pub(crate) rate: u32,
    /// Seconds that are measured.
    #[arg(long, default_value_t = 30)]
    pub(crate) seconds: u32,
    /// Seconds before that.
    #[arg(long, default_value_t = 5)]
    pub(crate) warm_up: u32,
}

impl Pace {
    /// All marks of the run.
    pub(crate) const fn marks(self) -> u32 {
        self.rate * (self.warm_up + self.seconds)
    }
}

/// Marks that may be on their way at once; beyond, the machine cannot keep the rate and the run is no measurement.
const MOST_IN_FLIGHT: usize = 5_000;
/// How long after the last mark its alert is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// What came of a run.
#[derive(Debug, Default)]
pub(crate) struct Run {
    /// Until each mark was answered.
    pub(crate) answered: Latencies,
    /// Until each alert was on the feed.
    pub(crate) alerts: Latencies,
    /// When each mark whose alert came was due, and how long after that it was on the feed.
    pub(crate) arrived: Vec<(Instant, Duration)>,
    /// When each student's mark was due; those that are measured.
    pub(crate) due: HashMap<String, Instant>,
}

/// How long marks of today alone are looked at, before something is done beside them.
const ALONE_SECONDS: u32 = 10;
const ALONE_WARM_UP: u32 = 2;

/// Marks of today that something is to be done beside. The same rate without it comes first, on the same machine.
pub(crate) struct Today {
    alone: Pace,
    first: Vec<Student>,
    marked: Vec<Student>,
}

impl Today {
    /// Enrolls whom the marks are of, and waits until everyone enrolled so far is counted.
    pub(crate) async fn enroll(target: &Target, pace: Pace) -> Result<Self> {
        let alone = Pace { seconds: pace.seconds.min(ALONE_SECONDS), warm_up: ALONE_WARM_UP, ..pace };
        println!("enrolling {} students", pace.marks() + alone.marks());
        let first = target.enroll("calm", alone.marks(), FIRST_DAY).await?;
        let marked = target.enroll("today", pace.marks(), FIRST_DAY).await?;
        target.wait_until_caught_up().await?;
        Ok(Self { alone, first, marked })
    }

    /// Reports what marks take with nothing beside them, and says whose marks come next; `without` names what is not done yet.
    pub(crate) async fn alone(self, target: &Target, report: &mut Report, without: &str) -> Result<Vec<Student>> {
        let run = run(self.alone, target, self.first).await?;
        for (name, permille) in [("p50", 500), ("p99", 990)] {
            let name = format!("mark of today to alert, {without}, {name}");
            report.baseline(name, run.alerts.quantile(permille), "ms");
        }
        Ok(self.marked)
    }
}

/// Marks each student absent when it is due, and measures until its alert is on the feed.
pub(crate) async fn run(pace: Pace, target: &Target, students: Vec<Student>) -> Result<Run> {
    let today = target.today().await?;
    let mut alerts = target.watch().await?;
    println!("sending {} marks a second for {} s", pace.rate, pace.warm_up + pace.seconds);
    let interval = Duration::from_secs(1) / pace.rate;
    let first = Instant::now() + Duration::from_millis(200);
    let mut run = Run::default();
    let mut sends = JoinSet::new();
    for (at, student) in (0_u32..).zip(students) {
        let moment = first + interval * at;
        let measured = at >= pace.rate * pace.warm_up;
        if measured {
            run.due.insert(student.key, moment);
        }
        ensure!(sends.len() < MOST_IN_FLIGHT, "the services do not keep up with the rate");
        tokio::time::sleep_until(moment).await;
        let (target, today) = (target.clone(), today.clone());
        sends.spawn(async move {
            target.mark(&student.id, &today).await?;
            anyhow::Ok(measured.then(|| moment.elapsed()))
        });
        while let Some(done) = sends.try_join_next() {
            run.answer(done.context("a sender panicked")??);
        }
    }
    while let Some(done) = sends.join_next().await {
        run.answer(done.context("a sender panicked")??);
    }
    let deadline = Instant::now() + PATIENCE;
    let mut due = run.due.clone();
    while !due.is_empty() {
        let Ok(Some((student, arrived))) = tokio::time::timeout_at(deadline, alerts.recv()).await else { break };
        if let Some(moment) = due.remove(&student) {
            let latency = arrived.saturating_duration_since(moment);
            run.alerts.record(latency);
            run.arrived.push((moment, latency));
        }
    }
    run.alerts.missing = due.len();
    run.alerts.sort();
    run.answered.sort();
    Ok(run)
}

impl Run {
    fn answer(&mut self, latency: Option<Duration>) {
        if let Some(latency) = latency {
            self.answered.record(latency);
        }
    }
}
