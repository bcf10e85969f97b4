//! One student looked at: when each rule would have been open, and what came of the year.
//!
//! Facts and reference data are those of now, corrections included: what is told is what the rules would have said had every record
//! been right and in time. What a late or wrong record would have made of it is not replayed.

use std::cell::LazyCell;

use homeroom_domain::date::Date;
use homeroom_domain::evaluation::Evaluation;
use homeroom_domain::id::SchoolId;
use homeroom_domain::rule::{Interval, Rule};
use homeroom_domain::settings::Now;
use homeroom_domain::year::{Look, Scratch, Student};

use crate::outcome::{Came, Outcome, chronic_of_whole_days, school_dates};
use crate::plan::Plan;

/// A student's row of a replay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// What came of the year.
    pub came: Came,
    /// Schools and weeks (by their Monday) with a counted day, each once.
    pub weeks: Vec<(SchoolId, Date)>,
    /// By the position of the rule.
    pub rules: Vec<SeenRule>,
}

/// What a rule would have told of a student.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeenRule {
    /// Since when the student is flagged: the first date on which it was open at or after the first date, or when it had opened before.
    pub flagged_on: Option<Date>,
    /// It had opened before the first date.
    pub open_before: bool,
    /// The school whose team would have been told, and the week's Monday, of each alert.
    pub alerts: Vec<(SchoolId, Date)>,
    /// It cannot be evaluated as of the last date.
    pub failed: bool,
}

/// A student as far as is known: the days when they were read at once, and the evaluation, which is made when somebody asks.
pub(crate) struct Sight<'s, 'a, 'e, F> {
    pub(crate) student: Option<&'s Student<'s, 'a>>,
    pub(crate) evaluation: LazyCell<Evaluation<'e>, F>,
}

impl<'e, F: FnOnce() -> Evaluation<'e>> Sight<'_, '_, 'e, F> {
    /// The school whose team should know, on a date.
    fn home(&self, date: Date) -> Option<&SchoolId> {
        match self.student {
            Some(student) => student.home(date),
            None => self.evaluation.home(date),
        }
    }

    /// Schools and weeks with a counted day of the plan's dates, each once.
    fn weeks(&self, plan: &Plan) -> Vec<(SchoolId, Date)> {
        let mut weeks = Vec::new();
        if let Some(dates) = self.student.map(|student| student.school_dates(plan.from())) {
            dates.for_each(|(school, date)| add_week(&mut weeks, school, date));
        } else {
            let dates = school_dates(&self.evaluation, plan.from(), plan.to());
            dates.for_each(|(school, date)| add_week(&mut weeks, school, date));
        }
        weeks
    }

    fn came(&self, plan: &Plan) -> Came {
        match (plan.outcome(), self.student) {
            (None, _) => Came::Untold,
            (Some(Outcome::Chronic), Some(student)) => chronic_of_whole_days(student),
            (Some(outcome), _) => outcome.of(&self.evaluation, plan.to()),
        }
    }

    /// Whether a rule, by its position and itself, fails as of the plan's last date, when it fails on no counted day.
    fn fails_after(&self, plan: &Plan, at: usize, rule: &Rule) -> bool {
        let ends = self.student.and_then(|student| student.frame.dates().last());
        let fails_on_counted_days_alone = plan.program().fails_on_counted_days_alone(at) || ends == Some(&plan.to());
        !fails_on_counted_days_alone && self.fails(plan, rule)
    }

    fn fails(&self, plan: &Plan, rule: &Rule) -> bool {
        rule.held(&self.evaluation, Now { today: plan.to(), as_of: plan.to() }).is_err()
    }
}

fn add_week(weeks: &mut Vec<(SchoolId, Date)>, school: &SchoolId, date: Date) {
    let week = monday(date);
    if !weeks.iter().rev().any(|(of, on)| *on == week && of == school) {
        weeks.push((school.clone(), week));
    }
}

impl Seen {
    /// Looks at a student who was evaluated with the plan's last date; none when no day of the plan's dates counts.
    pub fn of(plan: &Plan, evaluation: Evaluation<'_>) -> Option<Self> {
        // A year of whole days says at once what most rules come to; of the others their own history does.
        let (year, mut scratch) = (evaluation.year_of_days(plan.program()), Scratch::default());
        let mut year = year.as_ref().map(|(year, frame)| Look::new(plan.program(), year, frame, &mut scratch));
        Self::at(plan, &Sight { student: None, evaluation: LazyCell::new(|| evaluation) }, year.as_mut())
    }

    /// The same of a student who was perhaps read at once.
    pub(crate) fn at<'e, F: FnOnce() -> Evaluation<'e>>(
        plan: &Plan,
        sight: &Sight<'_, '_, 'e, F>,
        mut year: Option<&mut Look<'_>>,
    ) -> Option<Self> {
        let weeks = sight.weeks(plan);
        if weeks.is_empty() {
            return None;
        }
        let rule = |variants| SeenRule::look(plan, variants, sight, year.as_deref_mut());
        let rules = plan.variants().map(rule).collect();
        Some(Self { came: sight.came(plan), weeks, rules })
    }
}

impl SeenRule {
    /// Looks at a rule and its variants for schools: the one of the student's school at the time speaks.
    fn look<'r, 'e, F: FnOnce() -> Evaluation<'e>>(
        plan: &Plan,
        variants: impl Iterator<Item = (usize, &'r Rule)>,
        sight: &Sight<'_, '_, 'e, F>,
        mut year: Option<&mut Look<'_>>,
    ) -> Self {
        let (mut intervals, mut failed) = (Vec::new(), false);
        for (at, rule) in variants {
            let applies = |date| rule.applies_at(sight.home(date));
            let told = year.as_deref_mut().and_then(|year| year.history(at, rule));
            failed |= applies(plan.to())
                && match &told {
                    // Of a history that is told at once no counted day has failed, and with a memory a rule speaks of no other.
                    Some(_) => !rule.has_memory() && sight.fails_after(plan, at, rule),
                    None => sight.fails(plan, rule),
                };
            let history = told.unwrap_or_else(|| rule.history(&sight.evaluation, plan.to()));
            intervals.extend(history.into_iter().filter(|open| applies(open.from)));
        }
        intervals.sort_unstable_by_key(|open| open.from);
        Self { failed, ..Self::of(plan, sight, &intervals) }
    }

    fn of<'e, F: FnOnce() -> Evaluation<'e>>(
        plan: &Plan,
        sight: &Sight<'_, '_, 'e, F>,
        intervals: &[Interval],
    ) -> Self {
        let mut seen = Self::default();
        for open in intervals.iter().filter(|open| open.to.is_none_or(|to| to > plan.from())) {
            if open.from > plan.to() {
                break;
            }
            seen.flagged_on = seen.flagged_on.or(Some(open.from));
            if open.from < plan.from() {
                seen.open_before = true;
            } else if let Some(school) = sight.home(open.from) {
                seen.alerts.push((school.clone(), monday(open.from)));
            }
        }
        seen
    }
}

/// The Monday of a date's week.
pub(crate) fn monday(date: Date) -> Date {
    // 1970-01-01 was a Thursday.
    let since = (date.days() + 3).rem_euclid(7);
    Date::from_days(date.days() - since).unwrap_or(date)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_week_begins_on_its_monday() {
        for (date, begins) in [("2021-09-06", "2021-09-06"), ("2021-09-12", "2021-09-06"), ("1969-12-31", "1969-12-29")]
        {
            assert_eq!(monday(Date::parse(date).unwrap()).to_string(), begins);
        }
    }
}
