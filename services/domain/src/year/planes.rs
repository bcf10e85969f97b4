//! A small count as of each counted day of a year, in planes: the first holds the lowest bit of each day's count, and so on.
//!
//! So all days of a year are counted, subtracted and compared at once, in as many steps as the largest count has bits: most
//! students miss fewer than sixteen days.

use super::bits::{Bits, MOST_DAYS};

/// A count of days, and one more, fits in as many bits.
const PLANES: usize = u8::BITS as usize;

/// Counts as of each counted day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Planes {
    planes: [Bits; PLANES],
    /// No count is higher. Planes that it does not need are not looked at.
    most: u8,
}

impl Planes {
    pub(super) const ZERO: Self = Self { planes: [Bits::NONE; PLANES], most: 0 };

    /// From each day's count.
    pub(super) fn of(count: impl Fn(usize) -> u8) -> Self {
        let mut it = Self::ZERO;
        for (day, count) in (0..MOST_DAYS).map(count).enumerate() {
            it.most = it.most.max(count);
            let planes = it.planes.iter_mut().enumerate();
            planes.filter(|(at, _)| count >> at & 1 == 1).for_each(|(_, plane)| plane.insert(day));
        }
        it
    }

    pub(super) const fn most(&self) -> u8 {
        self.most
    }

    fn used(&self) -> &[Bits] {
        &self.planes[..bits(self.most)]
    }

    pub(super) fn at(&self, day: usize) -> u8 {
        self.used().iter().rev().fold(0, |count, plane| count << 1 | u8::from(plane.contains(day)))
    }

    /// How many days of a set there are so far.
    pub(super) fn so_far(&mut self, set: Bits) {
        // A plane changes on the days on which all lower ones go from one to nothing.
        let mut changes = set;
        self.most = size(set);
        for plane in &mut self.planes[..bits(self.most)] {
            *plane = changes.parity();
            changes = changes & !*plane;
        }
    }

    /// How many days of a set there are in a row.
    pub(super) fn in_a_row(&mut self, set: Bits) {
        self.rows(set, |ends| ends);
    }

    /// The most days of a set in a row so far.
    pub(super) fn longest_row(&mut self, set: Bits) {
        self.rows(set, |ends| ends.next(0).map_or(Bits::NONE, |first| !Bits::first(first)));
    }

    /// For each length, the days that are reached by rows of it, told the days on which such rows end.
    fn rows(&mut self, set: Bits, reached: impl Fn(Bits) -> Bits) {
        *self = Self::ZERO;
        let mut ends = set;
        while !ends.is_empty() {
            self.most += 1;
            let reached = reached(ends);
            // A bit of a count changes with each multiple of what it is worth.
            for plane in &mut self.planes[..=self.most.trailing_zeros() as usize] {
                *plane = *plane ^ reached;
            }
            ends = ends.later(1) & set;
        }
    }

    /// How many came in the last so many days, of how many there are so far.
    pub(super) fn in_last(&mut self, so_far: &Self, days: usize) {
        self.most = so_far.most.min(u8::try_from(days).unwrap_or(u8::MAX));
        let mut borrowed = Bits::NONE;
        for (plane, now) in self.planes.iter_mut().zip(so_far.used()).take(bits(self.most)) {
            let then = now.later(days);
            *plane = *now ^ then ^ borrowed;
            borrowed = !*now & (then | borrowed) | then & borrowed;
        }
    }

    /// How many days of a set are in each day's window, which begins on these days and never goes back.
    pub(super) fn within(&mut self, set: Bits, firsts: &[u8]) {
        *self = Self { most: size(set), ..Self::ZERO };
        for day in set.iter() {
            let gone = firsts.partition_point(|first| usize::from(*first) <= day);
            let mut more = Bits::first(gone) & !Bits::first(day);
            for plane in &mut self.planes[..bits(self.most)] {
                (*plane, more) = (*plane ^ more, *plane & more);
            }
        }
    }

    /// On which days it reaches the other.
    #[inline]
    pub(super) fn reaches(&self, bound: &Self) -> Bits {
        let (counts, bounds) = (self.used(), bound.used());
        let both = counts.len().min(bounds.len());
        let mut met = !Bits::NONE;
        for (count, bound) in counts[..both].iter().zip(bounds) {
            met = *count & !*bound | met & (*count | !*bound);
        }
        met = counts[both..].iter().fold(met, |met, count| met | *count);
        bounds[both..].iter().fold(met, |met, bound| met & !*bound)
    }
}

fn size(set: Bits) -> u8 {
    u8::try_from(set.count()).unwrap_or(u8::MAX)
}

/// How many bits a count has.
const fn bits(count: u8) -> usize {
    (u8::BITS - count.leading_zeros()) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set() -> Bits {
        (0..MOST_DAYS).filter(|day| day % 7 == 3 || day % 11 < 4 || (120..150).contains(day)).collect()
    }

    fn counts(planes: &Planes) -> Vec<usize> {
        (0..MOST_DAYS).map(|day| usize::from(planes.at(day))).collect()
    }

    fn counted(count: impl Fn(usize) -> usize) -> Vec<usize> {
        (0..MOST_DAYS).map(count).collect()
    }

    #[test]
    fn counts_are_those_of_counting_day_by_day() {
        let set = set();
        let between = |first: usize, day: usize| (first..=day).filter(|at| set.contains(*at)).count();
        let (mut so_far, mut planes) = (Planes::ZERO, Planes::ZERO);
        so_far.so_far(set);
        assert_eq!(counts(&so_far), counted(|day| between(0, day)));
        for window in [0, 1, 7, 8, 20, 45, 64, 130, 192, 254, 300] {
            planes.in_last(&so_far, window);
            assert_eq!(counts(&planes), counted(|day| between((day + 1).saturating_sub(window), day)), "{window}");
        }
        let firsts: Vec<u8> = (0..254).map(|day| day / 20 * 20).collect();
        planes.within(set, &firsts);
        assert_eq!(counts(&planes), counted(|day| between(day / 20 * 20, day)));
        // What was in the same room before is forgotten.
        planes.so_far(Bits::first(3));
        assert_eq!(counts(&planes), counted(|day| (day + 1).min(3)));
    }

    #[test]
    fn rows_go_on_over_the_ends_of_words() {
        let set = set();
        let row = |day: usize| (0..=day).rev().take_while(|at| set.contains(*at)).count();
        let (mut planes, mut most) = (Planes::ZERO, Planes::ZERO);
        planes.in_a_row(set);
        assert_eq!(counts(&planes), counted(row));
        most.longest_row(set);
        assert_eq!(counts(&most), counted(|day| (0..=day).map(row).max().unwrap()));
        assert_eq!(usize::from(most.most()), (0..MOST_DAYS).map(row).max().unwrap());
        planes.in_a_row(Bits::first(MOST_DAYS));
        assert_eq!(counts(&planes), counted(|day| day + 1));
    }

    #[test]
    fn a_count_reaches_its_bound_from_it_on() {
        let days = Bits::first(MOST_DAYS);
        for bound in 0..=255_u8 {
            let counts = Planes::of(|day| u8::try_from(day).unwrap_or(u8::MAX));
            let found = counts.reaches(&Planes::of(|_| bound)) & days;
            assert_eq!(found, days & !Bits::first(usize::from(bound)), "{bound}");
            let found = Planes::of(|_| bound).reaches(&counts) & days;
            assert_eq!(found, Bits::first(usize::from(bound) + 1) & days, "{bound}");
        }
        let counts = Planes::of(|day| u8::try_from(day).unwrap_or(u8::MAX));
        let found = counts.reaches(&Planes::of(|day| if day % 3 == 0 { 0 } else { 200 }));
        let held = |day: &usize| day.is_multiple_of(3) || *day >= 200;
        assert_eq!(found & days, (0..MOST_DAYS).filter(held).collect());
    }
}
