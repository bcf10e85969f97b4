//! The flags of a sixth grader, four of which find most of those who later leave without a diploma.
//!
//! Source: Balfanz, Herzog and Mac Iver, "Preventing Student Disengagement and Keeping Students on the Graduation Path in Urban
//! Middle-Grades Schools" (2007): attendance of 80% or less, failing mathematics, failing English, and a suspension out of school.

use super::credit::in_grade;
use crate::behavior::Conduct;
use crate::date::Date;
use crate::evaluation::Evaluation;

/// The tier of those who are absent a fifth of the days or more.
const FIFTH_ABSENT: u8 = 3;

/// How many of the four flags a sixth grader has; 0 of students of other grades.
pub fn flags(evaluation: &Evaluation<'_>, as_of: Date) -> i64 {
    if !in_grade(evaluation, as_of, &["sixth grade", "6", "06"]) {
        return 0;
    }
    let measures = evaluation.district(as_of, as_of);
    let conduct = Conduct::of(evaluation, as_of);
    let standings = evaluation.standings(as_of);
    let failing = |of: fn(crate::code::Subjects) -> bool| {
        standings.iter().any(|standing| standing.failing && of(standing.subjects))
    };
    let flags = [
        measures.tier() == Some(FIFTH_ABSENT),
        failing(|subjects| subjects.mathematics),
        failing(|subjects| subjects.english),
        conduct.suspensions_out + conduct.expulsions > 0,
    ];
    flags.into_iter().map(i64::from).sum()
}
