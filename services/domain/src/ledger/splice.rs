//! A mark's word written among the marks: the bytes before its date stay, and those from there on are written again.
//!
//! Most words that do not belong behind all others are of marks. Made anew from its parts a ledger takes several times as long,
//! most of it for words that are no marks, and for texts.

use smallvec::{SmallVec, smallvec};

use super::Applied;
use super::layout::{self, Kind, Layout};
use super::mark::{Entries, Entry, Tail};
use super::parts::refused;
use super::word::Words;
use crate::date::Date;
use crate::event::{Change, Fact, Origin};
use crate::mutant::{Mutant, planted};

/// What becomes of a ledger's marks.
pub(super) struct Splice<'k> {
    pub(super) applied: Applied,
    /// The kind of the word, when no mark is of it yet.
    pub(super) new_kind: Option<Kind<'k>>,
    /// The position of a kind of which no mark is any more. Then all marks are written again.
    pub(super) dropped: Option<usize>,
    /// How many bytes of the marks stay, and where they end.
    pub(super) kept: usize,
    tail: Tail,
    /// The marks behind them.
    rest: Vec<Entry>,
}

impl<'k> Splice<'k> {
    /// Where a word is written, or what it does when nothing is to be written; none of one for which the ledger has to be made anew.
    pub(super) fn of(
        layout: &Layout<'_>,
        origin: &'k Origin,
        change: &'k Change<Fact>,
    ) -> Option<Result<Self, Applied>> {
        let (date, kind) = target(origin, change)?;
        let kinds: SmallVec<[Kind<'_>; 8]> = layout.kinds().collect();
        let is_record = |known: &Kind<'_>| known.source == kind.source && known.stem == kind.stem;
        // A mark with a key of its own could be of this record whatever its date is; and of a withdrawn record only its stem tells
        // that it is a mark's.
        let is_unsure = kind.said.is_none() && !kinds.iter().any(is_record);
        if is_unsure || kinds.iter().any(|known| known.stem.is_none()) {
            return None;
        }
        let mut place = Place::find(layout, date, kinds.len())?;
        let of_record = |entry: &Entry| entry.date == date && kinds.get(entry.kind).is_some_and(is_record);
        let applied = match place.rest.iter().position(of_record) {
            Some(at) => {
                let old = place.rest.remove(at);
                if let Some(refusal) = refused(old.revision, origin, change) {
                    return Some(Err(refusal));
                }
                place.used[old.kind] -= 1;
                if kinds[old.kind].said == kind.said { Applied::Same } else { Applied::Changed }
            }
            None if Words::new(layout.items, layout.words).any(|word| word.key == *origin.key.as_bytes()) => {
                return None;
            }
            None => Applied::Changed,
        };
        let known = kinds.iter().position(|known| *known == kind);
        let at = known.unwrap_or(kinds.len());
        place.used[at] += 1;
        let new_kind = known.is_none().then_some(kind);
        // A kind of which no mark is any more has to go.
        let dropped = place.used[..kinds.len()].iter().position(|used| *used == 0);
        if let Some(dropped) = dropped {
            if !kinds[dropped].leaves_nothing(&kinds) {
                return None;
            }
            place.take_all(layout);
        }
        let behind = place.rest.partition_point(|entry| entry.date <= date);
        place.rest.insert(behind, Entry { date, kind: at, revision: origin.revision.0, own_key: None });
        if let Some(dropped) = dropped {
            place.rest.iter_mut().for_each(|entry| entry.kind -= usize::from(entry.kind > dropped));
        }
        Some(Ok(Self { applied, new_kind, dropped, kept: place.kept, tail: place.tail, rest: place.rest }))
    }

    /// Writes the marks behind those that stay.
    pub(super) fn write(mut self, out: &mut Vec<u8>) -> Applied {
        for entry in &self.rest {
            self.tail.push(out, entry);
        }
        self.applied
    }
}

/// The date and the kind of a mark's word whose record's key ends with the date; none of other words.
fn target<'k>(origin: &'k Origin, change: &'k Change<Fact>) -> Option<(i32, Kind<'k>)> {
    match change {
        Change::Recorded(Fact::AttendanceMark(mark)) => {
            let kind = layout::kind(origin, mark);
            kind.stem.map(|_| (mark.date.days(), kind))
        }
        Change::Withdrawn if !planted(Mutant::IgnoreWithdrawal) => {
            let (stem, date) = layout::date(origin.key.as_bytes());
            let source = origin.source.as_str().as_bytes();
            Date::from_days(date).is_ok().then_some((date, Kind { source, stem: Some(stem), said: None }))
        }
        Change::Recorded(_) | Change::Withdrawn => None,
    }
}

/// Where marks of a date begin.
struct Place {
    kept: usize,
    tail: Tail,
    /// From the token on in which the first mark of the date, or a later one, is.
    rest: Vec<Entry>,
    /// How many marks there are of each kind, and of one more.
    used: SmallVec<[u32; 8]>,
}

impl Place {
    /// Begins with the first of all marks instead.
    fn take_all(&mut self, layout: &Layout<'_>) {
        let before = &layout.marks[..self.kept];
        self.rest.splice(..0, Entries::new(before));
        (self.kept, self.tail) = (0, Tail::default());
    }

    /// None where the marks make no sense.
    fn find(layout: &Layout<'_>, date: i32, kinds: usize) -> Option<Self> {
        let mut place = Self { kept: 0, tail: Tail::default(), rest: Vec::new(), used: smallvec![0; kinds + 1] };
        let mut entries = Entries::new(layout.marks);
        let mut is_before = true;
        loop {
            if is_before && let Some((left, tail)) = entries.between_tokens() {
                (place.kept, place.tail) = (layout.marks.len() - left, tail);
                place.rest.clear();
            }
            let Some(entry) = entries.next() else { break };
            is_before &= entry.date < date;
            *place.used.get_mut(entry.kind)? += 1;
            place.rest.push(entry);
        }
        entries.is_sound().then_some(place)
    }
}
