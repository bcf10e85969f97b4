//! Connections: who and what holds a student at school, and what the student says of it.

use serde::{Deserialize, Serialize};

use crate::date::Date;
use crate::id::GroupId;

/// A tie to an activity, a mentor or a trusted adult, between two dates, both inclusive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    /// The group or person; a person's is a pseudonym.
    pub with: GroupId,
    /// What kind of tie, as sent; empty when the group's own record says it.
    pub kind: String,
    /// First date.
    pub begin_on: Date,
    /// Last date; none while it lasts.
    pub end_on: Option<Date>,
}

/// What a student's answers to a survey come to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SurveyScore {
    /// Which survey, as sent.
    pub survey: String,
    /// When it was taken.
    pub taken_on: Date,
    /// From 0, the least that can be answered, to 100, hundredths.
    pub score: i32,
}
