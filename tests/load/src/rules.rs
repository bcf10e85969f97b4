//! The rules service on a backlog: events a second until ledgers, alerts and offsets are committed and the alerts published.
//!
//! A district is set up first: schools, a calendar, and a registration and enrollment for each student. Then the case's marks
//! become visible all at once, and the clock starts. It stops when every partition's offsets, that of effects and that of
//! state, have reached the end, and the outbox is empty. What the tables then hold is compared, student by student, with
//! what the marks come to in plain code.

mod asked;
mod check;
mod peer;
mod progress;
mod upsert;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use clap::ValueEnum;
use homeroom_bus::Topic;
use homeroom_chassis::clock;
use serde_json::json;

use crate::machine::Usage;
use crate::options::Options;
use crate::report::{Bound, Report};
use crate::topic::{self, Load};
use crate::workload::canonical::District;
use crate::workload::{Case, D, H, N, wire};
use crate::world::{Role, World};
use progress::{Progress, Written};

/// Measures the rules service on a backlog.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// Which stream of marks.
    #[arg(long, value_enum, default_value = "d")]
    case: Letter,
    /// Students of a stream of another size.
    #[arg(long, requires = "events")]
    students: Option<u64>,
    /// Events of a stream of another size.
    #[arg(long, requires = "students")]
    events: Option<u64>,
    #[command(flatten)]
    shape: Shape,
    /// Starts the rules process anew before the clock does, so that no student is in its memory.
    #[arg(long)]
    cold: bool,
    /// A folder with `kafka-streams/run.sh`, which does the same job with Kafka Streams; measured beside ours.
    #[arg(long, value_name = "DIR")]
    peers: Option<PathBuf>,
    /// Leaves out the raw upserts that ours are compared with.
    #[arg(long)]
    no_upserts: bool,
}

/// How the service is spread.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Shape {
    /// Partitions of the events topic.
    #[arg(long, default_value_t = 8)]
    pub(crate) partitions: u32,
    /// Processes of the service.
    #[arg(long, default_value_t = 1)]
    pub(crate) processes: u32,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Letter {
    D,
    H,
    N,
}

/// The process holds every student in memory, as an operator would size it. Each partition has an equal share of what is
/// allowed, and students are not spread evenly.
const ROOM_FOR_STUDENTS: f64 = 1.25;
const CACHED_STUDENTS: &str = "HOMEROOM_RULES__LIMITS__CACHED_STUDENTS";
/// A run that takes longer than this is given up.
const PATIENCE: Duration = Duration::from_mins(10);

/// Runs it.
pub(crate) async fn run(options: &Options, args: &Args) -> Result<Report> {
    let case = match (args.students, args.events, args.case) {
        (Some(students), Some(events), _) => Case::sized(students, events),
        (_, _, Letter::D) => D,
        (_, _, Letter::H) => H,
        (_, _, Letter::N) => N,
    };
    ensure!(case.days() <= crate::workload::YEAR_DAYS, "a stream of {} days is longer than a school year", case.days());
    if let Some(known) = case.events_hash {
        ensure!(wire::hash(case) == known, "the stream is not the one that others were measured with");
    }
    let mut report = Report::begin(
        "rules",
        json!({
            "case": case.name, "students": case.students, "events": case.events, "partitions": args.shape.partitions,
            "processes": args.shape.processes, "start": if args.cold { "cold" } else { "warm" },
        }),
    );
    let mut bench = Bench::set_up(options, case, args.shape).await?;
    let run = bench.measure(args.cold).await?;
    run.report(case, &mut report);
    check::exact(&bench.world, &bench.district, case, &mut report).await?;
    let asked = asked::progress(&bench.world).await?;
    report.figure("how far a change has come, asked", asked.as_secs_f64() * 1e3, "ms");
    if !args.no_upserts {
        let raw = upsert::rate(&bench.world, args.shape.partitions, run.written).await?;
        report.baseline("raw upserts of the same rows", raw, "students/s");
        report.goal("written of raw upserts", run.rows_per_second() / raw, Bound::AtLeast(0.85));
    }
    if let Some(folder) = &args.peers {
        println!("Homeroom: {:.0} events/s, exact", run.events_per_second(case));
        bench.world.stop_role(Role::Rules).await?;
        // Ours are measured, and reported whatever becomes of the peer.
        match peer::run(folder, &bench.world, case) {
            Ok(peers) => peer::report(&peers, case, run.events_per_second(case), &mut report),
            Err(error) => report.remark(format!("Kafka Streams was not measured: {error:#}")),
        }
    }
    Ok(report)
}

/// A district that is set up, and the processes that will be measured.
pub(crate) struct Bench {
    pub(crate) world: World,
    pub(crate) district: District,
    case: Case,
    processes: u32,
}

/// What a run came to.
#[derive(Debug)]
pub(crate) struct Run {
    /// From the first record visible to the last effect.
    pub(crate) seconds: f64,
    /// Events a second after the first quarter.
    steady: f64,
    written: Written,
    events: u64,
    rules: Usage,
    postgres: Usage,
    broker: Usage,
}

impl Bench {
    /// Starts everything, loads the district, and waits until the rules processes hold all of it.
    pub(crate) async fn set_up(options: &Options, case: Case, shape: Shape) -> Result<Self> {
        let options = options.clone().with(CACHED_STUDENTS, &cached_students(case));
        let mut world = World::start(&options, shape.partitions).await?;
        let district = District::new(case)?;
        let now = clock::now();
        topic::append_reference(&*world.log()?, &district.reference(now)?).await?;
        let (kafka, arriving) = (world.kafka().clone(), district.clone());
        blocking(move || {
            let mut load = Load::open(&kafka)?;
            for student in 0..case.students {
                for event in arriving.arrival(student, now)? {
                    load.add(&event)?;
                }
            }
            load.commit()
        })
        .await?;
        for _ in 0..shape.processes {
            world.start_role(Role::Rules).await?;
        }
        let mut bench = Self { world, district, case, processes: shape.processes };
        println!("{} students arrive", case.students);
        bench.finish().await?;
        Ok(bench)
    }

    /// Makes the case's marks visible and measures until all is committed and published.
    pub(crate) async fn measure(&mut self, cold: bool) -> Result<Run> {
        if cold {
            self.world.stop_role(Role::Rules).await?;
        }
        let (kafka, district, case) = (self.world.kafka().clone(), self.district.clone(), self.case);
        println!("loading {} events", case.events);
        let load = blocking(move || {
            let mut load = Load::open(&kafka)?;
            for mark in case.marks() {
                load.add(&district.event(&mark)?)?;
            }
            load.flush()?;
            Ok(load)
        })
        .await?;
        let mut progress = Progress::start(&self.world).await?;
        progress.database_at_rest().await?;
        let before = self.usages()?;
        let written = progress.written().await?;
        println!("the clock starts");
        if cold {
            blocking(move || load.commit()).await?;
            progress.restart_clock();
            for _ in 0..self.processes {
                self.world.spawn_role(Role::Rules)?;
            }
        } else {
            progress.restart_clock();
            blocking(move || load.commit()).await?;
        }
        let ends = self.ends().await?;
        let timeline = progress.until(&self.world, ends, PATIENCE).await?;
        let after = self.usages()?;
        let written = progress.written().await?.since(written);
        Ok(Run {
            seconds: timeline.seconds,
            steady: timeline.steady,
            written,
            events: case.events,
            rules: after.0.minus(before.0),
            postgres: after.1.minus(before.1),
            broker: after.2.minus(before.2),
        })
    }

    fn usages(&self) -> Result<(Usage, Usage, Usage)> {
        Ok((self.world.usage(Role::Rules)?, self.world.postgres_usage(), self.world.broker_usage()))
    }

    async fn finish(&mut self) -> Result<()> {
        let ends = self.ends().await?;
        Progress::start(&self.world).await?.until(&self.world, ends, PATIENCE).await.map(drop)
    }

    /// The offset after the last event of each partition: a committed transaction ends with a marker of its own.
    async fn ends(&self) -> Result<Vec<i64>> {
        let ends = self.world.log()?.end_offsets(Topic::Events).await?;
        Ok(ends.iter().map(|end| (end.0 - 1).max(0)).collect())
    }
}

impl Run {
    pub(crate) fn events_per_second(&self, case: Case) -> f64 {
        count(case.events) / self.seconds
    }

    fn events_per_row(&self) -> f64 {
        count(self.events) / self.written.students.max(1.0)
    }

    fn rows_per_second(&self) -> f64 {
        self.written.students / self.seconds
    }

    /// Who was busy, in cores: what is near the number of cores is the limit.
    pub(crate) fn busy(&self) -> String {
        let cores = |usage: Usage| usage.cpu_seconds / self.seconds;
        format!(
            "busy cores: rules {:.2}, PostgreSQL {:.2}, broker {:.2}; {:.0} events a row",
            cores(self.rules),
            cores(self.postgres),
            cores(self.broker),
            self.events_per_row(),
        )
    }

    pub(crate) fn report(&self, case: Case, report: &mut Report) {
        report.figure("rules", self.events_per_second(case), "events/s");
        report.figure("rules after the first quarter", self.steady, "events/s");
        report.figure("time", self.seconds, "s");
        report.figure("rows of students written", self.rows_per_second(), "students/s");
        report.figure("events per row written", self.events_per_row(), "events");
        report.figure("rows per transaction", self.written.rows_per_commit(), "rows");
        report.figure("CPU of rules", self.rules.cpu_seconds, "s");
        report.figure("CPU of PostgreSQL", self.postgres.cpu_seconds, "s");
        report.figure("CPU of the broker", self.broker.cpu_seconds, "s");
        report.figure("memory of rules", self.rules.resident_megabytes, "MB");
    }
}

fn cached_students(case: Case) -> String {
    format!("{:.0}", count(case.students) * ROOM_FOR_STUDENTS + 10_000.0)
}

#[expect(clippy::cast_precision_loss, reason = "counts of a run are far below 2^52")]
pub(crate) fn count(of: u64) -> f64 {
    of as f64
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.context("a loader panicked")?
}
