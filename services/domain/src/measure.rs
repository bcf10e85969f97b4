//! The measures, and their values. Integers only: whatever is compared with a threshold is never a float.
//!
//! Ten of them are counted for every student and kept beside the student. All others ([`Measure::is_kept`] tells) are counted when
//! a rule names them or somebody asks: those of families, such as `absent_last_45_school_days`, and the official ones.

pub mod catalogue;
pub mod further;
mod kept;
mod name;
mod part;
mod told;
mod unit;

use std::borrow::Cow;

use smallvec::SmallVec;

pub use further::Further;
pub(crate) use kept::Kept;
pub use name::Among;
pub(crate) use part::Part;
pub use told::NOT_KNOWN;
pub use unit::{Unit, decimals};

use crate::day::{Day, WHOLE};
use crate::mutant::{Mutant, planted};

/// A measure that rules, explanations and exports may name; the [`catalogue`] has one entry each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Measure {
    /// Days enrolled so far, hundredths.
    Enrolled,
    /// Days absent so far for any reason, hundredths.
    Absent,
    /// Days absent without excuse so far, hundredths.
    Unexcused,
    /// Days late so far.
    Tardy,
    /// 0 to 3; -1 below ten enrolled days.
    Tier,
    /// Counted days absent in a row, up to the last one.
    Streak,
    /// The same, without excuse.
    UnexcusedStreak,
    /// 1 when absent today and nobody has explained it.
    UnexplainedAbsenceToday,
    /// Sections being failed.
    Failing,
    /// Core sections being failed.
    FailingCore,
    /// One of a family: what is counted, on which of the counted days.
    Of(Counted, Among),
    /// The longest run of counted days absent in the school year.
    LongestStreak,
    /// Days of the calendar, enrolled, of which it is not known what they were.
    UnknownDays,
    /// Last school year's days enrolled, hundredths.
    LastYearEnrolled,
    /// Last school year's days absent, hundredths.
    LastYearAbsent,
    /// Last school year's tier; -1 below ten enrolled days.
    LastYearTier,
    /// How much may be missed still before the absences reach a tenth of the full calendar, hundredths; below zero when they have.
    AbsencesLeft,
    /// What the absences of the whole year are expected to be, hundredths of a day.
    ExpectedAbsent,
    /// Days enrolled as federal reporting counts them.
    FederalEnrolled,
    /// Days absent as federal reporting counts them.
    FederalAbsent,
    /// At how many schools the student is chronically absent as federal reporting counts, from so many enrolled days on.
    FederalChronic(u16),
    /// What a state's truancy law counts.
    Truancy(Clock),
    /// What was missed of classes, on which of their dates.
    InClass(InClass, Among),
    /// Classes skipped today, as far as their marks say yet.
    ClassesSkippedToday,
    /// Texas: classes of which less than 90 % of the days were attended.
    TexasClasses,
    /// Of course performance, behavior or connections.
    Further(Further),
}

/// What a family of measures counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Counted {
    /// Days enrolled, hundredths.
    Enrolled,
    /// Days absent for any reason, hundredths.
    Absent,
    /// Days absent without excuse, hundredths.
    Unexcused,
    /// Days absent for a reason that nobody knows, hundredths.
    UnknownReason,
    /// Days absent that nobody has explained.
    Unexplained,
    /// Days late.
    Tardy,
    /// Absent as a share of enrolled, hundredths of a percent, cut; -1 without an enrolled day.
    Rate,
    /// Minutes missed.
    MinutesAbsent,
    /// Minutes missed without excuse.
    MinutesUnexcused,
}

/// What a family of measures counts of classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InClass {
    /// Dates missed of the class that was missed most, for any reason.
    Absences,
    /// The same without excuse.
    Unexcused,
    /// Classes skipped: missed without a known excuse by a student who was at school.
    Skipped,
    /// The largest share missed of a class, hundredths of a percent, cut; -1 without a class.
    Rate,
}

/// What a state's truancy law counts, in its own unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Clock {
    /// California: days wholly missed, or missed or late by more than 30 minutes, without excuse, in the school year.
    CaliforniaOccasions,
    /// Texas: days or parts of days without excuse in four weeks.
    TexasFourWeeks,
    /// Texas: the same in six months.
    TexasSixMonths,
    /// Ohio: minutes without excuse in a row, the most of the school year.
    OhioInARow,
    /// Ohio: minutes without excuse in the school month.
    OhioMonth,
    /// Ohio: minutes without excuse in the school year.
    OhioYear,
    /// Ohio: minutes missed without a medical excuse in the school month.
    OhioNonmedicalMonth,
    /// Ohio: the same in the school year.
    OhioNonmedicalYear,
    /// Florida: absences without excuse or of unknown reason in the calendar month.
    FloridaMonth,
    /// Florida: the same in 90 calendar days.
    FloridaNinetyDays,
    /// New Mexico: absences without excuse as a share of enrolled days.
    NewMexicoRate,
}

impl Measure {
    /// Those that are counted for every student, in the order of their slots.
    pub const KEPT: [Self; 10] = [
        Self::Enrolled,
        Self::Absent,
        Self::Unexcused,
        Self::Tardy,
        Self::Tier,
        Self::Streak,
        Self::UnexcusedStreak,
        Self::UnexplainedAbsenceToday,
        Self::Failing,
        Self::FailingCore,
    ];

    /// Whether it is counted for every student.
    pub fn is_kept(self) -> bool {
        Self::KEPT.contains(&self)
    }

    /// As rules and exports name it.
    pub fn name(self) -> Cow<'static, str> {
        name::of(self)
    }

    /// The measure of that name.
    pub fn find(name: &str) -> Option<Self> {
        name::find(name)
    }

    /// What its value counts.
    pub const fn unit(self) -> Unit {
        match self {
            Self::Enrolled
            | Self::Absent
            | Self::Unexcused
            | Self::LastYearEnrolled
            | Self::LastYearAbsent
            | Self::AbsencesLeft
            | Self::ExpectedAbsent => Unit::DayHundredths,
            Self::Tardy
            | Self::Streak
            | Self::UnexcusedStreak
            | Self::LongestStreak
            | Self::UnknownDays
            | Self::FederalEnrolled
            | Self::FederalAbsent => Unit::Days,
            Self::Tier | Self::LastYearTier => Unit::Tier,
            Self::UnexplainedAbsenceToday => Unit::Flag,
            Self::Failing | Self::FailingCore | Self::TexasClasses => Unit::Courses,
            Self::FederalChronic(_) => Unit::Schools,
            Self::Of(counted, _) => counted.unit(),
            Self::Truancy(clock) => clock.unit(),
            Self::InClass(counted, _) => counted.unit(),
            Self::ClassesSkippedToday => InClass::Skipped.unit(),
            Self::Further(further) => further.entry().unit,
        }
    }

    /// Whether it is true or false.
    pub const fn is_flag(self) -> bool {
        matches!(self.unit(), Unit::Flag)
    }
}

impl Counted {
    /// What it counts in.
    pub const fn unit(self) -> Unit {
        match self {
            Self::Enrolled | Self::Absent | Self::Unexcused | Self::UnknownReason => Unit::DayHundredths,
            Self::Unexplained | Self::Tardy => Unit::Days,
            Self::Rate => Unit::PercentHundredths,
            Self::MinutesAbsent | Self::MinutesUnexcused => Unit::Minutes,
        }
    }
}

impl InClass {
    /// What it counts in.
    pub const fn unit(self) -> Unit {
        match self {
            Self::Absences | Self::Unexcused => Unit::Days,
            Self::Skipped => Unit::Of("classes"),
            Self::Rate => Unit::PercentHundredths,
        }
    }
}

impl Clock {
    /// The unit of the law.
    pub const fn unit(self) -> Unit {
        match self {
            Self::CaliforniaOccasions
            | Self::TexasFourWeeks
            | Self::TexasSixMonths
            | Self::FloridaMonth
            | Self::FloridaNinetyDays => Unit::Days,
            Self::OhioInARow
            | Self::OhioMonth
            | Self::OhioYear
            | Self::OhioNonmedicalMonth
            | Self::OhioNonmedicalYear => Unit::Minutes,
            Self::NewMexicoRate => Unit::PercentHundredths,
        }
    }
}

/// Where conditions and sentences find the values of measures.
pub trait Values {
    /// The value of a measure; none when it was not counted.
    fn value(&self, measure: Measure) -> Option<i64>;
}

impl Values for Measures {
    fn value(&self, measure: Measure) -> Option<i64> {
        self.kept(measure)
    }
}

/// The values of one student: those that are kept, and those of other measures that were asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Figures {
    /// Those that are kept.
    pub measures: Measures,
    others: SmallVec<[(Measure, i64); 2]>,
}

impl Figures {
    /// With the values of other measures.
    pub(crate) fn new(measures: Measures, others: impl IntoIterator<Item = (Measure, i64)>) -> Self {
        Self { measures, others: others.into_iter().collect() }
    }

    /// From values as they were told.
    pub(crate) fn of(values: impl Iterator<Item = (Measure, i64)>) -> Self {
        let mut figures = Self::default();
        for (measure, value) in values {
            if measure.is_kept() {
                figures.measures.set(measure, value);
            } else {
                figures.others.push((measure, value));
            }
        }
        figures
    }
}

impl Values for Figures {
    fn value(&self, measure: Measure) -> Option<i64> {
        let other = || self.others.iter().find(|(of, _)| *of == measure).map(|(_, value)| *value);
        self.measures.kept(measure).or_else(other)
    }
}

/// The values of one student, at one school or for the district as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Measures {
    /// Hundredths of a day.
    pub enrolled: i64,
    /// Hundredths of a day.
    pub absent: i64,
    /// Hundredths of a day.
    pub unexcused: i64,
    /// Days.
    pub tardy: i64,
    /// Counted days in a row, up to the last.
    pub streak: i64,
    /// Counted days in a row, up to the last.
    pub unexcused_streak: i64,
    /// Of today.
    pub unexplained_absence_today: bool,
    /// Sections.
    pub failing: i64,
    /// Sections.
    pub failing_core: i64,
}

/// A tier needs ten enrolled days: before, one absence would be a tenth. Source: the minimum enrollment of EDFacts file FS195.
pub const TIER_MINIMUM_ENROLLED: i64 = 10 * WHOLE as i64;

/// Lower bounds of tiers 1, 2 and 3 in percent, inclusive: at risk, chronic, severe chronic.
/// Source: New Mexico Statutes 22-12A-2; Attendance Works' tiers.
pub const TIER_BOUNDS_PERCENT: [i64; 3] = [5, 10, 20];

impl Measures {
    /// 0 below 5% absent, 1 from 5%, 2 from 10%, 3 from 20%; none below ten enrolled days.
    pub fn tier(&self) -> Option<u8> {
        if self.enrolled < TIER_MINIMUM_ENROLLED {
            return None;
        }
        // In 128 bits, in which no measure overflows.
        let exclusive = i128::from(planted(Mutant::BoundsExclusive));
        let (absent, enrolled) = (i128::from(self.absent), i128::from(self.enrolled));
        let reached = TIER_BOUNDS_PERCENT
            .iter()
            .filter(|&&percent| absent * 100 >= i128::from(percent) * enrolled + exclusive)
            .count();
        u8::try_from(reached).ok()
    }

    /// The value of a measure that is kept.
    #[inline]
    fn kept(&self, measure: Measure) -> Option<i64> {
        Some(match measure {
            Measure::Enrolled => self.enrolled,
            Measure::Absent => self.absent,
            Measure::Unexcused => self.unexcused,
            Measure::Tardy => self.tardy,
            Measure::Tier => self.tier().map_or(-1, i64::from),
            Measure::Streak => self.streak,
            Measure::UnexcusedStreak => self.unexcused_streak,
            Measure::UnexplainedAbsenceToday => i64::from(self.unexplained_absence_today),
            Measure::Failing => self.failing,
            Measure::FailingCore => self.failing_core,
            _ => return None,
        })
    }

    /// Puts a value in its slot; a tier has none, since it follows from two others.
    fn set(&mut self, measure: Measure, value: i64) {
        let slot = match measure {
            Measure::Enrolled => &mut self.enrolled,
            Measure::Absent => &mut self.absent,
            Measure::Unexcused => &mut self.unexcused,
            Measure::Tardy => &mut self.tardy,
            Measure::Streak => &mut self.streak,
            Measure::UnexcusedStreak => &mut self.unexcused_streak,
            Measure::Failing => &mut self.failing,
            Measure::FailingCore => &mut self.failing_core,
            Measure::UnexplainedAbsenceToday => return self.unexplained_absence_today = value != 0,
            _ => return,
        };
        *slot = value;
    }

    /// Takes the next counted days in, on all of which the student was present.
    pub(crate) fn count_present(&mut self, days: usize) {
        if let (1.., Ok(counted)) = (days, i64::try_from(days)) {
            self.enrolled += i64::from(WHOLE) * counted;
            (self.streak, self.unexcused_streak) = (0, 0);
        }
    }

    /// Takes the next counted day in.
    pub(crate) fn count(&mut self, day: &Day) {
        self.enrolled += i64::from(day.weight);
        self.absent += i64::from(day.absent);
        self.unexcused += i64::from(day.unexcused);
        self.tardy += i64::from(day.tardy);
        self.streak = if day.absent * 2 >= day.weight { self.streak + 1 } else { 0 };
        self.unexcused_streak = if day.unexcused * 2 >= day.weight { self.unexcused_streak + 1 } else { 0 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tier(absent: i64, enrolled: i64) -> Option<u8> {
        Measures { enrolled, absent, ..Measures::default() }.tier()
    }

    #[test]
    fn tier_bounds_are_inclusive() {
        assert_eq!(tier(499, 10_000), Some(0));
        assert_eq!(tier(500, 10_000), Some(1));
        assert_eq!(tier(999, 10_000), Some(1));
        assert_eq!(tier(1000, 10_000), Some(2));
        assert_eq!(tier(2000, 10_000), Some(3));
    }

    #[test]
    fn a_tier_needs_ten_days() {
        assert_eq!(tier(900, 900), None);
        assert_eq!(tier(100, 1000), Some(2));
    }

    #[test]
    fn thousandths_read_as_credits() {
        for (value, shown) in [(0, "0"), (500, "0.5"), (125, "0.125"), (5_000, "5"), (-1_250, "-1.25")] {
            assert_eq!(Unit::CreditThousandths.show(value), shown);
        }
    }

    #[test]
    fn hundredths_read_as_days() {
        for (value, shown) in [(0, "0"), (1250, "12.5"), (1225, "12.25"), (5, "0.05"), (100, "1"), (-50, "-0.5")] {
            assert_eq!(decimals(value), shown);
        }
    }
}
