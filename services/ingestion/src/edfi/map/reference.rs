//! What events refer to: schools, calendars, sessions, grading periods, courses and sections.

use homeroom_domain::event::DAY_MINUTES;
use homeroom_domain::reference::{
    BellSchedule, Calendar, CalendarDate, ClassPeriod, Course, CourseOffering, Entry, GradingPeriod, MeetingTime,
    School, Section, Session,
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
    let mut types = fields.texts_of("schoolCategories", "schoolCategoryDescriptor");
    types.extend(fields.find_text("schoolTypeDescriptor").map(str::to_owned));
    Ok(one(Entry::School(School { school: fields.school()?, name, types })))
}

/// `calendars`.
pub(super) fn calendar(fields: Fields<'_>) -> Said {
    let (school, school_year) = fields.school_and_year()?;
    let code = fields.text("calendarCode")?;
    let calendar = reference_id::calendar(fields.district(), &school, school_year, code);
    let calendar_type = fields.find_text("calendarTypeDescriptor").unwrap_or_default().to_owned();
    Ok(one(Entry::Calendar(Calendar { calendar, school, school_year, code: code.to_owned(), calendar_type })))
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
        class_periods: fields.class_periods()?,
        official: fields.find_boolean("officialAttendancePeriod").unwrap_or_default(),
    })))
}

/// `classPeriods`.
pub(super) fn class_period(fields: Fields<'_>) -> Said {
    let school = fields.object("schoolReference")?.school()?;
    let class_period = reference_id::class_period(fields.district(), &school, fields.text("classPeriodName")?);
    let times = fields.objects_of("meetingTimes").filter_map(meeting_time).collect();
    let official = fields.find_boolean("officialAttendancePeriod").unwrap_or_default();
    Ok(one(Entry::ClassPeriod(ClassPeriod { class_period, school, official, times })))
}

/// `bellSchedules`: those without dates say nothing of any day.
pub(super) fn bell_schedule(fields: Fields<'_>) -> Said {
    let school = fields.object("schoolReference")?.school()?;
    let dates = fields.objects_of("dates").map(|held| held.date("date")).collect::<Result<_, _>>()?;
    let class_periods = fields.class_periods()?;
    let grade_levels = fields.texts_of("gradeLevels", "gradeLevelDescriptor");
    let hours = meeting_time(fields);
    let minutes = fields.find_integer("totalInstructionalTime").and_then(|minutes| i32::try_from(minutes).ok());
    // A source that fills the field with zero does not know.
    let instruction = minutes.filter(|minutes| (1..=DAY_MINUTES).contains(minutes));
    Ok(one(Entry::BellSchedule(BellSchedule { school, dates, class_periods, hours, grade_levels, instruction })))
}

fn meeting_time(fields: Fields<'_>) -> Option<MeetingTime> {
    let (begin_at, end_at) = (fields.find_minute_of_day("startTime")?, fields.find_minute_of_day("endTime")?);
    (begin_at < end_at).then_some(MeetingTime { begin_at, end_at })
}
