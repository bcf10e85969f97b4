//! Which marks a proof cites, when more is missed than whole days for any reason: classes, and what nobody excused.

use super::{Cited, is_absence, marks_that};
use crate::alert::CitedFact;
use crate::calculator::treated;
use crate::date::Date;
use crate::evaluation::Evaluation;
use crate::settings::Category;

/// What was missed without excuse, or for a reason that nobody knows: days, parts of them, classes, and late arrivals, which the laws
/// of some states count too. An excused tardy is none.
pub(super) fn unexcused(evaluation: &Evaluation<'_>, as_of: Date) -> Cited {
    let days = evaluation.at_schools(evaluation.marked_until(as_of).not_excused());
    let counts = |category| {
        matches!(
            category,
            Category::UnexcusedAbsence | Category::AbsenceUnknownExcuse | Category::Partial | Category::Tardy
        )
    };
    marks_that(evaluation.ledger, evaluation.settings, &days, counts)
}

/// The absences of the dates on which some class was missed.
pub(super) fn classes(evaluation: &Evaluation<'_>, as_of: Date) -> Cited {
    let missed = evaluation.classes(None, as_of).into_iter().filter(|class| class.absent);
    let mut dates: Vec<Date> = missed.map(|class| class.date).collect();
    dates.sort_unstable_by(|a, b| b.cmp(a));
    dates.dedup();
    let days = evaluation.at_schools(dates.into_iter());
    marks_that(evaluation.ledger, evaluation.settings, &days, |category| is_absence(treated(category)))
}

/// Facts of several kinds together, newest first.
pub(super) fn together(marks: Cited, others: impl IntoIterator<Item = CitedFact>) -> Cited {
    let mut facts = marks.facts;
    facts.extend(others);
    facts.sort_by(|a, b| b.date.cmp(&a.date).then_with(|| a.origin.key.cmp(&b.origin.key)));
    let cited = Cited::of(facts);
    Cited { left_off: cited.left_off.saturating_add(marks.left_off), ..cited }
}
