//! Taking up one's own word again, when the database is older than the topic of alert changes.
//!
//! After a restore from a backup, the topic holds changes that the students' rows do not: somebody was told of them. Were the
//! events since simply folded again, other batches would make other changes, under numbers that are taken. So a new owner
//! first reads the topic from where it is known to agree with the rows, and takes up each change that its student's episodes do
//! not know. The events that those changes were decided with have had their effect: they are folded in silence, as
//! `recover` does, and what was told and no longer holds is then recalled under the next number.
//!
//! What that silence loses: of those events, the letters to senders whose word came too late. Events that could not be
//! understood get their letters again, once more than before the restore at worst.

use std::collections::BTreeMap;
use std::sync::Arc;

use homeroom_bus::{Offset, Partition, Record, Topic};
use homeroom_domain::alert::{AlertChange, ChangeKind};
use homeroom_domain::episode::{Adopted, Basis, Standing};
use homeroom_domain::id::{DistrictId, RuleId};
use homeroom_domain::mutant::{Mutant, planted};
use homeroom_domain::settings::Now;

use crate::evaluate::Student;
use crate::metric;
use crate::store::{Effects, Key, Lease, StudentChange, Tally};
use crate::worker::date::later;
use crate::worker::patience::chain;
use crate::worker::reading::Reading;
use crate::worker::{Error, Hold, Worker};

/// A change on the topic, and the offset of the events that it was decided with.
type Heard = (AlertChange, Basis, i64);

/// What is taken up of a part of the topic.
#[derive(Default)]
struct TakenUp {
    students: BTreeMap<Key, Arc<Student>>,
    /// The latest dates that a change was told at: a clock that is slow now must not tell of those days again.
    dates: BTreeMap<DistrictId, Now>,
    tally: BTreeMap<(DistrictId, RuleId), Tally>,
    /// The offset after the last event that had its effect.
    events_offset: i64,
}

impl Worker {
    /// Takes up what the topic holds and the rows do not.
    pub(super) async fn adopt(&mut self) -> Result<Hold, Error> {
        if planted(Mutant::ForgetTold) {
            return Ok(Hold::Kept);
        }
        let end = self.end_of(Topic::Alerts).await?.0;
        // A topic that ends before where we were was made anew.
        let at = if self.lease.alerts_offset > end { 0 } else { self.lease.alerts_offset };
        if at < end && self.adopt_between(at, end).await? == Hold::Lost {
            return Ok(Hold::Lost);
        }
        self.publisher.known_up_to(end);
        Ok(Hold::Kept)
    }

    async fn adopt_between(&mut self, at: i64, end: i64) -> Result<Hold, Error> {
        let shared = Arc::clone(&self.shared);
        let _reading = shared.reading.acquire().await;
        let mut reading = Reading::new(Topic::Alerts, self.lease.partition, at);
        while reading.at() < end {
            let records = match self.read(&mut reading).await {
                // The topic expires, and may have been made anew: from its first record, then.
                Err(Error::Log(homeroom_bus::Error::OffsetOutOfRange { .. })) => {
                    reading.restart();
                    continue;
                }
                records => records?,
            };
            if records.is_empty() && self.is_expired(Topic::Alerts, end).await? {
                tracing::info!(
                    partition = self.lease.partition,
                    end,
                    "the alert changes since the rows were written have expired"
                );
                break;
            }
            if self.adopt_from(&records, reading.at()).await? == Hold::Lost {
                return Ok(Hold::Lost);
            }
        }
        Ok(Hold::Kept)
    }

    /// Takes up what these records hold, which end before `at`. A student whom the database refuses stops no other.
    async fn adopt_from(&mut self, records: &[Record], at: i64) -> Result<Hold, Error> {
        let Some(first) = records.first() else { return Ok(Hold::Kept) };
        let heard: Vec<Heard> = records.iter().filter_map(heard).collect();
        match self.take_up(&heard, at).await {
            Err(Error::Store(error)) if error.refused() => {
                tracing::warn!(partition = self.lease.partition, error = %chain(&error), "the database refuses what was told; taking it up student by student");
            }
            taken => return taken,
        }
        let mut by_student: BTreeMap<Key, Vec<Heard>> = BTreeMap::new();
        for one in heard {
            by_student.entry(key(&one.0)).or_default().push(one);
        }
        for heard in by_student.into_values() {
            // Until all of these are taken up, the rows are known to hold what is before the first record only.
            match self.take_up(&heard, first.offset.0).await {
                Ok(Hold::Kept) => {}
                Err(Error::Store(error)) if error.refused() => {
                    metrics::counter!(metric::ADOPTIONS_REFUSED).increment(1);
                    tracing::error!(partition = self.lease.partition, error = %chain(&error), "what was told of a student cannot be taken up; it may be told again");
                }
                other => return other,
            }
        }
        Ok(Hold::Kept)
    }

    /// Commits what of these changes the rows do not know, and that everything below `at` is known.
    async fn take_up(&mut self, heard: &[Heard], at: i64) -> Result<Hold, Error> {
        self.memory.turn();
        self.load(heard.iter().map(|(change, ..)| key(change)).collect()).await?;
        for (change, ..) in heard {
            self.load_date(&change.district).await?;
        }
        let TakenUp { students, dates, tally, events_offset } = self.unknown(heard);
        if students.is_empty() {
            return Ok(Hold::Kept);
        }
        let taken = students.len();
        let effects = Effects {
            students: students.into_iter().map(|(key, after)| self.change_to(key, after)).collect(),
            dates: dates.into_iter().collect(),
            tally,
            ..Effects::default()
        };
        let next_offset = events_offset.min(self.end_of(Topic::Events).await?.0).max(self.lease.next_offset);
        let hold = self.commit(Lease { alerts_offset: at, next_offset, ..self.lease }, effects).await?;
        metrics::counter!(metric::ADOPTED).increment(taken as u64);
        tracing::warn!(
            partition = self.lease.partition,
            students = taken,
            "took up alerts that were told of and that the database had lost"
        );
        Ok(hold)
    }

    /// What of these changes the students in memory do not know.
    fn unknown(&self, heard: &[Heard]) -> TakenUp {
        let mut taken = TakenUp::default();
        for (change, basis, events_offset) in heard {
            let key = key(change);
            let known = taken.students.get(&key).or_else(|| self.memory.get(&key));
            if known.is_some_and(|student| student.episodes.knows(change, basis)) {
                continue;
            }
            let mut student = known.map(|known| Student::clone(known)).unwrap_or_default();
            let adopted = student.episodes.adopt(change, *basis);
            if adopted == Adopted::No {
                tracing::error!(alert.id = %change.alert_id, number = change.number, "an alert change on the topic is not of its basis; it is left out");
                continue;
            }
            count(change, adopted, taken.tally.entry((key.0.clone(), change.claim.rule.clone())).or_default());
            let dates = taken.dates.get(&key.0).or_else(|| self.dates.get(&key.0)).copied();
            taken.dates.insert(key.0.clone(), later(dates, basis.told_at));
            taken.events_offset = taken.events_offset.max(*events_offset);
            student.evaluated = None;
            student.count.end();
            taken.students.insert(key, Arc::new(student));
        }
        taken
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
fn heard(record: &Record) -> Option<Heard> {
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
