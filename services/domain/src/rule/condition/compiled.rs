//! Conditions as they are evaluated: comparisons side by side in one list, each with its numbers in place. Nearly all that authors
//! write are measures, constants, and one times the other, for which no tree is walked.

use super::{Arithmetic, Comparison, Failure, Flag, Int, found};
use crate::measure::{Measure, Values};

/// What a condition comes to, as its tree says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Test {
    Constant(bool),
    Measure(Measure),
    Compare(Comparison, Operand, Operand),
    Not(Box<Test>),
    /// In the author's order; the first that does not hold ends it.
    All(Box<[Test]>),
    /// Likewise, the first that holds.
    Any(Box<[Test]>),
}

/// A number that is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Operand {
    Constant(i64),
    Measure(Measure),
    Times(Measure, i64),
    Other(Box<Int>),
}

impl Test {
    pub(super) fn of(flag: &Flag) -> Self {
        match flag {
            Flag::Constant(value) => Self::Constant(*value),
            Flag::Measure(measure) => Self::Measure(*measure),
            Flag::Compare(comparison, left, right) => Self::Compare(*comparison, Operand::of(left), Operand::of(right)),
            Flag::Not(inner) => Self::Not(Box::new(Self::of(inner))),
            Flag::And(left, right) => {
                let parts = [left, right].map(|side| Self::of(side)).into_iter();
                let split = |part| if let Self::All(parts) = part { parts.into_vec() } else { vec![part] };
                Self::All(parts.flat_map(split).collect())
            }
            Flag::Or(left, right) => {
                let parts = [left, right].map(|side| Self::of(side)).into_iter();
                let split = |part| if let Self::Any(parts) = part { parts.into_vec() } else { vec![part] };
                Self::Any(parts.flat_map(split).collect())
            }
        }
    }

    pub(super) fn holds(&self, values: &impl Values) -> Result<bool, Failure> {
        match self {
            Self::All(parts) => {
                for part in parts {
                    if !part.part_holds(values)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Self::Any(parts) => {
                for part in parts {
                    if part.part_holds(values)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Self::Not(inner) => Ok(!inner.holds(values)?),
            part => part.part_holds(values),
        }
    }

    /// Inlined, so that a list of comparisons is gone through without a call.
    #[inline]
    fn part_holds(&self, values: &impl Values) -> Result<bool, Failure> {
        match self {
            Self::Compare(comparison, left, right) => Ok(comparison.holds(left.value(values)?, right.value(values)?)),
            Self::Constant(value) => Ok(*value),
            Self::Measure(measure) => Ok(found(values, *measure)? != 0),
            inner => inner.holds(values),
        }
    }
}

impl Operand {
    fn of(number: &Int) -> Self {
        match number {
            Int::Constant(value) => Self::Constant(*value),
            Int::Measure(measure) => Self::Measure(*measure),
            Int::Arithmetic(Arithmetic::Multiply, left, right) => match (&**left, &**right) {
                (Int::Measure(measure), Int::Constant(factor)) | (Int::Constant(factor), Int::Measure(measure)) => {
                    Self::Times(*measure, *factor)
                }
                _ => Self::Other(Box::new(number.clone())),
            },
            Int::Arithmetic(..) => Self::Other(Box::new(number.clone())),
        }
    }

    #[inline]
    fn value(&self, values: &impl Values) -> Result<i64, Failure> {
        match self {
            Self::Constant(value) => Ok(*value),
            Self::Measure(measure) => found(values, *measure),
            Self::Times(measure, factor) => found(values, *measure)?.checked_mul(*factor).ok_or(Failure::Overflow),
            Self::Other(number) => number.value(values),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Condition;
    use super::*;
    use crate::measure::Measures;

    /// As the tree says it, part by part.
    fn by_tree(flag: &Flag, values: &Measures) -> Result<bool, Failure> {
        Ok(match flag {
            Flag::Constant(value) => *value,
            Flag::Measure(measure) => found(values, *measure)? != 0,
            Flag::Not(inner) => !by_tree(inner, values)?,
            Flag::And(left, right) => by_tree(left, values)? && by_tree(right, values)?,
            Flag::Or(left, right) => by_tree(left, values)? || by_tree(right, values)?,
            Flag::Compare(comparison, left, right) => comparison.holds(left.value(values)?, right.value(values)?),
        })
    }

    #[test]
    fn a_condition_is_what_its_tree_says_and_fails_where_it_does() {
        let written = [
            "absent * 10 >= enrolled && enrolled >= 1000 && streak != 2",
            "(tier >= 1 || 20 * absent > enrolled) && !(streak == 3 && tardy < 2 || unexplained_absence_today)",
            "false || (true && (absent > 0 && 100 / absent > 1)) || streak > 1",
            "tardy > 0 && 9223372036854775807 * tardy > 0",
            "absent - unexcused * 2 == enrolled % 7 || failing_core * absent >= -3",
        ];
        for text in written {
            let condition = Condition::parse(text).unwrap();
            for at in 0..200_i64 {
                let measures = Measures {
                    enrolled: at * 100,
                    absent: at * at % 701,
                    streak: at % 4,
                    tardy: at % 3,
                    unexplained_absence_today: at % 5 == 0,
                    ..Measures::default()
                };
                assert_eq!(condition.holds(&measures), by_tree(&condition.flag, &measures), "{text} at {at}");
            }
        }
    }
}
