//! Conduct: a student's part in an incident, and what the school did about it.

use serde::{Deserialize, Serialize};

use crate::date::Date;
use crate::id::{IncidentId, SchoolId};

/// A student's part in an incident, whose own record says where and when it was: that record is corrected by itself, and may come
/// later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Behavior {
    /// The incident.
    pub incident: IncidentId,
    /// What kind of behavior it was, as sent.
    pub code: String,
    /// The student's part, as sent; empty when not sent. Who was a victim or a witness did nothing.
    pub part: String,
}

/// One consequence that a student was given. A suspension is a word about dates, and not an absence: whether the student was
/// absent on them is for the marks to say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Discipline {
    /// The school that gave it.
    pub school: SchoolId,
    /// Its first date.
    pub begin_on: Date,
    /// How long it lasts, hundredths of a school day, as sent: what was served, else what was meant.
    pub length: Option<i32>,
    /// What it is, as sent; the district's code table gives it a meaning when it is counted.
    pub code: String,
}
