//! The flags of a sixth grader, four of which find most of those who later leave without a diploma.
//!
//! Source: Balfanz, Herzog and Mac Iver, "Preventing Student Disengagement and Keeping Students on the Graduation Path in Urban
//! Middle-Grades Schools" (2007): attendance of 80% or less, failing mathematics, failing English, and a suspension out of school.

use super::credit::in_grade;
use crate::behavior::Conduct;
use crate::date::Date;
use crate::evaluation::Evaluation;

/// The tier of those who are absent a fifth of the days or more.
pub(crate) const FIFTH_ABSENT: u8 = 3;

/// How many of the four flags a sixth grader has; 0 of students of other grades.
pub fn flags(evaluation: &Evaluation<'_>, as_of: Date) -> i64 {
    beside_attendance(evaluation, as_of).map_or(0, |others| {
        let tier = evaluation.district(as_of, as_of).tier();
        others + i64::from(tier.is_some_and(|tier| tier >= FIFTH_ABSENT))
    })
}

/// The same without that of attendance; none of students of other grades.
pub(crate) fn beside_attendance(evaluation: &Evaluation<'_>, as_of: Date) -> Option<i64> {
    if !in_grade(evaluation, as_of, &["sixth grade", "6", "06"]) {
        return None;
    }
    let conduct = Conduct::of(evaluation, as_of);
    let standings = evaluation.standings(as_of);
    let failing = |of: fn(crate::code::Subjects) -> bool| {
        standings.iter().any(|standing| standing.failing && of(standing.subjects))
    };
    let flags = [
        failing(|subjects| subjects.mathematics),
        failing(|subjects| subjects.english),
        conduct.suspensions_out + conduct.expulsions > 0,
    ];
    Some(flags.into_iter().map(i64::from).sum())
}
