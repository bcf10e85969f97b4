//! The ledger: everything that sources have said of one student, each record's last word kept.
//!
//! A withdrawn record stays as a word without content, so that an older word that arrives later cannot bring it back. The unit
//! is the student, not the student's year: an enrollment without an exit reaches over years and could not be cut at one.
//!
//! A district keeps a million of them, and most of what happens is one more mark, so a ledger is kept in memory as it is stored:
//! packed (see `layout`), read by walking over a few hundred bytes. The next mark is written at the end, an earlier one in its place
//! (see `splice`); whatever else happens, the bytes are made anew from their parts (see `parts`).

pub(crate) mod bytes;
mod derived;
mod first;
mod further;
mod layout;
mod mark;
mod parts;
mod phrase;
mod read;
mod splice;
#[cfg(test)]
mod tests;
mod word;

use std::borrow::Borrow;
use std::fmt;

use layout::Layout;
use mark::{Entries, Entry};
use parts::Parts;
use splice::Splice;
use word::Words;

use crate::date::Date;
use crate::event::{AttendanceMark, Change, Fact, Origin};
use crate::id::{RecordKey, Revision, SourceId};
use crate::mutant::{Mutant, planted};

pub use derived::derived_key;
pub(crate) use further::{Act, Consequence, Further, Score, Taken, Tie, Work};
pub(crate) use mark::Tail;
pub(crate) use read::{Facts, GradeWord, MarkAt, MarkKind, MarkSource, text};
pub(crate) use word::{Graded, Said, Spell};

/// Everything that sources have said of one student.
#[derive(Clone, Default)]
pub struct Ledger {
    /// As stored; empty while nothing was said.
    bytes: Vec<u8>,
}

/// Of what a word was, and how it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    /// Of a mark, in its place: kinds of marks stand where they stood, and a new one behind them.
    InPlace,
    /// Of a mark, and the kind of this position is gone; nothing is referred to that was not before.
    Without(usize),
    /// Of a mark, and kinds may stand elsewhere.
    Marks,
    /// Of something else, before or now.
    Words,
}

/// The date that ends a record key, as it does that of a mark; none when that is no date.
pub(crate) fn key_date(key: RecordKey) -> Option<Date> {
    Date::from_days(layout::date(key.as_bytes()).1).ok()
}

/// Marks in the order of their dates.
pub(crate) struct InOrder<'a>(Entries<'a>);

impl InOrder<'_> {
    /// Where they end.
    pub(crate) fn tail(self) -> Tail {
        self.0.tail()
    }
}

impl Iterator for InOrder<'_> {
    type Item = (i32, usize);

    #[inline]
    fn next(&mut self) -> Option<(i32, usize)> {
        self.0.next().map(|entry| (entry.date, entry.kind))
    }
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Live<T> {
    /// The feed.
    pub source: SourceId,
    /// Its key of the record.
    pub key: RecordKey,
    /// The word's revision.
    pub revision: Revision,
    /// What it says.
    pub fact: T,
}

impl<T> Live<T> {
    /// Where it comes from.
    pub fn origin(&self) -> Origin {
        Origin { source: self.source.clone(), key: self.key, revision: self.revision }
    }
}

/// The stored ledger cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// It is of the first format, and not sound.
    #[error("the stored ledger cannot be read")]
    First(#[from] postcard::Error),
    /// It is of no format that is known, or not sound.
    #[error("the stored ledger is damaged, or of a later format")]
    Damaged,
}

/// Words that are each written in its place, if they can be; of more of them the bytes are made anew once.
const FEW: usize = 4;

impl Ledger {
    /// Takes a word in: the highest revision of a source's key wins, and of equals the later in the log.
    pub fn apply(&mut self, origin: impl Borrow<Origin>, change: impl Borrow<Change<Fact>>) -> Applied {
        self.take(origin.borrow(), change.borrow()).0
    }

    /// The same, and tells of what the word was.
    pub(crate) fn take(&mut self, origin: &Origin, change: &Change<Fact>) -> (Applied, Written) {
        if planted(Mutant::IgnoreWithdrawal) && *change == Change::Withdrawn {
            return (Applied::Same, Written::InPlace);
        }
        if let Some(spliced) = self.splice(origin, change) {
            return spliced;
        }
        let mut parts = Parts::read(&self.bytes);
        let applied = parts.apply(origin, change);
        let written = if parts.moved_words { Written::Words } else { Written::Marks };
        if applied != Applied::Outdated {
            self.bytes = parts.write();
        }
        (applied, written)
    }

    /// Writes a mark's word in its place; none when the bytes have to be made anew.
    fn splice(&mut self, origin: &Origin, change: &Change<Fact>) -> Option<(Applied, Written)> {
        let layout = Layout::read(&self.bytes);
        let splice = match Splice::of(&layout, origin, change)? {
            Ok(splice) => splice,
            Err(applied) => return Some((applied, Written::InPlace)),
        };
        let written = if let Some(dropped) = splice.dropped {
            let left = layout.kinds().chain(splice.new_kind).enumerate().filter(|(at, _)| *at != dropped);
            self.bytes = layout.with_kinds(left.map(|(_, kind)| kind));
            Written::Without(dropped)
        } else {
            let marks = layout.marks.len();
            if let Some(kind) = &splice.new_kind {
                self.bytes = layout.with_kind(kind);
            }
            self.bytes.truncate(self.bytes.len() - marks + splice.kept);
            Written::InPlace
        };
        self.make_room();
        Some((splice.write(&mut self.bytes), written))
    }

    /// Writes a mark behind all others, when the end is known and the date is later than any that is heard of.
    /// Tells the position of its kind, which may be new; none when it was not written.
    pub(crate) fn append_known(&mut self, tail: &mut Tail, origin: &Origin, mark: &AttendanceMark) -> Option<usize> {
        let kind = layout::kind(origin, mark);
        kind.stem?;
        let layout = Layout::read(&self.bytes);
        let (mut at, mut is_known, mut kinds) = (0, false, layout.kinds());
        while let Some(known) = kinds.advance() {
            is_known = *known == kind;
            if is_known {
                break;
            }
            at += 1;
        }
        if !is_known {
            self.bytes = layout.with_kind(&kind);
        }
        self.make_room();
        tail.push(
            &mut self.bytes,
            &Entry { date: mark.date.days(), kind: at, revision: origin.revision.0, own_key: None },
        );
        Some(at)
    }

    /// Where marks end, and the last date that a mark could have whose record is heard of; none while some mark has a key of its
    /// own, which could be of any date.
    pub(crate) fn end_of_marks(&self) -> Option<(Tail, i32)> {
        let layout = Layout::read(&self.bytes);
        if layout.kinds().any(|kind| kind.stem.is_none()) {
            return None;
        }
        let tail = Entries::new(layout.marks).tail();
        let dates = Words::new(layout.items, layout.words).map(|word| layout::date(&word.key).1);
        let heard_of = dates.filter(|date| Date::from_days(*date).is_ok()).max();
        Some((tail, heard_of.unwrap_or(0).max(tail.date)))
    }

    /// Dates of marks in order, in days since 1970, and positions of their kinds; none while some mark has a key of its own.
    pub(crate) fn in_order(&self) -> Option<InOrder<'_>> {
        let layout = Layout::read(&self.bytes);
        let dated = layout.kinds().all(|kind| kind.stem.is_some());
        dated.then(|| InOrder(Entries::new(layout.marks)))
    }

    /// Doubling, as a vector does of itself, would be half of a district's memory.
    fn make_room(&mut self) {
        if self.bytes.capacity() - self.bytes.len() < mark::USUAL_BYTES {
            self.bytes.reserve_exact(2 * mark::USUAL_BYTES);
        }
    }

    /// How many records it holds, withdrawn ones included.
    pub fn len(&self) -> usize {
        let layout = Layout::read(&self.bytes);
        Words::new(layout.items, layout.words).count() + Entries::new(layout.marks).count()
    }

    /// Takes several words in, in order, as [`apply`](Self::apply) does each: from the first one on that is not simply written in its
    /// place, the bytes are taken apart and made anew once for all of them. Of more than a few they are from the first on: the
    /// place of each has to be found.
    pub fn apply_all<'w>(&mut self, words: impl IntoIterator<Item = (&'w Origin, &'w Change<Fact>)>) -> Vec<Applied> {
        let mut words = words.into_iter().peekable();
        let many = words.size_hint().0;
        let mut applied = Vec::with_capacity(many);
        let mut gathered = None;
        if many > FEW && self.bytes.is_empty() {
            gathered = Some(Parts::gather(&mut words, &mut applied));
        }
        while many <= FEW
            && let Some((origin, change)) = words.peek()
            && let Some((one, _)) = self.splice(origin, change)
        {
            applied.push(one);
            words.next();
        }
        if gathered.is_none() && words.peek().is_none() {
            return applied;
        }
        let mut moved = gathered.is_some();
        let mut parts = gathered.unwrap_or_else(|| Parts::read(&self.bytes));
        parts.reserve(words.size_hint().0);
        for (origin, change) in words {
            let ignored = planted(Mutant::IgnoreWithdrawal) && *change == Change::Withdrawn;
            let one = if ignored { Applied::Same } else { parts.apply(origin, change) };
            moved |= !ignored && one != Applied::Outdated;
            applied.push(one);
        }
        if moved {
            self.bytes = parts.write();
        }
        applied
    }

    /// How many bytes it takes, stored and in memory.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// Reads where the next word will be written, as [`Count::touch`](crate::count::Count::touch) does for a look.
    pub fn touch(&self) -> u8 {
        self.bytes.first().unwrap_or(&0) ^ self.bytes.last().unwrap_or(&0)
    }

    /// Whether nothing was ever said.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The bytes to store. The first is the format's version.
    pub fn encode(&self) -> Vec<u8> {
        if self.bytes.is_empty() { layout::write([&[], &[], &[]], 0) } else { self.bytes.clone() }
    }

    /// Reads stored bytes back, those of earlier formats too. What the second one holds is read as the third, and becomes it when
    /// it is next made anew.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        match bytes.first() {
            Some(&(layout::FORMAT | layout::SECOND_FORMAT)) => {
                let ledger = Self { bytes: bytes.to_vec() };
                if ledger.is_sound() { Ok(ledger) } else { Err(DecodeError::Damaged) }
            }
            Some(&first::FORMAT) => first::decode(&bytes[1..]),
            _ => Err(DecodeError::Damaged),
        }
    }
}

/// Two ledgers are equal that hold the same words, in whatever order they came.
impl PartialEq for Ledger {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes || Parts::read(&self.bytes).same_words(&Parts::read(&other.bytes))
    }
}

impl Eq for Ledger {}

/// Its size only: what is said of a student stands in no log.
impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ledger({} records)", self.len())
    }
}
