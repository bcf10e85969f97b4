//! The short way: a year of whole days through compiled packs, which says what a rule without memory comes to on all days at once.
//! Where it does not tell, the rule's own history does.

use homeroom_domain::evaluation::Evaluation;
use homeroom_domain::rule::{Interval, Rule, RuleScope};
use homeroom_domain::year::{Frame, Look, Program, Scratch, Year};

use crate::plan::Plan;

/// One student's year, for each pack of a plan.
pub(crate) struct Years<'p> {
    packs: Vec<(&'p Program, Option<(Year, Frame)>)>,
    scratch: Scratch,
}

impl<'p> Years<'p> {
    pub(crate) fn new(plan: &'p Plan, evaluation: &Evaluation<'_>) -> Self {
        let packs = plan.programs().iter().map(|program| (program, evaluation.year_of_days(program)));
        Self { packs: packs.collect(), scratch: Scratch::default() }
    }

    /// When a rule was open, by the positions of its pack and in it; none when that takes the long way.
    pub(crate) fn history(&mut self, (pack, at): (usize, usize), rule: &Rule) -> Option<Vec<Interval>> {
        let (program, year) = self.packs.get(pack)?;
        let (year, frame) = year.as_ref().filter(|_| !rule.has_memory() && program.tells(at))?;
        let mut look = Look::new(program, year, frame, &mut self.scratch);
        let held = look.held(at)?;
        // Days are whole, so as many are enrolled as were counted.
        let first = usize::try_from(rule.minimum_days).ok()?.saturating_sub(1);
        let mut intervals: Vec<Interval> = Vec::new();
        for (day, &date) in frame.dates().iter().enumerate() {
            let open = intervals.last_mut().filter(|interval| interval.to.is_none());
            if day < first || !held.contains(day) {
                if let Some(interval) = open {
                    interval.to = Some(date);
                }
                continue;
            }
            // On a day of which the level cannot be told nothing changes, which the long way knows.
            let level = look.level(at, day)?;
            match (open, rule.scope) {
                (Some(interval), _) => interval.level = interval.level.max(level),
                (None, RuleScope::SchoolYear) => intervals.push(Interval { from: date, to: None, level }),
                (None, RuleScope::Day) => intervals.push(Interval { from: date, to: Some(date.next()), level }),
            }
        }
        Some(intervals)
    }
}
