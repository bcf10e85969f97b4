//! What students add up to. A tally takes room by rules, schools, weeks and groups, and none by students; tallies of parts of a
//! district add up to that of the whole.

use std::collections::BTreeMap;

use crate::Came;
use homeroom_domain::date::Date;
use homeroom_domain::id::SchoolId;

use crate::lead::Leads;
use crate::plan::Plan;
use crate::seen::{Seen, SeenRule};
use crate::share::Share;

/// Students by whether they were flagged, and whether the outcome came to be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cells {
    /// Flagged, and it came to be.
    pub hits: u32,
    /// Flagged, and it did not.
    pub false_alarms: u32,
    /// Not flagged, and it came to be.
    pub missed: u32,
    /// Neither.
    pub quiet: u32,
    /// Flagged, and the outcome cannot be told, or none was asked for.
    pub flagged_untold: u32,
    /// The same, not flagged.
    pub quiet_untold: u32,
}

/// What a rule adds up to among some students.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) cells: Cells,
    pub(crate) leads: Leads,
}

/// A rule among all students.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RuleTally {
    pub(crate) whole: Part,
    /// By the position of the group.
    pub(crate) groups: Vec<Part>,
    pub(crate) open_before: u32,
    pub(crate) failures: u32,
}

/// What students add up to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    pub(crate) rules: Vec<RuleTally>,
    /// Alerts by rule, of each school in each week in which it had a counted day.
    pub(crate) weeks: BTreeMap<(SchoolId, Date), Vec<u32>>,
    /// By the positions of two rules, the first the lower: students flagged by both.
    pub(crate) both: BTreeMap<(usize, usize), u32>,
}

impl Tally {
    /// Of nobody.
    pub fn new(plan: &Plan) -> Self {
        let of_rule = RuleTally { groups: vec![Part::default(); plan.columns().len()], ..RuleTally::default() };
        Self { rules: vec![of_rule; plan.rules().count()], weeks: BTreeMap::new(), both: BTreeMap::new() }
    }

    /// Adds a student of these groups. Where an outcome is asked for, groups are of those alone of whom it can be told.
    pub fn add(&mut self, plan: &Plan, seen: &Seen, groups: &[usize]) {
        let rules = self.rules.len();
        for key in &seen.weeks {
            self.weeks.entry(key.clone()).or_insert_with(|| vec![0; rules]);
        }
        let compared = plan.outcome().is_none() || seen.came != Came::Untold;
        for (at, (tally, rule)) in self.rules.iter_mut().zip(&seen.rules).enumerate() {
            tally.open_before += u32::from(rule.open_before);
            tally.failures += u32::from(rule.failed);
            tally.whole.add(seen.came, rule);
            for part in groups.iter().filter(|_| compared) {
                if let Some(part) = tally.groups.get_mut(*part) {
                    part.add(seen.came, rule);
                }
            }
            for key in &rule.alerts {
                // A school may be told of a student who has no counted day there that week.
                self.weeks.entry(key.clone()).or_insert_with(|| vec![0; rules])[at] += 1;
            }
        }
        let flagged: Vec<usize> = (0..rules).filter(|at| seen.rules[*at].flagged_on.is_some()).collect();
        for (n, one) in flagged.iter().enumerate() {
            for other in &flagged[n + 1..] {
                *self.both.entry((*one, *other)).or_default() += 1;
            }
        }
    }

    /// Adds what other students of the same plan come to.
    pub fn merge(&mut self, other: &Self) {
        for (known, more) in self.rules.iter_mut().zip(&other.rules) {
            known.whole.merge(&more.whole);
            known.groups.iter_mut().zip(&more.groups).for_each(|(known, more)| known.merge(more));
            known.open_before += more.open_before;
            known.failures += more.failures;
        }
        for (key, alerts) in &other.weeks {
            let known = self.weeks.entry(key.clone()).or_insert_with(|| vec![0; alerts.len()]);
            known.iter_mut().zip(alerts).for_each(|(known, more)| *known += more);
        }
        for (pair, students) in &other.both {
            *self.both.entry(*pair).or_default() += students;
        }
    }
}

impl Part {
    fn add(&mut self, came: Came, rule: &SeenRule) {
        let cells = &mut self.cells;
        let of = match (rule.flagged_on.is_some(), came) {
            (true, Came::Settled(_)) => &mut cells.hits,
            (true, Came::No) => &mut cells.false_alarms,
            (false, Came::Settled(_)) => &mut cells.missed,
            (false, Came::No) => &mut cells.quiet,
            (true, Came::Untold) => &mut cells.flagged_untold,
            (false, Came::Untold) => &mut cells.quiet_untold,
        };
        *of += 1;
        if let (Some(flagged), Came::Settled(settled)) = (rule.flagged_on, came) {
            self.leads.add(settled.days() - flagged.days());
        }
    }

    fn merge(&mut self, other: &Self) {
        self.cells = self.cells.plus(other.cells);
        self.leads.merge(&other.leads);
    }
}

impl Cells {
    /// Everyone.
    pub const fn students(self) -> u32 {
        self.flagged() + self.missed + self.quiet + self.quiet_untold
    }

    /// Those flagged.
    pub const fn flagged(self) -> u32 {
        self.hits + self.false_alarms + self.flagged_untold
    }

    /// Those with the outcome.
    pub const fn with_outcome(self) -> u32 {
        self.hits + self.missed
    }

    /// Those of whom the outcome cannot be told.
    pub const fn untold(self) -> u32 {
        self.flagged_untold + self.quiet_untold
    }

    /// Of everyone, those flagged.
    pub const fn flag_rate(self) -> Share {
        Share::new(self.flagged(), self.students())
    }

    /// Of those with the outcome, those flagged.
    pub const fn sensitivity(self) -> Share {
        Share::new(self.hits, self.with_outcome())
    }

    /// Of those flagged of whom the outcome can be told, those with it: the positive predictive value.
    pub const fn ppv(self) -> Share {
        Share::new(self.hits, self.hits + self.false_alarms)
    }

    /// Of those without the outcome, those not flagged.
    pub const fn specificity(self) -> Share {
        Share::new(self.quiet, self.quiet + self.false_alarms)
    }

    /// Those of whom the outcome can be told, alone.
    #[must_use]
    pub const fn told(self) -> Self {
        Self { flagged_untold: 0, quiet_untold: 0, ..self }
    }

    pub(crate) fn each(self) -> [u32; 6] {
        [self.hits, self.false_alarms, self.missed, self.quiet, self.flagged_untold, self.quiet_untold]
    }

    fn from_each([hits, false_alarms, missed, quiet, flagged_untold, quiet_untold]: [u32; 6]) -> Self {
        Self { hits, false_alarms, missed, quiet, flagged_untold, quiet_untold }
    }

    /// Both.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        let other = other.each();
        let mut at = 0;
        Self::from_each(self.each().map(|cell| {
            at += 1;
            cell + other[at - 1]
        }))
    }

    /// These without those, who are among them.
    #[must_use]
    pub fn less(self, other: Self) -> Self {
        let other = other.each();
        let mut at = 0;
        Self::from_each(self.each().map(|cell| {
            at += 1;
            cell.saturating_sub(other[at - 1])
        }))
    }
}
