//! What changed since an earlier moment, and which record did it.
//!
//! Three columns keep two things apart: each measure as of the earlier date as it was known then, as of the same date as it is
//! known now, and as of the later date. From the first to the second corrections moved it, from the second to the third the days
//! between. What one correction did is told by taking it back alone: what the measure would be then. Effects may combine, so these
//! need not add up.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::history::{Changed, History, Record};
use crate::date::Date;
use crate::evaluation::Evaluation;
use crate::event::{Change, Fact};
use crate::ledger::Ledger;
use crate::measure::Measure;
use crate::rule::claim::describe_further;
use crate::settings::{Clock, Now, Settings};
use crate::view::View;

/// How facts counted.
#[derive(Clone, Copy)]
pub struct Basis<'v> {
    /// What they referred to.
    pub view: &'v View,
    /// By which settings.
    pub settings: &'v Settings,
}

/// A measure at three looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moved {
    /// Which.
    pub measure: Measure,
    /// As of the earlier date, as it was known then.
    pub then: i64,
    /// As of the earlier date, as it is known now.
    pub corrected: i64,
    /// As of the later date.
    pub now: i64,
}

/// What one change did to a measure as of the earlier date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shift {
    /// Which.
    pub measure: Measure,
    /// What it would be had that alone not changed.
    pub without: i64,
    /// What it is.
    pub with: i64,
}

/// What happened to a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It says something else.
    Corrected,
    /// Its source took it back.
    Withdrawn,
    /// It had been taken back, and is said again.
    SaidAgain,
    /// It is of a date that had been counted already.
    ArrivedLate,
    /// It is of a later date: no correction.
    New,
}

impl Kind {
    /// In a word or two.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Corrected => "corrected",
            Self::Withdrawn => "withdrawn",
            Self::SaidAgain => "said again",
            Self::ArrivedLate => "arrived late",
            Self::New => "new",
        }
    }

    /// What happened to a record, as seen from a date. A fact without a date has no later one.
    pub fn of(changed: &Changed, view: &View, counted_until: Date) -> Self {
        match (&changed.before, &changed.after) {
            (_, Change::Withdrawn) => Self::Withdrawn,
            (Some(Change::Recorded(_)), Change::Recorded(_)) => Self::Corrected,
            (Some(Change::Withdrawn), Change::Recorded(_)) => Self::SaidAgain,
            (None, Change::Recorded(fact)) => match date_of(fact, view) {
                Some(date) if date > counted_until => Self::New,
                _ => Self::ArrivedLate,
            },
        }
    }
}

/// The date that a fact is of, if it has one.
pub fn date_of(fact: &Fact, view: &View) -> Option<Date> {
    match fact {
        Fact::Registration => None,
        Fact::Enrollment(spell) => Some(spell.entry_on),
        Fact::SectionMembership(membership) => Some(membership.begin_on),
        Fact::AttendanceMark(mark) => Some(mark.date),
        Fact::Grade(grade) => view.grading_period(grade.grading_period).map(|period| period.end_on),
        further => describe_further(further, view)?.date,
    }
}

/// A student at two moments.
pub struct Since<'v> {
    /// All that was said.
    pub history: &'v History,
    /// The earlier moment.
    pub moment: Timestamp,
    /// How facts counted then.
    pub then: Basis<'v>,
    /// How they count now.
    pub now: Basis<'v>,
    /// The earlier as-of date: that of the moment, or the later one when that is before it.
    pub earlier: Date,
    /// The later dates.
    pub later: Now,
}

impl<'v> Since<'v> {
    /// Counts what all of these measures' comparisons share.
    pub fn compare<'s>(&'s self, measures: &'s [Measure]) -> Compared<'s, 'v> {
        let known = self.history.ledger();
        let corrected = values(&known, self.now, at(self.earlier), measures);
        Compared { since: self, measures, known, corrected }
    }
}

/// Measures as of the earlier date as it is known now, to be compared with what they were and would be.
pub struct Compared<'s, 'v> {
    since: &'s Since<'v>,
    measures: &'s [Measure],
    /// What is known now.
    known: Ledger,
    corrected: Vec<i64>,
}

impl Compared<'_, '_> {
    /// What is known of the student now.
    pub const fn known(&self) -> &Ledger {
        &self.known
    }

    /// Each measure at the three looks.
    pub fn moved(&self) -> Vec<Moved> {
        let since = self.since;
        let before = since.history.ledger_at(since.moment);
        let then = values(&before, since.then, at(since.earlier), self.measures);
        let now = values(&self.known, since.now, since.later, self.measures);
        let looks = self.measures.iter().zip(then).zip(&self.corrected).zip(now);
        let one = |(((&measure, then), &corrected), now)| Moved { measure, then, corrected, now };
        looks.map(one).collect()
    }

    /// What one record's change did to the measures.
    pub fn by_record(&self, record: &Record) -> Vec<Shift> {
        let since = self.since;
        self.shifts(&since.history.ledger_without(record, since.moment), since.now)
    }

    /// What all changes of reference data, settings and calculators together did to the measures.
    pub fn by_reference(&self) -> Vec<Shift> {
        self.shifts(&self.known, self.since.then)
    }

    fn shifts(&self, without: &Ledger, basis: Basis<'_>) -> Vec<Shift> {
        let without = values(without, basis, at(self.since.earlier), self.measures);
        let shifts = self.measures.iter().zip(without).zip(&self.corrected);
        let one = |((&measure, without), &with)| Shift { measure, without, with };
        shifts.map(one).filter(|shift| shift.without != shift.with).collect()
    }
}

fn at(date: Date) -> Now {
    Now { today: date, as_of: date }
}

fn values(ledger: &Ledger, basis: Basis<'_>, now: Now, measures: &[Measure]) -> Vec<i64> {
    Evaluation::new(ledger, basis.view, basis.settings, now).values(measures, None, now)
}

/// The last moment of real time at which a district's clock showed a local time, or an earlier one. A clock may have been moved
/// forward, so each of its words counts from when it was accepted on; the words are in that order. None when the clock began later.
pub fn moment_of(clocks: &[(Timestamp, Clock)], local: DateTime, until: Timestamp) -> Option<Timestamp> {
    let mut end = until;
    for (begin, clock) in clocks.iter().rev() {
        let zone = TimeZone::get(&clock.time_zone).ok()?;
        let there = zone.to_timestamp(local).ok()?;
        let real = there.checked_sub(jiff::SignedDuration::from_secs(clock.offset_seconds)).ok()?.min(end);
        if real >= *begin {
            return Some(real);
        }
        end = *begin;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_local_time_is_the_last_moment_that_showed_it() {
        let clock = |offset_seconds| Clock { time_zone: "UTC".to_owned(), offset_seconds, day_close_minute: 960 };
        // Opened at noon; moved one day ahead at one.
        let clocks = [(at("2026-01-10T12:00:00Z"), clock(0)), (at("2026-01-10T13:00:00Z"), clock(86_400))];
        let of = |local: &str| moment_of(&clocks, local.parse().unwrap(), at("2026-01-10T15:00:00Z"));
        assert_eq!(of("2026-01-10T11:59:00"), None);
        assert_eq!(of("2026-01-10T12:30:00"), Some(at("2026-01-10T12:30:00Z")));
        // That was skipped: until the clock moved, nothing later was shown.
        assert_eq!(of("2026-01-10T23:00:00"), Some(at("2026-01-10T13:00:00Z")));
        assert_eq!(of("2026-01-11T14:00:00"), Some(at("2026-01-10T14:00:00Z")));
        assert_eq!(of("2026-02-01T00:00:00"), Some(at("2026-01-10T15:00:00Z")));
    }
}
