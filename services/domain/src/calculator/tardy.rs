//! Tardies that become absences: every so many, or every so many minutes late.

use crate::date::Date;
use crate::day::WHOLE;

/// When tardies become an absence. They add up at each school for itself: what they make is an absence of a day there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conversion {
    /// How much lateness makes one.
    pub every: Every,
    /// What it counts for, hundredths of a day.
    pub counts: i32,
    /// Whether that absence is excused.
    pub excused: bool,
    /// When counting begins anew.
    pub within: Within,
}

/// How much lateness makes an absence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Every {
    /// So many tardies, at least one.
    Tardies(u32),
    /// So many minutes late, together; at least one.
    Minutes(u32),
}

/// When counting begins anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Within {
    /// With the school year.
    Year,
    /// With each calendar month.
    Month,
}

/// Lateness gathered so far, day by day in their order.
#[derive(Debug, Clone, Copy, Default)]
pub struct Late {
    so_far: u32,
    month: Option<(i16, i8)>,
}

impl Late {
    /// Takes the next day's lateness without excuse in, and tells what of the day becomes absent by it, beside what is already.
    pub fn add(&mut self, conversion: &Conversion, date: Date, tardy: bool, minutes: i32, absent: i32) -> i32 {
        let civil = date.to_civil();
        let month = (conversion.within == Within::Month).then(|| (civil.year(), civil.month()));
        if month != self.month {
            *self = Self { so_far: 0, month };
        }
        let (size, more) = match conversion.every {
            Every::Tardies(every) => (every.max(1), u32::from(tardy)),
            Every::Minutes(every) => (every.max(1), if tardy { minutes.max(0).unsigned_abs() } else { 0 }),
        };
        let before = self.so_far / size;
        self.so_far = self.so_far.saturating_add(more);
        let made = i32::try_from(self.so_far / size - before).unwrap_or(WHOLE);
        made.saturating_mul(conversion.counts).min(WHOLE - absent).max(0)
    }
}
