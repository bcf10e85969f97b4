//! Chance by counter: every draw follows from the seed, what it is for, and whom it concerns.
//!
//! So any student's year can be made without anybody else's, and the same seed gives the same bytes on every machine: there
//! are no floats, and nothing depends on the order in which things are made.

/// What is drawn; each purpose has draws of its own, so that a new one changes none of the others.
#[derive(Debug, Clone, Copy)]
#[repr(u64)]
pub(crate) enum Purpose {
    Calendar = 1,
    Zone = 2,
    School = 3,
    Households = 4,
    Household = 5,
    Contact = 6,
    Student = 7,
    Enrollment = 8,
    Attendance = 9,
    HouseholdDay = 10,
    Outbreak = 11,
    Correction = 12,
    Section = 13,
    Grade = 14,
    Gradebook = 15,
    Behavior = 16,
    Connection = 17,
    Staff = 18,
}

/// A stream of draws.
#[derive(Debug, Clone)]
pub(crate) struct Chance(u64);

/// The step of splitmix64, an odd number near 2^64 divided by the golden ratio.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

impl Chance {
    /// The stream of a purpose and of those whom it concerns.
    pub(crate) fn of(seed: u64, purpose: Purpose, whom: &[u64]) -> Self {
        let start = mix(seed ^ (purpose as u64).wrapping_mul(STEP));
        Self(whom.iter().fold(start, |state, id| mix(state.wrapping_add(STEP) ^ id.wrapping_mul(STEP))))
    }

    /// The next 64 bits.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        mix(self.0)
    }

    /// From 0 to below `end`, all equally likely but for one part in 2^32; 0 when `end` is 0.
    pub(crate) fn below(&mut self, end: u32) -> u32 {
        // Both factors have 32 bits, so the product's upper half has, too.
        u32::try_from(((self.next() >> 32) * u64::from(end)) >> 32).unwrap_or(0)
    }

    /// From `least` to `most`, both possible.
    pub(crate) fn among(&mut self, least: u32, most: u32) -> u32 {
        least + self.below(most.saturating_sub(least) + 1)
    }

    /// An index of a list of so many.
    pub(crate) fn index(&mut self, length: usize) -> usize {
        self.below(u32::try_from(length).unwrap_or(u32::MAX)) as usize
    }

    /// True in so many of a million.
    pub(crate) fn hit(&mut self, per_million: u32) -> bool {
        self.below(1_000_000) < per_million
    }

    /// True in so many of a hundred.
    pub(crate) fn percent(&mut self, percent: u32) -> bool {
        self.below(100) < percent
    }

    /// Around 0, bell-shaped, with this standard deviation; never beyond three and a half of it.
    pub(crate) fn bell(&mut self, deviation: i32) -> i32 {
        // The sum of four draws from 0 to 999 has mean 1998 and standard deviation 577.
        let sum: u32 = (0..4).map(|_| self.below(1000)).sum();
        (i32::try_from(sum).unwrap_or(0) - 1998) * deviation / 577
    }

    /// One of a list of choices with weights.
    pub(crate) fn weighted<T: Copy>(&mut self, choices: &[(u32, T)], otherwise: T) -> T {
        let total = choices.iter().map(|(weight, _)| weight).sum();
        let mut drawn = self.below(total);
        for &(weight, choice) in choices {
            if drawn < weight {
                return choice;
            }
            drawn -= weight;
        }
        otherwise
    }
}

/// The output function of splitmix64 (Steele, Lea and Flood 2014): a bijection that spreads every bit over all.
fn mix(bits: u64) -> u64 {
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_follow_from_seed_purpose_and_whom_it_concerns_alone() {
        let draw = |seed, purpose, id| Chance::of(seed, purpose, &[id]).below(u32::MAX);
        assert_eq!(draw(1, Purpose::Student, 7), draw(1, Purpose::Student, 7));
        assert_ne!(draw(1, Purpose::Student, 7), draw(2, Purpose::Student, 7));
        assert_ne!(draw(1, Purpose::Student, 7), draw(1, Purpose::Grade, 7));
        assert_ne!(draw(1, Purpose::Student, 7), draw(1, Purpose::Student, 8));
    }

    #[test]
    fn draws_are_spread_as_they_say() {
        let mut chance = Chance::of(1, Purpose::Student, &[]);
        let hits = (0..100_000).filter(|_| chance.hit(260_000)).count();
        assert!((25_500..26_500).contains(&hits), "{hits}");
        let bell: Vec<_> = (0..100_000).map(|_| i64::from(chance.bell(100))).collect();
        let mean = bell.iter().sum::<i64>() / 100_000;
        let variance = bell.iter().map(|x| x * x).sum::<i64>() / 100_000;
        assert!(mean.abs() <= 1 && (9_500..10_500).contains(&variance), "{mean} {variance}");
    }
}
