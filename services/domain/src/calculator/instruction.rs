//! What of a bell schedule is instruction.

use super::fact::{Period, SchoolDay, Span};
use super::span::{Spans, bridge, join};
use super::{Calculator, Method};

/// What of a day with a bell schedule is instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Instruction {
    /// All from the first bell to the last, lunch among it.
    WholeDay,
    /// Classes: the student's own, when the times of all are known, so that of two lunches each student has one; else those of the
    /// schedule. Of what lies between two of them, stretches of at most so many minutes are passing time and count; longer ones are
    /// breaks, such as lunch.
    Classes {
        /// The longest passing time, minutes.
        passing: i32,
    },
}

/// The longest stretch between two classes that is passing time. That passing time is instruction, and lunch is none, is in
/// Wisconsin's answers on hours of instruction (<https://dpi.wi.gov/cal/days-hours/questions>); that lunch is none, in Ohio's guidance
/// on minimum hours too. No law says how long passing takes at most: ten minutes are more than schools give, and less than a lunch.
pub const PASSING_MINUTES: i32 = 10;

impl Instruction {
    pub(super) const fn passing(self) -> i32 {
        match self {
            Self::WholeDay => i32::MAX,
            Self::Classes { passing } => passing,
        }
    }
}

impl Default for Instruction {
    fn default() -> Self {
        Self::Classes { passing: PASSING_MINUTES }
    }
}

/// The minutes of a day that are instruction.
pub(super) struct Taught {
    /// In order, none of them touching the next.
    pub(super) spans: Spans,
    /// Whether it is known when they are, and not only how many.
    pub(super) clock: bool,
}

impl Calculator {
    /// What of a day is instruction; none without a bell schedule or a stated length of the day.
    pub(super) fn taught(&self, day: &SchoolDay<'_>) -> Option<Taught> {
        let whole = day.hours.filter(|_| self.instruction == Instruction::WholeDay);
        let classes = || [own(day.periods), day.bells.iter().copied().collect()].into_iter().find(|it| !it.is_empty());
        let by_hours = || day.hours.map(|hours| self.within(hours, day.instruction));
        let by_bells = whole.map(only).or_else(classes).or_else(by_hours);
        let clock = by_bells.is_some();
        let length = day.instruction.or(self.day_minutes);
        let mut spans = by_bells.or_else(|| length.map(|minutes| only(self.laid_out(minutes))))?;
        join(&mut spans);
        bridge(&mut spans, self.instruction.passing());
        (!spans.is_empty()).then_some(Taught { spans, clock })
    }

    /// So many minutes of instruction between the first bell and the last, where nobody says when classes meet: the break is in the
    /// middle, as lunch is. One that is no longer than passing time, which would count, stands at the end.
    fn within(&self, hours: Span, minutes: Option<i32>) -> Spans {
        let Some(minutes) = minutes.filter(|minutes| *minutes < hours.minutes()) else { return only(hours) };
        if hours.minutes() - minutes <= self.instruction.passing() {
            return only(Span { end: hours.begin + minutes, ..hours });
        }
        let second = minutes / 2;
        let morning = Span { end: hours.begin + minutes - second, ..hours };
        Spans::from_slice(&[morning, Span { begin: hours.end - second, ..hours }])
    }

    /// A day of so many minutes, when it is not known when it begins: around noon, where halves count, so that both are as long.
    fn laid_out(&self, minutes: i32) -> Span {
        let begin = if let Method::Halves { noon, .. } = self.method { noon - minutes / 2 } else { 0 };
        Span { begin, end: begin + minutes }
    }
}

fn only(span: Span) -> Spans {
    Spans::from_slice(&[span])
}

/// When the student's classes meet; nothing while one of them does not say.
fn own(periods: &[Period<'_>]) -> Spans {
    let of_day = periods.iter().filter(|period| !period.is_off);
    of_day.map(|period| period.span).collect::<Option<Spans>>().unwrap_or_default()
}
