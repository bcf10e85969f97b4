//! Years read from ledgers, without laying out each day: one walk over what was said of a student.

use std::borrow::Cow;

use smallvec::SmallVec;

use super::bits::{Bits, MOST_DAYS};
use super::frame::Frame;
use super::{Program, Year};
use crate::date::Date;
use crate::day::{Attendance, Mark, Whole};
use crate::enrollment::{self, Silence, Spell};
use crate::id::{SchoolId, SchoolYear};
use crate::ledger::{Facts, Ledger, Said};
use crate::quick::Map;
use crate::settings::Settings;
use crate::view::View;
use crate::window::school_month;

/// Frames are kept for so many stretches of calendars; a district has a few hundred, and those of students who come or go in mid-year.
const MOST_FRAMES: usize = 4_096;

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
}

impl<'a> Years<'a> {
    /// Of the school year of a date, up to the date.
    pub fn new(program: &'a Program, view: &'a View, settings: &'a Settings, through: Date) -> Self {
        let own = program.frame(&[], |date| date);
        Self { program, view, settings, year: through.school_year(), through, frames: Map::default(), own }
    }

    /// A student's year with what its dates tell; none where it takes a full look to tell.
    pub fn read(&mut self, ledger: &Ledger) -> Option<(Year, &Frame)> {
        let facts = ledger.borrowed();
        let spells = self.spells(facts);
        let schools = enrollment::dates(&spells, self.view, self.year, self.through);
        let (school, dates) = match schools.as_slice() {
            [] => return Some((Year::default(), self.alone(&[], None))),
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
        Some((of_marks(facts, &kinds, frame), frame))
    }

    /// Enrollments that count.
    fn spells(&self, facts: Facts<'_>) -> SmallVec<[Spell<'a>; 2]> {
        let mut is_registered = false;
        let mut spells = SmallVec::new();
        for (source, said) in facts.sourced() {
            match said {
                Said::Registration => is_registered = true,
                Said::Enrollment(spell) => {
                    spells.extend(Spell::of((source, &spell), self.view, self.settings, self.year))
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
    fn kinds(&self, facts: Facts<'_>, school: &SchoolId) -> Option<SmallVec<[Whole; 8]>> {
        let id = school.as_str().as_bytes();
        let of = |kind| Mark::at(school, &kind, self.view, self.settings);
        let whole = |mark: Mark<'_>| mark.plain(school)?.whole();
        let kinds = facts.kinds().map(|kind| kind.filter(|kind| kind.school == id));
        kinds.map(|kind| kind.and_then(of).map_or(Some(Whole::default()), whole)).collect()
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
    let mut said = [Bits::NONE; 5];
    for (date, kind) in facts.marks() {
        let (Some(day), Some(whole)) = (frame.position(date), kinds.get(kind)) else { continue };
        for (days, is_so) in said.iter_mut().zip(whole) {
            if *is_so {
                days.insert(day);
            }
        }
    }
    let [absent, unexcused, open, came, tardy] = said;
    let days = u8::try_from(frame.dates().len()).unwrap_or(0);
    Year { kinds: [absent, unexcused, open & !came, tardy], days }
}
