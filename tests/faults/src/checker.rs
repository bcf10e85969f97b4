//! What must hold after any fault, whichever it was.
//!
//! 1. Each story has come to what it must (no due alert is missing), and no other student has an alert (no phantom).
//! 2. The feed gives each change of an alert once, in order and without a gap: as it was followed all the while, and as it is
//!    read again from the start.
//! 3. Every acknowledged mark is in the ledger, and no withdrawn one; `homeroom verify` finds no difference.
//! 4. Whoever was told of an alert that was taken back was told of that too, and nobody else; every standing alert was told.
//! 5. A second copy of a webhook has the key of the first, and an attempt that ended unknown explains it.
//!
//! 2, 4 and 5 are the promises of `homeroom_invariant`, which `homeroom verify` and the simulation hold too.

mod deliveries;

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use homeroom_domain::date::Date;
use homeroom_invariant::{Change, Findings, History};
use homeroom_journeys::TODAY;
use homeroom_proto::alert::from_wire;
use homeroom_proto::wire::alert::{AlertChange, Kind};
use homeroom_proto::wire::risk::risk_query_client::RiskQueryClient;
use homeroom_proto::wire::risk::{GetStudentRequest, GetSummaryRequest};
use tokio::time::{Instant, sleep};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};

use crate::feed::authorized;
use crate::story::{AT_CLOSE, RULE, Told};
use crate::world::{Role, World};
use crate::{Feed, PATIENCE, POLL};

/// What a second copy of a webhook may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Copies {
    /// Of an attempt that is recorded as unknown.
    OnlyAfterUnknown,
    /// Of any: what was told is not recorded any more, since the database is from a backup. Only the key is the same.
    MayRepeat,
}

/// What a test's own fault makes of what must hold.
#[derive(Debug, Clone, Copy)]
pub struct Allowed {
    /// Of webhooks.
    pub copies: Copies,
    /// Whether the district's day has been closed: today counts from then on.
    pub day_closed: bool,
    /// How long everything may take to have its effect.
    pub patience: Duration,
    /// A rule of the test's own, which may tell of anybody of whom a story was told.
    pub rule: Option<&'static str>,
}

impl Default for Allowed {
    fn default() -> Self {
        Self { copies: Copies::OnlyAfterUnknown, day_closed: false, patience: PATIENCE, rule: None }
    }
}

/// Checks everything, once all that was told has had its effect.
pub async fn check(world: &World, feed: &Feed, told: &[Told], allowed: Allowed) -> Result<()> {
    world.all_alive()?;
    stories_have_come_true(feed, told, allowed).await?;
    let risk = Risk::connect(world)?;
    risk.caught_up().await?;
    let changes = feed.changes();
    no_phantoms(&changes, told, allowed)?;
    let mut findings = Findings::default();
    let history = history(&changes, &mut findings)?;
    none(&findings).context("the feed as it was followed, with breaks")?;
    read_again(world, &changes).await?;
    for told in told {
        risk.has_exactly(told).await?;
    }
    let verified = world.run(&["verify"], &[]).await?;
    ensure!(verified.contains(": 0 differences"), "verify said: {verified}");
    deliveries::check(world, &history, allowed.copies, &mut findings).await?;
    none(&findings)?;
    println!("checked: {} stories, {} changes of alerts, {}", told.len(), changes.len(), verified.trim());
    Ok(())
}

/// Waits until the state has every event that is in the log.
pub async fn caught_up(world: &World) -> Result<()> {
    Risk::connect(world)?.caught_up().await
}

/// How many events are in the log that the state does not have yet.
pub async fn events_behind(world: &World) -> Result<i64> {
    let risk = Risk::connect(world)?;
    answered(async || risk.behind().await).await.map(|(events, _)| events)
}

fn history(changes: &[AlertChange], findings: &mut Findings) -> Result<History> {
    let changes: Vec<Change> =
        changes.iter().map(|change| Ok(Change::from(&from_wire(change.clone())?))).collect::<Result<_>>()?;
    Ok(History::of_feed(changes, findings))
}

fn none(findings: &Findings) -> Result<()> {
    ensure!(findings.is_empty(), "promises are broken:\n{findings}");
    Ok(())
}

async fn stories_have_come_true(feed: &Feed, told: &[Told], allowed: Allowed) -> Result<()> {
    let all = || wrong(&feed.changes(), told, allowed).is_empty();
    if feed.wait_until(allowed.patience, all).await.is_ok() {
        return Ok(());
    }
    let wrong = wrong(&feed.changes(), told, allowed);
    bail!("{} of {} stories did not come to what they must:\n{}", wrong.len(), told.len(), wrong.join("\n"))
}

/// A line for each story that has not come to what it must.
fn wrong(changes: &[AlertChange], told: &[Told], allowed: Allowed) -> Vec<String> {
    let (today, at_close) = (by_student(changes, RULE), by_student(changes, AT_CLOSE));
    let line = |told: &Told| {
        let came = |kinds: &HashMap<Vec<u8>, Vec<Kind>>| kinds.get(&told.student.key).cloned().unwrap_or_default();
        let (today, at_close) = (came(&today), came(&at_close));
        let good = told.story.explains(&today) && (!allowed.day_closed || told.story.explains_after_close(&at_close));
        let (story, door, student) = (told.story, told.door, &told.student.id);
        (!good)
            .then(|| format!("{story:?} by {door:?} of {student} came to {today:?}, and at the close to {at_close:?}"))
    };
    told.iter().filter_map(line).collect()
}

fn by_student(changes: &[AlertChange], rule: &str) -> HashMap<Vec<u8>, Vec<Kind>> {
    let mut kinds: HashMap<Vec<u8>, Vec<Kind>> = HashMap::new();
    for change in changes.iter().filter(|change| change.rule == rule) {
        kinds.entry(change.student.to_vec()).or_default().push(change.kind());
    }
    kinds
}

fn no_phantoms(changes: &[AlertChange], told: &[Told], allowed: Allowed) -> Result<()> {
    let schools: BTreeMap<&[u8], String> =
        told.iter().map(|told| (told.student.key.as_slice(), told.student.school.to_string())).collect();
    for change in changes {
        let school = schools.get(change.student.as_ref());
        let school = school.with_context(|| format!("an alert on a student of whom nothing was said: {change:?}"))?;
        let own = allowed.rule.is_some_and(|rule| change.rule == rule);
        let caused = change.rule == RULE || own || (allowed.day_closed && change.rule == AT_CLOSE);
        ensure!(caused, "an alert that nothing gave cause for: {change:?}");
        ensure!(change.school == *school, "an alert at the wrong school: {change:?}");
    }
    Ok(())
}

/// Reads the whole feed anew: it must be what was followed.
async fn read_again(world: &World, followed: &[AlertChange]) -> Result<()> {
    let again = Feed::follow(world)?;
    let whole = || again.changes().last() == followed.last();
    again.wait_until(PATIENCE, whole).await.context("the feed read again")?;
    let again = again.changes();
    let mut findings = Findings::default();
    history(&again, &mut findings)?;
    none(&findings).context("read again from the start")?;
    ensure!(again == followed, "the feed read again differs: {} changes, not {}", again.len(), followed.len());
    Ok(())
}

/// Questions about risk.
struct Risk {
    client: RiskQueryClient<Channel>,
}

impl Risk {
    fn connect(world: &World) -> Result<Self> {
        let endpoint = Endpoint::from_shared(world.grpc(Role::Rules)?)?;
        Ok(Self { client: RiskQueryClient::new(endpoint.connect_lazy()) })
    }

    async fn behind(&self) -> Result<(i64, i64)> {
        let summary = self.client.clone().get_summary(authorized(GetSummaryRequest {})?).await?.into_inner();
        Ok((summary.events_behind, summary.students_behind))
    }

    async fn caught_up(&self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let behind = self.behind().await;
            if matches!(behind, Ok((0, 0))) {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "the state does not catch up: {behind:?}");
            sleep(POLL).await;
        }
    }

    /// The ledger has today's mark when the story ends with one, and else none.
    async fn has_exactly(&self, told: &Told) -> Result<()> {
        let student = answered(async || {
            let request =
                authorized(GetStudentRequest { student: told.student.key.clone().into(), others: Vec::new() })?;
            Ok(self.client.clone().get_student(request).await?.into_inner())
        })
        .await?;
        let today = Date::parse(TODAY).context("today is a date")?.days();
        let marks: Vec<_> = student.facts.iter().filter(|fact| fact.kind == "attendance mark").collect();
        let wanted = usize::from(told.story.ends_absent());
        let good = |fact: &&homeroom_proto::wire::risk::Fact| {
            fact.date == Some(today) && fact.code.ends_with("Unexcused Absence")
        };
        ensure!(
            marks.len() == wanted && marks.iter().all(good),
            "{:?} by {:?} of {} ends with {marks:?}",
            told.story,
            told.door,
            told.student.id
        );
        Ok(())
    }
}

/// Asks again while we are asked to try again, as when the database is slow for a moment.
async fn answered<T>(ask: impl AsyncFn() -> Result<T>) -> Result<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match ask().await {
            Err(error) if is_unavailable(&error) && Instant::now() < deadline => sleep(POLL).await,
            answer => return answer,
        }
    }
}

fn is_unavailable(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Status>().is_some_and(|status| status.code() == Code::Unavailable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sender::{Door, Student};
    use crate::story::Story;

    fn change(alert: &str, number: u32, kind: Kind) -> AlertChange {
        AlertChange {
            alert_id: alert.to_owned(),
            number,
            kind: kind.into(),
            student: b"known"[..].into(),
            school: "1".to_owned(),
            rule: RULE.to_owned(),
            ..AlertChange::default()
        }
    }

    #[test]
    fn an_alert_that_nothing_gave_cause_for_is_seen() {
        let student = Student { id: "604822".to_owned(), key: b"known".to_vec(), school: 1 };
        let told = [Told { student, story: Story::Absent, door: Door::Native }];
        let good = change("a", 1, Kind::Opened);
        let allowed = Allowed::default();
        assert!(no_phantoms(std::slice::from_ref(&good), &told, allowed).is_ok());
        for phantom in [
            AlertChange { student: b"other"[..].into(), ..good.clone() },
            AlertChange { rule: "absence-streak".to_owned(), ..good.clone() },
            AlertChange { school: "2".to_owned(), ..good.clone() },
        ] {
            assert!(no_phantoms(&[phantom], &told, allowed).is_err());
        }
    }

    #[test]
    fn a_story_explains_its_own_changes_only() {
        use Kind::{Opened, Recalled};
        assert!(Story::SaidTwice.explains(&[Opened]));
        assert!(!Story::SaidTwice.explains(&[Opened, Opened]));
        assert!(!Story::Absent.explains(&[]));
        assert!(Story::CorrectedLate.explains(&[Opened, Recalled]));
        assert!(!Story::CorrectedLate.explains(&[Opened]));
        assert!(Story::CorrectedAtOnce.explains(&[]));
        assert!(!Story::CorrectedAtOnce.explains(&[Opened]));
    }
    #[test]
    fn the_close_of_the_day_counts_each_absence_once() {
        use Kind::{Opened, Recalled};
        assert!(Story::Absent.explains_after_close(&[Opened]));
        assert!(!Story::Absent.explains_after_close(&[]));
        assert!(!Story::Absent.explains_after_close(&[Opened, Opened]));
        assert!(!Story::Absent.explains_after_close(&[Opened, Recalled, Opened]));
        assert!(Story::CorrectedLate.explains_after_close(&[]));
        assert!(Story::CorrectedLate.explains_after_close(&[Opened, Recalled]));
        assert!(!Story::CorrectedLate.explains_after_close(&[Opened]));
        assert!(Story::AbsentAfterAll.explains_after_close(&[Opened, Recalled, Opened]));
    }
}
