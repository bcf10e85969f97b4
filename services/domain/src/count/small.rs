//! What a running count keeps, in few bytes.

use super::{SchoolId, View};
use crate::date::Date;
use crate::day::{Day, WHOLE};
use crate::enrollment::Spell;
use crate::evaluation::Evaluation;
use crate::measure::Measures;

/// The dates of one calendar between entry and exit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Schedule {
    pub(super) calendar: u32,
    first: u16,
    end: u16,
}

impl Schedule {
    /// None of a student who is counted by the calendar of another school, as a careless source may have it.
    pub(super) fn of(spell: &Spell<'_>, evaluation: &Evaluation<'_>) -> Option<Self> {
        let year = evaluation.year();
        let (calendar, all) = evaluation.view.calendar_position(spell.calendar, spell.school, year)?;
        let dates = &all.instructional;
        let first = dates.partition_point(|date| *date < spell.entry_on);
        let end = spell.exit_on.map_or(dates.len(), |exit| dates.partition_point(|date| *date <= exit));
        let narrow = |at: usize| u16::try_from(at).ok();
        let calendar = u32::try_from(calendar).ok().filter(|_| all.school == *spell.school)?;
        Some(Self { calendar, first: narrow(first)?, end: narrow(end.max(first))? })
    }

    pub(super) fn dates(self, view: &View) -> &[Date] {
        let all = view.calendar_at(self.calendar as usize).map_or(&[][..], |calendar| &calendar.instructional);
        all.get(usize::from(self.first)..usize::from(self.end)).unwrap_or_default()
    }

    /// Which of the calendar's dates they are.
    pub(super) const fn stretch(self) -> u32 {
        (self.first as u32) << 16 | self.end as u32
    }

    /// The school day so many after a date; none when the calendar does not reach so far.
    pub(super) fn school_day_after(self, from: Date, days: u32, view: &View) -> Option<Date> {
        let dates = &view.calendar_at(self.calendar as usize)?.instructional;
        let next = dates.partition_point(|date| *date <= from);
        let many = usize::try_from(days).ok()?.checked_sub(1)?;
        dates.get(next.checked_add(many)?).copied()
    }

    /// The student's school.
    pub(super) fn school(self, view: &View) -> Option<&SchoolId> {
        view.calendar_at(self.calendar as usize).map(|calendar| &calendar.school)
    }
}

/// [`Measures`] in half of the bytes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sums {
    enrolled: i32,
    absent: i32,
    unexcused: i32,
    tardy: i32,
    streak: i32,
    unexcused_streak: i32,
    failing: i32,
    failing_core: i32,
}

impl Sums {
    /// None of measures that no year comes to.
    pub(super) fn of(measures: &Measures) -> Option<Self> {
        let narrow = |value: i64| i32::try_from(value).ok();
        Some(Self {
            enrolled: narrow(measures.enrolled)?,
            absent: narrow(measures.absent)?,
            unexcused: narrow(measures.unexcused)?,
            tardy: narrow(measures.tardy)?,
            streak: narrow(measures.streak)?,
            unexcused_streak: narrow(measures.unexcused_streak)?,
            failing: narrow(measures.failing)?,
            failing_core: narrow(measures.failing_core)?,
        })
    }

    /// Without the same-day measure.
    pub(super) fn measures(self) -> Measures {
        Measures {
            enrolled: self.enrolled.into(),
            absent: self.absent.into(),
            unexcused: self.unexcused.into(),
            tardy: self.tardy.into(),
            streak: self.streak.into(),
            unexcused_streak: self.unexcused_streak.into(),
            unexplained_absence_today: false,
            failing: self.failing.into(),
            failing_core: self.failing_core.into(),
        }
    }
}

/// The day of the last mark, which the shipped calculator counted: it is worth a whole one, and nobody knows of minutes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Last {
    date: Date,
    /// In hundredths, of which a day has a hundred.
    absent: u8,
    unexcused: u8,
    unknown: u8,
    tardy: bool,
    unexplained: bool,
    cut: bool,
}

impl Last {
    pub(super) fn of(day: &Day) -> Self {
        let Day { date, absent, unexcused, unknown, tardy, unexplained, cut, weight: _, minutes: _ } = *day;
        let part = |hundredths: i32| u8::try_from(hundredths).unwrap_or(u8::MAX);
        let (absent, unexcused, unknown) = (part(absent), part(unexcused), part(unknown));
        Self { date, absent, unexcused, unknown, tardy, unexplained, cut }
    }

    pub(super) fn day(self) -> Day {
        let Self { date, absent, unexcused, unknown, tardy, unexplained, cut } = self;
        Day {
            date,
            absent: absent.into(),
            unexcused: unexcused.into(),
            unknown: unknown.into(),
            tardy,
            unexplained,
            cut,
            weight: WHOLE,
            minutes: None,
        }
    }
}
