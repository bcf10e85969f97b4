//! How measures follow from the counts of a year of whole days.

use super::Kind;
use super::frame::Frame;
use super::look::Look;
use crate::day::WHOLE;
use crate::figure::Federal;
use crate::measure::{self, Counted, Measure, Measures, Values};
use crate::window::Window;

/// Which counted days are looked at, as of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Among {
    Year,
    Last(u16),
    First(u16),
    /// A window that goes by dates.
    Dated(Window),
    Weekday(i8),
}

/// A count that is another for each student.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slot {
    Sum(Kind, Among),
    Row(Kind),
    LongestRow,
}

/// How a measure follows from counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// A count, each worth so much.
    Count(Slot, i64),
    /// Days, each worth so much.
    Days(Among, i64),
    Rate(Among),
    Tier,
    Chronic(u16),
    /// Whether the day itself is one of absence that nobody has explained.
    Unexplained,
}

const ABSENT: Slot = Slot::Sum(Kind::Absent, Among::Year);
const WORTH: i64 = WHOLE as i64;

impl Reading {
    /// None of a measure that does not follow from whole days at one school.
    pub(super) fn of(measure: Measure) -> Option<Self> {
        let sum = |kind, among, worth| Self::Count(Slot::Sum(kind, among), worth);
        Some(match measure {
            Measure::Enrolled => Self::Days(Among::Year, WORTH),
            Measure::Absent => sum(Kind::Absent, Among::Year, WORTH),
            Measure::Unexcused => sum(Kind::Unexcused, Among::Year, WORTH),
            Measure::Tardy => sum(Kind::Tardy, Among::Year, 1),
            Measure::Tier => Self::Tier,
            Measure::Streak => Self::Count(Slot::Row(Kind::Absent), 1),
            Measure::UnexcusedStreak => Self::Count(Slot::Row(Kind::Unexcused), 1),
            Measure::LongestStreak => Self::Count(Slot::LongestRow, 1),
            Measure::UnexplainedAbsenceToday => Self::Unexplained,
            Measure::FederalEnrolled => Self::Days(Among::Year, 1),
            Measure::FederalAbsent => sum(Kind::Absent, Among::Year, 1),
            Measure::FederalChronic(minimum) => Self::Chronic(minimum),
            Measure::Of(counted, among) => {
                let among = Among::of(among);
                match counted {
                    Counted::Enrolled => Self::Days(among, WORTH),
                    Counted::Absent => sum(Kind::Absent, among, WORTH),
                    Counted::Unexcused => sum(Kind::Unexcused, among, WORTH),
                    Counted::Unexplained => sum(Kind::Unexplained, among, 1),
                    Counted::Tardy => sum(Kind::Tardy, among, 1),
                    Counted::Rate => Self::Rate(among),
                    Counted::MinutesAbsent | Counted::MinutesUnexcused => return None,
                }
            }
            _ => return None,
        })
    }

    /// The count that it needs of the student, and whether it goes by dates.
    pub(super) const fn needs(self) -> (Option<Slot>, bool) {
        match self {
            // The window of a count goes by dates, not its bound.
            Self::Count(slot, _) => (Some(slot), false),
            Self::Days(among, _) => (None, among.is_dated()),
            Self::Rate(among) => (Some(Slot::Sum(Kind::Absent, among)), among.is_dated()),
            Self::Tier | Self::Chronic(_) => (Some(ABSENT), false),
            Self::Unexplained => (None, false),
        }
    }
}

impl Among {
    const fn of(among: measure::Among) -> Self {
        match among {
            measure::Among::Window(Window::Year) => Self::Year,
            measure::Among::Window(Window::LastSchoolDays(days)) => Self::Last(days),
            measure::Among::Window(Window::FirstSchoolDays(days)) => Self::First(days),
            measure::Among::Window(window) => Self::Dated(window),
            measure::Among::Weekday(weekday) => Self::Weekday(weekday),
        }
    }

    pub(super) const fn is_dated(self) -> bool {
        matches!(self, Self::Dated(_) | Self::Weekday(_))
    }
}

/// A student as of one counted day.
#[derive(Clone, Copy)]
pub(crate) struct Point<'a> {
    pub(super) day: usize,
    pub(super) frame: Option<&'a Frame>,
    pub(super) counts: Counts<'a>,
}

/// Where counts are found.
#[derive(Clone, Copy)]
pub(super) enum Counts<'a> {
    /// The one that is asked for is this.
    One(u8),
    Of(&'a Look<'a>),
}

impl Point<'_> {
    fn count(&self, slot: Slot) -> Option<i64> {
        match self.counts {
            Counts::One(count) => Some(i64::from(count)),
            Counts::Of(look) => Some(i64::from(look.column(look.program.position(slot)?).at(self.day))),
        }
    }

    fn is_unexplained(&self) -> Option<bool> {
        match self.counts {
            Counts::One(_) => None,
            Counts::Of(look) => Some(look.year.of_kind(Kind::Unexplained).contains(self.day)),
        }
    }

    fn days(&self, among: Among) -> Option<i64> {
        i64::try_from(Frame::days(self.frame, among, self.day)?).ok()
    }
}

impl Values for Point<'_> {
    fn value(&self, measure: Measure) -> Option<i64> {
        Some(match Reading::of(measure)? {
            Reading::Count(slot, worth) => self.count(slot)? * worth,
            Reading::Days(among, worth) => self.days(among)? * worth,
            Reading::Rate(among) => {
                let (absent, days) = (self.count(Slot::Sum(Kind::Absent, among))?, self.days(among)?);
                if days > 0 { absent * 10_000 / days } else { -1 }
            }
            Reading::Tier => {
                let (enrolled, absent) = (self.days(Among::Year)? * WORTH, self.count(ABSENT)? * WORTH);
                Measures { enrolled, absent, ..Measures::default() }.tier().map_or(-1, i64::from)
            }
            Reading::Chronic(minimum) => {
                let at_school = Federal::of_days(self.days(Among::Year)?, self.count(ABSENT)?);
                i64::from(at_school.is_chronic(i64::from(minimum)))
            }
            Reading::Unexplained => i64::from(self.is_unexplained()?),
        })
    }
}
