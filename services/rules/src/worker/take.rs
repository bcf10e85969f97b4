//! Taking batches of events in.

use std::collections::{BTreeMap, BTreeSet};

use homeroom_chassis::telemetry::trace;
use homeroom_domain::code;
use homeroom_domain::event::{Change, Fact};
use homeroom_domain::id::DistrictId;
use homeroom_domain::mutant::{Mutant, planted};
use jiff::Timestamp;
use tokio::time::Instant;
use tracing::Instrument as _;

use crate::metric;
use crate::reference::Snapshot;
use crate::store::{self, Key, Lease};
use crate::worker::fold::{self, Desk, Folded, Incoming, Parsed};
use crate::worker::patience::{chain, patiently};
use crate::worker::{Error, Hold, Worker};

/// The most traces that a batch's span is linked to; OpenTelemetry's default limit.
const MOST_LINKS: usize = 128;

/// Which students of a batch are written with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Write {
    /// All: readers of the tables see the batch as soon as it is committed.
    Through,
    /// Those whose alerts changed, so that what was told is never only in memory; the others stay unwritten.
    Behind,
}

impl Worker {
    /// Folds a batch and commits it, however long the database is away. A batch that the database refuses is halved until the one
    /// event that it refuses is alone, which becomes a dead letter.
    pub(super) async fn take(&mut self, batch: Vec<Incoming>, write: Write) -> Result<Hold, Error> {
        let mut parts = vec![batch];
        while let Some(part) = parts.pop() {
            if part.is_empty() {
                continue;
            }
            match self.fold(&part, write).await {
                Ok(Hold::Kept) => {}
                Ok(Hold::Lost) => return Ok(Hold::Lost),
                Err(error) if !error.refused() => return Err(error.into()),
                Err(error) if part.len() > 1 => {
                    tracing::warn!(partition = self.lease.partition, events = part.len(), error = %chain(&error), "halving a batch that the database refuses");
                    let mut first = part;
                    let second = first.split_off(first.len() / 2);
                    parts.push(second);
                    parts.push(first);
                }
                Err(error) => {
                    let only: Vec<Incoming> =
                        part.into_iter().map(|incoming| incoming.given_up(&chain(&error))).collect();
                    if self.fold(&only, write).await? == Hold::Lost {
                        return Ok(Hold::Lost);
                    }
                }
            }
        }
        Ok(Hold::Kept)
    }

    async fn fold(&mut self, part: &[Incoming], write: Write) -> Result<Hold, store::Error> {
        let span = tracing::info_span!("rules.batch.fold", partition = self.lease.partition, events = part.len());
        for traceparent in part.iter().filter_map(|incoming| incoming.traceparent.as_deref()).take(MOST_LINKS) {
            trace::link(&span, traceparent);
        }
        self.fold_traced(part, write).instrument(span).await
    }

    async fn fold_traced(&mut self, part: &[Incoming], write: Write) -> Result<Hold, store::Error> {
        self.memory.turn();
        let events = fold::by_student(part);
        let keys: Vec<Key> = fold::students(&events)
            .filter_map(|of_one| of_one.first())
            .map(|(_, event)| (event.district.clone(), event.student))
            .collect();
        let districts: BTreeSet<&DistrictId> = keys.iter().map(|(district, _)| district).collect();
        for district in districts {
            self.load_date(district).await?;
        }
        self.load(keys).await?;
        let at = (self.shared.clock)();
        let folded = self.desk(at).fold(part, &events);
        let position = part.last().map_or(self.position, |incoming| incoming.offset + 1).max(self.position);
        let fresh = position > self.lease.next_offset;
        let hold = self.apply(folded, position, write).await?;
        if hold == Hold::Kept && fresh {
            metrics::counter!(metric::EVENTS).increment(part.len() as u64);
            record_ages(part, (self.shared.clock)());
            count_unmapped(part, &self.snapshot);
        }
        if hold == Hold::Kept {
            self.shared.rolls.note(part, &self.dates, &self.snapshot);
        }
        Ok(hold)
    }

    /// Reads the students that are not in memory.
    pub(super) async fn load(&mut self, keys: Vec<Key>) -> Result<(), store::Error> {
        let missing: Vec<_> = keys.into_iter().filter(|key| !self.memory.contains(key)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let store = &self.shared.store;
        for (key, student) in patiently(&self.shared.stopping, || store.students(missing.clone())).await? {
            for other in self.snapshot.districts.keys().filter(|_| planted(Mutant::LeakDistrict)) {
                self.memory.loaded((other.clone(), key.1), student.clone().into());
            }
            self.memory.loaded(key, student.into());
        }
        Ok(())
    }

    pub(super) fn desk(&self, at: Timestamp) -> Desk<'_> {
        Desk {
            snapshot: &self.snapshot,
            dates: &self.dates,
            memory: &self.memory,
            at,
            partition: self.lease.partition,
            position: self.position,
            told_below: self.lease.next_offset,
            given_up: &self.given_up,
        }
    }

    /// Commits what has to be, keeps the rest, and moves to a position in the log.
    pub(super) async fn apply(&mut self, folded: Folded, position: i64, write: Write) -> Result<Hold, store::Error> {
        let (folded, quiet) = match write {
            Write::Through => (folded.all_told(), Vec::new()),
            Write::Behind => (folded.effects, folded.quiet),
        };
        let to = Lease { next_offset: self.lease.next_offset.max(position), ..self.lease };
        let since = if quiet.is_empty() { position } else { self.position };
        let to = Lease { state_offset: self.rows_reach(&folded.students, since), ..to };
        // While events that had their effect are read again there may be nothing to say; a checkpoint says how far the rows are.
        let says = to.next_offset > self.lease.next_offset || !folded.is_empty();
        if says && self.commit(to, folded).await? == Hold::Lost {
            return Ok(Hold::Lost);
        }
        let (since, now) = (self.position, Instant::now());
        for change in quiet {
            self.memory.keep(change, since, now);
        }
        self.position = position;
        Ok(Hold::Kept)
    }
}

/// Of each event, so that what waits through a stall and comes in few batches weighs as much as it is.
fn record_ages(part: &[Incoming], at: Timestamp) {
    let ages = metrics::histogram!(metric::EVENT_AGE);
    for incoming in part {
        if let Parsed::Event(event) = &incoming.parsed {
            ages.record(at.duration_since(event.received_at).as_secs_f64().max(0.0));
        }
    }
}

/// Counts attendance marks whose code means nothing yet, as they come. A district without settings has the shipped meanings.
fn count_unmapped(part: &[Incoming], snapshot: &Snapshot) {
    let shipped = BTreeMap::new();
    for incoming in part {
        let Parsed::Event(event) = &incoming.parsed else { continue };
        let Change::Recorded(Fact::AttendanceMark(mark)) = &event.change else { continue };
        let codes = snapshot.districts.get(&event.district).map_or(&shipped, |district| &district.settings.codes);
        if code::attendance_of(mark.code.as_bytes(), codes).is_none() {
            let labels = [("district", event.district.to_string()), ("source", event.origin.source.to_string())];
            metrics::counter!(metric::UNMAPPED_CODES, &labels).increment(1);
        }
    }
}
