//! Bounds that counts reach, one for each counted day, found with a rule's own arithmetic.

use super::bits::{Bits, MOST_DAYS};
use super::frame::Frame;
use super::planes::Planes;
use super::reading::Point;
use crate::rule::condition::Leaf;

/// Whether equality reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bound {
    AtLeast,
    MoreThan,
}

/// A bound as of each counted day.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    bounds: Planes,
    /// Where no count reaches it.
    never: Bits,
    /// No count below it reaches any.
    pub(super) least: u8,
}

/// Beyond all counts.
const NEVER: u8 = u8::MAX;

impl Table {
    /// The least count that reaches, as of each day; none when the arithmetic fails on some day with some count. What grows with the
    /// count from one end to the other fails between them only where it fails at an end.
    pub(super) fn of(leaf: &Leaf, bound: Bound, frame: Option<&Frame>) -> Option<Self> {
        let days = frame.map_or(MOST_DAYS, |frame| frame.dates().len());
        let mut bounds = [NEVER; MOST_DAYS];
        for (day, to) in bounds.iter_mut().enumerate().take(days) {
            let is_met = |count: u8| leaf.reaches(&Point::with(day, frame, count), bound).ok();
            let most = u8::try_from(day + 1).ok()?;
            *to = match (is_met(0)?, is_met(most)?) {
                (true, _) => 0,
                (false, false) => NEVER,
                (false, true) => {
                    let (mut not, mut met) = (0, most);
                    while not + 1 < met {
                        let middle = not + (met - not) / 2;
                        if is_met(middle)? { met = middle } else { not = middle }
                    }
                    met
                }
            };
        }
        Some(Self::new(|day| bounds[day]))
    }

    fn new(bound: impl Fn(usize) -> u8) -> Self {
        let bounds: [u8; MOST_DAYS] = std::array::from_fn(bound);
        Self {
            bounds: Planes::of(|day| if bounds[day] == NEVER { 0 } else { bounds[day] }),
            never: (0..MOST_DAYS).filter(|day| bounds[*day] == NEVER).collect(),
            least: bounds.into_iter().min().unwrap_or(NEVER),
        }
    }

    /// Out of reach but on these days.
    pub(super) fn within(&self, days: Bits) -> Self {
        let is_met = |day: usize| days.contains(day) && !self.never.contains(day);
        Self::new(|day| if is_met(day) { self.bounds.at(day) } else { NEVER })
    }

    /// On which days counts reach it; of days that are not counted nothing is told.
    #[inline]
    pub(super) fn reached_by(&self, counts: &Planes) -> Bits {
        counts.reaches(&self.bounds) & !self.never
    }
}
