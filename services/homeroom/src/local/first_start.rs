//! What happens beside the services when they start: the district's settings and sample at the first start, then a summary.
//!
//! It is a client like any other: it only uses the public APIs. Each step is marked when it is done and may be repeated, so a
//! first start that was interrupted is taken up by the next one.

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use homeroom_chassis::{TaskGroup, clock};
use homeroom_domain::date::Date;
use homeroom_proto::wire::risk::{GetSummaryRequest, GetSummaryResponse};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use tokio::time::{Instant, sleep};

use super::directory::Directory;
use super::keys::{CURL_CONFIG, ENV_FILE};
use super::lines_to_paste::{self, Places};
use super::speed::{Speed, Watcher};
use super::summary;
use crate::client::edfi::EdFi;
use crate::client::{Connection, admin, grpc};
use crate::sample::files::{self, Document};
use crate::sample::load;

/// The summary's file; it is there while Homeroom is ready, so a script can wait for it.
pub(crate) const SUMMARY: &str = "summary.txt";
/// Marks that settings and rules are in force.
const CONFIGURED: &str = "configured";
/// Marks that the sample is loaded, and holds how fast its marks became alerts.
const LOADED: &str = "sample.json";

/// Where the sample district is.
const TIME_ZONE: &str = "America/Chicago";
/// The Grand Bend sample's own policy: a grade below 70 fails, in hundredths of a point.
const FAILING_BELOW: i64 = 70_00;

const POLL: Duration = Duration::from_millis(100);
/// How often in a row nothing may change before the services count as caught up: a record may be between two of them.
const QUIET_POLLS: u32 = 10;
/// How long nothing may move while work is left.
const STUCK_AFTER: Duration = Duration::from_mins(3);

/// What the first start does.
#[derive(Debug, Clone)]
pub(crate) struct FirstStart {
    /// The sample's folder.
    pub(crate) sample: Option<PathBuf>,
    /// What the district's clock shows.
    pub(crate) clock: StartClock,
}

/// What the district's clock shows at the first start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StartClock {
    /// The real time there.
    Now,
    /// This local time there; it goes on at the real pace.
    Local(DateTime),
}

impl FromStr for StartClock {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "now" {
            return Ok(Self::Now);
        }
        text.parse().map(Self::Local).map_err(|_| "neither `now` nor a local time such as 2022-04-13T08:40".to_owned())
    }
}

impl StartClock {
    /// Seconds to add to real time.
    fn offset_seconds(&self) -> Result<i64> {
        let Self::Local(local) = self else { return Ok(0) };
        let zone = TimeZone::get(TIME_ZONE).context("the time zone database")?;
        let there = zone.to_timestamp(*local).context("no such local time")?;
        Ok(there.as_second() - clock::now().as_second())
    }
}

/// Does what is left of the first start, waits until everything is caught up, and says so.
pub(crate) async fn run(
    plan: FirstStart,
    directory: Arc<Directory>,
    connection: Connection,
    tasks: TaskGroup,
) -> Result<(), String> {
    let stopping = tasks.stopping();
    let work = prepare(&plan, &directory, &connection, &tasks);
    match stopping.run_until_cancelled(work).await {
        Some(outcome) => outcome.map_err(|error| format!("{error:#}")),
        None => Ok(()),
    }
}

async fn prepare(plan: &FirstStart, directory: &Directory, connection: &Connection, tasks: &TaskGroup) -> Result<()> {
    if directory.read(CONFIGURED)?.is_none() {
        let settings = admin::Settings {
            time_zone: TIME_ZONE,
            clock_offset_seconds: plan.clock.offset_seconds()?,
            failing_below: FAILING_BELOW,
        };
        admin::put_settings(connection, &settings).await.context("the district's settings")?;
        admin::put_rule_pack(connection, homeroom_domain::rule::DEFAULT_PACK).await.context("the rule pack")?;
        directory.write(CONFIGURED, "settings and rules were put in force")?;
    }
    let documents = plan.sample.as_deref().map(files::read).transpose()?.unwrap_or_default();
    let speed = match directory.read(LOADED)? {
        Some(text) => Some(serde_json::from_str(&text).context("sample.json")?),
        None if plan.sample.is_some() => Some(load_sample(directory, connection, tasks, documents.clone()).await?),
        None => None,
    };
    let summary = caught_up(connection).await?;
    let text = say(plan, directory, connection, &summary, speed.as_ref(), &documents)?;
    println!("\n{text}\nHomeroom runs until Ctrl-C.");
    directory.write(SUMMARY, &text)
}

async fn load_sample(
    directory: &Directory,
    connection: &Connection,
    tasks: &TaskGroup,
    documents: Vec<Document>,
) -> Result<Speed> {
    let watcher = Watcher::start(connection, tasks)?;
    let today = Date::from_days(caught_up(connection).await?.today)?;
    println!("loading the sample through {}", connection.edfi_url);
    let edfi = EdFi::connect(connection).await?;
    load::load(&edfi, load::until(documents, today)).await?.print();
    let summary = caught_up(connection).await?;
    all_seen(&watcher, &summary).await?;
    let speed = watcher.speed();
    directory.write(LOADED, &serde_json::to_string(&speed)?)?;
    Ok(speed)
}

/// Waits until every record has had its effect.
async fn caught_up(connection: &Connection) -> Result<GetSummaryResponse> {
    let mut risk = grpc::risk(connection)?;
    let mut last = GetSummaryResponse::default();
    let mut quiet = 0;
    let mut moved = Instant::now();
    while quiet < QUIET_POLLS {
        if let Ok(answer) = risk.get_summary(GetSummaryRequest {}).await {
            let summary = answer.into_inner();
            let behind = summary.events_behind > 0 || summary.students_behind > 0;
            if summary != last {
                moved = Instant::now();
            }
            quiet = if behind || summary != last { 0 } else { quiet + 1 };
            last = summary;
        }
        anyhow::ensure!(
            moved.elapsed() < STUCK_AFTER,
            "nothing has moved for {STUCK_AFTER:?}, and {} events and {} students are still behind",
            last.events_behind,
            last.students_behind
        );
        sleep(POLL).await;
    }
    Ok(last)
}

/// Waits until the feed has brought every alert that the rules have opened.
async fn all_seen(watcher: &Watcher, summary: &GetSummaryResponse) -> Result<()> {
    let opened: i64 = summary.rules.iter().map(|rule| rule.opened_ever).sum();
    let opened = u64::try_from(opened).unwrap_or(0);
    let began = Instant::now();
    loop {
        let seen: u64 = watcher.opened().values().sum();
        if seen >= opened {
            return Ok(());
        }
        anyhow::ensure!(began.elapsed() < STUCK_AFTER, "{opened} alerts were opened, and the feed brought {seen}");
        sleep(POLL).await;
    }
}

fn say(
    plan: &FirstStart,
    directory: &Directory,
    connection: &Connection,
    summary: &GetSummaryResponse,
    speed: Option<&Speed>,
    documents: &[Document],
) -> Result<String> {
    let places = Places {
        program: std::env::current_exe().context("this program's own path")?,
        env_file: directory.join(ENV_FILE),
        curl_config: directory.join(CURL_CONFIG),
        sample: plan.sample.clone(),
    };
    let addresses = format!("HTTP {}   Ed-Fi {}   gRPC {}", connection.url, connection.edfi_url, connection.grpc);
    let lines = lines_to_paste::text(&places, connection, documents, Date::from_days(summary.today)?);
    let secret = format!("Key and secret are in {}", places.env_file.display());
    Ok(format!("{}\n{addresses}\n{secret}\n\n{lines}", summary::text(summary, speed)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_is_the_real_one_or_a_local_time() {
        assert_eq!("now".parse(), Ok(StartClock::Now));
        assert!(matches!("2022-04-13T08:40".parse(), Ok(StartClock::Local(_))));
        assert!(StartClock::from_str("yesterday").is_err());
        assert_eq!(StartClock::Now.offset_seconds().expect("none"), 0);
    }

    #[test]
    fn the_offset_leads_to_the_local_time() {
        let clock: StartClock = "2022-04-13T08:40".parse().expect("a local time");
        let offset = clock.offset_seconds().expect("an offset");
        let district = homeroom_domain::settings::Clock {
            time_zone: TIME_ZONE.to_owned(),
            offset_seconds: offset,
            day_close_minute: 960,
        };
        let there = district.local(clock::now()).expect("a time");
        assert!(there.to_string().starts_with("2022-04-13T08:"), "{there}");
    }
}
