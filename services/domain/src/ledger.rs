//! The ledger: everything that sources have said of one student, each record's last word kept.
//!
//! A withdrawn record stays as a word without content, so that an older word that arrives later cannot bring it back. The unit
//! is the student, not the student's year: an enrollment without an exit reaches over years and could not be cut at one.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::event::{AttendanceMark, Change, Enrollment, Fact, Grade, Origin, SectionMembership};
use crate::id::{RecordKey, Revision, SchoolId, SourceId};

/// Everything that sources have said of one student.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    words: BTreeMap<(SourceId, RecordKey), Word>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Word {
    revision: Revision,
    change: Change<Fact>,
}

/// What a word did to the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// The record now says something else.
    Changed,
    /// The record says the same, under a higher revision or again.
    Same,
    /// A higher revision was there already.
    Outdated,
}

/// A live fact and who said it.
#[derive(Debug)]
pub struct Live<'a, T> {
    /// The feed.
    pub source: &'a SourceId,
    /// Its key of the record.
    pub key: &'a RecordKey,
    /// The word's revision.
    pub revision: Revision,
    /// What it says.
    pub fact: &'a T,
}

impl<T> Live<'_, T> {
    /// Where it comes from.
    pub fn origin(&self) -> Origin {
        Origin { source: self.source.clone(), key: *self.key, revision: self.revision }
    }
}

/// The stored ledger cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the stored ledger cannot be read")]
pub struct DecodeError(#[from] postcard::Error);

impl Ledger {
    /// Takes a word in: the highest revision of a source's key wins, and of equals the later in the log.
    pub fn apply(&mut self, origin: Origin, change: Change<Fact>) -> Applied {
        let word = Word { revision: origin.revision, change };
        match self.words.entry((origin.source, origin.key)) {
            std::collections::btree_map::Entry::Vacant(vacant) => {
                vacant.insert(word);
                Applied::Changed
            }
            std::collections::btree_map::Entry::Occupied(mut known) => {
                if word.revision < known.get().revision {
                    return Applied::Outdated;
                }
                let same = known.get().change == word.change;
                known.insert(word);
                if same { Applied::Same } else { Applied::Changed }
            }
        }
    }

    /// Whether the district knows the student.
    pub fn registered(&self) -> bool {
        self.facts().any(|live| matches!(live.fact, Fact::Registration))
    }

    /// Live facts, in a fixed order.
    pub fn facts(&self) -> impl Iterator<Item = Live<'_, Fact>> {
        self.words.iter().filter_map(|((source, key), word)| match &word.change {
            Change::Recorded(fact) => Some(Live { source, key, revision: word.revision, fact }),
            Change::Withdrawn => None,
        })
    }

    /// Live enrollments.
    pub fn enrollments(&self) -> impl Iterator<Item = &Enrollment> {
        self.facts().filter_map(|live| if let Fact::Enrollment(fact) = live.fact { Some(fact) } else { None })
    }

    /// Live section memberships.
    pub fn memberships(&self) -> impl Iterator<Item = &SectionMembership> {
        self.facts().filter_map(|live| if let Fact::SectionMembership(fact) = live.fact { Some(fact) } else { None })
    }

    /// Live attendance marks.
    pub fn marks(&self) -> impl Iterator<Item = Live<'_, AttendanceMark>> {
        self.facts().filter_map(|live| {
            if let Fact::AttendanceMark(fact) = live.fact {
                Some(Live { source: live.source, key: live.key, revision: live.revision, fact })
            } else {
                None
            }
        })
    }

    /// Live grades.
    pub fn grades(&self) -> impl Iterator<Item = Live<'_, Grade>> {
        self.facts().filter_map(|live| {
            if let Fact::Grade(fact) = live.fact {
                Some(Live { source: live.source, key: live.key, revision: live.revision, fact })
            } else {
                None
            }
        })
    }

    /// Schools that a live enrollment or mark names: whose calendar and settings may touch the student.
    pub fn schools(&self) -> std::collections::BTreeSet<&SchoolId> {
        self.facts()
            .filter_map(|live| match live.fact {
                Fact::Enrollment(enrollment) => Some(&enrollment.school),
                Fact::AttendanceMark(mark) => Some(&mark.school),
                Fact::Registration | Fact::SectionMembership(_) | Fact::Grade(_) => None,
            })
            .collect()
    }

    /// How many records it holds, withdrawn ones included.
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// Whether nothing was ever said.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// The bytes to store. The first is the format's version.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![FORMAT];
        let body = postcard::to_stdvec(self).expect("a map of plain values always encodes into memory");
        bytes.extend_from_slice(&body);
        bytes
    }

    /// Reads stored bytes back.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        match bytes.split_first() {
            Some((&FORMAT, body)) => Ok(postcard::from_bytes(body)?),
            _ => Err(DecodeError(postcard::Error::DeserializeBadEncoding)),
        }
    }
}

const FORMAT: u8 = 1;
