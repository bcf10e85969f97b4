//! Transcripts: what the semesters of a high school come to in credits.

use super::{office_reference, year_reference};
use crate::attendance;
use crate::calendar::Day;
use crate::course::{Section, Term};
use crate::district::{District, Level, OFFICE};
use crate::document::{Batch, Resource};
use crate::grade::{self, PASSING};
use crate::json::Json;
use crate::student::Student;

/// Half a credit for a semester, in hundredths.
const CREDIT: u32 = 50;

/// The academic records of a student and the courses on them, on the day of the semester's grade. How a course ended is part of
/// its key, so a failed one that is passed after all is withdrawn and said anew.
pub(super) fn courses(district: &District, student: &Student, batch: &mut Batch) {
    if Level::of(student.grade) != Level::High {
        return;
    }
    let mut last: Option<(Term, usize, bool)> = None;
    let mut records: Vec<Term> = Vec::new();
    for grade in student.grades.iter().filter(|grade| grade.semester) {
        let school = &district.schools[student.spells[grade.spell].school];
        let term = Term::of(grade.quarter);
        let track = attendance::track(district, student.number, school);
        let section = Section { grade: student.grade, track, slot: grade.slot, term };
        let passed = grade.numeric >= PASSING;
        if !records.contains(&term) {
            records.push(term);
            record(district, student, term, grade.on, batch);
        }
        let key = |json: &mut Json<'_>, passed: bool| {
            let result = if passed { "Pass" } else { "Fail" };
            json.code("courseAttemptResultDescriptor", "CourseAttemptResultDescriptor", result);
            json.object("courseReference", |json| {
                json.text("courseCode", section.course().code).number("educationOrganizationId", OFFICE);
            });
            json.object("studentAcademicRecordReference", |json| {
                json.number("educationOrganizationId", OFFICE).number("schoolYear", district.calendar.year);
                json.text("studentUniqueId", &Student::id(student.number));
                json.code("termDescriptor", "TermDescriptor", semester(term));
            });
        };
        // A correction comes right after the grade that it corrects.
        if last.is_some_and(|(of, slot, before)| (of, slot) == (term, grade.slot) && before != passed) {
            batch.withdraw(Resource::Transcripts, grade.on, |json| key(json, !passed));
        }
        last = Some((term, grade.slot, passed));
        batch.say(Resource::Transcripts, grade.on, |json| {
            key(json, passed);
            json.hundredths("attemptedCredits", CREDIT).hundredths("earnedCredits", if passed { CREDIT } else { 0 });
            json.number("finalNumericGradeEarned", grade.numeric);
            json.text("finalLetterGradeEarned", grade::letter(grade.numeric));
        });
    }
}

fn record(district: &District, student: &Student, term: Term, on: Day, batch: &mut Batch) {
    batch.say(Resource::AcademicRecords, on, |json| {
        office_reference(json, "educationOrganizationReference");
        year_reference(json, district);
        super::student_reference(json, student);
        json.code("termDescriptor", "TermDescriptor", semester(term));
    });
}

fn semester(term: Term) -> &'static str {
    match term {
        Term::Fall => "Fall Semester",
        Term::Spring => "Spring Semester",
    }
}
