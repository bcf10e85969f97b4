//! Incidents, assignments and groups, as they are looked up.

use super::View;
use crate::id::{AssignmentId, GroupId, IncidentId};
use crate::ledger::Further;
use crate::quick;
use crate::reference::{Assignment, Entry, Group, Incident};

/// What several students' facts refer to one by one.
#[derive(Debug, Clone, Default)]
pub(super) struct Gathered {
    incidents: quick::Map<IncidentId, Incident>,
    assignments: quick::Map<AssignmentId, Assignment>,
    groups: quick::Map<GroupId, Group>,
}

impl Gathered {
    pub(super) fn add(&mut self, entry: &Entry) {
        match entry {
            Entry::Incident(incident) => drop(self.incidents.insert(incident.incident, incident.clone())),
            Entry::Assignment(assignment) => drop(self.assignments.insert(assignment.assignment, assignment.clone())),
            Entry::Group(group) => drop(self.groups.insert(group.group, group.clone())),
            _ => {}
        }
    }
}

impl View {
    /// An incident.
    pub fn incident(&self, incident: IncidentId) -> Option<&Incident> {
        self.gathered.incidents.get(&incident)
    }

    /// An assignment.
    pub fn assignment(&self, assignment: AssignmentId) -> Option<&Assignment> {
        self.gathered.assignments.get(&assignment)
    }

    /// A group.
    pub fn group(&self, group: GroupId) -> Option<&Group> {
        self.gathered.groups.get(&group)
    }

    /// Why a word of conduct, coursework or connections cannot count yet: what it refers to is not known.
    pub(crate) fn missing(&self, further: &Further<'_>) -> Option<&'static str> {
        match further {
            Further::Behavior(act) => match self.incident(act.incident) {
                None => Some("its incident is not known"),
                Some(incident) => {
                    (!self.knows_school(&incident.school)).then_some("its incident's school is not known")
                }
            },
            Further::Discipline(consequence) => {
                self.find_school(consequence.school).is_none().then_some("its school is not known")
            }
            Further::Result(work) => match self.assignment(work.assignment) {
                None => Some("its assignment is not known"),
                Some(assignment) => {
                    self.section(assignment.section).is_none().then_some("its assignment's section is not known")
                }
            },
            Further::Transcript(taken) => self.subjects(taken.course).is_none().then_some("its course is not known"),
            Further::Connection(tie) => {
                (tie.kind.is_empty() && self.group(tie.with).is_none()).then_some("its group is not known")
            }
            Further::Survey(_) => None,
        }
    }

    /// Whether such a word waits.
    pub(crate) fn waits(&self, further: &Further<'_>) -> bool {
        self.missing(further).is_some()
    }
}
