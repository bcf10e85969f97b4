//! Words that are no marks: registration, enrollments, memberships, grades, and withdrawals of records that no mark tells of.

use super::bytes::{Reader, put_signed, put_varint};
use super::layout::{Items, NewItems};
use crate::date::Date;
use crate::event::SectionMembership;
use crate::id::{CalendarId, GradingPeriodId, SectionId};

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
    pub(super) const MASK: u8 = 7;
    /// What is absent from most words of a kind has a bit each.
    pub(super) const FIRST: u8 = 8;
    pub(super) const SECOND: u8 = 16;
    pub(super) const THIRD: u8 = 32;
    /// The key is a stem that several grades share, and the section.
    pub(super) const SHARED: u8 = 64;
}

/// Reads words in their order, by source and key.
#[derive(Debug, Clone)]
pub(super) struct Words<'a> {
    items: Items<'a>,
    reader: Reader<'a>,
}

impl<'a> Words<'a> {
    pub(super) fn new(items: Items<'a>, words: &'a [u8]) -> Self {
        Self { items, reader: Reader::new(words) }
    }

    pub(super) const fn is_sound(&self) -> bool {
        self.reader.is_sound()
    }

    /// A date that was one when it was written.
    fn date(&mut self) -> Date {
        Date::from_days(self.reader.narrow()).unwrap_or_else(|_| {
            self.reader.spoil();
            Date::EPOCH
        })
    }

    fn said(&mut self, tag: u8) -> Option<Said<'a>> {
        let has = |bit| tag & bit != 0;
        let items = self.items;
        Some(match tag & tag::MASK {
            tag::REGISTRATION => Said::Registration,
            tag::ENROLLMENT => Said::Enrollment(Spell {
                school: items.read(&mut self.reader),
                entry_on: self.date(),
                exit_on: has(tag::FIRST).then(|| self.date()),
                calendar: has(tag::SECOND).then(|| CalendarId::new(items.id(&mut self.reader))),
                primary_school: has(tag::THIRD),
                grade_level: items.read(&mut self.reader),
                exit_type: items.read(&mut self.reader),
            }),
            tag::MEMBERSHIP => Said::Membership(SectionMembership {
                section: SectionId::new(items.id(&mut self.reader)),
                begin_on: self.date(),
                end_on: has(tag::FIRST).then(|| self.date()),
            }),
            tag::GRADE => Said::Grade(Graded {
                section: SectionId::new(items.id(&mut self.reader)),
                grading_period: GradingPeriodId::new(items.id(&mut self.reader)),
                grade_type: items.read(&mut self.reader),
                numeric: has(tag::FIRST).then(|| self.reader.signed()),
                letter: has(tag::SECOND).then(|| items.read(&mut self.reader)),
            }),
            tag::WITHDRAWN => return None,
            _ => {
                self.reader.spoil();
                return None;
            }
        })
    }
}

impl<'a> Iterator for Words<'a> {
    type Item = Word<'a>;

    fn next(&mut self) -> Option<Word<'a>> {
        if self.reader.is_done() {
            return None;
        }
        let tag = self.reader.byte();
        let source = self.items.read(&mut self.reader);
        let shared = tag & tag::SHARED != 0;
        let key = if shared { self.items.id(&mut self.reader) } else { self.reader.sixteen() };
        let revision = self.reader.varint();
        let said = self.said(tag);
        let key = match &said {
            Some(Said::Grade(grade)) if shared => apart(key, grade.section),
            _ => key,
        };
        self.reader.is_sound().then_some(Word { source, key, revision, said })
    }
}

/// A grade's key without its section, or a key from both: the same twice gives what was there.
fn apart(mut key: [u8; 16], section: SectionId) -> [u8; 16] {
    for (to, from) in key.iter_mut().zip(section.as_bytes()) {
        *to ^= from;
    }
    key
}

/// Writes words in their order.
pub(super) fn write(words: &[Word<'_>], items: &mut NewItems<'_>, out: &mut Vec<u8>) {
    let stem = |word: &Word<'_>| match &word.said {
        Some(Said::Grade(grade)) => Some(apart(word.key, grade.section)),
        _ => None,
    };
    for word in words {
        let stem_of_this = stem(word);
        let shared = stem_of_this.filter(|_| words.iter().filter(|other| stem(other) == stem_of_this).nth(1).is_some());
        let tag = tag_of(word) | if shared.is_some() { tag::SHARED } else { 0 };
        out.push(tag);
        items.put(out, word.source);
        match shared {
            Some(stem) => items.put(out, &stem),
            None => out.extend_from_slice(&word.key),
        }
        put_varint(out, word.revision);
        if let Some(said) = &word.said {
            put_said(said, items, out);
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
    }
}

fn put_said(said: &Said<'_>, items: &mut NewItems<'_>, out: &mut Vec<u8>) {
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
            items.put(out, grade.grade_type);
            if let Some(numeric) = grade.numeric {
                put_signed(out, numeric);
            }
            if let Some(letter) = grade.letter {
                items.put(out, letter);
            }
        }
    }
}
