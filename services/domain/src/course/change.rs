//! The change of a student's grades from one grading period to the next.

use std::collections::BTreeMap;

use super::Rank;
use super::grading::Grading;
use super::point::Mean;
use crate::date::Date;
use crate::evaluation::Evaluation;
use crate::id::SectionId;
use crate::ledger::text;

/// The average of the latest grading period (by its end) less that of the one before, of the year's sections, hundredths of a grade
/// point; none before there are two. Sections of a new term are other sections, so averages are compared and not sections.
pub fn since_last_period(evaluation: &Evaluation<'_>, as_of: Date) -> Option<i64> {
    let mut best: BTreeMap<(Date, SectionId), (Rank, Option<i64>)> = BTreeMap::new();
    for word in evaluation.grades() {
        let grade = &word.grade;
        let begun = super::begun(grade, evaluation.view, evaluation.year(), as_of);
        let Some((section, period, rank)) = begun else { continue };
        let grading = Grading::of_school(evaluation.settings, section.school, evaluation.view);
        let worth = grading.worth(grade.numeric, grade.letter.map(text));
        let known = best.entry((period.end_on, grade.section)).or_insert((rank, worth));
        if rank < known.0 {
            *known = (rank, worth);
        }
    }
    let mut means: BTreeMap<Date, Mean> = BTreeMap::new();
    for ((period_end, _), (_, worth)) in best {
        if let Some(worth) = worth {
            means.entry(period_end).or_default().add(worth, 1);
        }
    }
    let mut latest = means.into_values().rev().filter_map(Mean::value);
    let (now, before) = (latest.next()?, latest.next()?);
    Some(now - before)
}
