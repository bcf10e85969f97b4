//! Attendance: marks for a day or a section, and the word that attendance was taken.

use homeroom_domain::event::{AttendanceMark, Fact, Scope};
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
