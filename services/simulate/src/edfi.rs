//! What the district knows, as documents of the Ed-Fi Data Standard 5.2.

mod frame;
mod person;
mod record;
mod staff;
mod transcript;
mod work;

use crate::calendar::Day;
use crate::course::{Section, Term};
use crate::district::{District, OFFICE, School};
use crate::document::Batch;
use crate::json::Json;
use crate::student::Student;

impl District {
    /// The district's office, and what all schools share. Documents are added to the batch.
    pub fn office(&self, batch: &mut Batch) {
        frame::office(self, batch);
    }

    /// A school with its calendar, sessions, classes, staff and groups: none beyond the last one. Documents are added to the batch.
    pub fn school(&self, index: usize, batch: &mut Batch) {
        let Some(school) = self.schools.get(index) else { return };
        frame::school(self, school, batch);
        staff::staff(self, school, batch);
        work::entries(self, school, batch);
    }

    /// A student's year, and the guardians with the first child of a household: none beyond the last one. Documents are added
    /// to the batch.
    pub fn student(&self, number: u32, batch: &mut Batch) {
        if number >= self.students() {
            return;
        }
        let student = Student::new(self, number);
        person::student(self, &student, batch);
        record::enrollments(self, &student, batch);
        record::marks(self, &student, batch);
        record::incidents(self, &student, batch);
        record::connections(self, &student, batch);
        work::grades(self, &student, batch);
        transcript::courses(self, &student, batch);
        work::items(self, &student, batch);
    }

    fn term_of(&self, day: Day) -> Term {
        if day <= self.calendar.quarters[1].end { Term::Fall } else { Term::Spring }
    }

    /// The first and last day of a term.
    fn term(&self, term: Term) -> (Day, Day) {
        let [first, second] = term.quarters().map(|quarter| self.calendar.quarters[quarter]);
        (first.begin, second.end)
    }

    fn session_name(&self, term: Term) -> String {
        let year = self.calendar.year;
        match term {
            Term::Fall => format!("{}-{year} Fall Semester", year - 1),
            Term::Spring => format!("{}-{year} Spring Semester", year - 1),
        }
    }
}

fn school_reference(json: &mut Json<'_>, name: &str, school: &School) {
    json.object(name, |json| {
        json.number("schoolId", school.id());
    });
}

fn year_reference(json: &mut Json<'_>, district: &District) {
    json.object("schoolYearTypeReference", |json| {
        json.number("schoolYear", district.calendar.year);
    });
}

fn office_reference(json: &mut Json<'_>, name: &str) {
    json.object(name, |json| {
        json.number("educationOrganizationId", OFFICE);
    });
}

fn session_reference(json: &mut Json<'_>, district: &District, school: &School, term: Term) {
    json.object("sessionReference", |json| {
        json.number("schoolId", school.id());
        json.number("schoolYear", district.calendar.year);
        json.text("sessionName", &district.session_name(term));
    });
}

/// The members of a reference to a section, without braces: grades have more beside them.
fn section_members(json: &mut Json<'_>, district: &District, school: &School, section: Section) {
    json.text("localCourseCode", section.course().code);
    json.number("schoolId", school.id());
    json.number("schoolYear", district.calendar.year);
    json.text("sectionIdentifier", &section.id(school));
    json.text("sessionName", &district.session_name(section.term));
}

fn section_reference(json: &mut Json<'_>, district: &District, school: &School, section: Section) {
    json.object("sectionReference", |json| section_members(json, district, school, section));
}

fn student_reference(json: &mut Json<'_>, student: &Student) {
    json.object("studentReference", |json| {
        json.text("studentUniqueId", &Student::id(student.number));
    });
}

fn day(json: &mut Json<'_>, name: &str, district: &District, day: Day) {
    json.text(name, district.calendar.text(day));
}

const GRADE_LEVELS: [&str; 13] = [
    "Kindergarten",
    "First grade",
    "Second grade",
    "Third grade",
    "Fourth grade",
    "Fifth grade",
    "Sixth grade",
    "Seventh grade",
    "Eighth grade",
    "Ninth grade",
    "Tenth grade",
    "Eleventh grade",
    "Twelfth grade",
];

fn grade_level(grade: u32) -> &'static str {
    GRADE_LEVELS.get(grade as usize).copied().unwrap_or("Other")
}
