//! Words that are no marks: registration, enrollments, memberships, grades, and withdrawals of records that no mark tells of; what
//! few students have is in `further`.

use smallvec::SmallVec;

use super::bytes::{Reader, put_signed, put_varint};
use super::derived::apart;
use super::further::{self, Further};
use super::layout::{Items, NewItems};
use crate::date::Date;
use crate::event::{Fact, SectionMembership};
use crate::id::{CalendarId, GradingPeriodId, SectionId};

/// What a fact says as a word; none of a mark.
pub(super) fn said(fact: &Fact) -> Option<Said<'_>> {
    Some(match fact {
        Fact::Registration => Said::Registration,
        Fact::Enrollment(enrollment) => Said::Enrollment(Spell {
            school: enrollment.school.as_str().as_bytes(),
            entry_on: enrollment.entry_on,
            exit_on: enrollment.exit_on,
            calendar: enrollment.calendar,
            primary_school: enrollment.primary_school,
            grade_level: enrollment.grade_level.as_bytes(),
            exit_type: enrollment.exit_type.as_bytes(),
        }),
        Fact::SectionMembership(membership) => Said::Membership(*membership),
        Fact::Grade(grade) => Said::Grade(Graded {
            section: grade.section,
            grading_period: grade.grading_period,
            grade_type: grade.grade_type.as_bytes(),
            numeric: grade.numeric,
            letter: grade.letter.as_deref().map(str::as_bytes),
        }),
        Fact::AttendanceMark(_) => return None,
        further => Said::Further(Further::of(further)?),
    })
}

/// A word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Word<'a> {
    pub(super) source: &'a [u8],
    pub(super) key: [u8; 16],
    pub(super) revision: u64,
    /// None of a withdrawn record.
    pub(super) said: Option<Said<'a>>,
}

/// What it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said<'a> {
    Registration,
    Enrollment(Spell<'a>),
    Membership(SectionMembership),
    Grade(Graded<'a>),
    Further(Further<'a>),
}

/// An enrollment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spell<'a> {
    pub(crate) school: &'a [u8],
    pub(crate) entry_on: Date,
    pub(crate) exit_on: Option<Date>,
    pub(crate) calendar: Option<CalendarId>,
    pub(crate) primary_school: bool,
    pub(crate) grade_level: &'a [u8],
    pub(crate) exit_type: &'a [u8],
}

/// A grade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Graded<'a> {
    pub(crate) section: SectionId,
    pub(crate) grading_period: GradingPeriodId,
    pub(crate) grade_type: &'a [u8],
    pub(crate) numeric: Option<i64>,
    pub(crate) letter: Option<&'a [u8]>,
}

mod tag {
    pub(super) const WITHDRAWN: u8 = 0;
    pub(super) const REGISTRATION: u8 = 1;
    pub(super) const ENROLLMENT: u8 = 2;
    pub(super) const MEMBERSHIP: u8 = 3;
    pub(super) const GRADE: u8 = 4;
    pub(super) const FURTHER: u8 = 5;
    pub(super) const MASK: u8 = 7;
    /// What is absent from most words of a kind has a bit each.
    pub(super) const FIRST: u8 = 8;
    pub(super) const SECOND: u8 = 16;
    pub(super) const THIRD: u8 = 32;
    /// Of a grade: its type is that of the grade before.
    pub(super) const SAME_TYPE: u8 = 32;
    /// The key follows from a stem and what is said (see `derived`).
    pub(super) const DERIVED: u8 = 128;
    /// Of a word whose key is derived: its source and stem are those of the last such word.
    pub(super) const SAME_STEM: u8 = 64;
    /// Of a grade whose key is not derived: the key is a stem that several grades share, and the section. Formats up to the
    /// second had this instead; it is read, and no longer written.
    pub(super) const BY_SECTION: u8 = 64;
}

/// Reads words in their order, by source and key.
#[derive(Debug, Clone)]
pub(super) struct Words<'a> {
    items: Items<'a>,
    reader: Reader<'a>,
    last: Last<'a>,
}

/// What words refer to without naming it again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Last<'a> {
    /// Source and stem of the last word whose key is derived.
    stem: (&'a [u8], [u8; 16]),
    /// The type of the last grade.
    grade_type: &'a [u8],
}

impl<'a> Words<'a> {
    pub(super) fn new(items: Items<'a>, words: &'a [u8]) -> Self {
        Self { items, reader: Reader::new(words), last: Last::default() }
    }

    pub(super) const fn is_sound(&self) -> bool {
        self.reader.is_sound()
    }

    /// Source, and what stands in the place of the key: a stem or the key itself.
    fn begin(&mut self, tag: u8) -> (&'a [u8], [u8; 16]) {
        const DERIVED_AS_LAST: u8 = tag::DERIVED | tag::SAME_STEM;
        match tag & DERIVED_AS_LAST {
            DERIVED_AS_LAST => {}
            tag::DERIVED => self.last.stem = (self.items.read(&mut self.reader), self.items.id(&mut self.reader)),
            tag::BY_SECTION => return (self.items.read(&mut self.reader), self.items.id(&mut self.reader)),
            _ => return (self.items.read(&mut self.reader), self.reader.sixteen()),
        }
        self.last.stem
    }

    fn grade_type(&mut self, tag: u8) -> &'a [u8] {
        if tag & tag::SAME_TYPE == 0 {
            self.last.grade_type = self.items.read(&mut self.reader);
        }
        self.last.grade_type
    }

    fn said(&mut self, tag: u8) -> Option<Said<'a>> {
        let has = |bit| tag & bit != 0;
        let items = self.items;
        Some(match tag & tag::MASK {
            tag::REGISTRATION => Said::Registration,
            tag::ENROLLMENT => Said::Enrollment(Spell {
                school: items.read(&mut self.reader),
                entry_on: self.reader.date(),
                exit_on: has(tag::FIRST).then(|| self.reader.date()),
                calendar: has(tag::SECOND).then(|| CalendarId::new(items.id(&mut self.reader))),
                primary_school: has(tag::THIRD),
                grade_level: items.read(&mut self.reader),
                exit_type: items.read(&mut self.reader),
            }),
            tag::MEMBERSHIP => Said::Membership(SectionMembership {
                section: SectionId::new(items.id(&mut self.reader)),
                begin_on: self.reader.date(),
                end_on: has(tag::FIRST).then(|| self.reader.date()),
            }),
            tag::GRADE => Said::Grade(Graded {
                section: SectionId::new(items.id(&mut self.reader)),
                grading_period: GradingPeriodId::new(items.id(&mut self.reader)),
                grade_type: self.grade_type(tag),
                numeric: has(tag::FIRST).then(|| self.reader.signed()),
                letter: has(tag::SECOND).then(|| items.read(&mut self.reader)),
            }),
            tag::FURTHER => Said::Further(further::read(items, &mut self.reader)?),
            tag::WITHDRAWN => return None,
            _ => {
                self.reader.spoil();
                return None;
            }
        })
    }
}

/// A word as it is written.
struct Written<'a> {
    tag: u8,
    source: &'a [u8],
    /// A stem or the key itself.
    key: [u8; 16],
    revision: u64,
    said: Option<Said<'a>>,
}

impl<'a> Words<'a> {
    fn written(&mut self) -> Option<Written<'a>> {
        if self.reader.is_done() {
            return None;
        }
        let tag = self.reader.byte();
        let (source, key) = self.begin(tag);
        let revision = self.reader.varint();
        let said = self.said(tag);
        self.reader.is_sound().then_some(Written { tag, source, key, revision, said })
    }

    /// What live words say, each with its source: evaluation asks for no keys, and to put them together takes longer than to read the
    /// rest.
    pub(super) fn live(mut self) -> impl Iterator<Item = (&'a [u8], Said<'a>)> {
        std::iter::from_fn(move || self.written()).filter_map(|word| Some((word.source, word.said?)))
    }
}

impl<'a> Iterator for Words<'a> {
    type Item = Word<'a>;

    fn next(&mut self) -> Option<Word<'a>> {
        let Written { tag, source, key, revision, said } = self.written()?;
        let key = match &said {
            Some(said) if tag & tag::DERIVED != 0 => apart(key, said),
            Some(Said::Grade(grade)) if tag & tag::BY_SECTION != 0 => by_section(key, grade.section),
            _ => key,
        };
        Some(Word { source, key, revision, said })
    }
}

/// How formats up to the second put a grade's key together.
fn by_section(mut key: [u8; 16], section: SectionId) -> [u8; 16] {
    for (to, from) in key.iter_mut().zip(section.as_bytes()) {
        *to ^= from;
    }
    key
}

/// Writes words in their order.
pub(super) fn write(words: &[Word<'_>], items: &mut NewItems<'_>, out: &mut Vec<u8>) {
    let stem = |word: &Word<'_>| word.said.as_ref().map(|said| apart(word.key, said));
    let mut stems: Vec<_> = words.iter().filter_map(stem).collect();
    stems.sort_unstable();
    // One that a single word has takes more as an item than the key does in its place.
    let shared: SmallVec<[[u8; 16]; 4]> =
        stems.chunk_by(|a, b| a == b).filter(|chunk| chunk.len() > 1).map(|chunk| chunk[0]).collect();
    let mut last = Last::default();
    for word in words {
        let derived = stem(word).filter(|stem| shared.contains(stem)).map(|stem| (word.source, stem));
        let mut tag = tag_of(word);
        let is_same_type = matches!(&word.said, Some(Said::Grade(grade)) if grade.grade_type == last.grade_type);
        if is_same_type {
            tag |= tag::SAME_TYPE;
        }
        match derived {
            Some(stem) if stem == last.stem => out.push(tag | tag::DERIVED | tag::SAME_STEM),
            Some((source, stem)) => {
                out.push(tag | tag::DERIVED);
                items.put(out, source);
                items.put(out, &stem);
                last.stem = (source, stem);
            }
            None => {
                out.push(tag);
                items.put(out, word.source);
                out.extend_from_slice(&word.key);
            }
        }
        put_varint(out, word.revision);
        if let Some(said) = &word.said {
            put_said(said, is_same_type, items, out);
        }
        if let Some(Said::Grade(grade)) = &word.said {
            last.grade_type = grade.grade_type;
        }
    }
}

fn tag_of(word: &Word<'_>) -> u8 {
    let bit = |bit, is_there: bool| if is_there { bit } else { 0 };
    match &word.said {
        None => tag::WITHDRAWN,
        Some(Said::Registration) => tag::REGISTRATION,
        Some(Said::Enrollment(spell)) => {
            tag::ENROLLMENT
                | bit(tag::FIRST, spell.exit_on.is_some())
                | bit(tag::SECOND, spell.calendar.is_some())
                | bit(tag::THIRD, spell.primary_school)
        }
        Some(Said::Membership(membership)) => tag::MEMBERSHIP | bit(tag::FIRST, membership.end_on.is_some()),
        Some(Said::Grade(grade)) => {
            tag::GRADE | bit(tag::FIRST, grade.numeric.is_some()) | bit(tag::SECOND, grade.letter.is_some())
        }
        Some(Said::Further(_)) => tag::FURTHER,
    }
}

fn put_said(said: &Said<'_>, is_same_type: bool, items: &mut NewItems<'_>, out: &mut Vec<u8>) {
    let put_date = |out: &mut Vec<u8>, date: Date| put_signed(out, i64::from(date.days()));
    match said {
        Said::Registration => {}
        Said::Enrollment(spell) => {
            items.put(out, spell.school);
            put_date(out, spell.entry_on);
            if let Some(exit) = spell.exit_on {
                put_date(out, exit);
            }
            if let Some(calendar) = &spell.calendar {
                items.put(out, calendar.as_bytes());
            }
            items.put(out, spell.grade_level);
            items.put(out, spell.exit_type);
        }
        Said::Membership(membership) => {
            items.put(out, membership.section.as_bytes());
            put_date(out, membership.begin_on);
            if let Some(end) = membership.end_on {
                put_date(out, end);
            }
        }
        Said::Grade(grade) => {
            items.put(out, grade.section.as_bytes());
            items.put(out, grade.grading_period.as_bytes());
            if !is_same_type {
                items.put(out, grade.grade_type);
            }
            if let Some(numeric) = grade.numeric {
                put_signed(out, numeric);
            }
            if let Some(letter) = grade.letter {
                items.put(out, letter);
            }
        }
        Said::Further(said) => further::write(said, items, out),
    }
}
