//! Teachers, principals, counselors and mentors, and the groups that they lead.

use super::{day, frame};
use crate::chance::Purpose;
use crate::connection::{self, ACTIVITIES, Group, MENTORS_FROM};
use crate::course::{self, Term};
use crate::district::{District, Level, School};
use crate::document::{Batch, Resource};
use crate::json::Json;
use crate::name;

/// Staff who are not teachers have numbers from here on, by role.
const PRINCIPAL: u32 = 900;
const COUNSELORS: u32 = 901;
const MENTORS: u32 = 1_000;
/// Students of a counselor: the national ratio, <https://www.napsa.com/acsa-provides-the-latest-school-counselor-to-student-ratio-data>.
const CASELOAD: u32 = 372;

fn id(school: &School, number: u32) -> String {
    format!("{}{number:04}", school.id())
}

pub(super) fn staff(district: &District, school: &School, batch: &mut Batch) {
    let teacher = if school.level == Level::Elementary { "Elementary Teacher" } else { "Secondary Teacher" };
    for number in 0..course::teachers(school) {
        person(district, school, number, teacher, batch);
    }
    person(district, school, PRINCIPAL, "School Administrator", batch);
    let grades = u32::try_from(school.level.grades().count()).unwrap_or(1);
    for number in 0..(school.tracks * grades * 26).div_ceil(CASELOAD) {
        person(district, school, COUNSELORS + number, "School Counselor", batch);
    }
    for term in Term::BOTH {
        for section in course::sections(school, term) {
            let (begin, end) = district.term(term);
            batch.say(Resource::StaffSections, district.opening(), |json| {
                staff_reference(json, school, section.teacher(school));
                frame::taught(json, district, school, section);
                json.code("classroomPositionDescriptor", "ClassroomPositionDescriptor", "Teacher of Record");
                day(json, "beginDate", district, begin);
                day(json, "endDate", district, end);
            });
        }
    }
    activities(district, school, batch);
    mentors(district, school, batch);
}

fn person(district: &District, school: &School, number: u32, role: &str, batch: &mut Batch) {
    let mut chance = district.chance(Purpose::Staff, &[school.index as u64, u64::from(number)]);
    let (given, family) = (name::given(&mut chance), name::family(&mut chance));
    let on = district.opening();
    batch.say(Resource::Staffs, on, |json| {
        json.text("staffUniqueId", &id(school, number)).text("firstName", given).text("lastSurname", family);
        json.list("electronicMails", [()], |json, ()| {
            let (given, family) = (given.to_ascii_lowercase(), family.to_ascii_lowercase());
            json.shown("electronicMailAddress", format_args!("{given}.{family}.{number}@linden-valley.example"));
            json.code("electronicMailTypeDescriptor", "ElectronicMailTypeDescriptor", "Work");
        });
    });
    batch.say(Resource::StaffAssignments, on, |json| {
        staff_reference(json, school, number);
        json.object("educationOrganizationReference", |json| {
            json.number("educationOrganizationId", school.id());
        });
        json.code("staffClassificationDescriptor", "StaffClassificationDescriptor", role);
        day(json, "beginDate", district, on);
    });
}

fn staff_reference(json: &mut Json<'_>, school: &School, number: u32) {
    json.object("staffReference", |json| {
        json.text("staffUniqueId", &id(school, number));
    });
}

/// The members of a reference to a group.
pub(super) fn cohort_reference(json: &mut Json<'_>, school: &School, group: Group) {
    json.object("cohortReference", |json| {
        json.text("cohortIdentifier", &group.id(school)).number("educationOrganizationId", school.id());
    });
}

fn cohort(district: &District, school: &School, group: Group, (kind, title): (&str, &str), batch: &mut Batch) {
    batch.say(Resource::Cohorts, district.opening(), |json| {
        json.text("cohortIdentifier", &group.id(school)).text("cohortDescription", title);
        json.code("cohortTypeDescriptor", "CohortTypeDescriptor", kind);
        json.object("educationOrganizationReference", |json| {
            json.number("educationOrganizationId", school.id());
        });
    });
}

fn activities(district: &District, school: &School, batch: &mut Batch) {
    for (number, title) in ACTIVITIES.iter().enumerate().take(connection::activities(school.level)) {
        let group = Group::Activity(number);
        cohort(district, school, group, ("Extracurricular Activity", title), batch);
        let sponsor = u32::try_from(number).unwrap_or(0) % course::teachers(school).max(1);
        batch.say(Resource::StaffCohorts, district.opening(), |json| {
            staff_reference(json, school, sponsor);
            cohort_reference(json, school, group);
            day(json, "beginDate", district, district.calendar.first_day());
        });
    }
}

fn mentors(district: &District, school: &School, batch: &mut Batch) {
    for number in 0..connection::mentors(school) {
        person(district, school, MENTORS + number, "Student Support Services Staff (w/o Psychology)", batch);
        let group = Group::Mentor(number);
        cohort(district, school, group, ("Attendance Intervention", "Mentored students"), batch);
        let begin = district.calendar.at(MENTORS_FROM);
        let mut leads = |on, end| {
            batch.say(Resource::StaffCohorts, on, |json| {
                staff_reference(json, school, MENTORS + number);
                cohort_reference(json, school, group);
                day(json, "beginDate", district, begin);
                if let Some(end) = end {
                    day(json, "endDate", district, end);
                }
            });
        };
        leads(begin, None);
        if let Some(left) = connection::mentor_leaves(district, school, number) {
            let left = district.calendar.at(left);
            leads(left, Some(left));
        }
    }
}
