//! A small count as of each counted day of a year, a byte each, eight of them at a time in a word.
//!
//! A count of days is at most the number of counted days, so a byte holds it. Eight bytes are added, subtracted and compared as one
//! word, without a carry from one to the next: what is subtracted is never more than what it is subtracted from.

use std::ops::Range;

use super::bits::Bits;

const WORDS: usize = 32;
/// A one in each byte.
const ONES: u64 = 0x0101_0101_0101_0101;
/// The highest bit of each byte.
const HIGH: u64 = 0x8080_8080_8080_8080;
/// Brings the lowest bits of eight bytes together in the highest byte.
const GATHER: u64 = 0x0102_0408_1020_4080;

/// For eight days, of which some are in a set: how many of them are so far.
static SO_FAR: [u64; 256] = table(false);
/// The same for how many there are in a row up to each day.
static IN_A_ROW: [u64; 256] = table(true);

const fn table(resets: bool) -> [u64; 256] {
    let mut table = [0; 256];
    let mut set = 0;
    while set < 256 {
        let (mut count, mut day) = (0_u64, 0);
        while day < 8 {
            let is_in = set >> day & 1 == 1;
            count = if is_in {
                count + 1
            } else if resets {
                0
            } else {
                count
            };
            table[set] |= count << (8 * day);
            day += 1;
        }
        set += 1;
    }
    table
}

/// Counts as of each counted day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column([u64; WORDS]);

impl Column {
    pub(super) const ZERO: Self = Self([0; WORDS]);

    /// From each day's count.
    pub(super) fn of(count: impl Fn(usize) -> u8) -> Self {
        Self(std::array::from_fn(|word| u64::from_le_bytes(std::array::from_fn(|lane| count(word * 8 + lane)))))
    }

    pub(super) fn at(&self, day: usize) -> u8 {
        self.0[day / 8].to_le_bytes()[day % 8]
    }

    pub(super) fn least(&self) -> u8 {
        self.0.iter().flat_map(|word| word.to_le_bytes()).min().unwrap_or(0)
    }

    /// How many days of a set there are so far, as of days of some groups of eight.
    pub(super) fn so_far(&mut self, set: Bits, groups: Range<usize>) {
        let mut before = (set & Bits::first(groups.start * 8)).count() as u64 * ONES;
        for (group, word) in self.0.iter_mut().enumerate().take(groups.end).skip(groups.start) {
            let of_eight = SO_FAR[usize::from(set.eight(group))];
            *word = of_eight + before;
            before += (of_eight >> 56) * ONES;
        }
    }

    /// How many days of a set there are in a row.
    pub(super) fn in_a_row(&mut self, set: Bits, groups: usize) {
        let mut before = 0_u64;
        for (group, word) in self.0.iter_mut().enumerate().take(groups) {
            let days = set.eight(group);
            let go_on = days.trailing_ones();
            // The days that go on from the row of the eight before.
            let lanes = if go_on >= 8 { ONES } else { ONES & ((1 << (8 * go_on)) - 1) };
            *word = IN_A_ROW[usize::from(days)] + before * lanes;
            before = *word >> 56;
        }
    }

    /// The most that there was so far.
    pub(super) fn most_so_far(&mut self, of: &Self, groups: usize) {
        let mut most = 0;
        for (word, from) in self.0.iter_mut().zip(&of.0).take(groups) {
            *word = u64::from_le_bytes(from.to_le_bytes().map(|count| {
                most = count.max(most);
                most
            }));
        }
    }

    /// How many came in the last so many days, of how many there are so far.
    pub(super) fn in_last(&mut self, so_far: &Self, days: usize, groups: Range<usize>) {
        let (words, lanes) = (days / 8, days % 8);
        let earlier = |group: usize| group.checked_sub(words).map_or(0, |at| so_far.0[at]);
        for (group, word) in self.0.iter_mut().enumerate().take(groups.end).skip(groups.start) {
            let then = match lanes {
                0 => earlier(group),
                lanes => {
                    let before = if group > words { so_far.0[group - words - 1] } else { 0 };
                    earlier(group) << (8 * lanes) | before >> (64 - 8 * lanes)
                }
            };
            *word = so_far.0[group] - then;
        }
    }

    /// How many came in the first so many days.
    pub(super) fn in_first(&mut self, so_far: &Self, days: usize, groups: Range<usize>) {
        let most = days.checked_sub(1).map_or(0, |last| if last / 8 < groups.end { so_far.at(last) } else { u8::MAX });
        for (word, from) in self.0.iter_mut().zip(&so_far.0).take(groups.end).skip(groups.start) {
            *word = u64::from_le_bytes(from.to_le_bytes().map(|count| count.min(most)));
        }
    }

    /// How many came since each day's first day of a window.
    pub(super) fn since(&mut self, so_far: &Self, firsts: &Self, groups: Range<usize>) {
        for group in groups {
            let first = firsts.0[group].to_le_bytes();
            let then = first.map(|first| usize::from(first).checked_sub(1).map_or(0, |before| so_far.at(before)));
            self.0[group] = so_far.0[group] - u64::from_le_bytes(then);
        }
    }

    /// On which days of some groups of eight it reaches the other; of other days nothing is told.
    #[inline]
    pub(super) fn reaches(&self, bound: &Self, groups: Range<usize>) -> Bits {
        let mut words = [0; 4];
        if groups.len() < 8 {
            for (group, (count, bound)) in self.0.iter().zip(&bound.0).enumerate().take(groups.end).skip(groups.start) {
                words[group / 8] |= eight_reach(*count, *bound) << (8 * (group % 8));
            }
            return Bits::of_words(words);
        }
        // Of many, sixty-four days at a time.
        let eights = self.0.as_chunks::<8>().0.iter().zip(bound.0.as_chunks::<8>().0);
        let (first, last) = (groups.start / 8, groups.end.div_ceil(8));
        for (found, (counts, bounds)) in words.iter_mut().zip(eights).take(last).skip(first) {
            for at in 0..8 {
                *found |= eight_reach(counts[at], bounds[at]) << (8 * at);
            }
        }
        Bits::of_words(words)
    }
}

/// A bit for each of eight counts that reaches its bound.
#[inline]
const fn eight_reach(count: u64, bound: u64) -> u64 {
    // With the highest bits out of the way no byte borrows; they decide where they differ.
    let rest = (count | HIGH) - (bound & !HIGH);
    let reached = (count & !bound | !(count ^ bound) & rest) & HIGH;
    (reached >> 7).wrapping_mul(GATHER) >> 56
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUPS: usize = 32;

    fn set() -> Bits {
        (0..254_usize).filter(|day| day % 7 < 3 || (40..62).contains(day) || *day > 250).collect()
    }

    fn counts(column: &Column) -> Vec<usize> {
        (0..254).map(|day| usize::from(column.at(day))).collect()
    }

    fn counted(of: impl Fn(usize) -> usize) -> Vec<usize> {
        (0..254).map(of).collect()
    }

    #[test]
    fn counts_are_those_of_counting_day_by_day() {
        let set = set();
        let between = |first: usize, day: usize| (first..=day).filter(|at| set.contains(*at)).count();
        let (mut so_far, mut column) = (Column::ZERO, Column::ZERO);
        so_far.so_far(set, 0..GROUPS);
        assert_eq!(counts(&so_far), counted(|day| between(0, day)));
        for window in [1, 7, 8, 20, 45, 64, 300] {
            column.in_last(&so_far, window, 0..GROUPS);
            assert_eq!(counts(&column), counted(|day| between((day + 1).saturating_sub(window), day)), "{window}");
        }
        for window in [1, 8, 20, 254, 300] {
            column.in_first(&so_far, window, 0..GROUPS);
            assert_eq!(counts(&column), counted(|day| between(0, day.min(window - 1))), "{window}");
        }
        let firsts = Column::of(|day| u8::try_from(day / 20 * 20).unwrap_or(u8::MAX));
        column.since(&so_far, &firsts, 0..GROUPS);
        assert_eq!(counts(&column), counted(|day| between(day / 20 * 20, day)));
    }

    #[test]
    fn a_stretch_of_days_is_counted_as_all_of_them_are() {
        let set = set();
        let (mut whole, mut so_far, mut all, mut some) = (Column::ZERO, Column::ZERO, Column::ZERO, Column::ZERO);
        whole.so_far(set, 0..GROUPS);
        for groups in [0..3, 5..6, 7..9, 20..GROUPS] {
            let days = groups.start * 8..(groups.end * 8).min(254);
            let is_alike = |a: &Column, b: &Column| days.clone().all(|day| a.at(day) == b.at(day));
            so_far.so_far(set, groups.clone());
            assert!(is_alike(&so_far, &whole));
            all.in_last(&whole, 45, 0..GROUPS);
            some.in_last(&whole, 45, groups.clone());
            assert!(is_alike(&all, &some));
            all.in_first(&whole, 20, 0..GROUPS);
            some.in_first(&whole, 20, groups.clone());
            assert!(is_alike(&all, &some));
            let bound = Column::of(|day| u8::try_from(day % 90).unwrap_or(0));
            let told = Bits::first(days.end) & !Bits::first(days.start);
            assert_eq!(whole.reaches(&bound, groups) & told, whole.reaches(&bound, 0..GROUPS) & told);
        }
    }

    #[test]
    fn rows_go_on_over_the_ends_of_words() {
        let set = set();
        let row = |day: usize| (0..=day).rev().take_while(|at| set.contains(*at)).count();
        let (mut column, mut most) = (Column::ZERO, Column::ZERO);
        column.in_a_row(set, GROUPS);
        assert_eq!(counts(&column), counted(row));
        most.most_so_far(&column, GROUPS);
        assert_eq!(counts(&most), counted(|day| (0..=day).map(row).max().unwrap()));
        column.in_a_row(Bits::first(254), GROUPS);
        assert_eq!(counts(&column), counted(|day| day + 1));
    }

    #[test]
    fn a_count_reaches_its_bound_from_it_on() {
        for count in 0..=255_u8 {
            for bound in 0..=255_u8 {
                let (counts, bounds) = (u64::from(count) * ONES, u64::from(bound) * ONES);
                let found = eight_reach(counts, bounds);
                assert_eq!(found, if count >= bound { 0xff } else { 0 }, "{count} and {bound}");
            }
        }
        let counts = Column::of(|day| u8::try_from(day).unwrap_or(u8::MAX));
        let found = counts.reaches(&Column::of(|day| if day % 3 == 0 { 0 } else { 200 }), 0..GROUPS);
        let held = |day: &usize| day.is_multiple_of(3) || *day >= 200;
        assert_eq!(found & Bits::first(254), (0..254).filter(held).collect());
    }
}
