//! Conditions for all days of a year at once: comparisons whose one side grows with one count become a bound for that count.

use super::{Arithmetic, Comparison, Condition, Failure, Flag, Int};
use crate::measure::{Measure, Values};
use crate::year::{Bound, Builder, Growth, Node};

/// A comparison of two numbers, of which the left grows with what is counted, against the right.
#[derive(Debug, Clone)]
pub(crate) struct Leaf {
    left: Int,
    right: Int,
}

/// A comparison that is made as it is written.
#[derive(Debug, Clone)]
pub(crate) struct Scanned(Condition);

impl Leaf {
    /// Whether the tier of attendance reaches one.
    pub(crate) const fn tier(from: i64) -> Self {
        Self { left: Int::Measure(Measure::Tier), right: Int::Constant(from) }
    }

    /// The measures that it names.
    pub(crate) fn named(&self) -> Vec<Measure> {
        let mut named = Vec::new();
        self.left.name(&mut named);
        self.right.name(&mut named);
        named
    }

    /// Whether the left side reaches the right one.
    pub(crate) fn reaches(&self, values: &impl Values, bound: Bound) -> Result<bool, Failure> {
        let (left, right) = (self.left.value(values)?, self.right.value(values)?);
        Ok(match bound {
            Bound::AtLeast => left >= right,
            Bound::MoreThan => left > right,
        })
    }
}

impl Scanned {
    /// The measures that it names.
    pub(crate) fn named(&self) -> Vec<Measure> {
        let mut named = Vec::new();
        self.0.name(&mut named);
        named
    }

    /// Whether it holds.
    pub(crate) fn holds(&self, values: &impl Values) -> Result<bool, Failure> {
        self.0.holds(values)
    }
}

impl Condition {
    /// As a builder of programs knows it; none when it names what does not follow from whole days, or when its arithmetic may fail.
    pub(crate) fn node(&self, builder: &mut Builder) -> Option<Node> {
        self.flag.node(builder)
    }
}

impl Flag {
    fn node(&self, builder: &mut Builder) -> Option<Node> {
        Some(match self {
            Self::Constant(value) => {
                let number = |value| Int::Constant(i64::from(value));
                builder.reaches(Leaf { left: number(*value), right: number(true) }, Bound::AtLeast)?
            }
            Self::Measure(measure) => builder.flag(*measure, || Scanned(Condition::of(self.clone())))?,
            Self::Not(inner) => inner.node(builder)?.not(),
            Self::And(left, right) => left.node(builder)?.and(right.node(builder)?),
            Self::Or(left, right) => left.node(builder)?.or(right.node(builder)?),
            Self::Compare(comparison, left, right) => self.compare(builder, *comparison, left, right)?,
        })
    }

    fn compare(&self, builder: &mut Builder, comparison: Comparison, left: &Int, right: &Int) -> Option<Node> {
        let leaf = Leaf { left: left.clone(), right: right.clone() };
        let way = left.way(builder)?.less(right.way(builder)?);
        let (leaf, comparison) = match way {
            Way::Still | Way::Up => (leaf, comparison),
            Way::Down => (Leaf { left: leaf.right, right: leaf.left }, comparison.turned()),
            Way::Any => return builder.scan(Scanned(Condition::of(self.clone()))),
        };
        if builder.counts(&leaf.named())? > 1 {
            return builder.scan(Scanned(Condition::of(self.clone())));
        }
        let mut reaches = |bound| builder.reaches(leaf.clone(), bound);
        Some(match comparison {
            Comparison::GreaterOrEqual => reaches(Bound::AtLeast)?,
            Comparison::Greater => reaches(Bound::MoreThan)?,
            Comparison::Less => reaches(Bound::AtLeast)?.not(),
            Comparison::LessOrEqual => reaches(Bound::MoreThan)?.not(),
            Comparison::Equal => reaches(Bound::AtLeast)?.and(reaches(Bound::MoreThan)?.not()),
            Comparison::NotEqual => reaches(Bound::AtLeast)?.not().or(reaches(Bound::MoreThan)?),
        })
    }
}

impl Comparison {
    /// The same with its sides changed.
    const fn turned(self) -> Self {
        match self {
            Self::Equal => Self::Equal,
            Self::NotEqual => Self::NotEqual,
            Self::Less => Self::Greater,
            Self::LessOrEqual => Self::GreaterOrEqual,
            Self::Greater => Self::Less,
            Self::GreaterOrEqual => Self::LessOrEqual,
        }
    }
}

/// Which way a number goes when what is counted grows, as long as the dates stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Still,
    Up,
    Down,
    Any,
}

impl Way {
    const fn turned(self) -> Self {
        match self {
            Self::Up => Self::Down,
            Self::Down => Self::Up,
            same => same,
        }
    }

    const fn with(self, other: Self) -> Self {
        match (self, other) {
            (Self::Still, way) | (way, Self::Still) => way,
            (Self::Up, Self::Up) => Self::Up,
            (Self::Down, Self::Down) => Self::Down,
            _ => Self::Any,
        }
    }

    const fn less(self, other: Self) -> Self {
        self.with(other.turned())
    }

    /// Times, or divided by, a number that stays.
    const fn by(self, factor: Option<i64>) -> Self {
        match (self, factor) {
            (Self::Still, _) => Self::Still,
            (way, Some(1..)) => way,
            (way, Some(i64::MIN..=-1)) => way.turned(),
            _ => Self::Any,
        }
    }
}

impl Int {
    /// None when it names a measure that does not follow from whole days.
    fn way(&self, builder: &Builder) -> Option<Way> {
        Some(match self {
            Self::Constant(_) => Way::Still,
            Self::Measure(measure) => match builder.growth(*measure)? {
                Growth::None => Way::Still,
                Growth::Up => Way::Up,
                Growth::Down => Way::Down,
                Growth::Any => Way::Any,
            },
            Self::Arithmetic(operation, left, right) => {
                let (a, b) = (left.way(builder)?, right.way(builder)?);
                match operation {
                    Arithmetic::Add => a.with(b),
                    Arithmetic::Subtract => a.less(b),
                    Arithmetic::Multiply | Arithmetic::Divide if b == Way::Still => a.by(right.constant()),
                    Arithmetic::Multiply if a == Way::Still => b.by(left.constant()),
                    Arithmetic::Remainder if a == Way::Still && b == Way::Still => Way::Still,
                    Arithmetic::Multiply | Arithmetic::Divide | Arithmetic::Remainder => Way::Any,
                }
            }
        })
    }

    /// A number as it is written, a sign before it too.
    pub(super) fn constant(&self) -> Option<i64> {
        match self {
            Self::Constant(value) => Some(*value),
            Self::Arithmetic(Arithmetic::Subtract, left, right) => left.constant()?.checked_sub(right.constant()?),
            _ => None,
        }
    }
}
