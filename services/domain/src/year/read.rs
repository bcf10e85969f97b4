//! Years read from ledgers, without laying out each day: one walk over what was said of a student.

use std::borrow::Cow;

use smallvec::SmallVec;

use super::bits::{Bits, MOST_DAYS};
use super::frame::Frame;
use super::{Program, Student, Year};
use crate::date::Date;
use crate::day::{Attendance, Mark, Whole};
use crate::enrollment::{self, Silence, Spell};
use crate::event::Scope;
use crate::id::{SchoolId, SchoolYear};
use crate::ledger::{Facts, Ledger, MarkKind, Said};
use crate::quick::Map;
use crate::settings::Settings;
use crate::view::View;
use crate::window::school_month;

/// Frames are kept for so many stretches of calendars; a district has a few hundred, and those of students who come or go in mid-year.
const MOST_FRAMES: usize = 4_096;
/// What so many codes say is kept; a source that makes codes up does not fill memory.
const MOST_CODES: usize = 64;

/// Reads years for a pack. What the dates of a calendar tell is kept from student to student.
pub struct Years<'a> {
    program: &'a Program,
    view: &'a View,
    settings: &'a Settings,
    year: SchoolYear,
    through: Date,
    /// By calendar, first date and number of dates.
    frames: Map<(usize, i32, usize), Frame>,
    /// Of a student who was away for a while, or is not enrolled.
    own: Frame,
    /// What marks of a whole day say, by their codes: a district has a few. None of those that say it of a part of the day.
    codes: Vec<(Box<[u8]>, Option<Whole>)>,
}

impl<'a> Years<'a> {
    /// Of the school year of a date, up to the date.
    pub fn new(program: &'a Program, view: &'a View, settings: &'a Settings, through: Date) -> Self {
        let own = program.frame(&[], |date| date);
        Self {
            program,
            view,
            settings,
            year: through.school_year(),
            through,
            frames: Map::default(),
            own,
            codes: Vec::new(),
        }
    }

    /// A student's year with what its dates tell; none where it takes a full look to tell.
    pub fn read(&mut self, ledger: &Ledger) -> Option<(Year, &Frame)> {
        self.student(ledger).map(|student| (student.year, student.frame))
    }

    /// The same, with where the student was.
    pub fn student(&mut self, ledger: &Ledger) -> Option<Student<'_, 'a>> {
        let facts = ledger.borrowed();
        let spells = self.spells(facts);
        let schools = enrollment::dates(&spells, self.view, self.year, self.through);
        let (school, dates) = match schools.as_slice() {
            [] => return Some(Student { year: Year::default(), frame: self.alone(&[], None), spells, school: None }),
            [(school, dates)] => (*school, dates),
            _ => return None,
        };
        let calendar = self.only_calendar(&spells, school)?;
        let kinds = self.kinds(facts, school)?;
        let frame = match dates {
            _ if dates.len() > MOST_DAYS || !Frame::spans(dates) => return None,
            Cow::Borrowed(dates) => self.shared(calendar, dates),
            Cow::Owned(dates) => self.alone(dates, Some(calendar)),
        };
        Some(Student { year: of_marks(facts, &kinds, frame), frame, spells, school: Some(school) })
    }

    /// Enrollments that count.
    fn spells(&self, facts: Facts<'_>) -> SmallVec<[Spell<'a>; 2]> {
        let mut is_registered = false;
        let mut spells = SmallVec::new();
        for (source, said) in facts.sourced() {
            match said {
                Said::Registration => is_registered = true,
                Said::Enrollment(spell) => {
                    spells.extend(Spell::of((source, &spell), self.view, self.settings, self.year));
                }
                Said::Membership(_) | Said::Grade(_) | Said::Further(_) => {}
            }
        }
        if !is_registered {
            spells.clear();
        }
        spells
    }

    /// The calendar of all enrollments of the year at the school, where the shipped calculator counts and silence is presence.
    fn only_calendar(&self, spells: &[Spell<'_>], school: &SchoolId) -> Option<usize> {
        let counts = |spell: &&Spell<'_>| {
            spell.school == school && spell.entry_on <= self.through && enrollment::reaches(spell.exit_on, self.year)
        };
        let mut calendars = spells.iter().filter(counts).map(|spell| {
            let by_shipped = self.view.calculator(spell.calendar, school, self.year).is_none();
            by_shipped.then(|| self.view.calendar_position(spell.calendar, school, self.year))?.map(|(at, _)| at)
        });
        let first = calendars.next()??;
        let silence = Silence { school, spells, otherwise: self.settings.reporting };
        let silence = Attendance::new(silence, &[], self.view).silence_is_presence();
        (silence && calendars.all(|other| other == Some(first))).then_some(first)
    }

    /// What marks of each kind say here, by position; nothing where they do not count. None when some are of parts of days.
    fn kinds(&mut self, facts: Facts<'_>, school: &SchoolId) -> Option<SmallVec<[Whole; 8]>> {
        let id = school.as_str().as_bytes();
        let kinds = facts.kinds().map(|kind| match kind.filter(|kind| kind.school == id) {
            None => Some(Whole::default()),
            Some(kind) => self.of_kind(&kind, school),
        });
        kinds.collect()
    }

    fn of_kind(&mut self, kind: &MarkKind<'_>, school: &SchoolId) -> Option<Whole> {
        let whole = |mark: Mark<'_>| mark.plain(school)?.whole();
        let is_told_by_code = kind.scope == Scope::Day && kind.session.is_none() && kind.share.is_none();
        if !is_told_by_code {
            return Mark::at(school, kind, self.view, self.settings).map_or(Some(Whole::default()), whole);
        }
        if let Some((_, known)) = self.codes.iter().find(|(code, _)| **code == *kind.code) {
            return *known;
        }
        let said = Mark::at(school, kind, self.view, self.settings).and_then(whole);
        if self.codes.len() >= MOST_CODES {
            self.codes.clear();
        }
        self.codes.push((kind.code.into(), said));
        said
    }

    fn shared(&mut self, calendar: usize, dates: &[Date]) -> &Frame {
        let key = (calendar, dates.first().map_or(0, |date| date.days()), dates.len());
        if self.frames.len() >= MOST_FRAMES && !self.frames.contains_key(&key) {
            self.frames.clear();
        }
        let (program, view) = (self.program, self.view);
        self.frames.entry(key).or_insert_with(|| frame(program, view, dates, Some(calendar)))
    }

    fn alone(&mut self, dates: &[Date], calendar: Option<usize>) -> &Frame {
        self.own = frame(self.program, self.view, dates, calendar);
        &self.own
    }
}

fn frame(program: &Program, view: &View, dates: &[Date], calendar: Option<usize>) -> Frame {
    let calendar = calendar.and_then(|at| view.calendar_at(at)).map_or(&[][..], |calendar| &calendar.instructional);
    program.frame(dates, |date| school_month(calendar, date).unwrap_or(date))
}

/// All marks of a date count together.
fn of_marks(facts: Facts<'_>, kinds: &[Whole], frame: &Frame) -> Year {
    let mut by_kind = SmallVec::<[Bits; 8]>::from_elem(Bits::NONE, kinds.len());
    for (date, kind) in facts.marks() {
        if let (Some(day), Some(days)) = (frame.position(date), by_kind.get_mut(kind)) {
            days.insert(day);
        }
    }
    let mut said = [Bits::NONE; 5];
    for (days, whole) in by_kind.iter().zip(kinds) {
        for (said, _) in said.iter_mut().zip(whole).filter(|(_, is_so)| **is_so) {
            *said = *said | *days;
        }
    }
    let [absent, unexcused, open, came, tardy] = said;
    let days = u8::try_from(frame.dates().len()).unwrap_or(0);
    let unexplained = open & !came;
    Year { kinds: [absent, unexcused, unexplained, tardy, unexcused | unexplained], days }
}
