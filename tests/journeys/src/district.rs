//! A small district, as its student information system would send it: two schools in the spring of 2022.

use anyhow::Result;
use homeroom_harness::homeroom::{EdFi, Posted};
use serde_json::{Value, json};

/// Grand Bend High School.
pub const HIGH: i64 = 255_901_001;
/// Grand Bend Middle School.
pub const MIDDLE: i64 = 255_901_044;
/// The date on which a started Homeroom finds itself, a Wednesday.
pub const TODAY: &str = "2022-04-13";

pub(crate) const SESSION: &str = "2021-2022 Spring Semester";
pub(crate) const YEAR: i64 = 2022;

/// The twelve school days before today; the calendar has these, today, and two after it.
pub const DAYS_BEFORE: [&str; 12] = [
    "2022-03-28",
    "2022-03-29",
    "2022-03-30",
    "2022-03-31",
    "2022-04-01",
    "2022-04-04",
    "2022-04-05",
    "2022-04-06",
    "2022-04-07",
    "2022-04-08",
    "2022-04-11",
    "2022-04-12",
];
const DAYS_FROM_TODAY: [&str; 3] = [TODAY, "2022-04-14", "2022-04-15"];

/// Sends the district's records.
pub struct District {
    edfi: EdFi,
}

impl District {
    /// With nothing sent yet.
    pub fn new(edfi: EdFi) -> Self {
        Self { edfi }
    }

    /// The client.
    pub fn edfi(&self) -> &EdFi {
        &self.edfi
    }

    /// The district office, both schools, their sessions and calendars with all dates.
    pub async fn send_frame(&self) -> Result<()> {
        self.send_schools().await?;
        for school in [HIGH, MIDDLE] {
            self.send_calendar(school).await?;
        }
        Ok(())
    }

    /// The district office, both schools and their sessions: no calendar.
    pub async fn send_schools(&self) -> Result<()> {
        let office = json!({
            "localEducationAgencyId": 255_901,
            "nameOfInstitution": "Grand Bend ISD",
            "localEducationAgencyCategoryDescriptor": "uri://ed-fi.org/LocalEducationAgencyCategoryDescriptor#Independent",
            "categories": [{ "educationOrganizationCategoryDescriptor": "uri://ed-fi.org/EducationOrganizationCategoryDescriptor#Local Education Agency" }],
        });
        self.edfi.post("localEducationAgencies", &office).await?;
        for (school, name) in [(HIGH, "Grand Bend High School"), (MIDDLE, "Grand Bend Middle School")] {
            self.edfi.post("schools", &school_document(school, name)).await?;
            self.edfi.post("sessions", &session_document(school)).await?;
        }
        Ok(())
    }

    /// A school's calendar, and every date of it.
    pub async fn send_calendar(&self, school: i64) -> Result<()> {
        let calendar = json!({
            "calendarCode": "2022",
            "calendarTypeDescriptor": "uri://ed-fi.org/CalendarTypeDescriptor#School",
            "schoolReference": { "schoolId": school },
            "schoolYearTypeReference": { "schoolYear": YEAR },
        });
        self.edfi.post("calendars", &calendar).await?;
        self.send_dates(school, DAYS_BEFORE.iter().chain(&DAYS_FROM_TODAY)).await
    }

    /// Instructional days of a school's calendar.
    pub async fn send_dates(&self, school: i64, dates: impl IntoIterator<Item = impl AsRef<str>>) -> Result<()> {
        for date in dates {
            let date = date.as_ref();
            let day = json!({
                "date": date,
                "calendarEvents": [{ "calendarEventDescriptor": "uri://ed-fi.org/CalendarEventDescriptor#Instructional day" }],
                "calendarReference": { "calendarCode": "2022", "schoolId": school, "schoolYear": YEAR },
            });
            self.edfi.post("calendarDates", &day).await?;
        }
        Ok(())
    }

    /// A student whom no school has yet.
    pub async fn send_student(&self, id: &str) -> Result<Posted> {
        let student = json!({ "studentUniqueId": id, "firstName": "Canary", "lastSurname": "Feathers", "birthDate": "2007-05-01" });
        self.edfi.post("students", &student).await
    }

    /// A student enrolled at a school from the calendar's first day.
    pub async fn enroll(&self, id: &str, school: i64) -> Result<Posted> {
        self.send_student(id).await?;
        self.enroll_from(id, school, DAYS_BEFORE[0], None).await
    }

    /// An enrollment between two dates, both inclusive.
    pub async fn enroll_from(&self, id: &str, school: i64, entry: &str, exit: Option<&str>) -> Result<Posted> {
        let mut enrollment = json!({
            "entryDate": entry,
            "entryGradeLevelDescriptor": "uri://ed-fi.org/GradeLevelDescriptor#Ninth grade",
            "calendarReference": { "calendarCode": "2022", "schoolId": school, "schoolYear": YEAR },
            "primarySchool": true,
            "schoolReference": { "schoolId": school },
            "schoolYearTypeReference": { "schoolYear": YEAR },
            "studentReference": { "studentUniqueId": id },
        });
        if let Some(exit) = exit {
            enrollment["exitWithdrawDate"] = Value::from(exit);
            enrollment["exitWithdrawTypeDescriptor"] =
                Value::from("uri://ed-fi.org/ExitWithdrawTypeDescriptor#Transferred");
        }
        self.edfi.post("studentSchoolAssociations", &enrollment).await
    }

    /// A mark of the whole day, such as `Unexcused Absence` or `Tardy`.
    pub async fn mark(&self, id: &str, school: i64, date: &str, category: &str) -> Result<Posted> {
        self.edfi.post("studentSchoolAttendanceEvents", &mark_document(id, school, date, category)).await
    }

    /// Unexcused absences on the last days before today; where they are.
    pub async fn miss_last(&self, id: &str, school: i64, days: usize) -> Result<Vec<Posted>> {
        let mut marks = Vec::new();
        for date in &DAYS_BEFORE[DAYS_BEFORE.len() - days..] {
            marks.push(self.mark(id, school, date, "Unexcused Absence").await?);
        }
        Ok(marks)
    }
}

/// The document of a mark.
pub fn mark_document(id: &str, school: i64, date: &str, category: &str) -> Value {
    json!({
        "eventDate": date,
        "attendanceEventCategoryDescriptor": format!("uri://ed-fi.org/AttendanceEventCategoryDescriptor#{category}"),
        "studentReference": { "studentUniqueId": id },
        "schoolReference": { "schoolId": school },
        "sessionReference": { "schoolId": school, "schoolYear": YEAR, "sessionName": SESSION },
    })
}

fn school_document(school: i64, name: &str) -> Value {
    json!({
        "schoolId": school,
        "nameOfInstitution": name,
        "educationOrganizationCategories": [{ "educationOrganizationCategoryDescriptor": "uri://ed-fi.org/EducationOrganizationCategoryDescriptor#School" }],
        "gradeLevels": [{ "gradeLevelDescriptor": "uri://ed-fi.org/GradeLevelDescriptor#Ninth grade" }],
        "localEducationAgencyReference": { "localEducationAgencyId": 255_901 },
    })
}

fn session_document(school: i64) -> Value {
    json!({
        "sessionName": SESSION,
        "schoolYearTypeReference": { "schoolYear": YEAR },
        "beginDate": "2022-01-04",
        "endDate": "2022-05-27",
        "termDescriptor": "uri://ed-fi.org/TermDescriptor#Spring Semester",
        "totalInstructionalDays": 88,
        "schoolReference": { "schoolId": school },
    })
}
