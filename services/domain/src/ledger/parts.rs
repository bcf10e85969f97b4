//! A ledger taken apart, to be put together anew: for every word that is not simply the next mark.

mod gather;

use smallvec::SmallVec;

use super::Applied;
use super::layout::{self, Kind, Layout, NewItems};
use super::mark::{self, Entries, Entry};
use super::word::{self, Said, Word, Words};
use crate::date::Date;
use crate::event::{Change, Fact, Origin};
use crate::mutant::{Mutant, planted};

/// A ledger's words and marks, borrowed from its bytes and from the event that is applied.
#[derive(Debug, Default)]
pub(super) struct Parts<'a> {
    kinds: Vec<Kind<'a>>,
    /// In the order of their dates.
    marks: Vec<Entry>,
    words: Vec<Word<'a>>,
    /// Whether some mark's key does not end with its date.
    has_own_keys: bool,
    /// Whether a word that was taken in was of something else than a mark, before or now.
    pub(super) moved_words: bool,
}

/// What becomes of a word whose record has one of this revision, when it is not to be written; none when it is.
pub(super) fn refused(revision: u64, origin: &Origin, change: &Change<Fact>) -> Option<Applied> {
    if planted(Mutant::DropKnown) {
        return Some(Applied::Same);
    }
    if origin.revision.0 < revision && !planted(Mutant::LatestWins) {
        return Some(Applied::Outdated);
    }
    let is_equal = origin.revision.0 == revision && *change == Change::Withdrawn;
    (planted(Mutant::EqualWithdrawal) && is_equal).then_some(Applied::Same)
}

/// Where a record's last word stands.
enum Place {
    Mark(usize),
    Word(usize),
}

impl<'a> Parts<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Self {
        let layout = Layout::read(bytes);
        Self {
            has_own_keys: layout.kinds().any(|kind| kind.stem.is_none()),
            kinds: layout.kinds().collect(),
            marks: Entries::new(layout.marks).collect(),
            words: Words::new(layout.items, layout.words).collect(),
            moved_words: false,
        }
    }

    /// Makes room for so many marks more.
    pub(super) fn reserve(&mut self, marks: usize) {
        self.marks.reserve(marks);
    }

    /// Takes a word in.
    pub(super) fn apply(&mut self, origin: &'a Origin, change: &'a Change<Fact>) -> Applied {
        let mut before = None;
        if let Some(place) = self.find(origin) {
            let (revision, said) = self.at(&place);
            if let Some(refusal) = refused(revision, origin, change) {
                return refusal;
            }
            before = Some(said);
            match place {
                Place::Mark(at) => drop(self.marks.remove(at)),
                Place::Word(at) => {
                    self.moved_words = true;
                    self.words.remove(at);
                }
            }
        }
        let now = self.insert(origin, change);
        self.moved_words |= matches!(now, Place::Word(_));
        let (_, now) = self.at(&now);
        if before == Some(now) { Applied::Same } else { Applied::Changed }
    }

    fn find(&self, origin: &Origin) -> Option<Place> {
        let (source, key) = (origin.source.as_str().as_bytes(), origin.key.as_bytes());
        if let Some(at) = self.words.iter().position(|word| word.key == *key && word.source == source) {
            return Some(Place::Word(at));
        }
        let is_it = |entry: &Entry| {
            let kind = self.kinds.get(entry.kind);
            kind.is_some_and(|kind| kind.source == source && kind.key(entry.date, entry.own_key) == *key)
        };
        if self.has_own_keys {
            return self.marks.iter().position(is_it).map(Place::Mark);
        }
        // Its key ends with its date, so it is among those of that date.
        let (_, date) = layout::date(key);
        let first = self.marks.partition_point(|entry| entry.date < date);
        let of_date = self.marks[first..].iter().take_while(|entry| entry.date == date);
        of_date.enumerate().find(|(_, entry)| is_it(entry)).map(|(at, _)| Place::Mark(first + at))
    }

    /// A word's revision and what it says.
    fn at(&self, place: &Place) -> (u64, Content<'a>) {
        match *place {
            Place::Word(at) => (self.words[at].revision, self.words[at].said.map_or(Content::None, Content::Word)),
            Place::Mark(at) => {
                let entry = &self.marks[at];
                let said = self.kinds.get(entry.kind).and_then(|kind| kind.said);
                (entry.revision, said.map_or(Content::None, |said| Content::Mark(entry.date, said)))
            }
        }
    }

    /// Inserts the word of a record that has none.
    fn insert(&mut self, origin: &'a Origin, change: &'a Change<Fact>) -> Place {
        let source = origin.source.as_str().as_bytes();
        let said = match change {
            Change::Recorded(Fact::AttendanceMark(mark)) => {
                let kind = layout::kind(origin, mark);
                return self.insert_mark(origin, mark.date.days(), kind);
            }
            Change::Withdrawn => {
                let (stem, date) = layout::date(origin.key.as_bytes());
                let kind = Kind { source, stem: Some(stem), said: None };
                // The last bytes of any key may look like a date; of a record whose stem marks have, it is the mark's.
                let is_marks = self.kinds.iter().any(|known| known.source == source && known.stem == kind.stem);
                if is_marks && Date::from_days(date).is_ok() {
                    return self.insert_mark(origin, date, kind);
                }
                None
            }
            Change::Recorded(fact) => word::said(fact),
        };
        let word = Word { source, key: *origin.key.as_bytes(), revision: origin.revision.0, said };
        let at = self.words.partition_point(|known| (known.source, known.key) < (word.source, word.key));
        self.words.insert(at, word);
        Place::Word(at)
    }

    fn insert_mark(&mut self, origin: &Origin, date: i32, kind: Kind<'a>) -> Place {
        let own_key = kind.stem.is_none().then_some(*origin.key.as_bytes());
        self.has_own_keys |= own_key.is_some();
        let known = self.kinds.iter().position(|known| *known == kind);
        let kind = known.unwrap_or_else(|| {
            self.kinds.push(kind);
            self.kinds.len() - 1
        });
        let at = self.marks.partition_point(|entry| entry.date <= date);
        self.marks.insert(at, Entry { date, kind, revision: origin.revision.0, own_key });
        Place::Mark(at)
    }

    /// The ledger's bytes.
    pub(super) fn write(mut self) -> Vec<u8> {
        self.forget_kinds();
        let mut items = NewItems::default();
        let (mut kinds, mut words) = (SmallVec::<[u8; 96]>::new(), Vec::with_capacity(128));
        let mut marks = Vec::with_capacity(2 * self.marks.len());
        let mut last = None;
        for kind in &self.kinds {
            kind.write(last, &mut items, &mut kinds);
            last = Some(kind);
        }
        word::write(&self.words, &mut items, &mut words);
        mark::write(&mut marks, &self.marks);
        let mut bytes = layout::write([&[&items.new], &[&kinds], &[&words]], marks.len());
        bytes.extend_from_slice(&marks);
        bytes
    }

    /// Drops kinds that no mark is of any more.
    fn forget_kinds(&mut self) {
        let mut used = SmallVec::<[bool; 16]>::from_elem(false, self.kinds.len());
        for entry in &self.marks {
            if let Some(used) = used.get_mut(entry.kind) {
                *used = true;
            }
        }
        if used.iter().all(|used| *used) {
            return;
        }
        let mut next = 0;
        let places: Vec<usize> = used
            .iter()
            .map(|used| {
                next += usize::from(*used);
                next - usize::from(*used)
            })
            .collect();
        for entry in &mut self.marks {
            entry.kind = places.get(entry.kind).copied().unwrap_or_default();
        }
        let mut used = used.into_iter();
        self.kinds.retain(|_| used.next().unwrap_or_default());
    }

    /// Whether two ledgers hold the same words, however they are laid out.
    pub(super) fn same_words(&self, other: &Self) -> bool {
        self.all() == other.all()
    }

    /// Every word, in the order of source and key.
    fn all(&self) -> Vec<(&'a [u8], [u8; 16], u64, Content<'a>)> {
        let words = (0..self.words.len()).map(|at| {
            let (revision, content) = self.at(&Place::Word(at));
            (self.words[at].source, self.words[at].key, revision, content)
        });
        let marks = (0..self.marks.len()).filter_map(|at| {
            let (revision, content) = self.at(&Place::Mark(at));
            let entry = &self.marks[at];
            let kind = self.kinds.get(entry.kind)?;
            Some((kind.source, kind.key(entry.date, entry.own_key), revision, content))
        });
        let mut all: Vec<_> = words.chain(marks).collect();
        all.sort_unstable_by_key(|(source, key, ..)| (*source, *key));
        all
    }
}

/// What a word says, wherever it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Content<'a> {
    None,
    Word(Said<'a>),
    Mark(i32, layout::Said<'a>),
}
