//! A student's days at a school as calculators count them: what marks, sections and bell schedules say of each date is laid
//! out as the day that was (see `calculator`), and counted date by date in their order, since tardies add up.
//!
//! The shipped calculator comes to what `day` counts, which does it in a fraction of the time; this way is taken where a
//! district counts otherwise, or where minutes are asked for.

mod account;

use smallvec::SmallVec;

pub(crate) use account::Account;

use crate::calculator::{Calculator, DayMark, Late, Method, Period, PeriodMark, SchoolDay, Told, hundredths};
use crate::date::Date;
use crate::day::{Day, Mark, WHOLE, belongs};
use crate::enrollment::Spell;
use crate::event::{Scope, SectionMembership};
use crate::id::{SchoolId, SchoolYear, SectionId};
use crate::ledger::Facts;
use crate::settings::Reporting;
use crate::view::{CalendarView, View};

/// What a student's days are counted from.
#[derive(Clone, Copy)]
pub(crate) struct Calculated<'e, 'a> {
    pub(crate) facts: Facts<'a>,
    /// By the position of a ledger's kinds of marks.
    pub(crate) kinds: &'e [Option<Mark<'a>>],
    pub(crate) spells: &'e [Spell<'a>],
    pub(crate) memberships: &'e [SectionMembership],
    pub(crate) view: &'a View,
    pub(crate) reporting: Reporting,
    pub(crate) year: SchoolYear,
}

/// Marks of one section, and where they stand among those of the day.
type Held = (SectionId, SmallVec<[PeriodMark; 2]>);

impl<'a> Calculated<'_, 'a> {
    /// Whether days at a school are counted by a calculator of the district.
    pub(crate) fn is_needed(&self, school: &SchoolId) -> bool {
        let here = self.spells.iter().filter(|spell| spell.school == school);
        here.into_iter().any(|spell| self.view.calculator(spell.calendar, school, self.year).is_some())
    }

    /// The counted days of these dates, which are in order.
    pub(crate) fn days(&self, school: &'a SchoolId, dates: &[Date]) -> Vec<Day> {
        let shipped = Calculator::shipped();
        let mut marks = self.facts.marks().peekable();
        let mut late = Late::default();
        let mut days = Vec::with_capacity(dates.len());
        for &date in dates {
            let mut of_date: SmallVec<[&Mark<'a>; 8]> = SmallVec::new();
            while let Some((of, kind)) = marks.next_if(|(of, _)| *of <= date) {
                let mark = self.kinds.get(kind).and_then(Option::as_ref);
                of_date.extend(mark.filter(|mark| of == date && mark.school == school));
            }
            let (calculator, weight) = self.counting(school, date);
            let counting = (calculator.unwrap_or(&shipped), weight);
            days.extend(self.day((school, date), &of_date, counting, &mut late));
        }
        days
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
        (school, date): (&SchoolId, Date),
        marks: &[&Mark<'_>],
        (calculator, weight): (&Calculator, i32),
        late: &mut Late,
    ) -> Option<Day> {
        let daily: SmallVec<[DayMark; 4]> =
            marks.iter().filter(|mark| mark.scope == Scope::Day).map(|mark| day_mark(mark)).collect();
        let held = by_section(marks);
        let by_marks = calculator.method == Method::Marks;
        let periods = self.periods(school, date, &held, by_marks);
        if daily.is_empty() && periods.is_empty() && self.reporting == Reporting::Positive {
            return None;
        }
        let hours = self.view.hours(school, date);
        let counted = calculator.count(&SchoolDay { hours, marks: &daily, periods: &periods })?;
        let (mut absent, mut unexcused) = (counted.absent, counted.unexcused);
        if let Some(conversion) = &calculator.tardies {
            let minutes = counted.minutes.map_or(0, |minutes| minutes.late);
            let made = late.add(conversion, date, counted.tardy, minutes, absent);
            absent += made;
            unexcused += if conversion.excused { 0 } else { made };
        }
        let worth = |part: i32| hundredths(part, WHOLE, weight);
        Some(Day {
            date,
            absent: worth(absent),
            unexcused: worth(unexcused),
            tardy: counted.tardy,
            unexplained: counted.unexplained,
            cut: counted.cut,
            weight,
            minutes: counted.minutes,
        })
    }

    /// The student's periods of a date: of sections that meet then, and of those that have a mark. Where marks alone count, every
    /// section of the date is one, whatever the bell schedule has.
    fn periods<'h>(&self, school: &SchoolId, date: Date, held: &'h [Held], all: bool) -> Vec<Period<'h>> {
        let of_date = self.memberships.iter().filter(|membership| belongs(school, self.view, date, membership));
        let mut sections: Vec<SectionId> = of_date.map(|membership| membership.section).collect();
        sections.extend(held.iter().map(|(section, _)| *section));
        sections.sort_unstable();
        sections.dedup();
        let proof_needed = self.reporting == Reporting::Positive || self.view.reports_taken(school);
        let mut periods = Vec::with_capacity(sections.len());
        for section in sections {
            let marks = held.iter().find(|(of, _)| *of == section).map(|(_, marks)| marks.as_slice());
            let told = match marks {
                Some(marks) => Told::Marked(marks),
                None if proof_needed && !self.view.taken(section, date) => Told::Untaken,
                None => Told::Present,
            };
            let meetings = self.view.meetings(section, school, date);
            for (at, meeting) in meetings.iter().enumerate() {
                periods.push(Period { span: meeting.span, official: meeting.official, again: at > 0, told });
            }
            if meetings.is_empty() && (all || marks.is_some()) {
                periods.push(Period { span: None, official: false, again: false, told });
            }
        }
        periods
    }
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
