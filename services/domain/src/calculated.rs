//! A student's days at a school as calculators count them: what marks, sections and bell schedules say of each date is laid
//! out as the day that was (see `calculator`), and counted date by date in their order, since tardies add up.
//!
//! The shipped calculator comes to what `day` counts, which does it in a fraction of the time; this way is taken where a
//! district counts otherwise, or where minutes are asked for.

mod account;
mod class;

use smallvec::SmallVec;

pub(crate) use account::Account;

use crate::calculator::{Arrival, Calculator, DayMark, Late, Method, Period, PeriodMark, Told, hundredths};
use crate::code;
use crate::date::Date;
use crate::day::{Day, Mark, WHOLE, belongs};
use crate::enrollment::{Silence, Spell};
use crate::event::{Scope, SectionMembership};
use crate::id::{SchoolId, SchoolYear, SectionId};
use crate::ledger::{Facts, Said, text};
use crate::settings::Reporting;
use crate::view::{CalendarView, Meeting, View};

pub(crate) use class::ClassDay;

/// What a student's days are counted from.
#[derive(Clone, Copy)]
pub(crate) struct Calculated<'e, 'a> {
    pub(crate) facts: Facts<'a>,
    /// By the position of a ledger's kinds of marks.
    pub(crate) kinds: &'e [Option<Mark<'a>>],
    pub(crate) spells: &'e [Spell<'a>],
    pub(crate) memberships: &'e [SectionMembership],
    pub(crate) view: &'a View,
    /// What silence means where neither a source nor a calculator says it.
    pub(crate) reporting: Reporting,
    pub(crate) year: SchoolYear,
}

/// Marks of one section, and where they stand among those of the day.
type Held = (SectionId, SmallVec<[PeriodMark; 2]>);

/// A date at a school, as a student of a grade level meets it.
#[derive(Clone, Copy)]
struct At<'s> {
    school: &'s SchoolId,
    date: Date,
    grade_level: Option<&'s str>,
}

/// Grade levels at a school by value, with the first and the last date of each; empty where no bell schedule asks for them.
type GradeLevels = SmallVec<[(Date, Option<Date>, String); 1]>;

impl<'a> Calculated<'_, 'a> {
    /// Whether days at a school are counted by a calculator of the district.
    pub(crate) fn is_needed(&self, school: &SchoolId) -> bool {
        let here = self.spells.iter().filter(|spell| spell.school == school);
        here.into_iter().any(|spell| self.view.calculator(spell.calendar, school, self.year).is_some())
    }

    /// The counted days of these dates, which are in order. Tardies that become absences add up within a school: of a student who is
    /// late at two, nobody at either could say which of them made the absence.
    pub(crate) fn days(&self, school: &'a SchoolId, dates: &[Date]) -> Vec<Day> {
        let shipped = Calculator::shipped();
        let mut late = Late::default();
        let mut days = Vec::with_capacity(dates.len());
        self.by_date(school, dates, |at, marks| {
            let (calculator, weight) = self.counting(school, at.date);
            days.extend(self.day(at, marks, (calculator.unwrap_or(&shipped), weight), &mut late));
        });
        days
    }

    /// Walks over dates, which are in order, with the marks of each.
    fn by_date(&self, school: &SchoolId, dates: &[Date], mut each: impl FnMut(At<'_>, &[&Mark<'a>])) {
        let grade_levels = self.grade_levels(school);
        let mut marks = self.facts.marks().peekable();
        for &date in dates {
            let mut of_date: SmallVec<[&Mark<'a>; 8]> = SmallVec::new();
            while let Some((of, kind)) = marks.next_if(|(of, _)| *of <= date) {
                let mark = self.kinds.get(kind).and_then(Option::as_ref);
                of_date.extend(mark.filter(|mark| of == date && mark.school == school));
            }
            let covers = |(entry, exit, _): &&(Date, Option<Date>, String)| {
                *entry <= date && exit.is_none_or(|exit| date <= exit)
            };
            let level = grade_levels.iter().filter(covers).max_by_key(|(entry, ..)| *entry);
            let grade_level = level.map(|(_, _, value)| value.as_str());
            each(At { school, date, grade_level }, &of_date);
        }
    }

    fn grade_levels(&self, school: &SchoolId) -> GradeLevels {
        if !self.view.rings_by_grade_level(school) {
            return GradeLevels::new();
        }
        let levels = self.facts.words().filter_map(|said| match said {
            Said::Enrollment(spell) if spell.school == school.as_str().as_bytes() => {
                Some((spell.entry_on, spell.exit_on, code::value(text(spell.grade_level))))
            }
            _ => None,
        });
        levels.collect()
    }

    /// What a date is worth at a school, hundredths of a day.
    pub(crate) fn weight(&self, school: &SchoolId, date: Date) -> i32 {
        self.counting(school, date).1
    }

    /// By what a date counts at a school, and what it is worth.
    fn counting(&self, school: &SchoolId, date: Date) -> (Option<&'a Calculator>, i32) {
        match self.calendar(school, date) {
            Some((spell, calendar)) => (self.view.calculator(spell.calendar, school, self.year), calendar.weight(date)),
            None => (None, WHOLE),
        }
    }

    /// The spell that a date counts by at a school, and its calendar: of those that cover it, and whose calendar has it, the one that
    /// began last.
    pub(crate) fn calendar(&self, school: &SchoolId, date: Date) -> Option<(&Spell<'a>, &'a CalendarView)> {
        let covering = self.spells.iter().filter(|spell| spell.school == school && spell.covers(date));
        let with_calendars = covering.filter_map(|spell| {
            let calendar = self.view.calendar(spell.calendar, school, self.year)?;
            calendar.instructional.binary_search(&date).is_ok().then_some((spell, calendar))
        });
        with_calendars.max_by_key(|(spell, _)| (spell.entry_on, spell.calendar))
    }

    /// A date at a school, by a calculator and what the date is worth.
    fn day(
        &self,
        at: At<'_>,
        marks: &[&Mark<'_>],
        (calculator, weight): (&Calculator, i32),
        late: &mut Late,
    ) -> Option<Day> {
        let daily = daily(marks);
        let held = by_section(marks);
        let periods = self.periods(at, &held, calculator);
        if daily.is_empty() && periods.is_empty() && self.reporting(at, calculator) == Reporting::Positive {
            return None;
        }
        let bell = self.view.bell(at.school, at.date, at.grade_level);
        let counted = calculator.count(&bell.day(&daily, &periods))?;
        let (mut absent, mut unexcused) = (counted.absent, counted.unexcused);
        if let Some(conversion) = &calculator.tardies {
            let minutes = counted.minutes.map_or(0, |minutes| minutes.late);
            let made = late.add(conversion, at.date, counted.arrival == Arrival::Late, minutes, absent);
            absent += made;
            unexcused += if conversion.excused { 0 } else { made };
        }
        let worth = |part: i32| hundredths(part, WHOLE, weight);
        Some(Day {
            date: at.date,
            absent: worth(absent),
            unexcused: worth(unexcused),
            // Rounded apart, the parts could be more than the whole.
            unknown: worth(counted.unknown).min(worth(absent) - worth(unexcused)),
            tardy: counted.arrival.is_tardy(),
            unexplained: counted.unexplained,
            cut: counted.cut,
            weight,
            minutes: counted.minutes,
        })
    }

    fn reporting(&self, at: At<'_>, calculator: &Calculator) -> Reporting {
        let otherwise = calculator.reporting.unwrap_or(self.reporting);
        Silence { school: at.school, spells: self.spells, otherwise }.on(at.date)
    }

    /// The student's sections of a date, and those that have a mark, with what was told of each.
    fn sections<'h>(&self, at: At<'_>, held: &'h [Held], calculator: &Calculator) -> Vec<(SectionId, Told<'h>)> {
        let of_date = self.memberships.iter().filter(|membership| belongs(at.school, self.view, at.date, membership));
        let mut sections: Vec<SectionId> = of_date.map(|membership| membership.section).collect();
        sections.extend(held.iter().map(|(section, _)| *section));
        sections.sort_unstable();
        sections.dedup();
        let proof_needed = self.reporting(at, calculator) == Reporting::Positive || self.view.reports_taken(at.school);
        let told = |section: SectionId| match held.iter().find(|(of, _)| *of == section) {
            Some((_, marks)) => Told::Marked(marks),
            None if proof_needed && !self.view.taken(section, at.date) => Told::Untaken,
            None => Told::Present,
        };
        sections.into_iter().map(|section| (section, told(section))).collect()
    }

    /// The student's periods of a date: of sections that meet then, and of those that have a mark. Where marks alone count, every
    /// section of the date is one, whatever the bell schedule has.
    fn periods<'h>(&self, at: At<'_>, held: &'h [Held], calculator: &Calculator) -> Vec<Period<'h>> {
        let all = calculator.method == Method::Marks;
        let sections = self.sections(at, held, calculator);
        let mut periods = Vec::with_capacity(sections.len());
        for (section, told) in sections {
            let meetings = self.view.meetings(section, at.school, at.date, at.grade_level);
            for (nth, meeting) in meetings.iter().enumerate() {
                let Meeting { span, official } = *meeting;
                periods.push(Period { span, official, again: nth > 0, is_off: false, told });
            }
            let is_marked = matches!(told, Told::Marked(_));
            if meetings.is_empty() && (all || is_marked) {
                periods.push(Period { span: None, official: false, again: false, is_off: true, told });
            }
        }
        periods
    }
}

/// Marks for the whole day.
fn daily(marks: &[&Mark<'_>]) -> SmallVec<[DayMark; 4]> {
    marks.iter().filter(|mark| mark.scope == Scope::Day).map(|mark| day_mark(mark)).collect()
}

fn day_mark(mark: &Mark<'_>) -> DayMark {
    let times = mark.times;
    DayMark {
        category: mark.said,
        share: mark.share,
        minutes: times.minutes,
        came_at: times.came_at,
        left_at: times.left_at,
    }
}

fn by_section(marks: &[&Mark<'_>]) -> Vec<Held> {
    let mut held: Vec<Held> = Vec::new();
    for mark in marks {
        let Scope::Section(section) = mark.scope else { continue };
        let one = PeriodMark { category: mark.said, minutes: mark.times.minutes };
        match held.iter_mut().find(|(of, _)| *of == section) {
            Some((_, marks)) => marks.push(one),
            None => held.push((section, SmallVec::from_slice(&[one]))),
        }
    }
    held
}
