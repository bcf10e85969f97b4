//! Whether a condition or number may fail for some values of its measures: by dividing by zero, or by leaving 64 bits.

use super::{Arithmetic, Condition, Flag, Int, Number};

/// More than any measure comes to: a school year has less than 10^6 minutes and 10^5 hundredths of a day, and no count is larger.
const MOST_MEASURE: i64 = 1 << 40;

impl Condition {
    /// Whether it may fail.
    pub(crate) fn may_fail(&self) -> bool {
        self.flag.may_fail()
    }
}

impl Number {
    /// Whether it may fail.
    pub(crate) fn may_fail(&self) -> bool {
        self.0.may_fail()
    }
}

impl Flag {
    fn may_fail(&self) -> bool {
        match self {
            Self::Constant(_) | Self::Measure(_) => false,
            Self::Not(inner) => inner.may_fail(),
            Self::And(left, right) | Self::Or(left, right) => left.may_fail() || right.may_fail(),
            Self::Compare(_, left, right) => left.may_fail() || right.may_fail(),
        }
    }
}

impl Int {
    fn may_fail(&self) -> bool {
        self.divides() || self.most().is_none()
    }

    /// Whether something is divided by what is not a number, and so may be zero.
    fn divides(&self) -> bool {
        match self {
            Self::Constant(_) | Self::Measure(_) => false,
            Self::Arithmetic(Arithmetic::Divide | Arithmetic::Remainder, left, right) => {
                left.divides() || right.constant().is_none_or(|divisor| divisor == 0)
            }
            Self::Arithmetic(_, left, right) => left.divides() || right.divides(),
        }
    }

    /// No value of it is further from zero; none when it may leave 64 bits on the way.
    fn most(&self) -> Option<i64> {
        match self {
            Self::Constant(value) => value.checked_abs(),
            Self::Measure(_) => Some(MOST_MEASURE),
            Self::Arithmetic(operation, left, right) => {
                let (left, right) = (left.most()?, right.most()?);
                match operation {
                    Arithmetic::Add | Arithmetic::Subtract => left.checked_add(right),
                    Arithmetic::Multiply => left.checked_mul(right),
                    Arithmetic::Divide | Arithmetic::Remainder => Some(left),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn may_fail(text: &str) -> bool {
        Condition::parse(text).unwrap().may_fail()
    }

    #[test]
    fn what_divides_by_a_measure_or_may_leave_64_bits_may_fail() {
        for text in [
            "absent / tardy >= 1",
            "absent / (1 - 1) >= 1",
            "9223372036854775807 - 1 + absent >= 1",
            "absent_last_5_school_days - 9223372036854775807 >= 1",
            "tardy >= 1 && !(absent * 9223372036854775 < 1)",
        ] {
            assert!(may_fail(text), "{text}");
        }
    }

    #[test]
    fn what_rules_are_made_of_does_not() {
        for text in ["absent * 100 >= enrolled * 5", "absent / 100 >= 2 || streak % 5 == 0", "tier >= 1"] {
            assert!(!may_fail(text), "{text}");
        }
    }
}
