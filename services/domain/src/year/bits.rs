//! Sets of a student's counted days, a bit for each, in their order.

use std::ops::{BitAnd, BitOr, BitXor, Not};

/// The most counted days of a year: a count of them, and one more, fit in a byte.
pub const MOST_DAYS: usize = 254;

const WORDS: usize = 4;

/// A set of counted days by their positions, of which the first is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bits([u64; WORDS]);

impl Bits {
    /// None of them.
    pub const NONE: Self = Self([0; WORDS]);

    /// The first so many days.
    #[inline]
    pub fn first(days: usize) -> Self {
        let word = |at: usize| match days.saturating_sub(at * 64) {
            0 => 0,
            many @ 1..64 => (1 << many) - 1,
            _ => u64::MAX,
        };
        Self(std::array::from_fn(word))
    }

    /// Takes a day in; one beyond [`MOST_DAYS`] is left out.
    pub fn insert(&mut self, at: usize) {
        if at < MOST_DAYS {
            self.0[at / 64] |= 1 << (at % 64);
        }
    }

    /// Whether a day is one of them.
    #[inline]
    pub fn contains(self, at: usize) -> bool {
        self.0.get(at / 64).is_some_and(|word| word >> (at % 64) & 1 == 1)
    }

    /// Whether there is none.
    #[inline]
    pub fn is_empty(self) -> bool {
        self.0 == [0; WORDS]
    }

    /// How many they are.
    pub fn count(self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// The days up to each of which an odd number of them came.
    #[inline]
    pub(super) fn parity(self) -> Self {
        let mut odd = 0;
        Self(self.0.map(|mut word| {
            for shift in [1, 2, 4, 8, 16, 32] {
                word ^= word << shift;
            }
            word ^= odd;
            odd = 0_u64.wrapping_sub(word >> 63);
            word
        }))
    }

    /// Each of them so many days later; those beyond the last word are left out.
    #[inline]
    pub(super) fn later(self, days: usize) -> Self {
        let (words, shift) = (days / 64, days % 64);
        let from = |at: usize| self.0.get(at.wrapping_sub(words)).copied().unwrap_or(0);
        // In two steps, since nothing is left of a word that is shifted by all of it.
        Self(std::array::from_fn(|at| from(at) << shift | from(at.wrapping_sub(1)) >> 1 >> (63 - shift)))
    }

    /// The first of them at or after a day.
    #[inline]
    pub fn next(self, from: usize) -> Option<usize> {
        let mut at = from / 64;
        let mut word = self.0.get(at)? & (u64::MAX << (from % 64));
        while word == 0 {
            at += 1;
            word = *self.0.get(at)?;
        }
        Some(at * 64 + word.trailing_zeros() as usize)
    }

    /// The last of them.
    pub fn last(self) -> Option<usize> {
        let (at, word) = self.0.iter().enumerate().rev().find(|(_, word)| **word != 0)?;
        Some(at * 64 + 63 - word.leading_zeros() as usize)
    }

    /// Days on which it is another than on the day before; before the first day none was in it.
    #[must_use]
    pub fn changes(self) -> Self {
        let mut carried = 0;
        Self(self.0.map(|word| {
            let before = word << 1 | carried;
            carried = word >> 63;
            word ^ before
        }))
    }

    /// Their positions, in order.
    pub fn iter(mut self) -> impl Iterator<Item = usize> {
        let mut at = 0;
        std::iter::from_fn(move || {
            while *self.0.get(at)? == 0 {
                at += 1;
            }
            let day = at * 64 + self.0[at].trailing_zeros() as usize;
            self.0[at] &= self.0[at] - 1;
            Some(day)
        })
    }
}

impl BitAnd for Bits {
    type Output = Self;

    #[inline]
    fn bitand(mut self, other: Self) -> Self {
        self.0.iter_mut().zip(other.0).for_each(|(word, of)| *word &= of);
        self
    }
}

impl BitOr for Bits {
    type Output = Self;

    #[inline]
    fn bitor(mut self, other: Self) -> Self {
        self.0.iter_mut().zip(other.0).for_each(|(word, of)| *word |= of);
        self
    }
}

impl BitXor for Bits {
    type Output = Self;

    #[inline]
    fn bitxor(mut self, other: Self) -> Self {
        self.0.iter_mut().zip(other.0).for_each(|(word, of)| *word ^= of);
        self
    }
}

impl Not for Bits {
    type Output = Self;

    #[inline]
    fn not(mut self) -> Self {
        self.0.iter_mut().for_each(|word| *word = !*word);
        self
    }
}

impl FromIterator<usize> for Bits {
    fn from_iter<I: IntoIterator<Item = usize>>(days: I) -> Self {
        let mut bits = Self::NONE;
        days.into_iter().for_each(|at| bits.insert(at));
        bits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_found_in_order_over_the_ends_of_words() {
        let days = [0, 1, 62, 63, 64, 127, 128, 200, 253];
        let bits: Bits = days.into_iter().collect();
        assert_eq!(bits.iter().collect::<Vec<_>>(), days);
        assert_eq!((bits.count(), bits.next(65), bits.next(254)), (9, Some(127), None));
        assert!(bits.contains(128) && !bits.contains(129) && !bits.contains(999));
        assert_eq!((bits.last(), (bits & Bits::first(127)).last(), Bits::NONE.last()), (Some(253), Some(64), None));
        assert_eq!(bits.changes().iter().collect::<Vec<_>>(), [0, 2, 62, 65, 127, 129, 200, 201, 253, 254]);
    }

    #[test]
    fn the_first_days_are_as_many_as_were_asked_for() {
        for many in [0, 1, 63, 64, 65, 180, 254] {
            assert_eq!(Bits::first(many).iter().collect::<Vec<_>>(), (0..many).collect::<Vec<_>>());
        }
        assert!(Bits::first(0).is_empty());
    }
}
