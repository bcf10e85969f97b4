//! What a running count keeps, in few bytes.

use std::sync::Arc;

use super::{SchoolId, View, With};
use crate::date::Date;
use crate::day::{self, Day, Mark, Plain, WHOLE};
use crate::enrollment::Spell;
use crate::evaluation::Evaluation;
use crate::ledger::MarkKind;
use crate::marked::Marked;
use crate::measure::Measures;

/// What marks of a kind say to a count.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// Nothing: their records are withdrawn.
    Nothing,
    /// This of a whole day at the student's school.
    Plain(Plain),
    /// The same, and they refer to a session.
    OfSession(Plain),
    /// More than a count can tell.
    More,
}

impl Kind {
    /// None while something that they refer to is not known.
    pub(super) fn of(kind: &MarkKind<'_>, school: &SchoolId, with: &With<'_>) -> Option<Self> {
        let mark = Mark::of(kind, with.view, with.settings)?;
        Some(match mark.plain(school) {
            None => Self::More,
            Some(plain) if kind.session.is_some() => Self::OfSession(plain),
            Some(plain) => Self::Plain(plain),
        })
    }

    /// Whether they concern more than the student's days at the school.
    pub(super) const fn leans(self) -> bool {
        matches!(self, Self::OfSession(_) | Self::More)
    }

    /// What one of them says of its day; none when a count cannot tell.
    #[expect(clippy::option_option, reason = "to say nothing, and to say more than can be told, are two things")]
    pub(super) const fn said(self) -> Option<Option<Plain>> {
        match self {
            Self::Nothing => Some(None),
            Self::Plain(plain) | Self::OfSession(plain) => Some(Some(plain)),
            Self::More => None,
        }
    }

    /// What a day is with one of them alone, unless it is a whole day of presence.
    #[expect(clippy::option_option, reason = "to say nothing, and to say more than can be told, are two things")]
    pub(super) fn alone(self) -> Option<Option<Marked>> {
        Some(self.said()?.and_then(|plain| Marked::of(0, &day::of_one_mark(Date::EPOCH, plain))))
    }
}

/// The dates of one calendar between entry and exit.
#[derive(Debug, Clone)]
pub(super) struct Schedule {
    pub(super) calendar: u32,
    first: u16,
    end: u16,
    /// All of a student who was away for a while.
    own: Option<Arc<[Date]>>,
}

impl Schedule {
    /// None of a student who is counted by the calendar of another school, as a careless source may have it, or by several.
    pub(super) fn of(spells: &[&Spell<'_>], evaluation: &Evaluation<'_>) -> Option<Self> {
        let mut all = spells.iter().map(|spell| Self::of_one(spell, evaluation));
        let mut one = all.next()??;
        for other in all {
            let other = other.filter(|other| other.calendar == one.calendar)?;
            let mut dates = [one.dates(evaluation.view), other.dates(evaluation.view)].concat();
            dates.sort_unstable();
            dates.dedup();
            one.own = Some(dates.into());
        }
        Some(one)
    }

    fn of_one(spell: &Spell<'_>, evaluation: &Evaluation<'_>) -> Option<Self> {
        let year = evaluation.year();
        let (calendar, all) = evaluation.view.calendar_position(spell.calendar, spell.school, year)?;
        let dates = &all.instructional;
        let first = dates.partition_point(|date| *date < spell.entry_on);
        let end = spell.exit_on.map_or(dates.len(), |exit| dates.partition_point(|date| *date <= exit));
        let narrow = |at: usize| u16::try_from(at).ok();
        let calendar = u32::try_from(calendar).ok().filter(|_| all.school == *spell.school)?;
        Some(Self { calendar, first: narrow(first)?, end: narrow(end.max(first))?, own: None })
    }

    pub(super) fn dates<'d>(&'d self, view: &'d View) -> &'d [Date] {
        if let Some(own) = &self.own {
            return own;
        }
        let all = view.calendar_at(self.calendar as usize).map_or(&[][..], |calendar| &calendar.instructional);
        all.get(usize::from(self.first)..usize::from(self.end)).unwrap_or_default()
    }

    /// Which of the calendar's dates they are; none of a student who was away for a while.
    pub(super) const fn stretch(&self) -> Option<u32> {
        if self.own.is_some() { None } else { Some((self.first as u32) << 16 | self.end as u32) }
    }

    /// The school day so many after a date; none when the calendar does not reach so far.
    pub(super) fn school_day_after(&self, from: Date, days: u32, view: &View) -> Option<Date> {
        let dates = &view.calendar_at(self.calendar as usize)?.instructional;
        let next = dates.partition_point(|date| *date <= from);
        let many = usize::try_from(days).ok()?.checked_sub(1)?;
        dates.get(next.checked_add(many)?).copied()
    }

    /// The student's school.
    pub(super) fn school<'v>(&self, view: &'v View) -> Option<&'v SchoolId> {
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
