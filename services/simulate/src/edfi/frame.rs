//! The office, courses, schools, calendars, sessions, periods and sections.

use super::{day, grade_level, office_reference, school_reference, section_members, session_reference, year_reference};
use crate::calendar::{Day, Kind};
use crate::course::{self, Section, Term};
use crate::district::{District, Level, OFFICE, School};
use crate::document::{Batch, Resource};
use crate::json::Json;

pub(super) fn office(district: &District, batch: &mut Batch) {
    let on = district.opening();
    batch.say(Resource::LocalEducationAgencies, on, |json| {
        json.number("localEducationAgencyId", OFFICE)
            .text("nameOfInstitution", "Linden Valley Unified School District");
        let list = "LocalEducationAgencyCategoryDescriptor";
        json.code("localEducationAgencyCategoryDescriptor", list, "Independent");
        json.list("categories", [()], |json, ()| {
            let list = "EducationOrganizationCategoryDescriptor";
            json.code("educationOrganizationCategoryDescriptor", list, "Local Education Agency");
        });
    });
    for course in course::all() {
        batch.say(Resource::Courses, on, |json| {
            json.text("courseCode", course.code).text("courseTitle", course.title).number("numberOfParts", 2);
            office_reference(json, "educationOrganizationReference");
            json.list("academicSubjects", [course.subject], |json, subject| {
                json.code("academicSubjectDescriptor", "AcademicSubjectDescriptor", subject);
            });
            json.list("identificationCodes", [course.code], |json, code| {
                let list = "CourseIdentificationSystemDescriptor";
                json.text("identificationCode", code).code(
                    "courseIdentificationSystemDescriptor",
                    list,
                    "LEA course code",
                );
            });
        });
    }
}

pub(super) fn school(district: &District, school: &School, batch: &mut Batch) {
    institution(district, school, batch);
    calendar(district, school, batch);
    grading_periods(district, school, batch);
    sessions(district, school, batch);
    periods(district, school, batch);
    sections(district, school, batch);
}

fn institution(district: &District, school: &School, batch: &mut Batch) {
    batch.say(Resource::Schools, district.opening(), |json| {
        json.number("schoolId", school.id()).text("nameOfInstitution", &school.name());
        json.list("educationOrganizationCategories", ["School"], |json, code| {
            let list = "EducationOrganizationCategoryDescriptor";
            json.code("educationOrganizationCategoryDescriptor", list, code);
        });
        json.list("schoolCategories", [school.level.title()], |json, code| {
            json.code("schoolCategoryDescriptor", "SchoolCategoryDescriptor", code);
        });
        json.list("gradeLevels", school.level.grades(), |json, grade| {
            json.code("gradeLevelDescriptor", "GradeLevelDescriptor", grade_level(grade));
        });
        json.object("localEducationAgencyReference", |json| {
            json.number("localEducationAgencyId", OFFICE);
        });
    });
}

/// The calendar's code, at each school.
pub(super) fn calendar_reference(json: &mut Json<'_>, district: &District, school: &School) {
    json.object("calendarReference", |json| {
        json.shown("calendarCode", district.calendar.year);
        json.number("schoolId", school.id()).number("schoolYear", district.calendar.year);
    });
}

fn calendar(district: &District, school: &School, batch: &mut Batch) {
    let on = district.opening();
    batch.say(Resource::Calendars, on, |json| {
        json.shown("calendarCode", district.calendar.year);
        json.code("calendarTypeDescriptor", "CalendarTypeDescriptor", "School");
        school_reference(json, "schoolReference", school);
        year_reference(json, district);
    });
    let mut date = |on: Day, date: Day, event: &str| {
        batch.say(Resource::CalendarDates, on, |json| {
            day(json, "date", district, date);
            calendar_reference(json, district, school);
            json.list("calendarEvents", [event], |json, event| {
                json.code("calendarEventDescriptor", "CalendarEventDescriptor", event);
            });
        });
    };
    for (planned, kind) in &district.calendar.planned {
        let event = match kind {
            Kind::Taught => "Instructional day",
            Kind::Short => "Student late arrival/early dismissal",
            Kind::Holiday => "Holiday",
            Kind::TeachersOnly => "Teacher only day",
        };
        date(on, *planned, event);
    }
    // It snows, and a week later the board says when the day is made up.
    for (lost, made_up) in &district.calendar.snow {
        date(*lost, *lost, "Weather day");
        date(lost.plus(7), *made_up, "Make-up day");
    }
}

const QUARTERS: [&str; 4] = ["First Nine Weeks", "Second Nine Weeks", "Third Nine Weeks", "Fourth Nine Weeks"];

/// The members of a reference to a grading period.
pub(super) fn grading_period_members(json: &mut Json<'_>, district: &District, school: &School, quarter: usize) {
    let name = QUARTERS[quarter];
    json.code("gradingPeriodDescriptor", "GradingPeriodDescriptor", name).text("gradingPeriodName", name);
    json.number("schoolId", school.id()).number("schoolYear", district.calendar.year);
}

fn grading_periods(district: &District, school: &School, batch: &mut Batch) {
    for (number, quarter) in (1..).zip(&district.calendar.quarters) {
        batch.say(Resource::GradingPeriods, district.opening(), |json| {
            let name = QUARTERS[number - 1];
            json.code("gradingPeriodDescriptor", "GradingPeriodDescriptor", name).text("gradingPeriodName", name);
            json.number("periodSequence", i64::try_from(number).unwrap_or(0));
            school_reference(json, "schoolReference", school);
            year_reference(json, district);
            day(json, "beginDate", district, quarter.begin);
            day(json, "endDate", district, quarter.end);
            json.number("totalInstructionalDays", 45);
        });
    }
}

fn sessions(district: &District, school: &School, batch: &mut Batch) {
    for term in Term::BOTH {
        let (begin, end) = district.term(term);
        batch.say(Resource::Sessions, district.opening(), |json| {
            json.text("sessionName", &district.session_name(term));
            school_reference(json, "schoolReference", school);
            year_reference(json, district);
            day(json, "beginDate", district, begin);
            day(json, "endDate", district, end);
            let code = if term == Term::Fall { "Fall Semester" } else { "Spring Semester" };
            json.code("termDescriptor", "TermDescriptor", code).number("totalInstructionalDays", 90);
            json.list("gradingPeriods", term.quarters(), |json, quarter| {
                json.object("gradingPeriodReference", |json| grading_period_members(json, district, school, quarter));
            });
        });
    }
}

/// Minutes from midnight at which school begins.
fn first_bell(level: Level) -> usize {
    match level {
        Level::Elementary => 8 * 60 + 30,
        Level::Middle => 8 * 60,
        Level::High => 7 * 60 + 45,
    }
}

fn clock(minutes: usize) -> String {
    format!("{:02}:{:02}:00", minutes / 60, minutes % 60)
}

/// The times of a period: all but elementary schools have 50 minutes, and 5 to the next room.
fn times(level: Level, period: usize) -> (usize, usize) {
    let begin = first_bell(level) + (period - 1) * 55;
    let length = if level == Level::Elementary { 6 * 60 + 30 } else { 50 };
    (begin, begin + length)
}

fn period_reference(json: &mut Json<'_>, school: &School, period: usize) {
    json.object("classPeriodReference", |json| {
        json.shown("classPeriodName", format_args!("Period {period}")).number("schoolId", school.id());
    });
}

fn periods(district: &District, school: &School, batch: &mut Batch) {
    let count = course::slots(school.level);
    for period in 1..=count {
        batch.say(Resource::ClassPeriods, district.opening(), |json| {
            json.shown("classPeriodName", format_args!("Period {period}"));
            school_reference(json, "schoolReference", school);
            let (begin, end) = times(school.level, period);
            json.truth("officialAttendancePeriod", period == 1);
            json.list("meetingTimes", [()], |json, ()| {
                json.text("startTime", &clock(begin)).text("endTime", &clock(end));
            });
        });
    }
    batch.say(Resource::BellSchedules, district.opening(), |json| {
        json.text("bellScheduleName", "Regular day");
        school_reference(json, "schoolReference", school);
        json.list("classPeriods", 1..=count, |json, period| period_reference(json, school, period));
        json.text("startTime", &clock(times(school.level, 1).0)).text("endTime", &clock(times(school.level, count).1));
    });
}

fn sections(district: &District, school: &School, batch: &mut Batch) {
    for term in Term::BOTH {
        for grade in school.level.grades() {
            for (slot, course) in course::courses(grade).iter().enumerate() {
                batch.say(Resource::CourseOfferings, district.opening(), |json| {
                    json.text("localCourseCode", course.code);
                    school_reference(json, "schoolReference", school);
                    session_reference(json, district, school, term);
                    json.object("courseReference", |json| {
                        json.text("courseCode", course.code).number("educationOrganizationId", OFFICE);
                    });
                });
                for track in 0..school.tracks {
                    section(district, school, Section { grade, track, slot, term }, batch);
                }
            }
        }
    }
}

fn section(district: &District, school: &School, section: Section, batch: &mut Batch) {
    batch.say(Resource::Sections, district.opening(), |json| {
        json.text("sectionIdentifier", &section.id(school)).text("sectionName", section.course().title);
        json.object("courseOfferingReference", |json| {
            json.text("localCourseCode", section.course().code).number("schoolId", school.id());
            json.number("schoolYear", district.calendar.year).text("sessionName", &district.session_name(section.term));
        });
        json.list("classPeriods", [section.period(school.level)], |json, period| {
            period_reference(json, school, period);
        });
    });
}

/// The members of a reference to a section of which the staff is told.
pub(super) fn taught(json: &mut Json<'_>, district: &District, school: &School, section: Section) {
    json.object("sectionReference", |json| section_members(json, district, school, section));
}
