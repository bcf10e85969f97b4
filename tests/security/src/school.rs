//! A student whose every personal word is a canary, as the district's records have them.

use anyhow::Result;
use homeroom_harness::homeroom::Posted;
use homeroom_journeys::district::{District, HIGH, TODAY, mark_document};
use serde_json::json;

use crate::needle::Needle;

/// A student's words.
#[derive(Debug, Clone, Copy)]
pub struct Student {
    /// The district's own id.
    pub local_id: &'static str,
    /// The first name.
    pub first: &'static str,
    /// The last name.
    pub last: &'static str,
    /// The preferred name.
    pub preferred: &'static str,
    /// What somebody wrote about an absence.
    pub reason: &'static str,
    /// A mail address.
    pub mail: &'static str,
    /// A parent's name.
    pub parent: &'static str,
}

/// The one of the machine's own district.
pub const KESTREL: Student = Student {
    local_id: "zqid7731905",
    first: "Zqkestrel",
    last: "Zqospreyson",
    preferred: "Zqmerlinette",
    reason: "zqharrier stays with her aunt since the fire",
    mail: "zqplover@family.example.org",
    parent: "Zqcurlewina",
};

/// The one of the neighbour.
pub const HERON: Student = Student {
    local_id: "vxid4410286",
    first: "Vxheronette",
    last: "Vxbitterns",
    preferred: "Vxegretta",
    reason: "vxsnipelets missed the bus again",
    mail: "vxstilt@family.example.org",
    parent: "Vxavocetta",
};

impl Student {
    /// All words that stand for this person and nobody else.
    pub fn needles(&self) -> Vec<Needle> {
        let reason = self.reason.split(' ').next().unwrap_or_default();
        let mail = self.mail.split_once('.').map_or(self.mail, |(mail, _)| mail);
        let words = [
            ("the local id", self.local_id),
            ("the first name", self.first),
            ("the last name", self.last),
            ("the preferred name", self.preferred),
            ("the reason", reason),
            ("the mail address", mail),
            ("the parent's name", self.parent),
        ];
        words.iter().map(|(what, word)| Needle::new(&format!("{what} `{word}`"), word)).collect()
    }

    /// Sends the student, the family, and three unexcused days before today, which open alerts; where the marks are.
    pub async fn send(&self, district: &District) -> Result<Vec<Posted>> {
        let edfi = district.edfi();
        let student = json!({
            "studentUniqueId": self.local_id, "firstName": self.first, "lastSurname": self.last, "birthDate": "2007-05-01",
            "preferredFirstName": self.preferred, "preferredLastSurname": self.last, "middleName": self.preferred,
        });
        edfi.post("students", &student).await?;
        let mail = json!([{ "electronicMailAddress": self.mail,
            "electronicMailTypeDescriptor": "uri://ed-fi.org/ElectronicMailTypeDescriptor#Home/Personal" }]);
        let parent = json!({ "contactUniqueId": format!("p-{}", self.local_id), "firstName": self.parent,
            "lastSurname": self.last, "electronicMails": mail });
        edfi.post("contacts", &parent).await?;
        let family = json!({
            "contactReference": { "contactUniqueId": format!("p-{}", self.local_id) },
            "studentReference": { "studentUniqueId": self.local_id }, "contactRestrictions": self.reason,
        });
        edfi.post("studentContactAssociations", &family).await?;
        let office = json!({ "educationOrganizationReference": { "educationOrganizationId": 255_901 },
            "studentReference": { "studentUniqueId": self.local_id }, "electronicMails": mail });
        edfi.post("studentEducationOrganizationAssociations", &office).await?;
        district.enroll_from(self.local_id, HIGH, homeroom_journeys::district::DAYS_BEFORE[0], None).await?;
        let mut marks = Vec::new();
        for date in homeroom_journeys::district::DAYS_BEFORE.iter().rev().take(3).chain([&TODAY]) {
            let mut mark = mark_document(self.local_id, HIGH, date, "Unexcused Absence");
            mark["attendanceEventReason"] = self.reason.into();
            marks.push(edfi.post("studentSchoolAttendanceEvents", &mark).await?);
        }
        Ok(marks)
    }
}
