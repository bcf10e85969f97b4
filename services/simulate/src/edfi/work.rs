//! Grades and gradebooks.

use super::{day, frame, record, section_members, section_reference, student_reference};
use crate::attendance;
use crate::course::{self, Section, Term};
use crate::district::{District, School};
use crate::document::{Batch, Resource};
use crate::grade::{self, Item, POINTS};
use crate::json::Json;
use crate::student::Student;

const NAMESPACE: &str = "uri://linden-valley.example/gradebook";

fn entry_id(school: &School, section: Section, number: usize) -> String {
    format!("{}-{:02}", section.id(school), number + 1)
}

/// The entries of all gradebooks of a school, on the days on which the work is given out.
pub(super) fn entries(district: &District, school: &School, batch: &mut Batch) {
    for term in Term::BOTH {
        for section in
            course::sections(school, term).filter(|section| section.slot < course::with_gradebook(school.level))
        {
            for (number, given, due) in course::entries(district, term) {
                let given = district.calendar.at(given);
                batch.say(Resource::GradebookEntries, given, |json| {
                    json.text("gradebookEntryIdentifier", &entry_id(school, section, number))
                        .text("namespace", NAMESPACE);
                    json.shown("title", format_args!("Assignment {}", number + 1));
                    json.text("sourceSectionIdentifier", &section.id(school)).number("maxPoints", POINTS);
                    day(json, "dateAssigned", district, given);
                    day(json, "dueDate", district, district.calendar.at(due));
                    section_reference(json, district, school, section);
                });
            }
        }
    }
}

pub(super) fn items(district: &District, student: &Student, batch: &mut Batch) {
    for item in &student.items {
        let school = &district.schools[student.spells[item.spell].school];
        batch.say(Resource::StudentGradebookEntries, item.on, |json| {
            json.object("gradebookEntryReference", |json| {
                json.text("gradebookEntryIdentifier", &entry_id(school, item.section, item.entry));
                json.text("namespace", NAMESPACE);
            });
            student_reference(json, student);
            state(json, item);
        });
    }
}

fn state(json: &mut Json<'_>, item: &Item) {
    let status = if item.points.is_some() { "Graded" } else { "Not Submitted" };
    json.code("submissionStatusDescriptor", "SubmissionStatusDescriptor", status);
    if let Some(points) = item.points {
        let late = if item.late { "Late" } else { "Not Late" };
        json.number("pointsEarned", points).code(
            "assignmentLateStatusDescriptor",
            "AssignmentLateStatusDescriptor",
            late,
        );
    }
}

pub(super) fn grades(district: &District, student: &Student, batch: &mut Batch) {
    for grade in &student.grades {
        let spell = &student.spells[grade.spell];
        let school = &district.schools[spell.school];
        let term = Term::of(grade.quarter);
        let Some((begin, _)) = record::membership(district, spell, term) else { continue };
        let track = attendance::track(district, student.number, school);
        let section = Section { grade: student.grade, track, slot: grade.slot, term };
        batch.say(Resource::Grades, grade.on, |json| {
            let kind = if grade.semester { "Semester" } else { "Grading Period" };
            json.code("gradeTypeDescriptor", "GradeTypeDescriptor", kind);
            json.object("gradingPeriodReference", |json| {
                frame::grading_period_members(json, district, school, grade.quarter);
            });
            json.object("studentSectionAssociationReference", |json| {
                day(json, "beginDate", district, begin);
                section_members(json, district, school, section);
                json.text("studentUniqueId", &Student::id(student.number));
            });
            json.number("numericGradeEarned", grade.numeric);
            json.text("letterGradeEarned", grade::letter(grade.numeric));
        });
    }
}
