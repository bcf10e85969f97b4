//! What events refer to: schools, calendars, sessions, grading periods, courses and sections.

use homeroom_domain::reference::{
    Calendar, CalendarDate, Course, CourseOffering, Entry, GradingPeriod, School, Section, Session,
};

use super::fields::Fields;
use super::{Statement, Unmappable};
use crate::reference_id::{self, PeriodPart};

type Said = Result<Vec<Statement>, Unmappable>;

fn one(entry: Entry) -> Vec<Statement> {
    vec![Statement::Entry("", entry)]
}

/// `schools`.
pub(super) fn school(fields: Fields<'_>) -> Said {
    let name = fields.text("nameOfInstitution")?.to_owned();
    Ok(one(Entry::School(School { school: fields.school()?, name })))
}

/// `calendars`.
pub(super) fn calendar(fields: Fields<'_>) -> Said {
    let (school, school_year) = fields.school_and_year()?;
    let code = fields.text("calendarCode")?;
    let calendar = reference_id::calendar(fields.district(), &school, school_year, code);
    Ok(one(Entry::Calendar(Calendar { calendar, school, school_year })))
}

/// `calendarDates`.
pub(super) fn calendar_date(fields: Fields<'_>) -> Said {
    let calendar = fields.object("calendarReference")?.calendar()?;
    let events = fields.texts_of("calendarEvents", "calendarEventDescriptor");
    Ok(one(Entry::CalendarDate(CalendarDate { calendar, date: fields.date("date")?, events })))
}

/// `sessions`.
pub(super) fn session(fields: Fields<'_>) -> Said {
    let (school, school_year) = fields.school_and_year()?;
    let name = fields.text("sessionName")?;
    let session = reference_id::session(fields.district(), &school, school_year, name);
    let (begin_on, end_on) = (fields.date("beginDate")?, fields.date("endDate")?);
    Ok(one(Entry::Session(Session { session, school, school_year, begin_on, end_on })))
}

/// `gradingPeriods`: under its name, under its number, or under both; see [`reference_id::grading_period`].
pub(super) fn grading_periods(fields: Fields<'_>) -> Said {
    let (school, school_year) = fields.school_and_year()?;
    let (begin_on, end_on) = (fields.date("beginDate")?, fields.date("endDate")?);
    let period = |part| {
        let grading_period = fields.grading_period_by(&school, school_year, part)?;
        let period = GradingPeriod { grading_period, school: school.clone(), school_year, begin_on, end_on };
        Ok(Entry::GradingPeriod(period))
    };
    let name = fields.find_text("gradingPeriodName").map(|name| period(PeriodPart::Name(name))).transpose()?;
    let number =
        fields.find_integer("periodSequence").map(|number| period(PeriodPart::Sequence(number))).transpose()?;
    let entries = [("", name), ("by-number", number)];
    Ok(entries.into_iter().filter_map(|(part, entry)| Some(Statement::Entry(part, entry?))).collect())
}

/// `courses`: subjects as a list since Data Standard 5, one before.
pub(super) fn course(fields: Fields<'_>) -> Said {
    let organization = fields.object("educationOrganizationReference")?.number_or_text("educationOrganizationId")?;
    let course = reference_id::course(fields.district(), &organization, fields.text("courseCode")?);
    let mut subjects = fields.texts_of("academicSubjects", "academicSubjectDescriptor");
    subjects.extend(fields.find_text("academicSubjectDescriptor").map(str::to_owned));
    Ok(one(Entry::Course(Course { course, subjects })))
}

/// `courseOfferings`.
pub(super) fn course_offering(fields: Fields<'_>) -> Said {
    let held = fields.object("sessionReference")?;
    let (school, year, name) = (held.school()?, held.school_year()?, held.text("sessionName")?);
    let code = fields.text("localCourseCode")?;
    let course_offering = reference_id::course_offering(fields.district(), &school, year, name, code);
    let (course, session) = (fields.object("courseReference")?.course()?, held.session()?);
    Ok(one(Entry::CourseOffering(CourseOffering { course_offering, course, session })))
}

/// `sections`.
pub(super) fn section(fields: Fields<'_>) -> Said {
    let offering = fields.object("courseOfferingReference")?;
    let section = offering.section_named(fields.text("sectionIdentifier")?)?;
    Ok(one(Entry::Section(Section {
        section,
        course_offering: offering.course_offering()?,
        school: offering.school()?,
    })))
}
