//! The catalogue of measures, and their values. Integers only: whatever is compared with a threshold is never a float.

use crate::day::{Day, WHOLE};
use crate::mutant::{Mutant, planted};

/// A measure that rules, explanations and exports may name. One entry each: name, meaning, unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
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
}

/// What a value counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Hundredths of a school day.
    DayHundredths,
    /// School days.
    Days,
    /// Courses (sections).
    Courses,
    /// An ordinal.
    Tier,
    /// 0 or 1.
    Flag,
}

impl Unit {
    /// As proofs and exports say it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::DayHundredths => "hundredths of a day",
            Self::Days => "days",
            Self::Courses => "courses",
            Self::Tier => "tier",
            Self::Flag => "0 or 1",
        }
    }

    /// A value in words a person reads: days with up to two decimals, others as they are.
    pub fn show(self, value: i64) -> String {
        match self {
            Self::DayHundredths => decimals(value),
            Self::Days | Self::Courses | Self::Tier | Self::Flag => value.to_string(),
        }
    }
}

/// A count of hundredths as a decimal number without trailing zeros.
pub fn decimals(hundredths: impl Into<i128>) -> String {
    let hundredths = hundredths.into();
    let (whole, rest) = (hundredths / 100, (hundredths % 100).abs());
    let sign = if hundredths < 0 && whole == 0 { "-" } else { "" };
    match rest {
        0 => format!("{whole}"),
        rest if rest % 10 == 0 => format!("{sign}{whole}.{}", rest / 10),
        rest => format!("{sign}{whole}.{rest:02}"),
    }
}

impl Measure {
    /// All, in the order of their slots.
    pub const ALL: [Self; 10] = [
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

    /// As rules and exports name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Enrolled => "enrolled",
            Self::Absent => "absent",
            Self::Unexcused => "unexcused",
            Self::Tardy => "tardy",
            Self::Tier => "tier",
            Self::Streak => "streak",
            Self::UnexcusedStreak => "unexcused_streak",
            Self::UnexplainedAbsenceToday => "unexplained_absence_today",
            Self::Failing => "failing",
            Self::FailingCore => "failing_core",
        }
    }

    /// What its value counts.
    pub const fn unit(self) -> Unit {
        match self {
            Self::Enrolled | Self::Absent | Self::Unexcused => Unit::DayHundredths,
            Self::Tardy | Self::Streak | Self::UnexcusedStreak => Unit::Days,
            Self::Tier => Unit::Tier,
            Self::UnexplainedAbsenceToday => Unit::Flag,
            Self::Failing | Self::FailingCore => Unit::Courses,
        }
    }

    /// Whether it is true or false.
    pub const fn is_flag(self) -> bool {
        matches!(self.unit(), Unit::Flag)
    }

    /// The measure of that name.
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|measure| measure.name() == name)
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

    /// The value of one measure.
    pub fn get(&self, measure: Measure) -> i64 {
        match measure {
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
        }
    }

    /// Puts a value in its slot; a tier has none, since it follows from two others.
    pub(crate) fn set(&mut self, measure: Measure, value: i64) {
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
            Measure::Tier => return,
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
        self.enrolled += i64::from(WHOLE);
        self.absent += i64::from(day.absent);
        self.unexcused += i64::from(day.unexcused);
        self.tardy += i64::from(day.tardy);
        self.streak = if day.absent * 2 >= WHOLE { self.streak + 1 } else { 0 };
        self.unexcused_streak = if day.unexcused * 2 >= WHOLE { self.unexcused_streak + 1 } else { 0 };
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
    fn hundredths_read_as_days() {
        for (value, shown) in [(0, "0"), (1250, "12.5"), (1225, "12.25"), (5, "0.05"), (100, "1"), (-50, "-0.5")] {
            assert_eq!(decimals(value), shown);
        }
    }
}
