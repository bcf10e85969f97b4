//! Deliveries with acknowledgements on the leased feed, and what idle watchers cost.
//!
//! Deliveries are planned first, from alerts on the log; then adapters take all of them, and settle each as accepted. The
//! baseline is a bare echo: the same messages on a stream of the same library, in turn one delivery for each settlement, with
//! neither a database nor anything to decide, as many on their way as the adapters may have. The second baseline is rows of a
//! table alone, taken and settled without anything to send or to decide.

mod adapter;
mod echo;
mod rows;
mod watcher;

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use homeroom_bus::{NewRecord, Topic};
use homeroom_domain::alert::{AlertChange, ChangeKind, CitedFact, Claim, Proof, Severity, Terms};
use homeroom_domain::date::Date;
use homeroom_domain::event::Origin;
use homeroom_domain::id::{AlertId, DistrictId, RecordKey, Revision, RuleId, SchoolId, SourceId, StudentKey};
use homeroom_proto::{alert, key};
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::options::Options;
use crate::report::{Bound, Report};
use crate::world::{DISTRICT, Role, World};

/// How long planning or delivering may take.
const PATIENCE: Duration = Duration::from_mins(5);
const POLL: Duration = Duration::from_millis(20);
/// Alerts in one append.
const BATCH: usize = 1_000;
/// Bytes of a watcher that are thought bounded enough.
const WATCHER_BYTES: f64 = 20_000.0;

/// Deliveries with acknowledgements on the leased feed.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// Deliveries of each turn.
    #[arg(long, default_value_t = 50_000)]
    deliveries: u32,
    /// Adapters that take them.
    #[arg(long, default_value_t = 2)]
    adapters: u32,
    /// Deliveries that an adapter has at once.
    #[arg(long, default_value_t = 1_000)]
    outstanding: u32,
    /// Seconds of the echo in each turn.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Turns, of each.
    #[arg(long, default_value_t = 3)]
    turns: u32,
    /// Idle watchers that are opened at the end.
    #[arg(long, default_value_t = 10_000)]
    watchers: u32,
}

/// Runs it.
pub(crate) async fn run(options: &Options, args: &Args) -> Result<Report> {
    let settings = json!({
        "deliveries": args.deliveries, "adapters": args.adapters, "outstanding": args.outstanding,
        "watchers": args.watchers,
    });
    let mut report = Report::begin("feed", settings);
    let mut world = World::start(options, 8).await?;
    world.start_role(Role::Notification).await?;
    let (mut planned, mut ours, mut theirs, mut bare) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for turn in 0..args.turns {
        planned.push(plan(&world, args, turn).await?);
        let before = (world.usage(Role::Notification)?, world.postgres_usage());
        let rate = adapter::deliver(&world, args, PATIENCE).await?;
        let used = world.usage(Role::Notification)?.minus(before.0).cpu_seconds;
        let used_by_postgres = world.postgres_usage().minus(before.1).cpu_seconds;
        ours.push((rate, used, used_by_postgres));
        theirs.push(echo::measure(args).await?);
        bare.push(rows::measure(&world, args).await?);
    }
    check(&world, args).await?;
    tell(&mut report, args, &planned, ours, theirs);
    tell_rows(&mut report, bare);
    if args.watchers > 0 {
        tell_watchers(&mut report, args, &watcher::measure(&world, args.watchers, change(u32::MAX)).await?);
    }
    world.all_alive()?;
    Ok(report)
}

fn tell(report: &mut Report, args: &Args, planned: &[f64], mut ours: Vec<(f64, f64, f64)>, mut theirs: Vec<f64>) {
    ours.sort_by(|a, b| a.0.total_cmp(&b.0));
    theirs.sort_by(f64::total_cmp);
    let middle = ours.len() / 2;
    if let (Some((rate, cpu, postgres)), Some(baseline)) = (ours.get(middle), theirs.get(middle)) {
        report.figure("homeroom: deliveries accepted", *rate, "deliveries/s");
        let each = |seconds: f64| seconds * 1e6 / f64::from(args.deliveries);
        report.figure("CPU of notification for each", each(*cpu), "us");
        report.figure("CPU of PostgreSQL for each", each(*postgres), "us");
        report.baseline("bare echo stream", *baseline, "deliveries/s");
        report.goal("share of the bare echo", rate / baseline, Bound::AtLeast(0.3));
    }
    let rate = planned.iter().copied().fold(0.0, f64::max);
    report.figure("alert changes read and planned, best turn", rate, "changes/s");
    report.remark(format!("The median of {} turns.", args.turns));
}

fn tell_rows(report: &mut Report, mut bare: Vec<rows::Measured>) {
    bare.sort_by(|a, b| a.rate.total_cmp(&b.rate));
    if let Some(bare) = bare.get(bare.len() / 2) {
        report.baseline("bare rows, taken and settled", bare.rate, "rows/s");
        report.baseline("CPU of PostgreSQL for each bare row", bare.postgres_us, "us");
    }
}

fn tell_watchers(report: &mut Report, args: &Args, watchers: &watcher::Measured) {
    report.figure("an idle watcher: resident memory", watchers.bytes, "bytes");
    report.figure("idle watchers: all opened", f64::from(args.watchers) / watchers.opened.as_secs_f64(), "watchers/s");
    report.figure("a change at all watchers within", watchers.told.as_secs_f64() * 1e3, "ms");
    report.goal("bytes of an idle watcher", watchers.bytes, Bound::AtMost(WATCHER_BYTES));
}

/// Publishes alerts and waits until each has its delivery; how many a second.
async fn plan(world: &World, args: &Args, turn: u32) -> Result<f64> {
    let log = world.log()?;
    let first = turn * args.deliveries;
    let records = (first..first + args.deliveries).map(record);
    let records: Vec<NewRecord> = records.collect();
    let began = Instant::now();
    for batch in records.chunks(BATCH) {
        for appended in log.append(Topic::Alerts, batch.to_vec()).await {
            appended.context("an alert cannot be published")?;
        }
    }
    let mut database = world.database().await?;
    let expected = i64::from(first + args.deliveries);
    loop {
        let count: i64 =
            sqlx::query_scalar("select count(*) from notification.deliveries").fetch_one(&mut database).await?;
        if count == expected {
            break;
        }
        ensure!(began.elapsed() < PATIENCE, "{count} of {expected} deliveries are planned");
        sleep(POLL).await;
    }
    let rate = f64::from(args.deliveries) / began.elapsed().as_secs_f64();
    // What autovacuum does in the quiet hours that a backlog of this size takes to come.
    sqlx::raw_sql("vacuum analyze notification.deliveries, notification.attempts").execute(&mut database).await?;
    Ok(rate)
}

/// Fails unless each delivery was accepted in its one attempt.
async fn check(world: &World, args: &Args) -> Result<()> {
    let wrong: i64 = sqlx::query_scalar(
        "select count(*) from notification.deliveries d where state <> 'accepted' or attempts <> 1
             or not exists (select from notification.attempts a
                 where a.delivery_id = d.delivery_id and a.number = 1 and a.outcome = 'accepted')",
    )
    .fetch_one(&mut world.database().await?)
    .await?;
    ensure!(
        wrong == 0,
        "{wrong} of {} deliveries were not accepted in their one attempt",
        args.deliveries * args.turns
    );
    Ok(())
}

fn record(number: u32) -> NewRecord {
    let change = change(number);
    NewRecord {
        key: key::alerts(&change.district, &change.student),
        value: Some(alert::encode(&change)),
        headers: vec![(
            "traceparent".to_owned(),
            bytes::Bytes::from_static(b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        )],
    }
}

/// The opening of one student's alert.
fn change(number: u32) -> AlertChange {
    let mut id = [7; 16];
    id[..4].copy_from_slice(&number.to_be_bytes());
    let date = Date::parse("2022-04-13").expect("a date");
    let school = SchoolId::parse("255901001").expect("a school");
    let cited = |day: u8| CitedFact {
        date,
        school: school.clone(),
        what: "unexcused absence, whole day".into(),
        code: "U".into(),
        origin: Origin {
            source: SourceId::parse("sis").expect("a source"),
            key: RecordKey::new([day; 16]),
            revision: Revision(day.into()),
        },
    };
    AlertChange {
        alert_id: AlertId::new(id),
        number: 1,
        kind: ChangeKind::Opened,
        district: DistrictId::parse(DISTRICT).expect("a district"),
        student: StudentKey::new(id),
        school: school.clone(),
        school_name: String::new(),
        claim: Claim {
            rule: RuleId::parse("attendance-tier").expect("a rule"),
            rule_version: 1,
            severity: Severity::Warning,
            level: 2,
            audience: "attendance".into(),
            title: "Missing much of school".into(),
            settle_seconds: 0,
            proof: Proof {
                as_of: date,
                explanation: "10 of 100 days absent: 10%, and 10% is much".into(),
                clears_when: "Below 10% of the days enrolled".into(),
                measures: Vec::new(),
                facts: (0..10).map(cited).collect(),
                facts_left_off: 0,
                threshold_source: "".into(),
            },
            terms: Terms::default(),
        },
        reason: String::new(),
        changed_at: homeroom_chassis::clock::now(),
        caused_at: None,
        district_time: jiff::civil::date(2022, 4, 13).at(9, 5, 0, 0),
        late_since: None,
        fallen_due: Vec::new(),
    }
}
