//! Same-day alerts while a storm of other marks comes in: a source that sends again what it said of earlier days, as fast as
//! it can, and beside it teachers who mark today.

use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use base64::Engine as _;
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::exchange::{self, Connection};
use crate::open_loop::{self, Pace, Today};
use crate::options::Options;
use crate::report::{Bound, Report};
use crate::rules::count;
use crate::school_day::{EARLIER_DAYS, FIRST_DAY, SCHOOL, SchoolDay};
use crate::target::Student;
use crate::world::{KEY, SECRET};

/// Measures same-day alerts beside a storm.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    pace: Pace,
    /// Marks a second of the storm.
    #[arg(long, default_value_t = 20_000)]
    storm: u32,
    /// Students whom the storm is about.
    #[arg(long, default_value_t = 5_000)]
    storm_students: u32,
    /// Partitions of the events topic.
    #[arg(long, default_value_t = 8)]
    partitions: u32,
}

/// Connections of the source, and records in each request.
const CONNECTIONS: u32 = 16;
const BATCH: u32 = 200;

/// Runs it.
pub(crate) async fn run(options: &Options, args: &Args) -> Result<Report> {
    let settings =
        json!({ "marks_per_second": args.pace.rate, "storm_per_second": args.storm, "partitions": args.partitions });
    let mut report = Report::begin("storm", settings);
    let day = SchoolDay::start(options, args.partitions).await?;
    println!("enrolling {} students of the storm", args.storm_students);
    let stormy = day.target.enroll("storm", args.storm_students, FIRST_DAY).await?;
    let marked = Today::enroll(&day.target, args.pace).await?.alone(&day.target, &mut report, "no storm").await?;

    let (stop, stopped) = watch::channel(false);
    let mut storm = JoinSet::new();
    for connection in 0..CONNECTIONS {
        let source = Source::new(&day, args.storm, connection, &stormy)?;
        storm.spawn(source.send(stopped.clone()));
    }
    let began = Instant::now();
    let run = open_loop::run(args.pace, &day.target, marked).await?;
    let seconds = began.elapsed().as_secs_f64();
    stop.send_replace(true);
    let mut sent = Sent::default();
    while let Some(done) = storm.join_next().await {
        sent = sent.plus(done.context("the storm's sender panicked")??);
    }
    let behind = day.target.events_behind().await?;
    day.world.all_alive()?;
    report.figure("storm accepted", count(sent.accepted) / seconds, "marks/s");
    report.figure("storm put off", count(sent.put_off) / seconds, "marks/s");
    report.figure("events behind when it ended", count(behind), "events");
    run.answered.report(&mut report, "mark of today accepted");
    run.alerts.report(&mut report, "mark of today to alert");
    ensure!(run.alerts.missing == 0, "{} marks had no alert", run.alerts.missing);
    report.goal("mark of today to alert p99, ms", run.alerts.quantile(990), Bound::AtMost(1_000.0));
    Ok(report)
}

/// Records of the storm.
#[derive(Debug, Clone, Copy, Default)]
struct Sent {
    accepted: u64,
    /// Answered with 429 or 503: to be sent again later, which the storm does not.
    put_off: u64,
}

impl Sent {
    const fn plus(self, other: Self) -> Self {
        Self { accepted: self.accepted + other.accepted, put_off: self.put_off + other.put_off }
    }
}

/// One connection of the storm, and the requests it sends in turn, made before the clock starts.
struct Source {
    port: u16,
    requests: Vec<Vec<u8>>,
    interval: Duration,
    offset: Duration,
}

impl Source {
    fn new(day: &SchoolDay, rate: u32, connection: u32, students: &[Student]) -> Result<Self> {
        let url = &day.target.doors().ingestion;
        let port = url.rsplit(':').next().unwrap_or_default().parse().context("the door has no port")?;
        let interval = Duration::from_secs(1) * (BATCH * CONNECTIONS) / rate;
        let mine: Vec<&Student> = students.iter().skip(connection as usize).step_by(CONNECTIONS as usize).collect();
        let marks: Vec<String> = EARLIER_DAYS
            .iter()
            .zip(CODES.iter().cycle())
            .flat_map(|(date, code)| mine.iter().map(move |student| mark(&student.id, SCHOOL, date, code)))
            .collect();
        let requests = marks.chunks(BATCH as usize).map(|part| request(&part.join(","))).collect();
        Ok(Self { port, requests, interval, offset: interval * connection / CONNECTIONS })
    }

    /// Sends when it is due, and at once when it is late.
    async fn send(self, stopped: watch::Receiver<bool>) -> Result<Sent> {
        let mut connection = Connection::open(self.port).await?;
        let mut sent = Sent::default();
        let first = Instant::now() + self.offset;
        for (at, request) in (0_u32..).zip(self.requests.iter().cycle()) {
            tokio::time::sleep_until(first + self.interval * at).await;
            if *stopped.borrow() {
                break;
            }
            let answer = connection.exchange(request).await?;
            match answer.status {
                200..300 => sent.accepted += u64::from(BATCH),
                429 | 503 => sent.put_off += u64::from(BATCH),
                other => bail!("the storm was answered {other}: {}", String::from_utf8_lossy(answer.body)),
            }
        }
        Ok(sent)
    }
}

const CODES: [&str; 4] = ["Present", "Present", "Tardy", "Excused Absence"];

/// Without a revision, so that each word is a later one than before.
fn mark(student: &str, school: &str, date: &str, code: &str) -> String {
    json!({ "kind": "attendance", "data": { "student": student, "school": school, "date": date, "code": code } })
        .to_string()
}

fn request(records: &str) -> Vec<u8> {
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("{KEY}:{SECRET}"));
    let headers = [("authorization", format!("Basic {pair}")), ("content-type", "application/json".to_owned())];
    let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
    exchange::request("POST", "/v1/events", &headers, format!("[{records}]").as_bytes())
}
