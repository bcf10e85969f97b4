//! Grade point averages: of the year's grades, and of the transcript.

use super::grading::Grading;
use super::transcript;
use crate::code;
use crate::date::Date;
use crate::evaluation::Evaluation;
use crate::ledger::{Taken, text};

/// A whole credit, in thousandths; what a course without stated credits weighs.
pub(crate) const CREDIT: i64 = 1_000;

/// A weighted sum: exact, and divided once at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Mean {
    sum: i128,
    weight: i128,
}

impl Mean {
    pub(crate) fn add(&mut self, value: i64, weight: i64) {
        self.sum += i128::from(value) * i128::from(weight);
        self.weight += i128::from(weight);
    }

    /// Cut off, not rounded: an average that is a little below a bound is below it. None without a weight.
    pub(crate) fn value(self) -> Option<i64> {
        (self.weight > 0).then(|| i64::try_from(self.sum.div_euclid(self.weight)).unwrap_or(i64::MAX))
    }
}

/// The average of the grades that stand for the year's sections, each once, hundredths of a grade point.
pub fn current(evaluation: &Evaluation<'_>, as_of: Date) -> Option<i64> {
    let mut mean = Mean::default();
    for standing in evaluation.standings(as_of) {
        let (_, numeric, letter) = standing.grade();
        let grading = Grading::of_school(evaluation.settings, standing.school, evaluation.view);
        if let Some(worth) = grading.worth(numeric, letter) {
            mean.add(worth, 1);
        }
    }
    mean.value()
}

/// The average of the transcript up to the year, by the credits attempted, hundredths of a grade point. Courses that were given up or
/// are not complete count in none. Transcripts are of high schools, and counted by the district's own scale.
pub fn cumulative(evaluation: &Evaluation<'_>) -> Option<i64> {
    let mut mean = Mean::default();
    for taken in transcript::counted(evaluation) {
        if is_over(&taken) {
            let worth = evaluation.settings.grade_scale.worth(taken.numeric, taken.letter.map(text));
            if let Some(worth) = worth {
                mean.add(worth, taken.attempted.unwrap_or(CREDIT).max(0));
            }
        }
    }
    mean.value()
}

/// Whether a course came to its end, passed or failed.
pub(crate) fn is_over(taken: &Taken<'_>) -> bool {
    !matches!(code::value(text(taken.result)).as_str(), "withdrawn" | "incomplete")
}
