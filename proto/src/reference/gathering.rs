//! Incidents, assignments and groups: the domain's types and their messages.

use homeroom_domain::id::{AssignmentId, GroupId, IncidentId, SchoolId, SectionId};
use homeroom_domain::reference::{Assignment, Group, Incident};

use crate::decode::{At, DecodeError};
use crate::scalar::{date, key};
use crate::wire::reference as wire;

pub(super) fn incident_to_wire(it: &Incident) -> wire::Incident {
    wire::Incident {
        incident: key(it.incident.as_bytes()),
        school: it.school.as_str().to_owned(),
        date: it.date.days(),
    }
}

pub(super) fn incident_from_wire(it: &wire::Incident) -> Result<Incident, DecodeError> {
    const INCIDENT: &str = "Incident";
    Ok(Incident {
        incident: IncidentId::from_slice(&it.incident).at(INCIDENT, "incident")?,
        school: SchoolId::parse(&it.school).at(INCIDENT, "school")?,
        date: date(it.date, INCIDENT, "date")?,
    })
}

pub(super) fn assignment_to_wire(it: &Assignment) -> wire::Assignment {
    wire::Assignment {
        assignment: key(it.assignment.as_bytes()),
        section: key(it.section.as_bytes()),
        due_on: it.due_on.days(),
        points: it.points,
    }
}

pub(super) fn assignment_from_wire(it: &wire::Assignment) -> Result<Assignment, DecodeError> {
    const ASSIGNMENT: &str = "Assignment";
    Ok(Assignment {
        assignment: AssignmentId::from_slice(&it.assignment).at(ASSIGNMENT, "assignment")?,
        section: SectionId::from_slice(&it.section).at(ASSIGNMENT, "section")?,
        due_on: date(it.due_on, ASSIGNMENT, "due_on")?,
        points: it.points,
    })
}

pub(super) fn group_to_wire(it: &Group) -> wire::Group {
    wire::Group { group: key(it.group.as_bytes()), kind: it.kind.clone() }
}

pub(super) fn group_from_wire(it: wire::Group) -> Result<Group, DecodeError> {
    Ok(Group { group: GroupId::from_slice(&it.group).at("Group", "group")?, kind: it.kind })
}
