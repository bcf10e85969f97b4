//! A year of a large district as negative reporting has it: absences and tardies only, and their corrections, in the order in
//! which they arrive. Absences cluster in few students and on days after absences; one in twenty students comes late in the year,
//! leaves early, or is away for some weeks. Integers only, so that any other system can be fed the very same words.

use super::quantiles::QUANTILES;
use super::{Code, Mark, YEAR_DAYS, mix};

/// A word and when it comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Arriving {
    pub(crate) mark: Mark,
    /// Of which instructional day it comes; the day after the last one for what comes when the year is over.
    pub(crate) arrives: u64,
}

/// Enrolled days: from, and up to without the last.
pub(crate) type Spell = (u64, u64);

const SEED: u64 = 20_261_123;
/// Of 2^20: how likely an absence is on the day after one.
const AGAIN: u64 = 419_430;
const MOST: u64 = 1 << 20;

/// The i-th output of a stream of random numbers.
const fn draw(stream: u64, i: u64) -> u64 {
    mix(mix(SEED.wrapping_add(stream)).wrapping_add(i.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
}

/// When a student is enrolled: once, or twice with some weeks between.
pub(crate) fn spells(student: u64) -> (Spell, Option<Spell>) {
    let v = draw(2, student);
    if v % 1_000 >= 50 {
        return ((0, YEAR_DAYS), None);
    }
    match (v >> 10) % 10 {
        0..=3 => ((5 + (v >> 20) % 150, YEAR_DAYS), None),
        4..=7 => ((0, 20 + (v >> 20) % 150), None),
        _ => {
            let left = 20 + (v >> 20) % 80;
            ((0, left), Some((left + 5 + (v >> 32) % 40, YEAR_DAYS)))
        }
    }
}

/// How likely an absence is on a day after a day present, of 2^20.
fn begins(student: u64) -> u64 {
    let v = draw(1, student);
    let percent = match v % 100 {
        0..50 => 85,
        50..75 => 100,
        75..90 => 120,
        _ => 140,
    };
    let at = usize::try_from(v >> 32 & 1_023).unwrap_or_default();
    let chance = (u64::from(QUANTILES[at]) * percent / 100).min(MOST / 2);
    chance * (MOST - AGAIN) / (MOST - chance)
}

/// All words of so many students, in the order of their arrival; those of one day in an order drawn at random.
pub(crate) fn words(students: u64) -> Vec<Arriving> {
    let mut words = Vec::new();
    for student in 0..students {
        of_student(student, &mut words);
    }
    let cell = |mark: &Mark| mark.student * YEAR_DAYS + mark.day;
    words.sort_by_key(|word| (word.arrives, draw(5, cell(&word.mark)) >> 16, word.mark.revision));
    words
}

/// A student's words, in the order of their arrival; those that come on one day as they are said of the days before.
pub(crate) fn words_of(student: u64) -> Vec<Arriving> {
    let mut words = Vec::new();
    of_student(student, &mut words);
    words.sort_by_key(|word| (word.arrives, word.mark.day, word.mark.revision));
    words
}

fn of_student(student: u64, words: &mut Vec<Arriving>) {
    let (first, second) = spells(student);
    let enrolled = (first.0..first.1).chain(second.map_or(0..0, |(from, to)| from..to));
    let begins = begins(student);
    let mut was_absent = false;
    for day in enrolled {
        let cell = student * YEAR_DAYS + day;
        let v = draw(3, cell);
        let absent = v % MOST < if was_absent { AGAIN } else { begins };
        was_absent = absent;
        let code = match (absent, v >> 20 & 1_023) {
            (true, 0..461) => Code::Unexcused,
            (true, _) => Code::Excused,
            (false, 0..44) => Code::Tardy,
            (false, _) => Code::Present,
        };
        let mut say = |revision, code, arrives| {
            words.push(Arriving { mark: Mark { student, day, code, revision, recorded_at: 0 }, arrives });
        };
        if code != Code::Present {
            say(1, code, day);
        }
        let often = if code == Code::Present { 33 } else { 1_311 };
        if v >> 30 & 0xffff < often {
            correct(code, day, draw(4, cell), &mut say);
        }
    }
}

/// One correction, or two.
fn correct(code: Code, day: u64, v: u64, say: &mut impl FnMut(u64, Code, u64)) {
    let said = match (code, v % 10) {
        (Code::Present, _) if v & 1 == 0 => Code::Excused,
        (Code::Present | Code::Excused | Code::Tardy, 0..4) | (Code::Present, _) => Code::Unexcused,
        (Code::Tardy, 4 | 5) | (_, 0..4) => Code::Excused,
        (_, 4 | 5) => Code::Tardy,
        _ => Code::Withdrawn,
    };
    let arrives = (day + 1 + (v >> 8) % 20).min(YEAR_DAYS);
    say(2, said, arrives);
    if (v >> 16).is_multiple_of(10) {
        let again = [Code::Excused, Code::Unexcused, Code::Tardy];
        let said = again[usize::try_from((v >> 24) % 3).unwrap_or_default()];
        say(3, said, (arrives + 1 + (v >> 32) % 20).min(YEAR_DAYS));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_student_who_leaves_and_comes_back_has_two_spells() {
        let many = (0..20_000).filter(|student| spells(*student).1.is_some()).count();
        assert!((100..300).contains(&many), "{many}");
    }

    /// What another implementation of the same arithmetic came to.
    #[test]
    fn the_words_are_those_that_others_have() {
        let words = words(200);
        let hash = words.iter().fold(0_u64, |hash, Arriving { mark, arrives }| {
            let code = match mark.code {
                Code::Present => 0,
                Code::Excused => 1,
                Code::Unexcused => 2,
                Code::Tardy => 3,
                Code::Withdrawn => 4,
            };
            hash.wrapping_add(mix(mark.student << 32
                | mark.day << 24
                | code << 16
                | (mark.revision - 1) << 8
                | arrives))
        });
        assert_eq!((words.len(), hash), (3_976, 7_215_479_949_416_853_639));
    }

    #[test]
    fn words_come_in_the_order_of_their_arrival_and_corrections_after_what_they_correct() {
        let words = words(200);
        assert!(words.is_sorted_by_key(|word| word.arrives));
        assert!(words.iter().all(|word| word.arrives >= word.mark.day + u64::from(word.mark.revision > 1)));
    }
}
