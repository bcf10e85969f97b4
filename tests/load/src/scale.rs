//! Throughput and latency by the number of students, partitions and processes: each varied alone, from one base.
//!
//! Each row of the table is a run of `rules` in that size, then marks of today appended one by one at a steady rate, until
//! each one's alert is on the alerts topic. A row also says who was busy, which is the reason where the table bends.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use homeroom_bus::{Log, NewRecord, Partition, Topic};
use homeroom_chassis::clock;
use homeroom_proto::{event, key};
use serde_json::json;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::latencies::Latencies;
use crate::options::Options;
use crate::report::Report;
use crate::rules::{Bench, Shape};
use crate::workload::canonical::{District, student_key};
use crate::workload::{Case, Code, Mark};
use crate::world::{Role, World};

/// Measures by size.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// Numbers of students; the first is the base.
    #[arg(long, value_delimiter = ',', default_value = "100000,10000,1000000")]
    students: Vec<u64>,
    /// Numbers of partitions; the first is the base.
    #[arg(long, value_delimiter = ',', default_value = "8,64")]
    partitions: Vec<u32>,
    /// Numbers of processes; the first is the base.
    #[arg(long, value_delimiter = ',', default_value = "1,2,4")]
    processes: Vec<u32>,
    /// Events of each run: the stream goes on until there are so many, and each student has one at least.
    #[arg(long, default_value_t = 500_000)]
    events: u64,
    /// Marks of today a second, for the latency.
    #[arg(long, default_value_t = 200)]
    rate: u32,
    /// How many of them.
    #[arg(long, default_value_t = 2_000)]
    marks: u32,
}

/// How long an alert may take.
const PATIENCE: Duration = Duration::from_mins(1);
/// How many records are taken at once, and how long for the first is waited.
const BATCH: usize = 1_000;
const WAIT: Duration = Duration::from_secs(1);
/// Higher than any of the stream.
const REVISION: u64 = 1_000_000_000;

/// Runs every row.
pub(crate) async fn run(options: &Options, args: &Args) -> Result<Report> {
    let settings = json!({ "events": args.events, "marks_per_second": args.rate });
    let mut table = Report::begin("scale", settings);
    for (students, shape) in rows(args)? {
        let row = measure(options, args, students, shape).await?;
        let name = format!("{students} students, {} partitions, {} processes", shape.partitions, shape.processes);
        table.figure(format!("{name}: throughput"), row.events_per_second, "events/s");
        table.figure(format!("{name}: mark to alert p50"), row.latencies.quantile(500), "ms");
        table.figure(format!("{name}: mark to alert p99"), row.latencies.quantile(990), "ms");
        table.figure(format!("{name}: start after a stop"), row.start_seconds, "s");
        table.remark(format!("{name}: {}", row.busy));
    }
    Ok(table)
}

/// The base, then each number that differs from it.
fn rows(args: &Args) -> Result<Vec<(u64, Shape)>> {
    let students = *args.students.first().context("no number of students")?;
    let partitions = *args.partitions.first().context("no number of partitions")?;
    let processes = *args.processes.first().context("no number of processes")?;
    let base = Shape { partitions, processes };
    let mut rows = vec![(students, base)];
    rows.extend(args.students.iter().skip(1).map(|&students| (students, base)));
    rows.extend(args.partitions.iter().skip(1).map(|&partitions| (students, Shape { partitions, ..base })));
    rows.extend(args.processes.iter().skip(1).map(|&processes| (students, Shape { processes, ..base })));
    Ok(rows)
}

/// A row of the table.
struct Row {
    events_per_second: f64,
    latencies: Latencies,
    /// From the end of every process until a mark has its alert again.
    start_seconds: f64,
    busy: String,
}

async fn measure(options: &Options, args: &Args, students: u64, shape: Shape) -> Result<Row> {
    let case = Case::sized(students, args.events.max(students));
    let mut report = Report::begin(
        "rules",
        json!({
            "case": case.name, "students": case.students, "events": case.events, "partitions": shape.partitions,
            "processes": shape.processes, "start": "warm",
        }),
    );
    let mut bench = Bench::set_up(options, case, shape).await?;
    let run = bench.measure(false).await?;
    run.report(case, &mut report);
    report.finish(options.json.as_deref())?;
    let mut marked = unmarked_today(case);
    let needed = usize::try_from(args.marks)? + 1;
    ensure!(marked.len() >= needed, "{} students are too few for {needed} marks", marked.len());
    let first = marked.split_off(needed - 1);
    let latencies = one_by_one(&bench.world, &bench.district, args.rate, &marked).await?;
    bench.world.stop_role(Role::Rules).await?;
    let began = Instant::now();
    for _ in 0..shape.processes {
        bench.world.spawn_role(Role::Rules)?;
    }
    one_by_one(&bench.world, &bench.district, args.rate, first.get(..1).unwrap_or_default()).await?;
    let start_seconds = began.elapsed().as_secs_f64();
    Ok(Row { events_per_second: run.events_per_second(case), latencies, start_seconds, busy: run.busy() })
}

/// Marks of today that open an alert: of students whose stream ends in presence.
fn unmarked_today(case: Case) -> Vec<Mark> {
    let today = case.days() - 1;
    let mut last: HashMap<u64, Mark> = HashMap::new();
    for mark in case.marks().filter(|mark| mark.day == today) {
        let word = last.entry(mark.student).or_insert(mark);
        if word.revision <= mark.revision {
            *word = mark;
        }
    }
    let mut present: Vec<Mark> = last.into_values().filter(|mark| mark.code == Code::Present).collect();
    present.sort_by_key(|mark| mark.student);
    present.into_iter().map(|mark| Mark { code: Code::Unexcused, revision: REVISION, ..mark }).collect()
}

/// Appends each mark when it is due, and measures until its alert is on the topic.
async fn one_by_one(world: &World, district: &District, rate: u32, marks: &[Mark]) -> Result<Latencies> {
    let log = world.log()?;
    let mut readers = JoinSet::new();
    let (seen, mut alerts) = mpsc::channel(marks.len() * 2 + 1);
    for (partition, end) in (0..).zip(log.end_offsets(Topic::Alerts).await?) {
        let mut tail = log.tail(Topic::Alerts, Partition(partition), end).await?;
        let seen = seen.clone();
        readers.spawn(async move {
            while let Ok(records) = tail.next(BATCH, WAIT).await {
                let now = Instant::now();
                for student in records.iter().filter_map(|record| key::parse_student(&record.key)) {
                    if seen.send((student.1, now)).await.is_err() {
                        return;
                    }
                }
            }
        });
    }
    let first = Instant::now() + Duration::from_millis(200);
    let interval = Duration::from_secs(1) / rate;
    let mut due = HashMap::new();
    let mut appends = JoinSet::new();
    for (at, mark) in (0_u32..).zip(marks) {
        let moment = first + interval * at;
        due.insert(student_key(mark.student), moment);
        tokio::time::sleep_until(moment).await;
        let mut event = district.event(mark)?;
        event.received_at = clock::now();
        let record = NewRecord {
            key: key::events(&event.district, &event.student),
            value: Some(event::encode(&event)),
            headers: Vec::new(),
        };
        appends.spawn(append(Arc::clone(&log), record));
    }
    while let Some(appended) = appends.join_next().await {
        appended.context("an append panicked")??;
    }
    let mut latencies = Latencies::default();
    while !due.is_empty() {
        let (student, arrived) = tokio::time::timeout(PATIENCE, alerts.recv())
            .await
            .context("an alert does not come")?
            .context("no reader")?;
        if let Some(moment) = due.remove(&student) {
            latencies.record(arrived.saturating_duration_since(moment));
        }
    }
    latencies.sort();
    Ok(latencies)
}

async fn append(log: Arc<dyn Log>, record: NewRecord) -> Result<()> {
    log.append(Topic::Events, vec![record]).await.into_iter().try_for_each(|appended| appended.map(drop))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_is_varied_alone() {
        let args = Args {
            students: vec![100, 10],
            partitions: vec![8, 64],
            processes: vec![1, 2],
            events: 1_000,
            rate: 10,
            marks: 5,
        };
        let rows: Vec<_> = rows(&args)
            .unwrap()
            .iter()
            .map(|(students, shape)| (*students, shape.partitions, shape.processes))
            .collect();
        assert_eq!(rows, [(100, 8, 1), (10, 8, 1), (100, 64, 1), (100, 8, 2)]);
    }

    #[test]
    fn a_mark_of_today_follows_presence() {
        let case = Case::sized(50, 500);
        let marks = unmarked_today(case);
        assert!(!marks.is_empty());
        assert!(marks.iter().all(|mark| mark.day == 9 && mark.code == Code::Unexcused));
    }
}
