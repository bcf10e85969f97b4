//! Bands: the part of a day that is absent, by how much of something there was.

use serde::Deserialize;

use crate::day::WHOLE;

/// Bounds from the highest down, each with the part of the day that is absent from it on. Checked when it is made: bounds fall,
/// the last one is zero, and the absent part moves one way only, so that more presence never makes more absence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bands(Vec<Band>);

/// One bound and what it comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Band {
    /// Where it begins.
    pub bound: Bound,
    /// Absent part of the day, hundredths.
    pub absent: i32,
}

/// Where a band begins, in the unit of what is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// At this much or more.
    From(i32),
    /// At more than this.
    Above(i32),
}

/// Why bands are refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is nothing to count by.
    #[error("there is no band")]
    None,
    /// A day has no such part.
    #[error("`absent: {0}` is no part of a day; 0 (all of it present) to 100 (all of it absent) is expected")]
    Part(i32),
    /// A day can be below all bounds.
    #[error("the last band has to be `from: 0`, so that every day is in one")]
    NoFloor,
    /// The order is not that of falling bounds.
    #[error("bounds have to fall from one band to the next; {0} does not")]
    Order(i32),
    /// More of it would be absent less and then more.
    #[error("the absent part has to rise, or fall, from band to band; {0} does neither")]
    Turns(i32),
}

/// How much there was, as a fraction: a share of a day is compared without being rounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Quantity {
    amount: i64,
    /// Above zero.
    of: i64,
}

impl Quantity {
    pub(super) fn whole(amount: i32) -> Self {
        Self { amount: i64::from(amount), of: 1 }
    }

    /// Percent of a whole that is above zero.
    pub(super) fn percent(part: i32, whole: i32) -> Self {
        Self { amount: i64::from(part) * 100, of: i64::from(whole.max(1)) }
    }

    fn reaches(self, bound: Bound) -> bool {
        match bound {
            Bound::From(least) => self.amount >= i64::from(least) * self.of,
            Bound::Above(below) => self.amount > i64::from(below) * self.of,
        }
    }
}

impl Bound {
    fn value(self) -> i32 {
        match self {
            Self::From(value) | Self::Above(value) => value,
        }
    }

    /// In the order of where it begins: above a number begins behind the number itself.
    fn place(self) -> (i32, bool) {
        (self.value(), matches!(self, Self::Above(_)))
    }
}

impl Bands {
    /// Checks bands.
    pub fn new(bands: Vec<Band>) -> Result<Self, Error> {
        let last = bands.last().ok_or(Error::None)?;
        if let Some(band) = bands.iter().find(|band| !(0..=WHOLE).contains(&band.absent)) {
            return Err(Error::Part(band.absent));
        }
        if last.bound != Bound::From(0) {
            return Err(Error::NoFloor);
        }
        if let Some(pair) = bands.array_windows::<2>().find(|[upper, lower]| lower.bound.place() >= upper.bound.place())
        {
            return Err(Error::Order(pair[1].bound.value()));
        }
        let rises = last.absent >= bands[0].absent;
        let turns =
            |[upper, lower]: &&[Band; 2]| (lower.absent > upper.absent) != rises || lower.absent == upper.absent;
        if let Some(pair) = bands.array_windows::<2>().find(turns) {
            return Err(Error::Turns(pair[1].absent));
        }
        Ok(Self(bands))
    }

    /// The absent part at a quantity, hundredths.
    pub(super) fn absent(&self, quantity: Quantity) -> i32 {
        let band = self.0.iter().find(|band| quantity.reaches(band.bound)).or_else(|| self.0.last());
        band.map_or(0, |band| band.absent)
    }
}

/// A band as a district writes it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Text {
    from: Option<i32>,
    above: Option<i32>,
    absent: i32,
}

impl Text {
    /// The band; none when it has both bounds, or neither.
    pub(super) fn band(&self) -> Option<Band> {
        let bound = match (self.from, self.above) {
            (Some(least), None) => Bound::From(least),
            (None, Some(below)) => Bound::Above(below),
            _ => return None,
        };
        Some(Band { bound, absent: self.absent })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(bound: i32, absent: i32) -> Band {
        Band { bound: Bound::From(bound), absent }
    }

    #[test]
    fn the_highest_band_that_is_reached_counts() {
        let above = Band { bound: Bound::Above(50), absent: 0 };
        let bands = Bands::new(vec![above, from(10, 50), from(0, 100)]).unwrap();
        let at = |part, whole| bands.absent(Quantity::percent(part, whole));
        assert_eq!([at(196, 390), at(195, 390), at(39, 390), at(38, 390)], [0, 50, 50, 100]);
    }

    #[test]
    fn bands_that_leave_a_day_out_or_turn_are_refused() {
        assert_eq!(Bands::new(vec![]), Err(Error::None));
        assert_eq!(Bands::new(vec![from(10, 0)]), Err(Error::NoFloor));
        assert_eq!(Bands::new(vec![from(10, 0), from(20, 50), from(0, 100)]), Err(Error::Order(20)));
        assert_eq!(Bands::new(vec![from(20, 0), from(10, 120), from(0, 100)]), Err(Error::Part(120)));
        assert_eq!(Bands::new(vec![from(30, 50), from(20, 0), from(0, 100)]), Err(Error::Turns(0)));
    }
}
