//! Alert changes into rows: loads what is known of a batch's alerts, plans change by change in memory, writes once.

mod rows;
mod write;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use homeroom_domain::alert::{AlertChange, ChangeKind};
use homeroom_domain::id::{AlertId, DistrictId, StudentKey};
use homeroom_pg::Error;
use jiff::Timestamp;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use super::{Batch, Turn, bad_row, case, count, delivery, duty};
use crate::plan::{self, Delivery, DutyKey};
use crate::routing::Routing;

pub(super) use rows::{cancel_deliveries, deliver_again};
use write::Writes;

/// A change as it came.
#[derive(Debug, Clone)]
pub(crate) struct Incoming {
    /// What it says.
    pub(crate) change: AlertChange,
    /// Into whom its student was merged, when that is why.
    pub(crate) moved_to: Option<StudentKey>,
    /// Its bytes in the topic.
    pub(crate) encoded: Bytes,
    /// W3C trace context of its record; may be empty.
    pub(crate) traceparent: String,
    /// A database that was lost may have told of it.
    pub(crate) maybe_told: bool,
}

/// What a batch did, for metrics.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Changes taken, by kind, without canaries'.
    pub(crate) changes: Vec<ChangeKind>,
    /// Changes taken of canaries: nobody is asked to act on those.
    pub(crate) canary: u64,
    /// Of those that a record caused, for how long it had been accepted, in seconds.
    pub(crate) ages: Vec<f64>,
    /// Changes that were known already.
    pub(crate) repeats: u64,
    /// Changes that were known already, and said something else then.
    pub(crate) contradictions: u64,
    /// Changes before which others of their alert are missing.
    pub(crate) gaps: u64,
    /// Changes that came after a later one of their alert.
    pub(crate) late: u64,
    /// Openings that no team is routed to.
    pub(crate) unrouted: u64,
    /// Records that were not understood.
    pub(crate) dead: u64,
}

impl Outcome {
    /// No team is told of an opening. One of a batch is logged, with what a routing would have to name: where nobody is told of
    /// anything, as a choice, each of them would be a line.
    fn count_unrouted(&mut self, change: &AlertChange) {
        if self.unrouted == 0 {
            let AlertChange { alert_id, district, school, claim, .. } = change;
            tracing::warn!(alert.id = %alert_id, %district, %school, rule.id = %claim.rule, level = claim.level, "an alert opened that no team is told of; others of its batch are not named");
        }
        self.unrouted += 1;
    }
}

/// The moment of a batch, and how long its deliveries are worth sending after they are due.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) struct When {
    pub(in crate::store) now: Timestamp,
    pub(in crate::store) worth: Duration,
}

/// What is known of an alert, and what is new since it was loaded.
#[derive(Default)]
struct Alert {
    /// None when it is new.
    district: Option<String>,
    last: u32,
    telling: u32,
    deliveries: Vec<Delivery>,
    /// What it asks for and somebody has done; looked up only when a date has come.
    done: BTreeSet<DutyKey>,
}

/// Applies the batches within the caller's transaction. A student's changes are in one partition, and so in one of them.
pub(super) async fn apply(
    connection: &mut PgConnection,
    batches: &[(Turn, Arc<Batch>)],
    routing: &Routing,
    now: Timestamp,
) -> Result<Outcome, Error> {
    let batches = || batches.iter().map(|(_, batch)| batch);
    let outcome = Outcome { dead: batches().map(|batch| batch.dead.len() as u64).sum(), ..Outcome::default() };
    let incoming: Vec<&Incoming> = batches().flat_map(|batch| &batch.incoming).collect();
    if incoming.is_empty() {
        return Ok(outcome);
    }
    let alerts = load(connection, &incoming).await?;
    let known = Known::load(connection, &incoming, &alerts).await?;
    let mut step = Step { alerts, known, writes: Writes::default(), outcome, routing, now };
    let moved = moved(&incoming);
    for incoming in incoming {
        step.take(incoming)?;
    }
    let Step { alerts, writes, outcome, .. } = step;
    let worth = batches().map(|batch| batch.worth).max().unwrap_or_default();
    writes.write(connection, When { now, worth }, &alerts).await?;
    // After the order of the district is locked: no two batches move cases there at the same time.
    for (district, from, into) in moved {
        case::follow(connection, district, from, into).await?;
    }
    Ok(outcome)
}

/// Who was merged into whom, each once.
fn moved<'a>(incoming: &[&'a Incoming]) -> BTreeSet<(&'a DistrictId, StudentKey, StudentKey)> {
    incoming.iter().filter_map(|it| Some((&it.change.district, it.change.student, it.moved_to?))).collect()
}

/// A batch while it is planned, change by change.
struct Step<'a> {
    alerts: HashMap<AlertId, Alert>,
    known: Known<'a>,
    writes: Writes<'a>,
    outcome: Outcome,
    routing: &'a Routing,
    now: Timestamp,
}

impl<'a> Step<'a> {
    fn take(&mut self, incoming: &'a Incoming) -> Result<(), Error> {
        let change = &incoming.change;
        let alert = self.alerts.entry(change.alert_id).or_default();
        if alert.district.as_ref().is_some_and(|district| district != change.district.as_str()) {
            let problem = format_args!("alert `{}` is another district's", change.alert_id);
            return Err(bad_row("alerts", "district", &problem));
        }
        if change.number > alert.last {
            self.next(incoming);
            return Ok(());
        }
        match self.known.compare(change) {
            Some(true) => self.outcome.repeats += 1,
            Some(false) => {
                // What was told stays: nobody could tell the recipients which of two same numbers is right.
                self.outcome.contradictions += 1;
                tracing::error!(alert.id = %change.alert_id, number = change.number, "a change came again with other content; the first one stays");
            }
            None => self.late(incoming),
        }
        Ok(())
    }

    /// The change is the latest of its alert.
    fn next(&mut self, incoming: &'a Incoming) {
        let change = &incoming.change;
        let alert = self.alerts.entry(change.alert_id).or_default();
        if change.number != alert.last + 1 {
            self.outcome.gaps += 1;
            tracing::warn!(alert.id = %change.alert_id, number = change.number, last = alert.last, "an alert's changes have a gap");
        }
        // Also when the opening is missing: what is known first is what is told first.
        if change.kind == ChangeKind::Opened || alert.telling == 0 {
            alert.telling = change.number;
        }
        // Whatever a routing file says: nobody is told of what never happened.
        let canary = change.district.is_canary();
        let routed = if canary { Vec::new() } else { self.routing.recipients(change) };
        let opens = plan::opens(change, alert.telling);
        if opens && routed.is_empty() && !canary {
            self.outcome.count_unrouted(change);
        }
        if canary {
            self.outcome.canary += 1;
        } else {
            self.outcome.changes.push(change.kind);
        }
        self.outcome.ages.extend(change.caused_at.map(|at| self.now.duration_since(at).as_secs_f64().max(0.0)));
        alert.last = change.number;
        alert.district.get_or_insert_with(|| change.district.as_str().to_owned());
        if plan::is_done(change, &alert.done) {
            self.writes.keep_untold(incoming);
        } else {
            let effects = plan::change(change, alert.telling, &alert.deliveries, &routed, self.now);
            self.writes.perform(incoming, alert, effects, self.now);
        }
        self.known.insert(change);
    }

    /// A later change of the alert is known already. It is not kept, and so not shown after the later one.
    fn late(&mut self, incoming: &'a Incoming) {
        let change = &incoming.change;
        let alert = self.alerts.entry(change.alert_id).or_default();
        self.outcome.late += 1;
        tracing::warn!(alert.id = %change.alert_id, number = change.number, last = alert.last, "a change came after a later one of its alert");
        let effects = plan::late(change, alert.telling, &alert.deliveries, self.now);
        self.writes.plan(incoming, alert, effects, self.now);
    }
}

/// What the changes of a batch that may be repeats said when they came first.
struct Known<'a> {
    stored: HashMap<(AlertId, u32), AlertChange>,
    new: HashMap<(AlertId, u32), &'a AlertChange>,
}

impl<'a> Known<'a> {
    async fn load(
        connection: &mut PgConnection,
        incoming: &[&Incoming],
        alerts: &HashMap<AlertId, Alert>,
    ) -> Result<Self, Error> {
        let known =
            |change: &AlertChange| alerts.get(&change.alert_id).is_some_and(|alert| change.number <= alert.last);
        let again: Vec<&AlertChange> =
            incoming.iter().map(|incoming| &incoming.change).filter(|change| known(change)).collect();
        let mut stored = HashMap::new();
        if !again.is_empty() {
            let rows: Vec<(Vec<u8>,)> = sqlx::query_as(
                "select c.message from alert_changes c
                 join (select distinct * from unnest($1::uuid[], $2::int[]) as n (id, number)) n
                     on c.alert_id = n.id and c.number = n.number",
            )
            .bind(again.iter().map(|change| uuid(change.alert_id)).collect::<Vec<_>>())
            .bind(again.iter().map(|change| super::stored(change.number)).collect::<Vec<_>>())
            .fetch_all(connection)
            .await?;
            for (message,) in rows {
                let change =
                    homeroom_proto::alert::decode(&message).map_err(|e| bad_row("alert_changes", "message", &e))?;
                stored.insert((change.alert_id, change.number), change);
            }
        }
        Ok(Self { stored, new: HashMap::new() })
    }

    fn insert(&mut self, change: &'a AlertChange) {
        self.new.insert((change.alert_id, change.number), change);
    }

    /// Whether the change says what it said when it came first; nothing when it did not come.
    fn compare(&self, change: &AlertChange) -> Option<bool> {
        let key = (change.alert_id, change.number);
        let first = self.new.get(&key).copied().or_else(|| self.stored.get(&key))?;
        // The moments are those of deciding, and a decision that is made again has others.
        Some(
            (first.kind, &first.student, &first.school, &first.claim, &first.reason)
                == (change.kind, &change.student, &change.school, &change.claim, &change.reason),
        )
    }
}

async fn load(connection: &mut PgConnection, incoming: &[&Incoming]) -> Result<HashMap<AlertId, Alert>, Error> {
    let ids: Vec<Uuid> = incoming.iter().map(|incoming| uuid(incoming.change.alert_id)).collect();
    let mut alerts: HashMap<AlertId, Alert> = HashMap::new();
    let rows = sqlx::query(
        "select alert_id, district, last_number, telling from alerts where alert_id = any($1) order by alert_id for update",
    )
    .bind(&ids)
    .fetch_all(&mut *connection)
    .await?;
    for row in rows {
        let last = count("alerts", "last_number", row.try_get("last_number")?)?;
        let telling = count("alerts", "telling", row.try_get("telling")?)?;
        let district = Some(row.try_get("district")?);
        let id = AlertId::from(row.try_get::<Uuid, _>("alert_id")?);
        alerts.insert(id, Alert { district, last, telling, ..Alert::default() });
    }
    // Openings, which are most of what comes: nothing was said of them yet.
    if alerts.is_empty() {
        return Ok(alerts);
    }
    let rows = sqlx::query(
        "select alert_id, delivery_id, change_number, telling, kind, team, channel, address, told_after, state, maybe_sent, late_since
         from deliveries where alert_id = any($1) order by delivery_id for update",
    )
    .bind(&ids)
    .fetch_all(&mut *connection)
    .await?;
    for row in rows {
        let id = AlertId::from(row.try_get::<Uuid, _>("alert_id")?);
        let alert =
            alerts.get_mut(&id).ok_or_else(|| bad_row("deliveries", "alert_id", &format_args!("no alert `{id}`")))?;
        alert.deliveries.push(delivery(&row)?);
    }
    let fallen_due = incoming.iter().map(|incoming| &incoming.change).filter(|change| !change.fallen_due.is_empty());
    let fallen_due: Vec<Uuid> = fallen_due.map(|change| uuid(change.alert_id)).collect();
    if !fallen_due.is_empty() {
        for (id, done) in duty::known(connection, &fallen_due).await? {
            alerts.entry(AlertId::from(id)).or_default().done = done;
        }
    }
    Ok(alerts)
}

fn uuid(id: AlertId) -> Uuid {
    Uuid::from_bytes(*id.as_bytes())
}

#[cfg(test)]
mod tests {
    use homeroom_domain::id::DistrictId;

    use super::*;
    use crate::sample;

    #[test]
    fn changes_of_a_canary_are_counted_apart_and_miss_no_team() {
        let of = |district: &str, alert: u8| {
            let mut change = sample::change(1, ChangeKind::Opened);
            change.alert_id = AlertId::new([alert; 16]);
            change.district = DistrictId::parse(district).unwrap();
            Incoming { change, moved_to: None, encoded: Bytes::new(), traceparent: String::new(), maybe_told: false }
        };
        let (canary, people) = (of("grand-bend--canary", 1), of("grand-bend", 2));
        let mut step = Step {
            alerts: HashMap::new(),
            known: Known { stored: HashMap::new(), new: HashMap::new() },
            writes: Writes::default(),
            outcome: Outcome::default(),
            routing: &Routing::default(),
            now: Timestamp::UNIX_EPOCH,
        };
        step.take(&canary).unwrap();
        step.take(&people).unwrap();
        assert_eq!(
            (step.outcome.changes, step.outcome.canary, step.outcome.unrouted),
            (vec![ChangeKind::Opened], 1, 1)
        );
    }
}
