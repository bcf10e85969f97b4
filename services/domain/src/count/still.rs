//! What stays the same of a student from day to day while nothing but marks is said: what is not of this year's attendance, and the
//! rules that it keeps closed, whatever the marks are. Most students have none of the grades, incidents or classes that a third of
//! the shipped rules ask for.

use super::compiled::Compiled;
use crate::measure::{Measure, Values};
use crate::year::{Frame, Look, Scratch, Year};

/// It, of a student or of many.
pub(super) struct Still {
    /// Of the compiled pack's measures.
    pub(super) values: Box<[i64]>,
    /// Whether each rule stays closed.
    closed: Box<[bool]>,
}

/// Values by their measures, which are in order.
pub(super) struct Valued<'v>(pub(super) &'v [Measure], pub(super) &'v [i64]);

impl Values for Valued<'_> {
    fn value(&self, measure: Measure) -> Option<i64> {
        self.1.get(self.0.binary_search(&measure).ok()?).copied()
    }
}

impl Still {
    /// With the values of a compiled pack's measures, in their order.
    pub(super) fn of(values: &[i64], compiled: &Compiled, frame: &Frame) -> Self {
        let (year, mut scratch) = (Year::default(), Scratch::default());
        let found = Valued(&compiled.still, values);
        let look = Look::since(0, (&compiled.program, &year, frame), &found, &mut scratch);
        let closed = (0..compiled.rules.len()).map(|rule| look.is_closed(rule)).collect();
        Self { values: values.into(), closed }
    }

    /// Whether a rule stays closed, by its position.
    pub(super) fn closes(&self, rule: usize) -> bool {
        self.closed.get(rule).is_some_and(|is_so| *is_so)
    }
}
