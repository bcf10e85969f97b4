//! Late news: what was so for long before anybody was told of it.
//!
//! Records that come in May for March open alerts that should have opened in March. They are due, and nobody is to be woken for
//! them. Whether an alert is late follows from the facts, reference data, rules and dates of the step that opens it, as all else
//! of the alert does; not from when records came, of which replays know nothing.
//!
//! A rule's claim is late news when, by the facts of now, the rule would have made it at this level or above at the close of
//! each of so many days before the as-of date. So a level that was reached yesterday is news, however long a lower one has held;
//! and what has held for long, ended, and holds again is news. A claim about a single day is never late: a day that is past opens
//! nothing.
//!
//! Nor is one by grades, transcripts or gradebooks late. What they say has no date of its own: a grade that was lowered today counts
//! from the begin of its grading period, so that as of any day before it was as low. When in doubt it is news, and somebody is told.

use super::ground::Ground;
use super::look::Look;
use crate::date::Date;
use crate::mutant::{Mutant, planted};
use crate::rule::{Held, RuleScope};
use crate::settings::Now;

impl<'a, 'e, G: Ground<'e> + 'a> Look<'a, G> {
    /// The first of the days that make a claim of this level late news; none when it is news.
    pub(super) fn late_since(&self, held: Held) -> Option<Date> {
        let as_of = self.ground.now().as_of;
        let first = self.first_of_late(as_of)?;
        // What opened since then was not open on each of the days.
        if held.since.is_some_and(|since| since > first) {
            return None;
        }
        // And what was open on each of them had the one level that it can have.
        if held.since.is_some() && self.rule.level.is_constant() && self.ground.fails_on_no_day(self.rule) {
            return Some(first);
        }
        let level = held.level;
        // The first day first: of what is news it tells at once.
        let mut date = first;
        while date < as_of && self.reached(date, level) {
            date = date.next();
        }
        (date == as_of).then_some(first)
    }

    /// A rule that cannot be evaluated as of some day would have told nothing then.
    fn reached(&self, date: Date, level: i64) -> bool {
        let then = self.held_at(Now { today: date, as_of: date });
        then.is_ok_and(|then| then.is_some_and(|then| then.level >= level))
    }

    /// The first day on which a claim must have held; none when no claim of this rule, or of this time of the year, can be late.
    fn first_of_late(&self, as_of: Date) -> Option<Date> {
        let days = i32::try_from(self.rule.late_after_days).ok()?;
        let first = Date::from_days(as_of.days().checked_sub(days)?).ok()?;
        // Of days of the year before, these facts are counted in another way.
        let of_year = first.school_year() == self.ground.year();
        let may_be = self.rule.scope == RuleScope::SchoolYear && of_year && self.rule.is_dated();
        (may_be && !planted(Mutant::NothingIsLate)).then_some(first)
    }
}
