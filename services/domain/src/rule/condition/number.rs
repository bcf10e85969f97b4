//! The numbers that a condition compares with.

use std::collections::BTreeSet;

use super::{Condition, Flag, Int, Number};

impl Condition {
    /// Adds each number that it names.
    pub(crate) fn number(&self, numbers: &mut BTreeSet<i64>) {
        self.flag.number(numbers);
    }
}

impl Number {
    /// Adds each number that it names.
    pub(crate) fn number(&self, numbers: &mut BTreeSet<i64>) {
        self.0.number(numbers);
    }
}

impl Flag {
    fn number(&self, numbers: &mut BTreeSet<i64>) {
        match self {
            Self::Constant(_) | Self::Measure(_) => {}
            Self::Not(inner) => inner.number(numbers),
            Self::And(left, right) | Self::Or(left, right) => {
                left.number(numbers);
                right.number(numbers);
            }
            Self::Compare(_, left, right) => {
                left.number(numbers);
                right.number(numbers);
            }
        }
    }
}

impl Int {
    fn number(&self, numbers: &mut BTreeSet<i64>) {
        match self {
            Self::Constant(value) => {
                numbers.insert(*value);
            }
            Self::Measure(_) => {}
            Self::Arithmetic(_, left, right) => {
                left.number(numbers);
                right.number(numbers);
            }
        }
    }
}
