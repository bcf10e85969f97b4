//! Folding events into students: pure. The shell loads, commits and publishes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use homeroom_bus::{Partition, Record, Topic};
use homeroom_chassis::telemetry::trace;
use homeroom_domain::alert::{AlertChange, ChangeKind};
use homeroom_domain::counting;
use homeroom_domain::episode::{Episodes, Moment};
use homeroom_domain::event::Event;
use homeroom_domain::id::{DistrictId, StudentKey};
use homeroom_domain::ledger::Applied;
use homeroom_domain::settings::Now;
use homeroom_domain::view::View;
use homeroom_proto::alert::{Derivation, encode_told};
use homeroom_proto::event::Sent;
use jiff::Timestamp;

use crate::evaluate::{Outcome, Student, Written};
use crate::metric;
use crate::reference::Snapshot;
use crate::store::{DeadLetter, Effects, Found, Key, OutboxRow, StudentChange};
use crate::worker::memory::Memory;
use crate::worker::quarantine::Quarantine;

/// A record of the log, parsed.
pub(crate) struct Incoming {
    pub offset: i64,
    pub parsed: Parsed,
    /// Of a record that was sent as this student and has left, since two students were merged: whom it counts for. A split takes records
    /// back that were sent as another, and leaves its own.
    pub moved_to: Option<StudentKey>,
    pub value: Bytes,
    pub traceparent: Option<String>,
}

pub(crate) enum Parsed {
    Event(Box<Event>),
    /// Why it is none.
    Refused(String),
    /// Why it could not be kept.
    GivenUp(String),
}

impl Incoming {
    pub(super) fn parse(record: Record) -> Self {
        let value = record.value.unwrap_or_default();
        let (parsed, moved_to) = match Sent::decode(&value) {
            Ok(sent) => (Parsed::Event(Box::new(sent.event)), sent.moved_to.filter(|_| sent.sent_as.is_none())),
            Err(error) => (Parsed::Refused(error.to_string()), None),
        };
        let header = record.headers.into_iter().find(|(name, _)| name == "traceparent");
        let traceparent = header.and_then(|(_, value)| trace_context(&value));
        Self { offset: record.offset.0, parsed, moved_to, value, traceparent }
    }

    /// The same, given up for a reason.
    pub(super) fn given_up(self, problem: &str) -> Self {
        Self { parsed: Parsed::GivenUp(problem.to_owned()), ..self }
    }
}

/// The header's text when it can be one: whoever appends may write anything there, and it must not spoil the record.
fn trace_context(value: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(value).ok()?;
    (text.len() <= MAX_TRACEPARENT && text.bytes().all(|byte| byte.is_ascii_graphic())).then(|| text.to_owned())
}

/// W3C's has 55 bytes in version 00.
const MAX_TRACEPARENT: usize = 256;

/// Parses a batch, without records below the offset: those that a log which went back gives again.
pub(crate) fn incoming(batch: Vec<Record>, mut next_offset: i64, snapshot: &Snapshot) -> Vec<Incoming> {
    let mut fresh = Vec::with_capacity(batch.len());
    for record in batch {
        if record.offset.0 >= next_offset {
            next_offset = record.offset.0 + 1;
            let mut incoming = Incoming::parse(record);
            // One text for all of a district's students, not one for each: what compares keys finds it at hand.
            if let Parsed::Event(event) = &mut incoming.parsed
                && let Some((district, _)) = snapshot.districts.get_key_value(&event.district)
            {
                event.district = district.clone();
            }
            fresh.push(incoming);
        }
    }
    fresh
}

/// The events of a part, student by student, each student's in order.
pub(crate) fn by_student(part: &[Incoming]) -> Vec<(&Incoming, &Event)> {
    let mut events: Vec<(&Incoming, &Event)> = Vec::with_capacity(part.len());
    events.extend(part.iter().filter_map(|incoming| match &incoming.parsed {
        Parsed::Event(event) => Some((incoming, &**event)),
        Parsed::Refused(_) | Parsed::GivenUp(_) => None,
    }));
    // The student first, as a number: two are almost always told apart by that alone. Stable, so that each student's events
    // stay in order.
    events.sort_by_key(|(_, event)| (u128::from_be_bytes(*event.student.as_bytes()), &event.district));
    events
}

/// The same events by student.
pub(crate) fn students<'a>(
    events: &'a [(&'a Incoming, &'a Event)],
) -> impl Iterator<Item = &'a [(&'a Incoming, &'a Event)]> {
    events.chunk_by(|(_, a), (_, b)| (&a.student, &a.district) == (&b.student, &b.district))
}

/// What a fold reads.
pub(crate) struct Desk<'a> {
    pub snapshot: &'a Snapshot,
    pub dates: &'a BTreeMap<DistrictId, Now>,
    pub memory: &'a Memory,
    pub at: Timestamp,
    pub partition: i32,
    /// The offset after the last event that was folded.
    pub position: i64,
    /// Events below had their effect: they are folded in silence, into students that lack them.
    pub told_below: i64,
    /// Of those, the ones that went to dead letters.
    pub given_up: &'a BTreeSet<i64>,
}

/// Students that are read at a time. What they take has to stay in the nearest cache.
const READ_AHEAD: usize = 24;

/// What a fold comes to.
#[derive(Debug, Default)]
pub(crate) struct Folded {
    /// What has to be committed; its students are those whose alerts changed.
    pub effects: Effects,
    /// The other students that changed.
    pub quiet: Vec<StudentChange>,
}

impl Folded {
    /// The effects with every student that changed, in order of key: rows next to each other are written faster.
    pub(crate) fn all_told(self) -> Effects {
        let mut effects = self.effects;
        effects.students.extend(self.quiet);
        effects.students.sort_unstable_by(|a, b| (&a.district, &a.student).cmp(&(&b.district, &b.student)));
        effects
    }
}

#[derive(Default)]
struct Cause<'a> {
    /// When the first of the records was accepted.
    received_at: Option<Timestamp>,
    traceparent: Option<&'a str>,
    /// The offset of that record.
    offset: Option<i64>,
    /// As [`Incoming::moved_to`], of any of them.
    moved_to: Option<StudentKey>,
    /// The offset after the last event that is known.
    events_offset: i64,
}

impl Desk<'_> {
    fn quarantine(&self) -> Quarantine {
        Quarantine { partition: Partition(self.partition), at: self.at }
    }

    /// The effects of events, which are given student by student too; all of them below `told_below`, or none. A student is evaluated once, after the
    /// last of them.
    pub(crate) fn fold(&self, part: &[Incoming], by_student: &[(&Incoming, &Event)]) -> Folded {
        let mut folded = Folded::default();
        let events_offset = part.last().map_or(self.position, |last| last.offset + 1).max(self.position);
        for incoming in part {
            match &incoming.parsed {
                Parsed::Event(_) => {}
                // After a restore from a backup, some of those below have no dead letter yet, or none any more.
                Parsed::Refused(_) if incoming.offset < self.told_below && self.given_up.contains(&incoming.offset) => {
                }
                Parsed::Refused(problem) | Parsed::GivenUp(problem) => {
                    self.give_up(incoming, problem, &mut folded.effects);
                }
            }
        }
        let by_student: Vec<_> = students(by_student).collect();
        for some in by_student.chunks(READ_AHEAD) {
            self.touch(some);
            for events in some {
                self.take_in(events, events_offset, &mut folded);
            }
        }
        folded
    }

    /// Reads students ahead, so that what each takes is on its way from memory while others are looked at.
    fn touch(&self, some: &[&[(&Incoming, &Event)]]) {
        let known = some.iter().filter_map(|events| {
            let (_, event) = events.first()?;
            self.memory.get(&(event.district.clone(), event.student))
        });
        std::hint::black_box(known.fold(0, |all, student| all ^ student.touch()));
    }

    fn give_up(&self, incoming: &Incoming, problem: &str, effects: &mut Effects) {
        metrics::counter!(metric::DEAD_LETTERS).increment(1);
        tracing::warn!(offset = incoming.offset, problem, "an event goes to dead letters");
        effects.outbox.push(self.quarantine().refused(incoming, problem));
        effects.dead_letters.push(DeadLetter {
            offset: incoming.offset,
            problem: problem.to_owned(),
            value: incoming.value.to_vec(),
            traceparent: incoming.traceparent.clone(),
        });
    }

    /// Folds one student's events.
    fn take_in(&self, events: &[(&Incoming, &Event)], events_offset: i64, folded: &mut Folded) {
        let Some((first_incoming, first)) = events.first() else { return };
        let key = (first.district.clone(), first.student);
        let mut student = self.memory.get(&key).map(|known| Student::clone(known)).unwrap_or_default();
        let mut cause = Cause { events_offset, ..Cause::default() };
        let mut newest = Applied::Outdated;
        let silent = first_incoming.offset < self.told_below;
        let lacks = |incoming: &Incoming| {
            !silent || (incoming.offset >= student.included_offset && !self.given_up.contains(&incoming.offset))
        };
        let lacking: Vec<_> = events.iter().filter(|(incoming, _)| lacks(incoming)).collect();
        let applied = student.apply(lacking.iter().map(|(_, event)| &**event));
        for ((incoming, event), applied) in lacking.into_iter().zip(applied) {
            if applied == Applied::Outdated && !silent {
                metrics::counter!(metric::OUTDATED).increment(1);
                folded.effects.outbox.push(self.quarantine().outdated(incoming, event));
            } else if applied == Applied::Changed {
                cause.offset = cause.offset.or(Some(incoming.offset));
                cause.received_at =
                    Some(cause.received_at.map_or(event.received_at, |first| first.min(event.received_at)));
                cause.traceparent = incoming.traceparent.as_deref().or(cause.traceparent);
                cause.moved_to = incoming.moved_to.or(cause.moved_to);
                newest = Applied::Changed;
            } else if applied == Applied::Same && newest == Applied::Outdated {
                newest = Applied::Same;
            }
            student.included_offset = incoming.offset + 1;
        }
        match newest {
            Applied::Outdated => {}
            Applied::Changed | Applied::Same if silent => {
                student.evaluated = None;
                student.count.end();
                self.note(key, Arc::default(), student, false, folded);
            }
            // A sweep passes over students who are ahead of their rows, so none may get ahead with an evaluation of before it.
            Applied::Same if self.is_current(&key.0, &student) => {
                self.note(key, Arc::default(), student, false, folded);
            }
            Applied::Changed | Applied::Same => self.evaluate(key, student, &cause, folded),
        }
    }

    /// Whether the student was evaluated with the dates and the reference records in force, and counted as this version counts.
    fn is_current(&self, district: &DistrictId, student: &Student) -> bool {
        student.evaluated == self.dates.get(district).copied()
            && student.evaluated_reference >= self.snapshot.offset
            && student.counting >= counting::VERSION
    }

    /// The effects of looking at students again, with the dates and reference records in force.
    pub(crate) fn look_again(&self, found: &[Found]) -> Folded {
        let mut folded = Folded::default();
        let cause = Cause { events_offset: self.position, ..Cause::default() };
        for (key, student) in found {
            self.evaluate(key.clone(), student.clone(), &cause, &mut folded);
        }
        folded
    }

    fn evaluate(&self, key: Key, mut student: Student, cause: &Cause<'_>, folded: &mut Folded) {
        // A sweep's students come from the tables and need not be in memory.
        let read = Arc::clone(&student.written);
        // Without settings the district's clock is unknown; the sweep that follows them evaluates everyone.
        let (Some(district), Some(now)) = (self.snapshot.districts.get(&key.0), self.dates.get(&key.0)) else {
            student.waiting = true;
            self.note(key, read, student, false, folded);
            return;
        };
        let Ok(district_time) = district.settings.clock.local(self.at) else {
            self.note(key, read, student, false, folded);
            return;
        };
        let moment =
            Moment { district: &key.0, student: key.1, at: self.at, caused_at: cause.received_at, district_time };
        let outcome = student.evaluate(district, self.snapshot.offset, *now, &moment);
        let told = !outcome.changes.is_empty();
        let derivation = Derivation {
            partition: self.partition,
            events_offset: cause.events_offset,
            caused_by_offset: cause.offset,
            reference_offset: self.snapshot.offset,
            dates: *now,
            moved_to: cause.moved_to,
        };
        let view = &district.view;
        record(&key, (&student.episodes, view), outcome, (cause.traceparent, &derivation), &mut folded.effects);
        self.note(key, read, student, told, folded);
    }

    /// Adds a student; the tables hold `read` of one who is not in memory.
    fn note(&self, key: Key, read: Arc<Written>, after: Student, told: bool, folded: &mut Folded) {
        let before = self.memory.before(&key).map_or(read, Arc::clone);
        let change = StudentChange { district: key.0, student: key.1, before, after: Arc::new(after) };
        if told { folded.effects.students.push(change) } else { folded.quiet.push(change) }
    }
}

/// Adds what an evaluation came to; `from` is the trace of the record that caused it, and what it was derived from.
fn record(
    key: &Key,
    (episodes, view): (&Episodes, &View),
    outcome: Outcome,
    (traceparent, derivation): (Option<&str>, &Derivation),
    effects: &mut Effects,
) {
    for mut change in outcome.changes {
        view.school_name(&change.school).clone_into(&mut change.school_name);
        if change.kind == ChangeKind::Opened {
            effects.tally.entry((key.0.clone(), change.claim.rule.clone())).or_default().opened += 1;
        }
        metrics::counter!(metric::ALERT_CHANGES, "kind" => kind(change.kind)).increment(1);
        effects.outbox.push(OutboxRow {
            topic: Topic::Alerts,
            key: homeroom_proto::key::alerts(&key.0, &key.1).to_vec(),
            // With what it takes to take it up again from the topic, and to derive it again from the log.
            value: encode_told(&change, episodes.basis(&change).as_ref(), derivation).to_vec(),
            traceparent: traceparent.map(|caused_by| decided(&change, caused_by)),
        });
    }
    for (rule, moved) in outcome.open_by_rule {
        effects.tally.entry((key.0.clone(), rule)).or_default().open += moved;
    }
    for (rule, failure) in outcome.failures {
        metrics::counter!(metric::RULE_FAILURES, "rule" => rule.to_string()).increment(1);
        let tally = effects.tally.entry((key.0.clone(), rule)).or_default();
        tally.failures += 1;
        tally.last_failure = Some(failure);
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
