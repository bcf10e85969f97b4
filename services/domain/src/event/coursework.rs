//! Coursework: results of assignments while a course runs, and what the transcript says when it is over.

use serde::{Deserialize, Serialize};

use crate::date::Date;
use crate::id::{AssignmentId, CourseId, SchoolYear};

/// How a student did an assignment, whose own record says its section, date and points.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssignmentResult {
    /// The assignment.
    pub assignment: AssignmentId,
    /// Whether it was handed in, as sent; empty when not sent.
    pub status: String,
    /// Whether it was late, as sent; empty when not sent.
    pub lateness: String,
    /// Points earned, hundredths.
    pub points: Option<i64>,
    /// A grade in percent, hundredths, where no points are given.
    pub numeric: Option<i64>,
    /// When it was handed in.
    pub fulfilled_on: Option<Date>,
}

/// A course that was taken in a term, as the transcript has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CourseTranscript {
    /// The course.
    pub course: CourseId,
    /// The school year.
    pub school_year: SchoolYear,
    /// The term, as sent.
    pub term: String,
    /// How it ended, as sent: passed, failed, given up.
    pub result: String,
    /// Credits attempted, thousandths.
    pub attempted: Option<i64>,
    /// Credits earned, thousandths.
    pub earned: Option<i64>,
    /// The final grade, hundredths of a point.
    pub numeric: Option<i64>,
    /// The final grade, as sent.
    pub letter: Option<String>,
}
