//! A student's counted days of a school year as sets of days, and what a rule pack comes to on each of them, all at once.
//!
//! The definition looks at one date at a time ([`Evaluation::figures`]). Replays, previews and corrections ask for all dates of a
//! year; here a day takes a few bits, a measure is a small count as of each day, and a condition is a bound for each day that the
//! count reaches or not. Bounds are found with the rule's own arithmetic, once for all students. So a pack's year takes about a microsecond.
//!
//! It tells only of years of whole days: each absent or present, excused or not. All else (`Year::of` gives none), and rules that
//! name measures which do not follow from such days, take the long way.

mod bits;
mod frame;
mod history;
mod look;
mod planes;
mod program;
mod read;
mod reading;
mod student;
mod table;
#[cfg(test)]
mod tests;

pub use bits::{Bits, MOST_DAYS};
pub use frame::Frame;
pub use look::{Look, Scratch};
pub use program::Program;
pub use read::Years;
pub use student::Student;

pub(crate) use program::{Builder, Growth, Node};
pub(crate) use table::Bound;

use crate::evaluation::Evaluation;
use crate::marked::Days;

/// What days can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Absent,
    Unexcused,
    Unexplained,
    Tardy,
    /// Unexcused, or unexplained.
    Open,
}

const KINDS: usize = 5;

/// A student's counted days, by their positions, of the district as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Year {
    kinds: [Bits; KINDS],
    days: u8,
}

impl Year {
    /// Of days up to a date; none when one of them is neither wholly absent nor wholly present, or there are too many.
    pub(crate) fn of(days: Days<'_>) -> Option<Self> {
        let counted = u8::try_from(days.dates.len()).ok().filter(|days| usize::from(*days) <= MOST_DAYS)?;
        let mut year = Self { kinds: [Bits::NONE; KINDS], days: counted };
        for day in days.marked {
            let [absent, unexcused, unexplained, tardy] = day.whole()?;
            let all = [absent, unexcused, unexplained, tardy, unexcused || unexplained];
            for (kind, is_so) in year.kinds.iter_mut().zip(all) {
                if is_so {
                    kind.insert(day.at());
                }
            }
        }
        Some(year)
    }

    /// How many days are counted.
    pub fn days(&self) -> usize {
        usize::from(self.days)
    }

    pub(crate) fn of_kind(&self, kind: Kind) -> Bits {
        self.kinds[kind as usize]
    }
}

impl Evaluation<'_> {
    /// The counted days so far as a year, with what its dates tell a pack; none when they are not whole, or were counted at several
    /// schools, which some measures tell apart.
    pub fn year_of_days(&self, program: &Program) -> Option<(Year, Frame)> {
        let days = self.marked_until(self.now.as_of);
        let year = self.is_of_one_school().then(|| Year::of(days))??;
        Some((year, program.frame(days.dates, |date| self.school_month(None, date))))
    }
}
