//! Parts of the catalogue by what their measures need beside whole days of attendance.

use super::catalogue::Needs;
use super::further::Moves;
use super::{Further, Measure};

/// Some of the parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part(u16);

impl Part {
    pub(crate) const NONE: Self = Self(0);
    /// How long days are.
    pub(crate) const MINUTES: Self = Self(1);
    /// Classes, and who is in them.
    pub(crate) const CLASSES: Self = Self(1 << 1);
    /// Results of assignments.
    pub(crate) const GRADEBOOK: Self = Self(1 << 2);
    /// Incidents and consequences.
    pub(crate) const CONDUCT: Self = Self(1 << 3);
    /// Which days of attendance a suspension covers.
    pub(crate) const SUSPENDED: Self = Self(1 << 4);
    /// Ties to adults and activities, and surveys.
    pub(crate) const CONNECTIONS: Self = Self(1 << 5);
    /// Courses of the transcript.
    pub(crate) const TRANSCRIPT: Self = Self(1 << 6);
    /// The grade level, which is that of the latest enrollment.
    pub(crate) const GRADE_LEVEL: Self = Self(1 << 7);
    /// Grades of the year.
    pub(crate) const GRADES: Self = Self(1 << 8);

    /// Those that a measure is of.
    pub(crate) fn of(measure: Measure) -> Self {
        let mut parts = Self::NONE;
        for needs in measure.entry().needs {
            parts.add(match needs {
                Needs::LastYear | Needs::DatesToCome => Self::NONE,
                Needs::Grades => Self::GRADES,
                Needs::Minutes => Self::MINUTES,
                Needs::Classes => Self::CLASSES,
                Needs::Gradebook => Self::GRADEBOOK,
                Needs::Transcript => Self::TRANSCRIPT,
                Needs::Incidents | Needs::Disciplines => Self::CONDUCT,
                Needs::Connections | Needs::Surveys => Self::CONNECTIONS,
            });
        }
        if let Measure::Further(further) = measure {
            parts.set(Self::SUSPENDED, further.counts_suspended_days());
            parts.set(Self::GRADE_LEVEL, matches!(further.moves_with_days(), Some(Moves::FromTier(_))));
        }
        parts
    }

    /// Adds others.
    pub(crate) const fn add(&mut self, others: Self) {
        self.0 |= others.0;
    }

    /// With others.
    pub(crate) const fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// Adds others, if that is so.
    pub(crate) const fn set(&mut self, others: Self, is_so: bool) {
        if is_so {
            self.add(others);
        }
    }

    /// Whether one of them is among others.
    pub(crate) const fn meets(self, others: Self) -> bool {
        self.0 & others.0 != 0
    }

    /// Without others.
    pub(crate) const fn without(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }
}

impl Further {
    fn counts_suspended_days(self) -> bool {
        self.entry().name.starts_with("suspended_")
    }
}
