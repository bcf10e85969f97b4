//! Which marks a proof cites, when more is missed than whole days for any reason: classes, and what nobody excused.

use super::marks::{cite_absences, cite_marks};
use super::{Cited, failing, further};
use crate::date::Date;
use crate::evaluation::Evaluation;
use crate::id::SchoolId;
use crate::ledger::Ledger;
use crate::settings::{Category, Settings};

/// What was missed without excuse, or for a reason that nobody knows: days, parts of them, classes, and late arrivals, which the laws
/// of some states count too. An excused tardy is none.
pub(super) fn unexcused(evaluation: &Evaluation<'_>, as_of: Date) -> Cited {
    let days = evaluation.at_schools(evaluation.marked_until(as_of).not_excused());
    cite_unexcused(evaluation.ledger, evaluation.settings, &days)
}

/// The same of these days, newest first.
pub(crate) fn cite_unexcused(ledger: &Ledger, settings: &Settings, days: &[(&SchoolId, Date)]) -> Cited {
    let counts = |category| {
        matches!(
            category,
            Category::UnexcusedAbsence | Category::AbsenceUnknownExcuse | Category::Partial | Category::Tardy
        )
    };
    cite_marks(ledger, settings, (days, counts), true)
}

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
