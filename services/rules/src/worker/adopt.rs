//! Taking up one's own word again, when the database is older than the topic of alert changes.
//!
//! After a restore from a backup, the topic holds changes that the students' rows do not: somebody was told of them. Were the
//! events since simply folded again, other batches would make other changes, under numbers that are taken. So a new owner
//! first reads the topic from where it is known to agree with the rows, and takes up each change that its student's episodes do
//! not know. The events that those changes were decided with have had their effect: they are folded in silence, as
//! `recover` does, and what was told and no longer holds is then recalled under the next number.

use std::collections::BTreeMap;
use std::sync::Arc;

use homeroom_bus::{Offset, Partition, Record, Topic};
use homeroom_domain::alert::{AlertChange, ChangeKind};
use homeroom_domain::episode::{Adopted, Basis, Standing};
use homeroom_domain::mutant::{Mutant, planted};

use crate::evaluate::Student;
use crate::metric;
use crate::store::{Effects, Key, Lease, StudentChange, Tally};
use crate::worker::{Error, Hold, Worker};

/// Reads that may bring nothing from the topic's first record on, before it is held that all of them have expired.
const MOST_SILENT: u32 = 6;

/// A change on the topic, and the offset of the events that it was decided with.
type Told = (AlertChange, Basis, i64);

impl Worker {
    /// Takes up what the topic holds and the rows do not.
    pub(super) async fn adopt(&mut self) -> Result<Hold, Error> {
        if !self.shared.alerts_beside_events || planted(Mutant::ForgetTold) {
            return Ok(Hold::Kept);
        }
        let mut at = self.lease.alerts_offset;
        let end = self.end_of(Topic::Alerts).await?.0;
        let mut silent = 0;
        let shared = Arc::clone(&self.shared);
        let _reading = shared.reading.acquire().await;
        while at < end && silent < MOST_SILENT {
            let records = match self.read(Topic::Alerts, at).await {
                // The topic expires, and may have been made anew: from its first record, then.
                Err(Error::Log(homeroom_bus::Error::OffsetOutOfRange { .. })) if at > 0 => {
                    at = 0;
                    continue;
                }
                records => records?,
            };
            match records.last() {
                Some(last) => at = last.offset.0 + 1,
                None if at == 0 => silent += 1,
                None => {}
            }
            if self.adopt_from(&records, at).await? == Hold::Lost {
                return Ok(Hold::Lost);
            }
        }
        self.publisher.known_up_to(at.max(end));
        Ok(Hold::Kept)
    }

    async fn adopt_from(&mut self, records: &[Record], at: i64) -> Result<Hold, Error> {
        self.memory.turn();
        let told: Vec<Told> = records.iter().filter_map(told).collect();
        self.load(told.iter().map(|(change, ..)| key(change)).collect()).await?;
        let (mut students, mut effects, mut events) = (BTreeMap::new(), Effects::default(), self.lease.next_offset);
        for (change, basis, events_offset) in &told {
            let key = key(change);
            let known = students.get(&key).or_else(|| self.memory.get(&key));
            if known.is_some_and(|student| student.episodes.knows(change, basis)) {
                continue;
            }
            let mut student = known.map(|known| Student::clone(known)).unwrap_or_default();
            let adopted = student.episodes.adopt(change, *basis);
            if adopted == Adopted::No {
                tracing::error!(alert.id = %change.alert_id, number = change.number, "an alert change on the topic is not of its basis; it is left out");
                continue;
            }
            count(change, adopted, effects.tally.entry((key.0.clone(), change.claim.rule.clone())).or_default());
            student.evaluated = None;
            events = events.max(*events_offset);
            students.insert(key, Arc::new(student));
        }
        if students.is_empty() {
            return Ok(Hold::Kept);
        }
        metrics::counter!(metric::ADOPTED).increment(students.len() as u64);
        tracing::warn!(
            partition = self.lease.partition,
            students = students.len(),
            "took up alerts that were told of and that the database had lost"
        );
        effects.students = students.into_iter().map(|(key, after)| self.change_to(key, after)).collect();
        let next_offset = events.min(self.end_of(Topic::Events).await?.0).max(self.lease.next_offset);
        Ok(self.commit(Lease { alerts_offset: at, next_offset, ..self.lease }, effects).await?)
    }

    fn change_to(&self, key: Key, after: Arc<Student>) -> StudentChange {
        let before = self.memory.before(&key).map(Arc::clone).unwrap_or_default();
        StudentChange { district: key.0, student: key.1, before, after }
    }

    /// The offset after the last record of a topic's partition of our number, however long the log is away.
    async fn end_of(&self, topic: Topic) -> Result<Offset, Error> {
        self.ask(|| self.shared.log.end_offset(topic, Partition(self.lease.partition))).await
    }
}

fn key(change: &AlertChange) -> Key {
    (change.district.clone(), change.student)
}

/// The change in a record; none in one of a time before changes had a basis, of which nothing can be made.
fn told(record: &Record) -> Option<Told> {
    match homeroom_proto::alert::decode_with_basis(record.value.as_deref().unwrap_or_default()) {
        Ok((change, basis)) => basis.map(|(basis, events_offset)| (change, basis, events_offset)),
        Err(error) => {
            tracing::error!(partition = record.partition.0, offset = record.offset.0, error = %error, "an alert change on the topic cannot be read; it is left out");
            None
        }
    }
}

fn count(change: &AlertChange, adopted: Adopted, tally: &mut Tally) {
    let open = !matches!(change.kind, ChangeKind::Cleared | ChangeKind::Recalled);
    let was_open = adopted == Adopted::After(Standing::Open);
    tally.open += i64::from(open) - i64::from(was_open);
    tally.opened += i64::from(adopted == Adopted::New);
}
