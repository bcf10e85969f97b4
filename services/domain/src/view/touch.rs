//! Whom a change of reference data may concern, so that only they are evaluated again.

use crate::id::{SchoolId, SectionId};
use crate::reference::Entry;
use crate::view::View;

/// Whom a reference record concerns.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Touched {
    /// Nobody yet: what it belongs to is not known, and will touch them when it comes.
    Nobody,
    /// Students whose facts lean on this school.
    School(SchoolId),
    /// Every student of the district.
    Everyone,
}

impl View {
    /// Whom a change concerns, which leads from the view before to this one. Students who wait for something unknown are concerned by
    /// any change, beside these.
    pub fn touched_by(&self, before: &Self, old: Option<&Entry>, new: Option<&Entry>) -> Vec<Touched> {
        let of_new = new.map(|entry| match entry {
            // A leaf concerns whom it concerned before: a new one only who waits for it, and each day brings many of them.
            entry if entry.is_leaf() => before.touched(entry),
            // A transcript names a course that nobody need offer.
            Entry::Course(course) if before.subjects(course.course).is_some() => Touched::Everyone,
            entry => self.touched(entry),
        });
        let of_old = old.map(|entry| match entry {
            Entry::Course(_) => Touched::Everyone,
            entry => match before.touched(entry) {
                // A process that has just started shows all of a topic at once: its view before is empty.
                Touched::Nobody => self.had(entry),
                known => known,
            },
        });
        of_old.into_iter().chain(of_new).collect()
    }

    /// Whom a record concerned that is no more, or says something else now: as far as it says so itself, or by what it belongs to.
    fn had(&self, entry: &Entry) -> Touched {
        match entry {
            Entry::Incident(incident) => Touched::School(incident.school.clone()),
            Entry::Group(_) => Touched::Everyone,
            Entry::Assignment(assignment) => self.school_of(assignment.section),
            entry => self.touched(entry),
        }
    }

    fn school_of(&self, section: SectionId) -> Touched {
        self.sections.get(&section).map_or(Touched::Nobody, |(_, school)| Touched::School(school.clone()))
    }

    /// Whom a record concerns, seen from this view.
    pub fn touched(&self, entry: &Entry) -> Touched {
        match entry {
            Entry::School(school) => Touched::School(school.school.clone()),
            Entry::Calendar(calendar) => Touched::School(calendar.school.clone()),
            Entry::CalendarDate(date) => self
                .calendar_of(date.calendar)
                .map_or(Touched::Nobody, |calendar| Touched::School(calendar.school.clone())),
            Entry::Session(session) => Touched::School(session.school.clone()),
            Entry::GradingPeriod(period) => Touched::School(period.school.clone()),
            Entry::Section(section) => Touched::School(section.school.clone()),
            Entry::AttendanceTaken(taken) => self.school_of(taken.section),
            Entry::Course(course) => everyone_if(self.offerings.values().any(|(of, _)| *of == course.course)),
            Entry::CourseOffering(offering) => {
                everyone_if(self.sections.values().any(|(of, _)| *of == offering.course_offering))
            }
            Entry::ClassPeriod(period) => Touched::School(period.school.clone()),
            Entry::BellSchedule(schedule) => Touched::School(schedule.school.clone()),
            Entry::Settings(_) | Entry::RulePack(_) | Entry::Calculators(_) => Touched::Everyone,
            Entry::Incident(incident) => {
                self.incident(incident.incident).map_or(Touched::Nobody, |known| Touched::School(known.school.clone()))
            }
            Entry::Assignment(assignment) => {
                self.assignment(assignment.assignment).map_or(Touched::Nobody, |known| self.school_of(known.section))
            }
            Entry::Group(group) => everyone_if(self.group(group.group).is_some()),
        }
    }
}

/// A course's sections may be at any school, and courses hardly ever change in mid-year.
fn everyone_if(used: bool) -> Touched {
    if used { Touched::Everyone } else { Touched::Nobody }
}
