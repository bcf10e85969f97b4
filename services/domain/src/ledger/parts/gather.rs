//! Many words of one student at once, of whom nothing was said before: what an import and a replay from the log are made of.
//!
//! Taken in one by one, each word is looked for among all words and marks. Here most of that is not needed: words of a student come
//! nearly in the order of their dates, nearly all of them are marks whose key follows from a stem and their date, and only words of
//! the same stem can be of one record. What is not like that ends it, and the words are taken in one by one.

use std::iter::Peekable;

use super::super::Applied;
use super::super::layout::{self, Kind, Said};
use super::super::mark::Entry;
use super::super::word::{self, Word};
use super::Parts;
use crate::date::Date;
use crate::event::{AttendanceMark, Change, Fact, Origin, Scope};
use crate::mutant::{Mutant, planted};

/// Faults that are planted in the other way, where they are to be seen.
const OF_THE_OTHER_WAY: [Mutant; 4] =
    [Mutant::IgnoreWithdrawal, Mutant::DropKnown, Mutant::LatestWins, Mutant::EqualWithdrawal];

impl<'a> Parts<'a> {
    /// Takes words in from the first on, in their order, and tells what each of them did; leaves those from the first one on that is
    /// to be taken in by itself.
    pub(in super::super) fn gather(
        words: &mut Peekable<impl Iterator<Item = (&'a Origin, &'a Change<Fact>)>>,
        applied: &mut Vec<Applied>,
    ) -> Self {
        let mut gathered = Gathered::default();
        if OF_THE_OTHER_WAY.into_iter().any(planted) {
            return gathered.parts;
        }
        gathered.parts.marks.reserve(words.size_hint().0);
        while let Some(&(origin, change)) = words.peek()
            && let Some(one) = gathered.take(origin, change)
        {
            applied.push(one);
            words.next();
        }
        gathered.parts.words.sort_unstable_by_key(|word| (word.source, word.key));
        gathered.parts
    }
}

/// Words so far, those that are no marks in the order of their coming.
#[derive(Default)]
struct Gathered<'a> {
    parts: Parts<'a>,
    /// Of each kind the position of the first one with its source and stem: marks of one date are of one record when these are equal.
    stems: Vec<usize>,
}

impl<'a> Gathered<'a> {
    fn take(&mut self, origin: &'a Origin, change: &'a Change<Fact>) -> Option<Applied> {
        match change {
            Change::Recorded(Fact::AttendanceMark(mark)) => {
                let date = mark.date.days();
                let stem = stem(origin, date)?;
                let kind = match self.parts.kinds.iter().position(|kind| is_of(kind, origin, stem, mark)) {
                    Some(known) => known,
                    None => self.add_kind(layout::kind(origin, mark))?,
                };
                Some(self.put_mark(date, kind, origin.revision.0))
            }
            Change::Recorded(fact) => {
                let said = word::said(fact);
                (!self.marks_have(origin)).then(|| self.put_word(origin, said))
            }
            Change::Withdrawn if self.marks_have(origin) => {
                let (stem, date) = layout::date(origin.key.as_bytes());
                Date::from_days(date).ok()?;
                let kind = Kind { source: origin.source.as_str().as_bytes(), stem: Some(stem), said: None };
                let known = self.parts.kinds.iter().position(|known| *known == kind);
                let kind = known.map_or_else(|| self.add_kind(kind), Some)?;
                Some(self.put_mark(date, kind, origin.revision.0))
            }
            Change::Withdrawn => Some(self.put_word(origin, None)),
        }
    }

    /// None when a word that is no mark is of the stem, and so may be of a record of these.
    fn add_kind(&mut self, kind: Kind<'a>) -> Option<usize> {
        let is_same = |known: &Kind<'_>| known.source == kind.source && known.stem == kind.stem;
        let at = self.parts.kinds.len();
        let first = self.parts.kinds.iter().position(is_same);
        if first.is_none() {
            let of_stem = |word: &Word<'_>| word.source == kind.source && Some(&word.key[..12]) == kind.stem;
            if self.parts.words.iter().any(of_stem) {
                return None;
            }
        }
        self.parts.kinds.push(kind);
        self.stems.push(first.unwrap_or(at));
        Some(at)
    }

    /// Whether marks are of the stem that a record's key begins with.
    fn marks_have(&self, origin: &Origin) -> bool {
        let (stem, _) = layout::date(origin.key.as_bytes());
        let source = origin.source.as_str().as_bytes();
        self.parts.kinds.iter().any(|kind| kind.stem == Some(stem) && kind.source == source)
    }

    fn put_mark(&mut self, date: i32, kind: usize, revision: u64) -> Applied {
        let marks = &mut self.parts.marks;
        let at = match marks.last() {
            Some(last) if last.date > date => marks.partition_point(|entry| entry.date <= date),
            _ => marks.len(),
        };
        let of_date = marks[..at].iter_mut().rev().take_while(|entry| entry.date == date);
        for known in of_date.filter(|known| self.stems[known.kind] == self.stems[kind]) {
            if revision < known.revision {
                return Applied::Outdated;
            }
            let applied = if known.kind == kind { Applied::Same } else { Applied::Changed };
            (known.kind, known.revision) = (kind, revision);
            return applied;
        }
        marks.insert(at, Entry { date, kind, revision, own_key: None });
        Applied::Changed
    }

    fn put_word(&mut self, origin: &'a Origin, said: Option<word::Said<'a>>) -> Applied {
        let (source, key) = (origin.source.as_str().as_bytes(), *origin.key.as_bytes());
        let now = Word { source, key, revision: origin.revision.0, said };
        match self.parts.words.iter_mut().find(|word| word.key == key && word.source == source) {
            Some(known) if now.revision < known.revision => Applied::Outdated,
            Some(known) => {
                let applied = if known.said == now.said { Applied::Same } else { Applied::Changed };
                *known = now;
                applied
            }
            None => {
                self.parts.words.push(now);
                Applied::Changed
            }
        }
    }
}

/// The twelve bytes that a record's key begins with, when the rest is this date.
fn stem(origin: &Origin, date: i32) -> Option<&[u8; 12]> {
    layout::stem(origin.key.as_bytes(), date)?.first_chunk()
}

/// Whether a mark is of a kind. What differs most is compared first, and texts that are the same one in memory are not read.
fn is_of(kind: &Kind<'_>, origin: &Origin, stem: &[u8; 12], mark: &AttendanceMark) -> bool {
    let Some(Said { school, code, section, session, share, times }) = &kind.said else { return false };
    let is_section = match (&mark.scope, section) {
        (Scope::Day, None) => true,
        (Scope::Section(of), Some(section)) => of.as_bytes() == *section,
        (Scope::Day, Some(_)) | (Scope::Section(_), None) => false,
    };
    is_text(code, &mark.code)
        && kind.stem.and_then(<[u8]>::first_chunk) == Some(stem)
        && is_text(school, mark.school.as_str())
        && is_text(kind.source, origin.source.as_str())
        && is_section
        && session.is_none() == mark.session.is_none()
        && mark.session.as_ref().is_none_or(|of| *session == Some(of.as_bytes().as_slice()))
        && *share == mark.share
        && *times == mark.times
}

fn is_text(known: &[u8], text: &str) -> bool {
    known.len() == text.len() && (std::ptr::eq(known.as_ptr(), text.as_ptr()) || known == text.as_bytes())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::date::Date;
    use crate::event::{AttendanceMark, Change, Enrollment, Fact, Origin, Scope, Times};
    use crate::id::{RecordKey, Revision, SchoolId, SectionId, SourceId};
    use crate::ledger::Ledger;

    fn date(day: u8) -> Date {
        Date::from_days(20_325 + i32::from(day)).unwrap()
    }

    fn mark(day: u8, how: u8) -> Fact {
        Fact::AttendanceMark(AttendanceMark {
            school: SchoolId::parse(if how.is_multiple_of(7) { "10" } else { "9" }).unwrap(),
            date: date(day),
            scope: if how.is_multiple_of(5) { Scope::Section(SectionId::new([1; 16])) } else { Scope::Day },
            session: None,
            code: ["present", "tardy", "A7", "a7"][usize::from(how % 4)].to_owned(),
            share: how.is_multiple_of(11).then_some(50),
            times: Times::default(),
        })
    }

    fn enrollment(day: u8, how: u8) -> Fact {
        Fact::Enrollment(Enrollment {
            school: SchoolId::parse("9").unwrap(),
            entry_on: date(day),
            exit_on: how.is_multiple_of(3).then(|| date(day + 9)),
            calendar: None,
            primary_school: true,
            grade_level: String::new(),
            exit_type: String::new(),
        })
    }

    /// Words as an import has them: nearly all marks with keys that follow from a stem and their dates, in nearly that order. Now and
    /// then one of another stem or source, a withdrawal, another record, or one whose key begins with the stem of marks.
    fn word((at, back, what, how, revision): (u8, u8, u8, u8, u64)) -> (Origin, Change<Fact>) {
        let day = at.saturating_sub(if back < 3 { back } else { 0 });
        let mut key = [if what == 0 { 6 } else { 7 }; 16];
        key[12..].copy_from_slice(&date(day).days().to_be_bytes());
        let own = RecordKey::new([what; 16]);
        let (key, change) = match what {
            1..=3 => (RecordKey::new(key), Change::Withdrawn),
            4 | 5 => (own, Change::Recorded(enrollment(day, how))),
            6 if how.is_multiple_of(4) => (RecordKey::new(key), Change::Recorded(Fact::Registration)),
            6 => (own, Change::Recorded(Fact::Registration)),
            8 if how.is_multiple_of(4) => (own, Change::Recorded(mark(day, how))),
            9 => (own, Change::Withdrawn),
            _ => (RecordKey::new(key), Change::Recorded(mark(day, how))),
        };
        let source = SourceId::parse(if how.is_multiple_of(13) { "lms" } else { "sis" }).unwrap();
        (Origin { source, key, revision: Revision(revision) }, change)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn an_import_does_what_its_words_do_one_by_one(
            words in prop::collection::vec((0_u8..6, 0_u8..24, any::<u8>(), 0_u64..4), 5..60),
        ) {
            let told = words.into_iter().zip(0..).map(|((back, what, how, revision), at)| word((at / 2, back, what, how, revision)));
            let words: Vec<_> = told.collect();
            let (mut at_once, mut one_by_one) = (Ledger::default(), Ledger::default());
            let applied = at_once.apply_all(words.iter().map(|(origin, change)| (origin, change)));
            let alone: Vec<_> = words.iter().map(|(origin, change)| one_by_one.apply(origin, change)).collect();
            prop_assert_eq!(applied, alone);
            prop_assert_eq!(&at_once, &one_by_one);
            prop_assert!(Ledger::decode(&at_once.encode()).is_ok());
        }
    }
}
