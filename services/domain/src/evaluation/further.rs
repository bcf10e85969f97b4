//! What a student's ledger says beside attendance, as the measures of course performance, behavior and connections read it.

use super::{Evaluation, Leaning};
use crate::calculated::ClassDay;
use crate::date::Date;
use crate::event::SectionMembership;
use crate::id::SchoolId;
use crate::ledger::{Further, GradeWord, Said, Taken};

impl<'a> Evaluation<'a> {
    /// What is said of conduct, coursework and connections. Most students have nothing of it, and it costs nothing then.
    pub(crate) fn further(&self) -> impl Iterator<Item = Further<'a>> {
        let facts = self.ledger.borrowed();
        self.said.registered.then(|| facts.words()).into_iter().flatten().filter_map(|said| match said {
            Said::Further(further) => Some(further),
            _ => None,
        })
    }

    /// Courses of the transcript with their sources, of a student who is known.
    pub(crate) fn transcript(&self) -> impl Iterator<Item = (&'a str, Taken<'a>)> {
        let facts = self.ledger.borrowed();
        self.said.registered.then(|| facts.transcript()).into_iter().flatten()
    }

    /// Grades of a student who is known.
    pub(crate) fn grades(&self) -> impl Iterator<Item = GradeWord<'a>> {
        let has = self.said.registered && self.said.has_grades;
        let facts = self.ledger.borrowed();
        has.then(|| facts.grades()).into_iter().flatten()
    }

    /// The dates that count at a school, in order, by the text of its id.
    pub(crate) fn dates_at<'s>(&'s self, school: &[u8]) -> impl Iterator<Item = Date> + 's {
        let school = self.view.find_school(school);
        let days = school.and_then(|school| self.find(school));
        days.into_iter().flatten().map(|(_, day)| day.date)
    }

    /// The student's classes up to a date, of the district or at one school, of which it is known whether the student was there.
    pub(crate) fn classes(&self, school: Option<&SchoolId>, as_of: Date) -> Vec<ClassDay> {
        let it = self.by_calculators();
        let wanted = self.schools.iter().filter(|(of, _)| school.is_none_or(|school| school == *of));
        let classes = wanted.flat_map(|(school, dates)| {
            let end = dates.partition_point(|date| *date <= as_of);
            it.classes(school, &dates[..end])
        });
        classes.collect()
    }

    /// The student's sections and when.
    pub(crate) fn memberships(&self) -> &[SectionMembership] {
        &self.said.memberships
    }
}

impl Leaning<'_> {
    pub(super) fn on_further(&mut self, further: &Further<'_>) {
        match further {
            Further::Behavior(act) => self.on(self.view.incident(act.incident).map(|incident| &incident.school)),
            Further::Discipline(consequence) => self.on_named(consequence.school),
            Further::Result(work) => {
                if let Some(assignment) = self.view.assignment(work.assignment) {
                    self.on_section(assignment.section);
                }
            }
            // A course and a group are of no school; a change of either concerns everyone.
            Further::Transcript(_) | Further::Connection(_) | Further::Survey(_) => {}
        }
    }
}
