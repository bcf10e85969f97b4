//! Which of the records that stand under one student's key belong to another, and what is to be said of them: pure.
//!
//! The last word of each record counts: the highest revision, and of equals the later in the log, as in a ledger. A record whose
//! last word says that it moved on is passed over, so that looking again finds nothing to do.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use homeroom_domain::event::{Change, Event};
use homeroom_domain::id::{RecordKey, SourceId, StudentKey};
use homeroom_proto::event::Sent;
use jiff::Timestamp;

use super::crosswalk::Crosswalk;

/// The most records of one student that are held: five times what twelve school years of eight marks a day are.
pub(crate) const MAX_RECORDS: usize = 100_000;

/// A student has more records than can be held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the student has more than {0} records")]
pub(crate) struct TooMany(usize);

/// The last words of the records that stand under a student's key.
#[derive(Debug)]
pub(crate) struct Words {
    /// How many there may be.
    most: usize,
    words: HashMap<(SourceId, RecordKey), Word>,
}

#[derive(Debug)]
struct Word {
    offset: i64,
    sent: Sent,
}

/// What is said of a record that belongs to another student. The second is for after the first is kept: were it the other way
/// round, whoever goes on after a crash would find nothing left to move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Moving {
    /// The record, under the key of whom it counts for.
    pub(crate) there: Sent,
    /// Its end under the key where it stood.
    pub(crate) here: Sent,
}

impl Words {
    /// Room for so many records.
    pub(crate) fn of_at_most(most: usize) -> Self {
        Self { most, words: HashMap::new() }
    }

    /// Takes the next record of the student in.
    pub(crate) fn take(&mut self, offset: i64, sent: Sent) -> Result<(), TooMany> {
        let key = (sent.event.origin.source.clone(), sent.event.origin.key);
        let is_full = self.words.len() >= self.most;
        match self.words.entry(key) {
            Entry::Occupied(known) if sent.event.origin.revision < known.get().sent.event.origin.revision => {}
            Entry::Occupied(mut known) => *known.get_mut() = Word { offset, sent },
            Entry::Vacant(_) if is_full => return Err(TooMany(self.most)),
            Entry::Vacant(new) => drop(new.insert(Word { offset, sent })),
        }
        Ok(())
    }

    /// What is to be moved, in the order of the log. `at` is the moment at which the words are taken as accepted, the same however
    /// often this is done: so a repeat is the same event.
    pub(crate) fn moving(self, crosswalk: &Crosswalk, at: Timestamp) -> Vec<Moving> {
        let mut words: Vec<Word> = self.words.into_values().filter(|word| word.sent.moved_to.is_none()).collect();
        words.sort_unstable_by_key(|word| word.offset);
        words.into_iter().filter_map(|word| moving(word.sent, crosswalk, at)).collect()
    }
}

/// The same revision serves under both keys: of equals the later counts, here the one that is written now. A higher one could hide
/// the source's next word.
fn moving(sent: Sent, crosswalk: &Crosswalk, at: Timestamp) -> Option<Moving> {
    let here = sent.event.student;
    let whose = crosswalk.whose(sent.sender_student());
    if whose.student == here {
        return None;
    }
    let gone = Event { received_at: at, change: Change::Withdrawn, ..sent.event.clone() };
    let kept = Event { received_at: at, student: whose.student, ..sent.event };
    Some(Moving {
        there: Sent { event: kept, sent_as: whose.sent_as, moved_to: None },
        here: Sent { event: gone, sent_as: sent.sent_as, moved_to: Some(whose.student) },
    })
}

/// Whose profiles a merge or split of a student touches, and who each of them is now.
pub(crate) fn profiles(crosswalk: &Crosswalk, student: StudentKey) -> Vec<(StudentKey, Option<StudentKey>)> {
    let same_as = |student| Some(crosswalk.resolve(student)).filter(|same| *same != student);
    crosswalk.behind(student).into_iter().map(|student| (student, same_as(student))).collect()
}

#[cfg(test)]
mod tests {
    use homeroom_domain::event::{Fact, Origin};
    use homeroom_domain::id::{DistrictId, EventId, Revision};
    use homeroom_domain::ledger::Ledger;

    use super::*;

    fn student(number: u8) -> StudentKey {
        StudentKey::new([number; 16])
    }

    fn word(under: u8, record: u8, revision: u64, is_live: bool) -> Sent {
        let event = Event {
            event_id: EventId::new([0; 16]),
            district: DistrictId::parse("grand-bend").unwrap(),
            student: student(under),
            origin: Origin {
                source: SourceId::parse("sis").unwrap(),
                key: RecordKey::new([record; 16]),
                revision: Revision(revision),
            },
            received_at: Timestamp::UNIX_EPOCH,
            occurred_at: None,
            change: if is_live { Change::Recorded(Fact::Registration) } else { Change::Withdrawn },
        };
        Sent { event, sent_as: None, moved_to: None }
    }

    /// What a log of one student comes to.
    fn plan(log: &[Sent], crosswalk: &Crosswalk) -> Vec<Moving> {
        let mut words = Words::of_at_most(MAX_RECORDS);
        for (offset, sent) in (0..).zip(log) {
            words.take(offset, sent.clone()).unwrap();
        }
        words.moving(crosswalk, Timestamp::UNIX_EPOCH)
    }

    fn ledger<'a>(log: impl IntoIterator<Item = &'a Sent>) -> Ledger {
        let mut ledger = Ledger::default();
        ledger.apply_all(log.into_iter().map(|sent| (&sent.event.origin, &sent.event.change)));
        ledger
    }

    /// The live facts.
    fn facts(log: &[Sent]) -> usize {
        let mut words = Words::of_at_most(MAX_RECORDS);
        for (offset, sent) in (0..).zip(log) {
            words.take(offset, sent.clone()).unwrap();
        }
        words.words.values().filter(|word| word.sent.event.change != Change::Withdrawn).count()
    }

    #[test]
    fn the_last_word_of_each_record_moves_with_its_revision_and_a_second_look_finds_nothing() {
        let merged = Crosswalk::of([(student(1), student(2))]);
        // Corrected and withdrawn, in disorder; the withdrawal moves too, for an older word may still come.
        let mut log = vec![word(1, 7, 3, true), word(1, 7, 1, true), word(1, 8, 5, false), word(1, 8, 4, true)];
        let moving = plan(&log, &merged);
        let said: Vec<_> = moving.iter().map(|it| (it.there.event.origin.revision.0, &it.there.event.change)).collect();
        assert_eq!(said, [(3, &Change::Recorded(Fact::Registration)), (5, &Change::Withdrawn)]);
        assert!(moving.iter().all(|it| it.there.event.student == student(2) && it.there.sent_as == Some(student(1))));
        let there: Vec<Sent> = moving.iter().map(|it| it.there.clone()).collect();
        log.extend(moving.into_iter().map(|it| it.here));
        assert_eq!((facts(&log), facts(&there)), (0, 1));
        assert_eq!(plan(&log, &merged), []);
        // What is late under the old key is found alone, and gives way to what is known there.
        log.push(word(1, 7, 2, true));
        assert_eq!(plan(&log, &merged), []);
        log.push(word(1, 7, 4, true));
        assert_eq!(plan(&log, &merged).len(), 1);
    }

    #[test]
    fn a_split_takes_back_what_was_sent_as_the_other_and_nothing_else() {
        let merged = Crosswalk::of([(student(1), student(2))]);
        let mut first = vec![word(1, 7, 3, true)];
        let mut second = vec![word(2, 9, 1, true)];
        for it in plan(&first, &merged) {
            second.push(it.there);
            first.push(it.here);
        }
        // Sent while they were one.
        second.push(Sent { sent_as: Some(student(1)), ..word(2, 10, 1, true) });
        for it in plan(&second, &Crosswalk::default()) {
            first.push(it.there);
            second.push(it.here);
        }
        assert_eq!((facts(&first), facts(&second)), (2, 1));
        assert_eq!(plan(&first, &Crosswalk::default()), []);
        assert_eq!(plan(&second, &Crosswalk::default()), []);
        assert!(first.iter().filter(|it| it.moved_to.is_none()).all(|it| it.sent_as.is_none()));
        // A ledger comes to the same, whatever it was told in between.
        let alone = [word(1, 7, 3, true), word(1, 10, 1, true)];
        assert_eq!(ledger(&first), ledger(&alone));
    }

    #[test]
    fn of_a_chain_each_record_goes_to_where_its_sender_leads() {
        let chain = Crosswalk::of([(student(1), student(2)), (student(2), student(3))]);
        let log = [word(2, 9, 1, true), Sent { sent_as: Some(student(1)), ..word(2, 7, 1, true) }];
        let moving = plan(&log, &chain);
        let to: Vec<_> = moving.iter().map(|it| (it.there.event.student, it.there.sent_as)).collect();
        assert_eq!(to, [(student(3), Some(student(2))), (student(3), Some(student(1)))]);
        // Split in the middle, both go back to the middle.
        let log: Vec<_> = moving.into_iter().map(|it| it.there).collect();
        let split = plan(&log, &Crosswalk::of([(student(1), student(2))]));
        let to: Vec<_> = split.iter().map(|it| (it.there.event.student, it.there.sent_as)).collect();
        assert_eq!(to, [(student(2), None), (student(2), Some(student(1)))]);
        assert_eq!(profiles(&chain, student(2)), [(student(1), Some(student(3))), (student(2), Some(student(3)))]);
    }
}
