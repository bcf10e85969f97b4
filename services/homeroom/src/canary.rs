//! A student who does not exist, and whose story is told again and again through the public API: absent, told of, corrected, taken back.
//! It shows that the whole way works when nothing else comes along it, and how long it takes.
//!
//! Who nobody may see lives where nobody looks: in a district of the canary's own, whose id ends with `--canary`. Every question and every
//! feed is of one district, so no list, count or export of people's districts can hold it, and the notification service routes nothing of
//! such a district. It has its own key and pseudonym key, and rules of one rule.
//!
//! Each round takes another of a few students, each at a school of its own, so that all partitions of the log have their turn. The mark is
//! of yesterday, which counts at any hour and on any day of the week. Where the student goes to school is sent once a day and student: it
//! stays in topics of which nothing is ever removed.

mod config;
mod reach;

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use homeroom_chassis::TaskGroup;
use homeroom_chassis::tls::Followed;
use homeroom_proto::wire::alert::Kind;
use homeroom_proto::wire::notification::{WatchAlertsRequest, WatchAlertsResponse};
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _};
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tonic::Streaming;

use crate::client::{Connection, admin, http};
use reach::Reach;

pub(crate) use config::{Config, default_every, default_within};

/// The canary's only rules.
const RULES: &str = include_str!("canary/rules.yaml");

/// Each student has its turn again after five hours, of rounds every five minutes. Of 12 partitions it is 94 % likely that each has one of
/// them.
const STUDENTS: u64 = 60;

/// How long one request may take.
pub(crate) const REQUEST: Duration = Duration::from_secs(20);

/// How long a round took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Round {
    /// From sending the mark to the alert on the feed.
    pub(crate) alert: Duration,
    /// From sending the correction to the recall on the feed.
    pub(crate) recall: Duration,
}

/// The canary of one district.
pub(crate) struct Canary {
    connection: Connection,
    reach: Followed<Reach>,
    /// How long each of the two may take.
    within: Duration,
    /// Cancelled when nothing is waited for any longer.
    stopping: CancellationToken,
    /// The date for which each student's school was sent last.
    settled: Mutex<BTreeMap<String, Date>>,
}

#[derive(Deserialize)]
struct Results {
    results: Vec<Outcome>,
}

#[derive(Deserialize)]
struct Outcome {
    outcome: String,
}

impl Canary {
    /// A canary that waits so long for an alert, and as long for its recall, and for neither once the group stops.
    pub(crate) fn new(connection: Connection, within: Duration, tasks: &TaskGroup) -> Result<Self> {
        let reach = Reach::follow(&connection, tasks)?;
        Ok(Self { connection, reach, within, stopping: tasks.stopping(), settled: Mutex::default() })
    }

    /// The name of its key.
    pub(crate) fn name(&self) -> &str {
        &self.connection.key
    }

    /// Puts the district's rules and clock in force, once. The rules go first: Homeroom takes them of a canary's district only, so that
    /// a key of another one changes nothing there.
    pub(crate) async fn prepare(&self) -> Result<()> {
        let address = format!("{}/v1/rule-pack", self.connection.url);
        let answer = self.authorised(self.reach.current().http.get(address)).timeout(REQUEST).send().await;
        let rules = http::succeeded(answer.context("the rules in force were not told")?).await?.text().await?;
        if rules == RULES {
            return Ok(());
        }
        admin::put_rule_pack(&self.connection, RULES).await.context("the canary's rules")?;
        let settings = admin::Settings { time_zone: "UTC", clock_offset_seconds: 0, failing_below: 0 };
        admin::put_settings(&self.connection, &settings).await.context("the canary's settings")
    }

    /// One round. Whatever it came to, also when the process is to stop meanwhile, the mark is withdrawn: so it is to be run to its end.
    pub(crate) async fn round(&self, number: u64, now: Timestamp) -> Result<Round> {
        let (name, yesterday) = (format!("canary-{}", number % STUDENTS), yesterday(now)?);
        let told = self.tell(&name, yesterday).await;
        let withdrawn =
            json!([{ "kind": "attendance", "key": name, "withdrawn": true, "data": mark(&name, yesterday, "") }]);
        let withdrawn = self.send(&withdrawn).await;
        if told.is_err() || withdrawn.is_err() {
            // Homeroom may have lost what it had, as when a backup was restored.
            self.settled.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
        let told = told?;
        withdrawn.map(|()| told)
    }

    /// Sends what a mark of that date needs to count, unless it was sent before.
    async fn settle(&self, name: &str, date: Date) -> Result<()> {
        if self.settled.lock().unwrap_or_else(PoisonError::into_inner).get(name) == Some(&date) {
            return Ok(());
        }
        self.send(&school(name, date)).await.context("the canary's school")?;
        self.settled.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), date);
        Ok(())
    }

    /// What comes before the mark; the feed as it goes on from there.
    async fn begin(&self, name: &str, yesterday: Date) -> Result<Streaming<WatchAlertsResponse>> {
        self.settle(name, yesterday).await?;
        let mut feed = self.reach.current().feed(&self.connection)?;
        let from_now = WatchAlertsRequest { school: name.to_owned(), ..WatchAlertsRequest::default() };
        let changes = tokio::time::timeout(REQUEST, feed.watch_alerts(from_now)).await;
        Ok(changes.context("the feed does not answer")?.context("the feed")?.into_inner())
    }

    async fn tell(&self, name: &str, yesterday: Date) -> Result<Round> {
        let begun = self.stopping.run_until_cancelled(self.begin(name, yesterday)).await;
        let mut changes = begun.context("the canary is to stop")??;
        let alert = self.after("Unexcused Absence", Kind::Opened, name, yesterday, &mut changes).await?;
        let recall = self.after("In Attendance", Kind::Recalled, name, yesterday, &mut changes).await?;
        Ok(Round { alert, recall })
    }

    /// Sends the mark with a code, and waits for what it brings about.
    async fn after(
        &self,
        code: &str,
        expected: Kind,
        name: &str,
        yesterday: Date,
        changes: &mut Streaming<WatchAlertsResponse>,
    ) -> Result<Duration> {
        let began = Instant::now();
        let sent = json!([{ "kind": "attendance", "key": name, "data": mark(name, yesterday, code) }]);
        let came = async {
            self.send(&sent).await?;
            // A mark is answered before it is withdrawn; what it brings about need not come.
            let came = self.stopping.run_until_cancelled(next(changes, expected)).await;
            came.context("the canary is to stop")?
        };
        let waited = tokio::time::timeout(self.within, came).await;
        waited.with_context(|| {
            format!("{} is not on the feed after {} s", expected.as_str_name(), self.within.as_secs())
        })??;
        Ok(began.elapsed())
    }

    /// Sends records, which must all be accepted.
    async fn send(&self, records: &Value) -> Result<()> {
        let address = format!("{}/v1/events", self.connection.url);
        let request = self.authorised(self.reach.current().http.post(address)).timeout(REQUEST).json(records);
        let answer = http::succeeded(request.send().await.context("records got no answer")?).await?;
        let results: Results = answer.json().await.context("the answer to records")?;
        match results.results.iter().find(|result| result.outcome != "accepted") {
            Some(Outcome { outcome }) => bail!("a record of the canary was not accepted but `{outcome}`"),
            None => Ok(()),
        }
    }

    fn authorised(&self, request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        request.basic_auth(&self.connection.key, Some(self.connection.secret.expose_secret()))
    }
}

/// Waits for a change of this kind; of another kind is only what a round before left.
async fn next(changes: &mut Streaming<WatchAlertsResponse>, expected: Kind) -> Result<()> {
    loop {
        let response = changes.message().await.context("the feed")?.context("the feed has ended")?;
        if response.change.is_some_and(|change| change.kind() == expected) {
            return Ok(());
        }
    }
}

fn yesterday(now: Timestamp) -> Result<Date> {
    let today = jiff::tz::Offset::UTC.to_datetime(now).date();
    today.checked_sub(1.day()).context("there is no day before the first")
}

/// Everything that a mark of that date needs to count: it may be sent again and again.
fn school(name: &str, date: Date) -> Value {
    // School years are named by the year in which they end; which dates are of one is its calendar's to say.
    let year = date.year() + i16::from(date.month() >= 8);
    let calendar = format!("{name}-{year}");
    json!([
        { "kind": "school", "data": { "school": name, "name": "Canary", "types": [] } },
        { "kind": "calendar", "data": { "calendar": calendar, "school": name, "school_year": year, "code": "canary", "calendar_type": "Canary" } },
        { "kind": "calendar-date", "data": { "calendar": calendar, "date": date, "events": ["Instructional day"] } },
        { "kind": "student", "data": { "student": name, "first_name": "Canary", "last_name": "Canary", "preferred_name": "" } },
        { "kind": "enrollment", "key": name, "data": {
            "student": name, "school": name, "entry_on": date, "exit_on": null, "calendar": null, "primary_school": true,
            "grade_level": "", "exit_type": "",
        } },
    ])
}

fn mark(name: &str, date: Date, code: &str) -> Value {
    json!({ "student": name, "school": name, "date": date, "section": null, "session": null, "code": code, "share": null })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_are_sound() {
        let pack = homeroom_domain::rule::Pack::parse(RULES).expect("sound");
        assert_eq!(pack.rules.len(), 1);
    }

    #[test]
    fn a_school_year_is_named_by_its_end() {
        let year = |date: &str| school("canary-1", date.parse().expect("a date"))[1]["data"]["school_year"].clone();
        assert_eq!(
            (year("2026-07-31"), year("2026-08-01"), year("2026-12-31")),
            (json!(2026), json!(2027), json!(2027))
        );
        let new_year: Timestamp = "2027-01-01T00:10:00Z".parse().expect("a moment");
        assert_eq!(yesterday(new_year).expect("a date").to_string(), "2026-12-31");
    }
}
