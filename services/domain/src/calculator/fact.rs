//! What is known of one student's day at one school, before it is counted.

use crate::settings::Category;

/// A student's day at a school, as its sources have told it.
#[derive(Debug, Clone, Copy, Default)]
pub struct SchoolDay<'a> {
    /// From the first bell to the last, when the bell schedule is known.
    pub hours: Option<Span>,
    /// When classes meet by that schedule, whoever attends them.
    pub bells: &'a [Span],
    /// How much instruction there is by that schedule, minutes, when it says so.
    pub instruction: Option<i32>,
    /// Live marks for the whole day.
    pub marks: &'a [DayMark],
    /// The student's periods of the day, whatever is known of them.
    pub periods: &'a [Period<'a>],
}

/// A part of a day, in minutes after midnight there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// Its first minute.
    pub begin: i32,
    /// The minute behind its last.
    pub end: i32,
}

impl Span {
    /// Minutes in it; none before its begin.
    pub fn minutes(self) -> i32 {
        self.end.saturating_sub(self.begin).max(0)
    }

    /// The part that lies in another.
    pub(super) fn within(self, other: Self) -> Self {
        Self { begin: self.begin.max(other.begin), end: self.end.min(other.end) }
    }
}

/// A mark for the whole day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DayMark {
    /// What its code means; none of an unmapped one.
    pub category: Option<Category>,
    /// Share of the day in hundredths, as sent.
    pub share: Option<i32>,
    /// Minutes missed, as sent.
    pub minutes: Option<i32>,
    /// When the student came, as sent: minutes after midnight there.
    pub came_at: Option<i32>,
    /// When the student left.
    pub left_at: Option<i32>,
}

/// A period of the student's day.
#[derive(Debug, Clone, Copy)]
pub struct Period<'a> {
    /// When it meets, if the bell schedule says so.
    pub span: Option<Span>,
    /// Whether it is the one that attendance officially goes by.
    pub official: bool,
    /// Whether the same class met earlier that day: it is one class, and one word on it, however often it meets.
    pub again: bool,
    /// Whether the bell schedule leaves it out that day. Where marks alone count, it is a class of the day all the same.
    pub is_off: bool,
    /// What was told of it.
    pub told: Told<'a>,
}

/// What was told of a period.
#[derive(Debug, Clone, Copy)]
pub enum Told<'a> {
    /// Attendance was taken, or only exceptions are sent, and the student has no mark.
    Present,
    /// Nobody took attendance: not known, and never presence.
    Untaken,
    /// Live marks, at least one.
    Marked(&'a [PeriodMark]),
}

/// A mark for one period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeriodMark {
    /// What its code means; none of an unmapped one.
    pub category: Option<Category>,
    /// Minutes missed, as sent.
    pub minutes: Option<i32>,
}
