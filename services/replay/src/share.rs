//! Shares of students, with intervals that say how little a few students tell.
//!
//! Intervals are of 95 %. Of one share: Wilson's score interval (1927). Of the difference of two: Newcombe's, which is made of both
//! Wilson intervals (Newcombe 1998, Statistics in Medicine 17, 873-890, method 10). Neither leaves 0 to 1, and both are sound for few
//! students, where the usual plus or minus is not.

/// The 97.5th percentile of the normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// So many of so many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Share {
    /// Those that have it.
    pub part: u32,
    /// All of them.
    pub of: u32,
}

/// A bound below and one above.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Below.
    pub low: f64,
    /// Above.
    pub high: f64,
}

/// How far two shares are apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gap {
    /// The first less the second, from -1 to 1.
    pub difference: f64,
    /// Of 95 %.
    pub interval: Interval,
}

impl Share {
    /// So many of so many.
    pub const fn new(part: u32, of: u32) -> Self {
        Self { part, of }
    }

    /// From 0 to 1; none of nobody.
    pub fn rate(self) -> Option<f64> {
        (self.of > 0).then(|| f64::from(self.part) / f64::from(self.of))
    }

    /// Wilson's interval; none of nobody.
    pub fn interval(self) -> Option<Interval> {
        let (rate, of) = (self.rate()?, f64::from(self.of));
        let square = Z * Z;
        let middle = rate + square / (2.0 * of);
        let reach = Z * (rate * (1.0 - rate) / of + square / (4.0 * of * of)).sqrt();
        let scale = 1.0 + square / of;
        // Rounding may lead a hair beyond the bounds that the formula cannot leave.
        Some(Interval { low: ((middle - reach) / scale).max(0.0), high: ((middle + reach) / scale).min(1.0) })
    }

    /// How far this share is above another one; none when there is nobody on one side.
    pub fn gap(self, other: Self) -> Option<Gap> {
        let (one, two) = (self.rate()?, other.rate()?);
        let (of_one, of_two) = (self.interval()?, other.interval()?);
        let reach = |down: f64, up: f64| (down * down + up * up).sqrt();
        let difference = one - two;
        let low = difference - reach(one - of_one.low, of_two.high - two);
        let high = difference + reach(of_one.high - one, two - of_two.low);
        Some(Gap { difference, interval: Interval { low, high } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is(share: Share, low: f64, high: f64) {
        let interval = share.interval().unwrap();
        assert!((interval.low - low).abs() < 0.000_05 && (interval.high - high).abs() < 0.000_05, "{interval:?}");
    }

    /// Newcombe 1998, Statistics in Medicine 17, 857-872, table I, method 3.
    #[test]
    fn wilsons_intervals_are_those_that_were_published() {
        is(Share::new(81, 263), 0.2553, 0.3662);
        is(Share::new(15, 148), 0.0624, 0.1605);
        is(Share::new(0, 20), 0.0, 0.1611);
        is(Share::new(1, 29), 0.0061, 0.1718);
    }

    /// Newcombe 1998, Statistics in Medicine 17, 873-890, table II, method 10.
    #[test]
    fn intervals_of_a_difference_are_those_that_were_published() {
        let of = |one: Share, two: Share, low: f64, high: f64| {
            let gap = one.gap(two).unwrap();
            let same = |left: f64, right: f64| (left - right).abs() < 0.000_05;
            assert!(same(gap.interval.low, low) && same(gap.interval.high, high), "{gap:?}");
        };
        of(Share::new(56, 70), Share::new(48, 80), 0.0524, 0.3339);
        of(Share::new(9, 10), Share::new(3, 10), 0.1705, 0.8090);
        of(Share::new(0, 10), Share::new(0, 20), -0.1611, 0.2775);
    }

    #[test]
    fn of_nobody_there_is_no_share() {
        let nobody = Share::default();
        assert_eq!((nobody.rate(), nobody.interval(), nobody.gap(Share::new(1, 2))), (None, None, None));
    }
}
