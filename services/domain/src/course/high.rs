//! The flags of a student in high school, each with a high yield of those who later do not graduate.
//!
//! Source: National High School Center, "Early Warning Indicators" (high-yield indicators of grade 9, with their benchmarks): a tenth
//! of the days missed, a failing grade in any course, an average of 2.0 or below, two or more failures in core courses. Its fifth
//! benchmark, the credits that a grade is promoted from, is each district's own.

use super::credit::{Credits, ON_TRACK_CORE_FAILURES, in_grade};
use super::point;
use crate::date::Date;
use crate::evaluation::Evaluation;

/// The tier of those who are absent a tenth of the days or more.
pub(crate) const TENTH_ABSENT: u8 = 2;
/// An average is low from here down, hundredths of a grade point.
const LOW_AVERAGE: i64 = 2_00;
/// Grades 9 to 12, as descriptors name them, in lower case.
const HIGH_SCHOOL: [&str; 9] =
    ["ninth grade", "9", "09", "tenth grade", "10", "eleventh grade", "11", "twelfth grade", "12"];

/// How many of the four flags a student of grades 9 to 12 has; 0 of students of other grades.
pub fn flags(evaluation: &Evaluation<'_>, as_of: Date) -> i64 {
    beside_attendance(evaluation, as_of).map_or(0, |others| {
        let tier = evaluation.district(as_of, as_of).tier();
        others + i64::from(tier.is_some_and(|tier| tier >= TENTH_ABSENT))
    })
}

/// The same without that of attendance; none of students of other grades.
pub(crate) fn beside_attendance(evaluation: &Evaluation<'_>, as_of: Date) -> Option<i64> {
    if !in_grade(evaluation, as_of, &HIGH_SCHOOL) {
        return None;
    }
    let flags = [
        evaluation.district(as_of, as_of).failing > 0,
        point::current(evaluation, as_of).is_some_and(|average| average <= LOW_AVERAGE),
        Credits::of(evaluation, as_of).core_failures > ON_TRACK_CORE_FAILURES,
    ];
    Some(flags.into_iter().map(i64::from).sum())
}
