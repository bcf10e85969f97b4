//! The arithmetic of a measure: its terms, the dates that add up to it, and both written out.

mod attendance;
mod class;
mod official;
mod outlook;
mod record;

use std::borrow::Cow;

use crate::date::Date;
use crate::day::Day;
use crate::evaluation::Evaluation;
use crate::measure::{Clock, Counted, Measure, Unit};
use crate::settings::Now;
use crate::window::End;

/// A measure, worked out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Working {
    /// Which.
    pub measure: Measure,
    /// Its value, in its unit.
    pub value: i64,
    /// The numbers that the arithmetic is about.
    pub terms: Vec<Term>,
    /// The dates that made it, in order.
    pub parts: Vec<Part>,
    /// Whether the parts add up to the value.
    pub adds_up: bool,
    /// The arithmetic in words and numbers.
    pub arithmetic: String,
}

/// A number that a value is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// What it is.
    pub name: Cow<'static, str>,
    /// In its unit.
    pub value: i64,
    /// What it counts.
    pub unit: Unit,
}

/// What one date adds, in the measure's unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// The date.
    pub date: Date,
    /// What it adds.
    pub value: i64,
}

/// A value's arithmetic, while it is written down.
#[derive(Default)]
struct Sheet {
    terms: Vec<Term>,
    parts: Vec<Part>,
    adds_up: bool,
    arithmetic: String,
}

impl Sheet {
    fn new(arithmetic: impl Into<String>) -> Self {
        Self { arithmetic: arithmetic.into(), ..Self::default() }
    }

    /// Parts that add up to the value.
    fn adding_up(mut self, parts: Vec<Part>) -> Self {
        (self.parts, self.adds_up) = (parts, true);
        self
    }

    fn term(mut self, name: impl Into<Cow<'static, str>>, value: i64, unit: Unit) -> Self {
        self.terms.push(Term { name: name.into(), value, unit });
        self
    }

    fn days_term(self, name: &'static str, hundredths: i64) -> Self {
        self.term(name, hundredths, Unit::DayHundredths)
    }
}

/// A student whose measures are worked out.
pub(super) struct Look<'e, 'a> {
    evaluation: &'e Evaluation<'a>,
    now: Now,
    /// The district's counted days, in order.
    days: Vec<Day>,
    end: End,
}

impl<'e, 'a> Look<'e, 'a> {
    pub(super) fn new(evaluation: &'e Evaluation<'a>) -> Self {
        let now = evaluation.now;
        let end = End { as_of: now.as_of, school_month: evaluation.school_month(None, now.as_of) };
        Self { evaluation, now, days: evaluation.counted_days(None, now.as_of), end }
    }

    /// Works a measure out.
    pub(super) fn work(&self, measure: Measure) -> Working {
        let value = self.evaluation.value(measure, None, self.now);
        let sheet = self.sheet(measure, value);
        let Sheet { terms, parts, adds_up, arithmetic } = sheet;
        let adds_up = adds_up && measure.told(value).is_some();
        Working { measure, value, terms, parts, adds_up, arithmetic }
    }

    fn sheet(&self, measure: Measure, value: i64) -> Sheet {
        match measure {
            Measure::Enrolled => attendance::sum_of(&self.days, Counted::Enrolled),
            Measure::Absent => attendance::sum_of(&self.days, Counted::Absent),
            Measure::Unexcused => attendance::sum_of(&self.days, Counted::Unexcused),
            Measure::Tardy => attendance::sum_of(&self.days, Counted::Tardy),
            Measure::Tier => self.tier(),
            Measure::Streak => self.streak(attendance::is_absent, "absent"),
            Measure::UnexcusedStreak => self.streak(attendance::is_unexcused, "absent without excuse"),
            Measure::UnexplainedAbsenceToday => self.today(),
            Measure::Of(counted, among) => self.family(counted, among),
            Measure::LongestStreak => self.longest_streak(),
            Measure::UnknownDays => self.unknown_days(),
            Measure::Failing | Measure::FailingCore => self.failing(measure == Measure::FailingCore),
            Measure::LastYearEnrolled | Measure::LastYearAbsent | Measure::LastYearTier => self.last_year(measure),
            Measure::AbsencesLeft => self.absences_left(),
            Measure::ExpectedAbsent => self.expected_absent(),
            Measure::FederalEnrolled | Measure::FederalAbsent => self.federal(None),
            Measure::FederalChronic(minimum) => self.federal(Some(minimum)),
            Measure::Truancy(Clock::NewMexicoRate) => attendance::share(&self.days, Counted::Unexcused),
            Measure::Truancy(clock) => self.truancy(clock, value),
            Measure::InClass(counted, among) => self.in_class(counted, among),
            Measure::ClassesSkippedToday => self.skipped_today(),
            Measure::TexasClasses => self.texas_classes(),
            Measure::Further(further) => self.record(further, value),
        }
    }
}
