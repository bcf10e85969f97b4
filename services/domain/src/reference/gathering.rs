//! What several students' facts refer to, each of them few: incidents, assignments and groups.
//!
//! A source sends them apart from the students' own records, and corrects them apart. So they are reference data, and not copied
//! into each student's fact at the door: a corrected date reaches every student, and a record that comes before its parent waits.

use serde::{Deserialize, Serialize};

use crate::date::Date;
use crate::id::{AssignmentId, GroupId, IncidentId, SchoolId, SectionId};

/// Something that happened at a school. Who was part of it is each student's own fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    /// Its id.
    pub incident: IncidentId,
    /// The school.
    pub school: SchoolId,
    /// When.
    pub date: Date,
}

/// Work that a section was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    /// Its id.
    pub assignment: AssignmentId,
    /// The section.
    pub section: SectionId,
    /// When it has to be handed in, or else when it was given.
    pub due_on: Date,
    /// The most points there are, hundredths; none when it is not graded by points.
    pub points: Option<i64>,
}

/// A group that students belong to, such as an activity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Its id.
    pub group: GroupId,
    /// What kind of group, as sent; the district's code table gives it a meaning when it is counted.
    pub kind: String,
}
