//! Attendance: marks for a day or a section, and the word that attendance was taken.

use homeroom_domain::event::{AttendanceMark, DAY_MINUTES, Fact, Scope, Times};
use homeroom_domain::reference::{AttendanceTaken, Entry};

use super::fields::Fields;
use super::{Statement, Unmappable};

/// `studentSchoolAttendanceEvents`: a mark for the whole day.
pub(super) fn daily(fields: Fields<'_>) -> Result<Vec<Statement>, Unmappable> {
    let mark = AttendanceMark {
        school: fields.object("schoolReference")?.school()?,
        date: fields.date("eventDate")?,
        scope: Scope::Day,
        session: Some(fields.object("sessionReference")?.session()?),
        code: fields.text("attendanceEventCategoryDescriptor")?.to_owned(),
        share: share(fields),
        times: times(fields, "schoolAttendanceDuration"),
    };
    Ok(vec![Statement::Fact(fields.student()?, Fact::AttendanceMark(mark))])
}

/// `studentSectionAttendanceEvents`: a mark for one section, whose reference names school and session.
pub(super) fn section(fields: Fields<'_>) -> Result<Vec<Statement>, Unmappable> {
    let section = fields.object("sectionReference")?;
    let mark = AttendanceMark {
        school: section.school()?,
        date: fields.date("eventDate")?,
        scope: Scope::Section(section.section()?),
        session: Some(section.session()?),
        code: fields.text("attendanceEventCategoryDescriptor")?.to_owned(),
        share: share(fields),
        times: times(fields, "sectionAttendanceDuration"),
    };
    Ok(vec![Statement::Fact(fields.student()?, Fact::AttendanceMark(mark))])
}

/// `sectionAttendanceTakenEvents`.
pub(super) fn taken(fields: Fields<'_>) -> Result<Vec<Statement>, Unmappable> {
    let date = match fields.find_date("eventDate")? {
        Some(date) => date,
        None => fields.object("calendarDateReference")?.date("date")?,
    };
    let section = fields.object("sectionReference")?.section()?;
    Ok(vec![Statement::Entry("", Entry::AttendanceTaken(AttendanceTaken { section, date }))])
}

fn share(fields: Fields<'_>) -> Option<i32> {
    fields.find_hundredths("eventDuration").and_then(|share| i32::try_from(share).ok())
}

/// Minutes beyond a day's are a slip of the pen; the mark still counts as its category says.
fn times(fields: Fields<'_>, duration: &str) -> Times {
    let minutes = fields.find_integer(duration).and_then(|minutes| i32::try_from(minutes).ok());
    Times {
        minutes: minutes.filter(|minutes| (0..=DAY_MINUTES).contains(minutes)),
        came_at: fields.find_minute_of_day("arrivalTime"),
        left_at: fields.find_minute_of_day("departureTime"),
    }
}
