//! The baseline of ten rules over a year of absences and tardies: two bits for a day and a student, folded by hand. Where history is
//! rewritten, the student's year is walked again. It knows these rules alone, one calendar, and explains nothing.

use super::index;
use crate::workload::negative::spells;
use crate::workload::{Code, Mark, YEAR_DAYS};

/// A student's year.
struct Year {
    absent: [u64; 3],
    /// With an absence: without excuse. Else: tardy.
    other: [u64; 3],
    /// Days of which more than the first word came, each with the latest.
    revisions: Vec<(u8, u8)>,
    first: u64,
    last: u64,
    /// Days up to here were looked at.
    through: u64,
    holds: u16,
}

/// All students.
pub(super) struct Planes(Vec<Year>);

impl Planes {
    pub(super) fn new(students: u64) -> Self {
        let year = |student| {
            let ((first, last), _) = spells(student);
            let (absent, other, revisions) = ([0; 3], [0; 3], Vec::new());
            Year { absent, other, revisions, first, last, through: first, holds: 0 }
        };
        Self((0..students).map(year).collect())
    }

    /// Takes a word in, and looks at the student as of a day; at all days up to then where the word rewrites them.
    pub(super) fn take(&mut self, mark: &Mark, today: u64) {
        let year = &mut self.0[index(mark.student)];
        if !year.write(mark) {
            return;
        }
        let today = today.min(year.last - 1).max(year.first);
        let from = if mark.day < year.through { year.first } else { today };
        for day in from..=today {
            year.holds = year.rules(day);
        }
        year.through = year.through.max(today + 1);
    }

    /// How many rules hold of a student at the end of the student's year.
    pub(super) fn holding(&self, student: usize) -> u32 {
        let year = &self.0[student];
        year.rules(year.last - 1).count_ones()
    }

    /// Depends on what was looked at, so that nothing is optimised away.
    pub(super) fn checksum(&self) -> u64 {
        self.0.iter().map(|year| u64::from(year.holds)).sum()
    }
}

impl Year {
    /// Whether it says anything new.
    fn write(&mut self, mark: &Mark) -> bool {
        let (day, revision) = (narrow(mark.day), narrow(mark.revision));
        match self.revisions.iter_mut().find(|(of, _)| *of == day) {
            Some((_, known)) if *known > revision => return false,
            Some((_, known)) => *known = revision,
            // The first word of a day needs no note, as long as it is the first.
            None if revision > 1 => self.revisions.push((day, revision)),
            None => {}
        }
        let (word, bit) = (index(mark.day / 64), 1_u64 << (mark.day % 64));
        let put = |plane: &mut [u64; 3], is: bool| if is { plane[word] |= bit } else { plane[word] &= !bit };
        put(&mut self.absent, matches!(mark.code, Code::Excused | Code::Unexcused));
        put(&mut self.other, matches!(mark.code, Code::Unexcused | Code::Tardy));
        true
    }

    fn rules(&self, day: u64) -> u16 {
        let tardy: [u64; 3] = std::array::from_fn(|at| self.other[at] & !self.absent[at]);
        let unexcused: [u64; 3] = std::array::from_fn(|at| self.other[at] & self.absent[at]);
        let (enrolled, absent) = (day + 1 - self.first, count(&self.absent, 0, day));
        let streak = {
            let window = last(&self.absent, day);
            u64::from((!window).leading_zeros()).min(enrolled)
        };
        let recent = count(&self.absent, (day + 1).saturating_sub(45), day);
        let month = (enrolled - 1) / 20 + 1;
        [
            absent * 20 >= enrolled && enrolled >= 10,
            absent * 10 >= enrolled && enrolled >= 10,
            absent * 5 >= enrolled && enrolled >= 10,
            streak >= 3,
            recent >= 5,
            streak >= 5,
            recent >= 9,
            count(&unexcused, 0, day) >= 5,
            absent >= 2 * month,
            count(&tardy, (day + 1).saturating_sub(20), day) >= 3,
        ]
        .iter()
        .rev()
        .fold(0, |bits, holds| bits << 1 | u16::from(*holds))
    }
}

/// The 64 days up to one, which is the highest bit.
fn last(plane: &[u64; 3], day: u64) -> u64 {
    let (word, shift) = (index(day / 64), 63 - day % 64);
    let high = plane[word] << shift;
    if shift == 0 || word == 0 { high } else { high | plane[word - 1] >> (64 - shift) }
}

/// Bits of days, both included.
fn count(plane: &[u64; 3], from: u64, to: u64) -> u64 {
    let within = |at: usize| {
        let first = at as u64 * 64;
        let low = if from > first {
            u64::MAX.checked_shl(u32::try_from(from - first).unwrap_or(64)).unwrap_or(0)
        } else {
            u64::MAX
        };
        let above = (first + 64).saturating_sub(to + 1);
        let high = if above >= 64 { 0 } else { u64::MAX >> above };
        u64::from((plane[at] & low & high).count_ones())
    };
    (0..3).map(within).sum()
}

fn narrow(value: u64) -> u8 {
    u8::try_from(value).unwrap_or(u8::MAX)
}

const _: () = assert!(YEAR_DAYS <= 192, "three words hold a year");
