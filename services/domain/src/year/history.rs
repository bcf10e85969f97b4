//! When a rule was open over a student's year, as [`Rule::history`](crate::rule::Rule::history) tells it, from what holds on all days at once.

use super::bits::Bits;
use super::look::Look;
use crate::rule::history::{Course, Said};
use crate::rule::{Interval, Rule, RuleScope};

impl Look<'_> {
    /// When a rule was open up to the last of the days, by its position and itself; none where it takes the long way to tell.
    pub fn history(&mut self, at: usize, rule: &Rule) -> Option<Vec<Interval>> {
        let held = self.held(at)?;
        if rule.scope == RuleScope::Day {
            let open = held.iter().map(|day| (day, day + 1));
            return open.map(|(from, to)| self.interval(at, from, to, true)).collect();
        }
        if rule.is_latching() { Some(self.course(at, rule)?.intervals()) } else { self.rows(at, held) }
    }

    /// Without a memory: each row of days on which it holds.
    fn rows(&mut self, at: usize, held: Bits) -> Option<Vec<Interval>> {
        let mut rows = Vec::new();
        let mut next = held.next(0);
        while let Some(from) = next {
            let to = (!held).next(from).map_or(self.days(), |to| to.min(self.days()));
            rows.push(self.interval(at, from, to, false)?);
            next = held.next(to);
        }
        Some(rows)
    }

    /// With the highest level of days from one up to another, on which it holds. None when a level cannot be told.
    fn interval(&mut self, at: usize, from: usize, to: usize, is_of_a_day: bool) -> Option<Interval> {
        let mut level = self.level(at, from)?;
        for day in from + 1..to {
            level = level.max(self.level(at, day)?);
        }
        let dates = self.frame().dates();
        let (first, last) = (*dates.get(from)?, dates.get(to).copied());
        Some(Interval { from: first, to: if is_of_a_day { Some(first.next()) } else { last }, level })
    }

    /// With a memory: folded day by day.
    pub(crate) fn course(&mut self, at: usize, rule: &Rule) -> Option<Course> {
        let held = self.held(at)?;
        let clears = self.cleared(at, held)?;
        let mut levels = Vec::with_capacity(self.days());
        for day in 0..self.days() {
            levels.push(if held.contains(day) { Some(self.level(at, day)?) } else { None });
        }
        let dates = self.frame().dates().get(..self.days())?;
        let said = |day: usize| Some(Said { level: *levels.get(day)?, clears: clears.contains(day) });
        Some(Course::fold(rule, dates, said))
    }
}
