//! A condition as its author would write it, in CEL.

use std::fmt;

use super::{Arithmetic, Comparison, Condition, Flag, Int, Number};

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.flag.fmt(f)
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Flag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Constant(value) => write!(f, "{value}"),
            Self::Measure(measure) => f.write_str(&measure.name()),
            Self::Not(inner) => write!(f, "!{}", Part(inner)),
            Self::And(left, right) => write!(f, "{} && {}", Part(left), Part(right)),
            Self::Or(left, right) => write!(f, "{} || {}", Part(left), Part(right)),
            Self::Compare(comparison, left, right) => write!(f, "{left} {} {right}", comparison.sign()),
        }
    }
}

/// A part of a condition, in brackets where it has parts of its own.
struct Part<'c>(&'c Flag);

impl fmt::Display for Part<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Flag::And(..) | Flag::Or(..) | Flag::Compare(..) => write!(f, "({})", self.0),
            Flag::Constant(_) | Flag::Measure(_) | Flag::Not(_) => self.0.fmt(f),
        }
    }
}

impl fmt::Display for Int {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |inner: &Self| match inner {
            Self::Arithmetic(..) => format!("({inner})"),
            Self::Constant(_) | Self::Measure(_) => inner.to_string(),
        };
        match self {
            Self::Constant(value) => write!(f, "{value}"),
            Self::Measure(measure) => f.write_str(&measure.name()),
            Self::Arithmetic(operation, left, right) => {
                write!(f, "{} {} {}", part(left), operation.sign(), part(right))
            }
        }
    }
}

impl Comparison {
    const fn sign(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }
}

impl Arithmetic {
    const fn sign(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_that_is_shown_reads_back_as_the_same() {
        for text in [
            "tier >= 1",
            "unexplained_absence_today",
            "!unexplained_absence_today && (absent * 10 >= enrolled || streak > 3)",
            "absent - (unexcused + 100) * 2 == enrolled % 7 || failing_core != 0 && tardy <= 4",
        ] {
            let condition = Condition::parse(text).unwrap();
            let shown = condition.to_string();
            assert_eq!(Condition::parse(&shown), Ok(condition), "{shown}");
        }
        assert_eq!(Condition::parse("tier>=1").unwrap().to_string(), "tier >= 1");
        assert_eq!(Number::parse("tier + 1").unwrap().to_string(), "tier + 1");
    }
}
