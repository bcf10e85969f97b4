//! How measures follow from the counts of a year of whole days.

use super::Kind;
use super::frame::Frame;
use super::look::Look;
use crate::behavior::share_of_days;
use crate::day::WHOLE;
use crate::figure::Federal;
use crate::measure::further::{Moves, UNTOLD};
use crate::measure::{self, Clock, Counted, Measure, Measures, Values};
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

/// A measure that something names, found out once for all students: how it follows from counts, and from which of a program's.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Named {
    pub(super) measure: Measure,
    pub(super) reading: Reading,
    pub(super) slot: Option<usize>,
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
    /// Of a student the length of whose days nobody knows: -1 once there is such a day, and 0 before.
    Unmeasured(Slot),
    /// What marks do not say: the same on all days that are looked at.
    Still,
    /// Flags, of which all but one are the same on all days; that one is from a tier on.
    Flags(i64),
    /// Dates with an incident, which are the same on all days, as a share of the days.
    Incidents,
}

impl Slot {
    /// Of which days it is a count.
    pub(super) const fn kind(self) -> Kind {
        match self {
            Self::Sum(kind, _) | Self::Row(kind) => kind,
            Self::LongestRow => Kind::Absent,
        }
    }
}

const ABSENT: Slot = Slot::Sum(Kind::Absent, Among::Year);
const WORTH: i64 = WHOLE as i64;

impl Reading {
    /// None of a measure that does not follow from whole days at one school.
    pub(super) fn of_days(measure: Measure) -> Option<Self> {
        Self::of(measure).filter(|reading| reading.is_of_days())
    }

    /// The same of a student of whom it is known what stays the same from day to day, and that nobody knows how long days are.
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
                    Counted::UnknownReason | Counted::MinutesAbsent | Counted::MinutesUnexcused => return None,
                }
            }
            Measure::Truancy(clock) => Self::of_clock(clock)?,
            Measure::Failing
            | Measure::FailingCore
            | Measure::LastYearEnrolled
            | Measure::LastYearAbsent
            | Measure::LastYearTier
            | Measure::InClass(..)
            | Measure::ClassesSkippedToday
            | Measure::TexasClasses => Self::Still,
            Measure::Further(further) => match further.moves_with_days() {
                None => Self::Still,
                Some(Moves::FromTier(tier)) => Self::Flags(i64::from(tier)),
                Some(Moves::ShareOfDays) => Self::Incidents,
            },
            Measure::UnknownDays | Measure::AbsencesLeft | Measure::ExpectedAbsent => return None,
        })
    }

    fn of_clock(clock: Clock) -> Option<Self> {
        let days = |kind, window| Self::Count(Slot::Sum(kind, Among::of(measure::Among::Window(window))), 1);
        let unmeasured = |kind, window| Self::Unmeasured(Slot::Sum(kind, Among::of(measure::Among::Window(window))));
        Some(match clock {
            Clock::CaliforniaOccasions => days(Kind::Unexcused, Window::Year),
            Clock::TexasFourWeeks => days(Kind::Unexcused, Window::LastDays(28)),
            Clock::TexasSixMonths => days(Kind::Unexcused, Window::LastMonths(6)),
            Clock::OhioInARow | Clock::OhioYear => unmeasured(Kind::Unexcused, Window::Year),
            Clock::OhioMonth => unmeasured(Kind::Unexcused, Window::SchoolMonth),
            Clock::OhioNonmedicalMonth => unmeasured(Kind::Absent, Window::SchoolMonth),
            Clock::OhioNonmedicalYear => unmeasured(Kind::Absent, Window::Year),
            Clock::FloridaMonth => days(Kind::Open, Window::CalendarMonth),
            Clock::FloridaNinetyDays => days(Kind::Open, Window::LastDays(90)),
            Clock::NewMexicoRate => return None,
        })
    }

    /// Whether days alone tell it, of any student.
    const fn is_of_days(self) -> bool {
        match self {
            Self::Count(Slot::Sum(Kind::Open, _), _)
            | Self::Unmeasured(_)
            | Self::Still
            | Self::Flags(_)
            | Self::Incidents => false,
            Self::Count(..) | Self::Days(..) | Self::Rate(_) | Self::Tier | Self::Chronic(_) | Self::Unexplained => {
                true
            }
        }
    }

    /// The count that it needs of the student, and whether it goes by dates.
    pub(super) const fn needs(self) -> (Option<Slot>, bool) {
        match self {
            // The window of a count goes by dates, not its bound.
            Self::Count(slot, _) | Self::Unmeasured(slot) => (Some(slot), false),
            Self::Days(among, _) => (None, among.is_dated()),
            Self::Rate(among) => (Some(Slot::Sum(Kind::Absent, among)), among.is_dated()),
            Self::Tier | Self::Chronic(_) | Self::Flags(_) => (Some(ABSENT), false),
            Self::Unexplained | Self::Still | Self::Incidents => (None, false),
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
    /// A student's, of these measures alone.
    Of(&'a Look<'a>, &'a [Named]),
    /// Only what is the same on all days is asked for, and whether a tier is reached, which is this.
    Still(&'a Look<'a>, bool),
}

impl Point<'_> {
    fn count(&self, slot: Option<usize>) -> Option<i64> {
        match self.counts {
            Counts::One(count) => Some(i64::from(count)),
            Counts::Of(look, _) => Some(i64::from(look.counts(slot?).at(self.day))),
            Counts::Still(..) => None,
        }
    }

    fn is_unexplained(&self) -> Option<bool> {
        match self.counts {
            Counts::One(_) | Counts::Still(..) => None,
            Counts::Of(look, _) => Some(look.year.of_kind(Kind::Unexplained).contains(self.day)),
        }
    }

    fn still(&self, measure: Measure) -> Option<i64> {
        match self.counts {
            Counts::One(_) => None,
            Counts::Of(look, _) | Counts::Still(look, _) => look.still.value(measure),
        }
    }

    fn tier(&self, absent: Option<usize>) -> Option<i64> {
        let (enrolled, absent) = (self.days(Among::Year)? * WORTH, self.count(absent)? * WORTH);
        Some(Measures { enrolled, absent, ..Measures::default() }.tier().map_or(-1, i64::from))
    }

    /// How many flags there are, one of them from a tier on; none of a student whom they do not concern.
    fn flags(&self, measure: Measure, from: i64, absent: Option<usize>) -> Option<i64> {
        let others = self.still(measure)?;
        let reached = if let Counts::Still(_, reached) = self.counts { reached } else { self.tier(absent)? >= from };
        Some(if others < 0 { 0 } else { others + i64::from(reached) })
    }

    fn days(&self, among: Among) -> Option<i64> {
        i64::try_from(Frame::days(self.frame, among, self.day)?).ok()
    }
}

impl Values for Point<'_> {
    fn value(&self, measure: Measure) -> Option<i64> {
        let (reading, slot) = match self.counts {
            Counts::Of(_, named) => named.iter().find(|of| of.measure == measure).map(|of| (of.reading, of.slot))?,
            Counts::One(_) | Counts::Still(..) => (Reading::of(measure)?, None),
        };
        Some(match reading {
            Reading::Count(_, worth) => self.count(slot)? * worth,
            Reading::Days(among, worth) => self.days(among)? * worth,
            Reading::Rate(among) => {
                let (absent, days) = (self.count(slot)?, self.days(among)?);
                if days > 0 { absent * 10_000 / days } else { -1 }
            }
            Reading::Tier => self.tier(slot)?,
            Reading::Chronic(minimum) => {
                let at_school = Federal::of_days(self.days(Among::Year)?, self.count(slot)?);
                i64::from(at_school.is_chronic(i64::from(minimum)))
            }
            Reading::Unexplained => i64::from(self.is_unexplained()?),
            Reading::Unmeasured(_) => -i64::from(self.count(slot)? > 0),
            Reading::Still => self.still(measure)?,
            Reading::Flags(from) => self.flags(measure, from, slot)?,
            Reading::Incidents => {
                share_of_days(self.still(measure)?, self.days(Among::Year)? * WORTH).unwrap_or(UNTOLD)
            }
        })
    }
}
