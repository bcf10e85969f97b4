//! What a rule holds open over a school year: a fold over the student's counted days, by the facts of now.
//!
//! On each counted day, in order, the rule is looked at as of the close of that day:
//!
//! - closed, it opens on a day on which `opens-when` holds (and the student has been enrolled for `minimum-days`), unless it closed
//!   within the last `cooldown-days` counted days;
//! - open, it closes on the first day on which `opens-when` does not hold and, when there is one, `clears-when` does;
//! - open for `expires-after-days` counted days, it closes by itself, and does not open again before a day on which `opens-when`
//!   does not hold.
//!
//! The level is that of the last day on which `opens-when` held. On a day of which the rule cannot be evaluated nothing changes.
//! Nothing is remembered between looks: a correction of an early day changes all that follows from it.
//!
//! This is the definition. A rule without memory needs no fold: it is open when `opens-when` holds.

use std::cell::OnceCell;
use std::ops::Range;

use crate::date::Date;
use crate::evaluation::Evaluation;
use crate::rule::condition::Failure;
use crate::rule::{Rule, RuleScope};
use crate::settings::Now;
use crate::year::Bits;

/// A stretch of the school year during which a rule was open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interval {
    /// The counted day on which it opened.
    pub from: Date,
    /// The counted day on which it was no longer open; none while it is.
    pub to: Option<Date>,
    /// The highest level that it had.
    pub level: i64,
}

/// A rule that is open for a student.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// Its level.
    pub level: i64,
    /// The counted day on which it opened, of a rule with a memory.
    pub since: Option<Date>,
    /// How many counted days ago that was.
    pub days: u32,
}

impl Held {
    /// Of a rule without memory.
    pub(crate) const fn now(level: i64) -> Self {
        Self { level, since: None, days: 0 }
    }
}

/// The state of a rule at the close of one counted day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Closed; it may open from this position on.
    Closed { from: usize },
    /// Open since a position, at a level.
    Open { since: usize, level: i64 },
    /// It closed by itself, and still holds; afterwards it may open from this position on.
    Expired { from: usize },
}

/// What a rule says at the close of one counted day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Said {
    /// The level, when `opens-when` holds.
    pub(crate) level: Option<i64>,
    /// Whether what is open may end, when it does not.
    pub(crate) clears: bool,
}

/// A rule over a student's counted days up to a date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Course {
    dates: Vec<Date>,
    /// At the close of each of the dates.
    states: Vec<State>,
}

impl Rule {
    /// Whether more than one date says whether the rule is open, or since when.
    pub fn has_memory(&self) -> bool {
        self.is_latching() || !self.escalation.is_empty() || !self.duties.is_empty()
    }

    /// Whether it may be open while `opens-when` does not hold, or closed while it does.
    pub(crate) fn is_latching(&self) -> bool {
        self.clears_when.is_some() || self.cooldown_days > 0 || self.expires_after_days.is_some()
    }

    /// When the rule was open in the school year up to a date, by the facts of now. A rule about single days is open on each of
    /// them alone.
    pub fn history(&self, evaluation: &Evaluation<'_>, through: Date) -> Vec<Interval> {
        match self.scope {
            RuleScope::SchoolYear => Course::of(self, evaluation, through).intervals(),
            RuleScope::Day => {
                let dates = evaluation.marked_until(through).dates.iter();
                let open = dates.filter_map(|&date| Some((date, self.said(evaluation, date).ok()?.level?)));
                open.map(|(date, level)| Interval { from: date, to: Some(date.next()), level }).collect()
            }
        }
    }

    /// Whether the rule is open with these dates, by the facts of now. Of a rule with a memory, the last counted day tells.
    pub fn held(&self, evaluation: &Evaluation<'_>, now: Now) -> Result<Option<Held>, Failure> {
        let course = OnceCell::new();
        self.held_in(evaluation, now, || course.get_or_init(|| Course::of(self, evaluation, now.as_of)))
    }

    /// The same with a course that was folded once for many questions, and reaches to the date.
    pub(crate) fn held_in<'c>(
        &self,
        evaluation: &Evaluation<'_>,
        now: Now,
        course: impl FnOnce() -> &'c Course,
    ) -> Result<Option<Held>, Failure> {
        let at = self.seen_at(evaluation, now);
        // Of one that was folded from all days at once, each of them could be told.
        if let Some(course) = evaluation.folded(self).filter(|_| at.as_of <= evaluation.now.as_of) {
            return Ok(course.held(at.as_of));
        }
        let level = self.outcome(&evaluation.figures(&self.others, at))?;
        // Without a `clears-when`, what no longer holds has ended.
        if !self.has_memory() || (level.is_none() && self.clears_when.is_none()) {
            return Ok(level.map(Held::now));
        }
        Ok(course().held(at.as_of))
    }

    /// The dates of which the rule speaks, with these in force: a rule with a memory goes by counted days alone.
    pub(crate) fn seen_at(&self, evaluation: &Evaluation<'_>, now: Now) -> Now {
        let last = if self.has_memory() { evaluation.marked_until(now.as_of).dates.last() } else { None };
        last.map_or(now, |&date| Now { today: date, as_of: date })
    }

    /// What the rule says at the close of a date.
    fn said(&self, evaluation: &Evaluation<'_>, date: Date) -> Result<Said, Failure> {
        let figures = evaluation.figures(&self.others, Now { today: date, as_of: date });
        let level = self.outcome(&figures)?;
        let clears = match (&self.clears_when, level) {
            (Some(clears_when), None) => clears_when.holds(&figures)?,
            (Some(_), Some(_)) => false,
            (None, level) => level.is_none(),
        };
        Ok(Said { level, clears })
    }
}

impl Course {
    /// Folds over the counted days up to a date.
    pub(crate) fn of(rule: &Rule, evaluation: &Evaluation<'_>, through: Date) -> Self {
        let at_once = if through == evaluation.now.as_of { evaluation.folded(rule) } else { None };
        if let Some(course) = at_once {
            return course.clone();
        }
        let dates = evaluation.marked_until(through).dates;
        Self::fold(rule, dates, |at| rule.said(evaluation, dates[at]).ok())
    }

    /// The fold itself, with what the rule says of the days by their positions; none of a day of which it cannot be evaluated.
    pub(crate) fn fold(rule: &Rule, dates: &[Date], said: impl Fn(usize) -> Option<Said>) -> Self {
        let mut state = State::FIRST;
        let mut states = Vec::with_capacity(dates.len());
        for at in 0..dates.len() {
            if let Some(said) = said(at) {
                state = state.next(rule, at, said);
            }
            states.push(state);
        }
        Self { dates: dates.to_vec(), states }
    }

    fn at(&self, date: Date) -> Option<(usize, State)> {
        let at = self.dates.partition_point(|of| *of <= date).checked_sub(1)?;
        Some((at, self.states[at]))
    }

    /// Whether it is open at the close of a date that the fold has reached.
    pub(crate) fn held(&self, date: Date) -> Option<Held> {
        let (at, State::Open { since, level }) = self.at(date)? else { return None };
        let days = u32::try_from(at - since).unwrap_or(u32::MAX);
        Some(Held { level, since: Some(self.dates[since]), days })
    }

    /// Whether it has closed by itself, and would be open else.
    pub(crate) fn has_expired(&self, date: Date) -> bool {
        matches!(self.at(date), Some((_, State::Expired { .. })))
    }

    /// When it was open.
    pub(crate) fn intervals(&self) -> Vec<Interval> {
        let mut intervals: Vec<Interval> = Vec::new();
        for (&date, &state) in self.dates.iter().zip(&self.states) {
            let open = intervals.last_mut().filter(|interval| interval.to.is_none());
            match (state, open) {
                (State::Open { level, .. }, Some(interval)) => interval.level = interval.level.max(level),
                (State::Open { level, .. }, None) => intervals.push(Interval { from: date, to: None, level }),
                (State::Closed { .. } | State::Expired { .. }, Some(interval)) => interval.to = Some(date),
                (State::Closed { .. } | State::Expired { .. }, None) => {}
            }
        }
        intervals
    }
}

/// What a rule says at the close of each of some counted days, by their positions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SaidOn {
    /// On which `opens-when` holds.
    pub(crate) opens: Bits,
    /// On which what is open may end, when it does not.
    pub(crate) clears: Bits,
}

impl State {
    /// Before the first counted day.
    pub(crate) const FIRST: Self = Self::Closed { from: 0 };

    /// The state at the close of the last of some days that follow on those of this state: [`Course::fold`] in leaps, from one day on which
    /// something may change to the next. The level is asked for of days on which `opens-when` holds.
    pub(crate) fn through(self, rule: &Rule, days: Range<usize>, said: SaidOn, level: &dyn Fn(usize) -> i64) -> Self {
        let (mut state, mut at) = (self, days.start);
        let next = |set: Bits, from: usize| set.next(from).filter(|day| *day < days.end);
        while at < days.end {
            let day = match state {
                Self::Closed { from } => next(said.opens, at.max(from)),
                Self::Expired { .. } => next(!said.opens, at),
                Self::Open { since, .. } => {
                    let expires = rule.expires_after_days.map(|days| at.max(since.saturating_add(number(days))));
                    let ends = next(said.clears & !said.opens, at).into_iter().chain(expires).min();
                    ends.filter(|day| *day < days.end)
                }
            };
            let last = day.map_or(days.end, |day| day + 1);
            if let Self::Open { since, level: before } = state {
                let held = last_before(said.opens, at..last);
                state = Self::Open { since, level: held.map_or(before, level) };
            }
            let Some(day) = day else { break };
            let level = if said.opens.contains(day) { Some(level(day)) } else { None };
            state = state.next(rule, day, Said { level, clears: said.clears.contains(day) });
            at = day + 1;
        }
        state
    }

    /// The state at the close of the next counted day.
    fn next(self, rule: &Rule, at: usize, said: Said) -> Self {
        // Closed today: not open again on so many counted days after today.
        let cooling = (at + 1).saturating_add(number(rule.cooldown_days));
        let closed = Self::Closed { from: cooling };
        match (self, said.level) {
            (Self::Closed { from }, Some(level)) if at >= from => Self::Open { since: at, level },
            (Self::Closed { .. }, _) | (Self::Expired { .. }, Some(_)) => self,
            (Self::Expired { from }, None) => Self::Closed { from },
            (Self::Open { since, level }, level_now) => {
                let has_expired = rule.expires_after_days.is_some_and(|days| at - since >= number(days));
                match level_now {
                    Some(_) if has_expired => Self::Expired { from: cooling },
                    Some(level) => Self::Open { since, level },
                    None if said.clears || has_expired => closed,
                    None => Self::Open { since, level },
                }
            }
        }
    }
}

/// The last of some days that is in a set.
fn last_before(set: Bits, days: Range<usize>) -> Option<usize> {
    (set & Bits::first(days.end)).last().filter(|day| *day >= days.start)
}

fn number(days: u32) -> usize {
    usize::try_from(days).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
