//! Ed-Fi documents, one in a request, committed.
//!
//! The baseline is what a plain server would do at best: as many connections to the same PostgreSQL, each of which inserts one
//! row with the document and commits, again and again.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::exchange::{self, Answer, Connection, Sender, Throughput};
use crate::intake::{authorization, port};
use crate::options::Options;
use crate::report::{Bound, Report};
use crate::world::{KEY, Role, SECRET, World};

/// Ed-Fi documents, one in a request, committed.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Connections that send at once.
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Seconds of each turn that are measured.
    #[arg(long, default_value_t = 6)]
    seconds: u64,
    /// Seconds of each turn before that.
    #[arg(long, default_value_t = 3)]
    warm_up: u64,
    /// Turns, of each.
    #[arg(long, default_value_t = 3)]
    turns: usize,
}

/// Runs it.
pub(crate) async fn run(options: &Options, args: &Args) -> Result<Report> {
    let settings = json!({ "connections": args.connections, "seconds": args.seconds });
    let mut report = Report::begin("edfi", settings);
    let mut world = World::start(options, 8).await?;
    world.start_role(Role::Ingestion).await?;
    let port = port(&world.url(Role::Ingestion)?)?;
    let token = token(port).await?;
    let (warm_up, time) = (Duration::from_secs(args.warm_up), Duration::from_secs(args.seconds));
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for turn in 0..args.turns {
        let before = [world.usage(Role::Ingestion)?, world.postgres_usage(), world.broker_usage()];
        let senders = (0..args.connections).map(|connection| Marks::new(turn, connection, &token)).collect();
        let throughput = exchange::pound(port, senders, warm_up, time).await?;
        let after = [world.usage(Role::Ingestion)?, world.postgres_usage(), world.broker_usage()];
        let used =
            [0, 1, 2].map(|at| (after[at].cpu_seconds - before[at].cpu_seconds) / (warm_up + time).as_secs_f64());
        wait_until_published(&world).await?;
        ours.push((throughput, used));
        theirs.push(one_by_one(&world, args.connections, time).await?);
    }
    world.all_alive()?;
    tell(&mut report, args, ours, theirs);
    Ok(report)
}

fn tell(report: &mut Report, args: &Args, mut ours: Vec<(Throughput, [f64; 3])>, mut theirs: Vec<f64>) {
    ours.sort_by(|a, b| a.0.rate().total_cmp(&b.0.rate()));
    theirs.sort_by(f64::total_cmp);
    let middle = ours.len() / 2;
    if let Some((turn, [ingestion, postgres, broker])) = ours.get_mut(middle) {
        let rate = turn.rate();
        report.figure("homeroom: documents committed", rate, "documents/s");
        report.figure("median time to the answer", turn.quantile(500), "ms");
        report.figure("99th percentile", turn.quantile(990), "ms");
        report.figure("CPU of ingestion", *ingestion, "cores");
        report.figure("CPU of PostgreSQL", *postgres, "cores");
        report.figure("CPU of the broker", *broker, "cores");
        if let Some(baseline) = theirs.get(middle) {
            report.baseline("one insert, one commit, no server", *baseline, "rows/s");
        }
        report.goal("documents a second", rate, Bound::AtLeast(8_000.0));
    }
    report.remark(format!("The median of {} turns; every document is a new one.", args.turns));
}

/// A token, as an Ed-Fi client gets it.
pub(crate) async fn token(port: u16) -> Result<String> {
    let form = format!("grant_type=client_credentials&client_id={KEY}&client_secret={SECRET}");
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let request = exchange::request("POST", "/edfi/sis/oauth/token", &headers, form.as_bytes());
    let mut connection = Connection::open(port).await?;
    let answer = connection.exchange(&request).await?;
    let body: Value = serde_json::from_slice(answer.body)?;
    Ok(body["access_token"].as_str().with_context(|| format!("no token in {body}"))?.to_owned())
}

/// Until the relay has nothing left, so that it does not take from the baseline what it owes to ours.
async fn wait_until_published(world: &World) -> Result<()> {
    let mut connection = world.database().await?;
    let deadline = Instant::now() + Duration::from_mins(2);
    loop {
        let rows: i64 = sqlx::query_scalar("select count(*) from ingestion.outbox").fetch_one(&mut connection).await?;
        if rows == 0 {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "{rows} records are not published");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Marks of students that nobody has sent before: one request, in which a number is changed from one to the next.
struct Marks {
    request: Vec<u8>,
    /// Where the student's number stands.
    at: usize,
    number: u64,
}

const DIGITS: usize = 9;
const NUMBER: &str = "000000000";

impl Marks {
    fn new(turn: usize, connection: usize, token: &str) -> Self {
        let mark = json!({
            "attendanceEventCategoryDescriptor": "uri://ed-fi.org/AttendanceEventCategoryDescriptor#Unexcused Absence",
            "eventDate": "2025-10-13",
            "schoolReference": {"schoolId": 255_901_001},
            "sessionReference": {"schoolId": 255_901_001, "schoolYear": 2026, "sessionName": "2025-2026 Fall Semester"},
            "studentReference": {"studentUniqueId": NUMBER}
        });
        let bearer = format!("Bearer {token}");
        let headers = [("content-type", "application/json"), ("authorization", bearer.as_str())];
        let path = "/edfi/sis/data/v3/ed-fi/studentSchoolAttendanceEvents";
        let request = exchange::request("POST", path, &headers, mark.to_string().as_bytes());
        let at = request.windows(DIGITS).rposition(|window| window == NUMBER.as_bytes()).unwrap_or_default();
        // 1,000 connections of 100,000 documents each fit in the digits, for 9 turns.
        Self { request, at, number: turn as u64 * 100_000_000 + connection as u64 * 100_000 }
    }
}

impl Sender for Marks {
    fn next(&mut self) -> &[u8] {
        self.number += 1;
        let digits = format!("{:0DIGITS$}", self.number);
        self.request[self.at..self.at + DIGITS].copy_from_slice(digits.as_bytes());
        &self.request
    }

    fn kept(&mut self, answer: &Answer<'_>) -> Result<u64> {
        ensure!(answer.status == 201, "{}: {}", answer.status, String::from_utf8_lossy(answer.body));
        Ok(1)
    }
}

/// Rows a second that so many connections insert and commit one by one.
async fn one_by_one(world: &World, connections: usize, time: Duration) -> Result<f64> {
    let mut owner = world.database().await?;
    sqlx::raw_sql("create table if not exists baseline (id bigserial primary key, body jsonb not null)")
        .execute(&mut owner)
        .await?;
    let body = json!({"eventDate": "2025-10-13", "studentReference": {"studentUniqueId": "1"}, "authorization": authorization().len()});
    let mut inserters = JoinSet::new();
    let mut open = Vec::new();
    for _ in 0..connections {
        open.push(world.database().await?);
    }
    let end = Instant::now() + time;
    for connection in open {
        inserters.spawn(insert(connection, body.clone(), end));
    }
    let mut rows = 0_u32;
    while let Some(part) = inserters.join_next().await {
        rows += part.context("an inserter panicked")??;
    }
    Ok(f64::from(rows) / time.as_secs_f64())
}

async fn insert(mut connection: PgConnection, body: Value, end: Instant) -> Result<u32> {
    let mut rows = 0;
    while Instant::now() < end {
        sqlx::query("insert into baseline (body) values ($1)").bind(&body).execute(&mut connection).await?;
        rows += 1;
    }
    connection.close().await?;
    Ok(rows)
}
