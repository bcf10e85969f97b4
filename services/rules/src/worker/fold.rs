//! Folding events into students: pure. The shell loads, commits and publishes.

use std::collections::BTreeMap;
use std::sync::Arc;

use homeroom_bus::{Partition, Record, Topic};
use homeroom_chassis::telemetry::trace;
use homeroom_domain::alert::{AlertChange, ChangeKind};
use homeroom_domain::episode::Moment;
use homeroom_domain::event::Event;
use homeroom_domain::id::{DistrictId, StudentKey};
use homeroom_domain::ledger::Applied;
use homeroom_domain::settings::Now;
use jiff::Timestamp;

use crate::evaluate::{Outcome, Student};
use crate::metric;
use crate::reference::Snapshot;
use crate::store::{DeadLetter, Effects, Found, OutboxRow, StudentChange};
use crate::worker::cache::Cache;
use crate::worker::quarantine::Quarantine;

/// A record of the log, parsed.
pub(crate) struct Incoming {
    pub offset: i64,
    pub parsed: Parsed,
    pub value: Vec<u8>,
    pub traceparent: Option<String>,
}

pub(crate) enum Parsed {
    Event(Box<Event>),
    /// Why it is none.
    Refused(String),
}

impl Incoming {
    fn parse(record: Record) -> Self {
        let value = record.value.map(|value| value.to_vec()).unwrap_or_default();
        let parsed = match homeroom_proto::event::decode(&value) {
            Ok(event) => Parsed::Event(Box::new(event)),
            Err(error) => Parsed::Refused(error.to_string()),
        };
        let header = record.headers.into_iter().find(|(name, _)| name == "traceparent");
        let traceparent = header.and_then(|(_, value)| trace_context(&value));
        Self { offset: record.offset.0, parsed, value, traceparent }
    }

    /// Whom it concerns.
    pub(super) fn student(&self) -> Option<(DistrictId, StudentKey)> {
        match &self.parsed {
            Parsed::Event(event) => Some((event.district.clone(), event.student)),
            Parsed::Refused(_) => None,
        }
    }

    /// The same, given up for a reason.
    pub(super) fn refused(self, problem: &str) -> Self {
        Self { parsed: Parsed::Refused(problem.to_owned()), ..self }
    }
}

/// The header's text when it can be one: whoever appends may write anything there, and it must not spoil the record.
fn trace_context(value: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(value).ok()?;
    (text.len() <= MAX_TRACEPARENT && text.bytes().all(|byte| byte.is_ascii_graphic())).then(|| text.to_owned())
}

/// W3C's has 55 bytes in version 00.
const MAX_TRACEPARENT: usize = 256;

/// Parses a batch, without records that have had their effect: those below the offset, and those that a log which went back
/// gives again.
pub(crate) fn incoming(batch: Vec<Record>, mut next_offset: i64) -> Vec<Incoming> {
    let mut fresh = Vec::with_capacity(batch.len());
    for record in batch {
        if record.offset.0 >= next_offset {
            next_offset = record.offset.0 + 1;
            fresh.push(Incoming::parse(record));
        }
    }
    fresh
}

/// What a fold reads.
pub(crate) struct Desk<'a> {
    pub snapshot: &'a Snapshot,
    pub dates: &'a BTreeMap<DistrictId, Now>,
    pub cache: &'a Cache,
    pub at: Timestamp,
    pub partition: i32,
}

#[derive(Default)]
struct Cause<'a> {
    /// When the first of the records was accepted.
    received_at: Option<Timestamp>,
    traceparent: Option<&'a str>,
}

impl Desk<'_> {
    fn quarantine(&self) -> Quarantine {
        Quarantine { partition: Partition(self.partition), at: self.at }
    }

    /// The effects of events, in their order. A student is evaluated once, after the last of them.
    pub(super) fn fold(&self, part: &[Incoming]) -> Effects {
        let mut effects = Effects::default();
        let mut by_student: BTreeMap<(DistrictId, StudentKey), Vec<(&Incoming, &Event)>> = BTreeMap::new();
        for incoming in part {
            match &incoming.parsed {
                Parsed::Event(event) => {
                    by_student.entry((event.district.clone(), event.student)).or_default().push((incoming, event));
                }
                Parsed::Refused(problem) => {
                    metrics::counter!(metric::DEAD_LETTERS).increment(1);
                    tracing::warn!(offset = incoming.offset, problem, "an event goes to dead letters");
                    effects.outbox.push(self.quarantine().refused(incoming, problem));
                    effects.dead_letters.push(DeadLetter {
                        offset: incoming.offset,
                        problem: problem.clone(),
                        value: incoming.value.clone(),
                        traceparent: incoming.traceparent.clone(),
                    });
                }
            }
        }
        for (key, events) in by_student {
            self.take_in(key, &events, &mut effects);
        }
        effects
    }

    fn take_in(&self, key: (DistrictId, StudentKey), events: &[(&Incoming, &Event)], effects: &mut Effects) {
        let known = self.cache.get(&key);
        let mut student = known.map(|known| Student::clone(known)).unwrap_or_default();
        let mut cause = Cause::default();
        let mut newest = Applied::Outdated;
        for (incoming, event) in events {
            let applied = student.ledger.apply(event.origin.clone(), event.change.clone());
            if applied == Applied::Outdated {
                metrics::counter!(metric::OUTDATED).increment(1);
                effects.outbox.push(self.quarantine().outdated(incoming, event));
            } else if applied == Applied::Changed {
                cause.received_at =
                    Some(cause.received_at.map_or(event.received_at, |first| first.min(event.received_at)));
                cause.traceparent = incoming.traceparent.as_deref().or(cause.traceparent);
                newest = Applied::Changed;
            } else if applied == Applied::Same && newest == Applied::Outdated {
                newest = Applied::Same;
            }
            student.included_offset = incoming.offset + 1;
        }
        if newest == Applied::Outdated {
            return;
        }
        let before = known.map(|known| known.written.clone()).unwrap_or_default();
        if newest == Applied::Changed {
            self.evaluate(&key, &mut student, &cause, effects);
        }
        effects.students.push(StudentChange { district: key.0, student: key.1, before, after: Arc::new(student) });
    }

    /// The effects of looking at students again, with the dates and reference records in force.
    pub(super) fn look_again(&self, found: &[Found]) -> Effects {
        let mut effects = Effects::default();
        for (key, student) in found {
            let mut after = student.clone();
            self.evaluate(key, &mut after, &Cause::default(), &mut effects);
            let (district, before) = (key.0.clone(), student.written.clone());
            effects.students.push(StudentChange { district, student: key.1, before, after: Arc::new(after) });
        }
        effects
    }

    fn evaluate(
        &self,
        key: &(DistrictId, StudentKey),
        student: &mut Student,
        cause: &Cause<'_>,
        effects: &mut Effects,
    ) {
        // Without settings the district's clock is unknown; the sweep that follows them evaluates everyone.
        let (Some(district), Some(now)) = (self.snapshot.districts.get(&key.0), self.dates.get(&key.0)) else {
            student.waiting = true;
            return;
        };
        let Ok(district_time) = district.settings.clock.local(self.at) else { return };
        let moment =
            Moment { district: &key.0, student: key.1, at: self.at, caused_at: cause.received_at, district_time };
        let outcome = student.evaluate(district, self.snapshot.offset, *now, &moment);
        record(key, outcome, cause.traceparent, effects);
    }
}

fn record(key: &(DistrictId, StudentKey), outcome: Outcome, traceparent: Option<&str>, effects: &mut Effects) {
    for change in outcome.changes {
        if change.kind == ChangeKind::Opened {
            effects.tally.entry((key.0.clone(), change.claim.rule.clone())).or_default().opened += 1;
        }
        metrics::counter!(metric::ALERT_CHANGES, "kind" => kind(change.kind)).increment(1);
        effects.outbox.push(OutboxRow {
            topic: Topic::Alerts,
            key: homeroom_proto::key::alerts(&key.0, &key.1).to_vec(),
            value: homeroom_proto::alert::encode(&change).to_vec(),
            traceparent: traceparent.map(|caused_by| decided(&change, caused_by)),
        });
    }
    for (rule, moved) in outcome.open_by_rule {
        effects.tally.entry((key.0.clone(), rule)).or_default().open += moved;
    }
    for rule in outcome.failures {
        metrics::counter!(metric::RULE_FAILURES, "rule" => rule.to_string()).increment(1);
        effects.tally.entry((key.0.clone(), rule)).or_default().failures += 1;
    }
}

/// The decision as a span in the trace of the record that caused it; its context goes on with the change, or the record's when
/// nothing is traced here.
fn decided(change: &AlertChange, caused_by: &str) -> String {
    let span = tracing::info_span!("rules.alert.decide", alert.id = %change.alert_id, rule.id = %change.claim.rule, kind = kind(change.kind));
    trace::continue_from(&span, caused_by);
    span.in_scope(trace::current_traceparent).unwrap_or_else(|| caused_by.to_owned())
}

fn kind(kind: ChangeKind) -> &'static str {
    match kind {
        ChangeKind::Opened => "opened",
        ChangeKind::Amended => "amended",
        ChangeKind::Escalated => "escalated",
        ChangeKind::Cleared => "cleared",
        ChangeKind::Recalled => "recalled",
    }
}
