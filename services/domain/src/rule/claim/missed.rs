//! Which marks a proof cites, when more is missed than whole days for any reason: classes, and all that an early warning goes by.

use super::marks::cite_absences;
use super::{Cited, failing, further};
use crate::date::Date;
use crate::evaluation::Evaluation;

/// The dates on which some class was missed, newest first.
pub(super) fn of_classes(evaluation: &Evaluation<'_>, as_of: Date) -> Vec<Date> {
    let missed = evaluation.classes(None, as_of).into_iter().filter(|class| class.absent);
    let mut dates: Vec<Date> = missed.map(|class| class.date).collect();
    dates.sort_unstable_by(|a, b| b.cmp(a));
    dates.dedup();
    dates
}

/// Absences, failing grades, incidents and consequences together, newest first.
pub(super) fn abc(evaluation: &Evaluation<'_>, as_of: Date) -> Cited {
    let days = evaluation.at_schools(evaluation.marked_until(as_of).missed());
    let absences = cite_absences(evaluation.ledger, evaluation.settings, &days, true);
    let mut facts = absences.facts;
    facts.extend(further::conduct(evaluation, as_of));
    facts.extend(failing(evaluation, as_of, false));
    facts.sort_by(|a, b| b.date.cmp(&a.date).then_with(|| a.origin.key.cmp(&b.origin.key)));
    Cited::of_more(facts, absences.left_off)
}
