//! Sets of the measures that are kept: which of them a rule names, and which have moved.

use super::{Measure, Measures};

/// Some of the measures that are kept of every student. Another measure counts as all of them that days come to: it may move with
/// any day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Kept(u16);

impl Kept {
    const ENROLLED: Self = Self(1);
    const ABSENT: Self = Self(1 << 1);
    const UNEXCUSED: Self = Self(1 << 2);
    const TARDY: Self = Self(1 << 3);
    const STREAK: Self = Self(1 << 4);
    const UNEXCUSED_STREAK: Self = Self(1 << 5);
    const UNEXPLAINED_TODAY: Self = Self(1 << 6);
    /// Those that days come to.
    pub(crate) const OF_DAYS: Self = Self((1 << 7) - 1);
    /// All of them.
    pub(crate) const ALL: Self = Self((1 << 9) - 1);
    /// Those that grades come to.
    pub(crate) const OF_GRADES: Self = Self(1 << 7 | 1 << 8);

    /// Those that these measures are counted from.
    pub(crate) fn of(measures: impl IntoIterator<Item = Measure>) -> Self {
        measures.into_iter().fold(Self::default(), |all, measure| all.with(Self::of_one(measure)))
    }

    fn of_one(measure: Measure) -> Self {
        match measure {
            Measure::Enrolled => Self::ENROLLED,
            Measure::Absent => Self::ABSENT,
            Measure::Unexcused => Self::UNEXCUSED,
            Measure::Tardy => Self::TARDY,
            Measure::Tier => Self::ENROLLED.with(Self::ABSENT),
            Measure::Streak => Self::STREAK,
            Measure::UnexcusedStreak => Self::UNEXCUSED_STREAK,
            Measure::UnexplainedAbsenceToday => Self::UNEXPLAINED_TODAY,
            Measure::Failing | Measure::FailingCore => Self::OF_GRADES,
            _ => Self::OF_DAYS,
        }
    }

    /// Those of days that are not the same in both.
    pub(crate) fn moved(then: &Measures, now: &Measures) -> Self {
        let bit = |moved: bool, of: Self| if moved { of } else { Self::default() };
        bit(then.enrolled != now.enrolled, Self::ENROLLED)
            .with(bit(then.absent != now.absent, Self::ABSENT))
            .with(bit(then.unexcused != now.unexcused, Self::UNEXCUSED))
            .with(bit(then.tardy != now.tardy, Self::TARDY))
            .with(bit(then.streak != now.streak, Self::STREAK))
            .with(bit(then.unexcused_streak != now.unexcused_streak, Self::UNEXCUSED_STREAK))
            .with(bit(then.unexplained_absence_today != now.unexplained_absence_today, Self::UNEXPLAINED_TODAY))
    }

    pub(crate) const fn with(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// Whether both have one in common.
    pub(crate) const fn meets(self, others: Self) -> bool {
        self.0 & others.0 != 0
    }
}
