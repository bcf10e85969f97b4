//! One student looked at: when each rule would have been open, and what came of the year.
//!
//! Facts and reference data are those of now, corrections included: what is told is what the rules would have said had every record
//! been right and in time. What a late or wrong record would have made of it is not replayed.

use homeroom_domain::date::Date;
use homeroom_domain::evaluation::Evaluation;
use homeroom_domain::id::SchoolId;
use homeroom_domain::outcome::Came;
use homeroom_domain::rule::{Interval, Rule};
use homeroom_domain::settings::Now;
use homeroom_domain::year::{Look, Scratch};

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

impl Seen {
    /// Looks at a student who was evaluated with the plan's last date; none when no day of the plan's dates counts.
    pub fn of(plan: &Plan, evaluation: &Evaluation<'_>) -> Option<Self> {
        let mut weeks: Vec<(SchoolId, Date)> = Vec::new();
        for (school, date) in evaluation.school_dates(plan.from(), plan.to()) {
            let week = monday(date);
            if !weeks.iter().rev().any(|(of, on)| *on == week && of == school) {
                weeks.push((school.clone(), week));
            }
        }
        if weeks.is_empty() {
            return None;
        }
        let came = plan.outcome().map_or(Came::Untold, |outcome| outcome.of(evaluation, plan.to()));
        // A year of whole days says at once what most rules come to; of the others their own history does.
        let (year, mut scratch) = (evaluation.year_of_days(plan.program()), Scratch::default());
        let mut year = year.as_ref().map(|(year, frame)| Look::new(plan.program(), year, frame, &mut scratch));
        let rules = plan.variants().map(|variants| SeenRule::look(plan, variants, evaluation, year.as_mut())).collect();
        Some(Self { came, weeks, rules })
    }
}

impl SeenRule {
    /// Looks at a rule and its variants for schools: the one of the student's school at the time speaks.
    fn look<'r>(
        plan: &Plan,
        variants: impl Iterator<Item = (usize, &'r Rule)>,
        evaluation: &Evaluation<'_>,
        mut year: Option<&mut Look<'_>>,
    ) -> Self {
        let last = Now { today: plan.to(), as_of: plan.to() };
        let (mut intervals, mut failed) = (Vec::new(), false);
        for (at, rule) in variants {
            let applies = |date| rule.applies_at(evaluation.home(date));
            let told = year.as_deref_mut().and_then(|year| year.history(at, rule));
            // Of a history that is told at once no counted day has failed, and with a memory a rule speaks of no other.
            let has_not_failed = told.is_some() && rule.has_memory();
            failed |= !has_not_failed && applies(plan.to()) && rule.held(evaluation, last).is_err();
            let history = told.unwrap_or_else(|| rule.history(evaluation, plan.to()));
            intervals.extend(history.into_iter().filter(|open| applies(open.from)));
        }
        intervals.sort_unstable_by_key(|open| open.from);
        Self { failed, ..Self::of(plan, evaluation, &intervals) }
    }

    fn of(plan: &Plan, evaluation: &Evaluation<'_>, intervals: &[Interval]) -> Self {
        let mut seen = Self::default();
        for open in intervals.iter().filter(|open| open.to.is_none_or(|to| to > plan.from())) {
            if open.from > plan.to() {
                break;
            }
            seen.flagged_on = seen.flagged_on.or(Some(open.from));
            if open.from < plan.from() {
                seen.open_before = true;
            } else if let Some(school) = evaluation.home(open.from) {
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
