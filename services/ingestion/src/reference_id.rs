//! Ids of what events refer to (calendars, sessions, sections, …), derived from the parts of their keys, so that a section
//! named by an Ed-Fi reference, a native event or a file is one section.
//!
//! Parts are compared as sent, with their case; Ed-Fi descriptors (the code of a grading period) without it.

use homeroom_domain::id::{
    AssignmentId, CalendarId, ClassPeriodId, CourseId, CourseOfferingId, DistrictId, GradingPeriodId, GroupId,
    IncidentId, SchoolId, SchoolYear, SectionId, SessionId,
};
use uuid::Uuid;

use crate::named;
use crate::pseudonym::Pseudonym;

/// Fixed forever: another value would be another id for everything that any district has ever sent.
const NAMESPACE: Uuid = Uuid::from_u128(0x6d1c_9f0a_52b7_4f0e_8a3e_0d5b_7c41_e2f6);

/// The id of a record of a kind, by its canonical key.
pub fn reference_id(district: &DistrictId, kind: &str, canonical_key: &str) -> Uuid {
    let name = [district.as_str(), kind, canonical_key].join("\0");
    named::id(&NAMESPACE, &[name.as_bytes()])
}

/// The canonical key of its parts, in the order of the functions below.
pub fn canonical_key(parts: &[&str]) -> String {
    // A unit separator, which the doors let into no part.
    parts.join("\u{1f}")
}

/// A calendar of a school and year.
pub fn calendar(district: &DistrictId, school: &SchoolId, year: SchoolYear, code: &str) -> CalendarId {
    let key = canonical_key(&[school.as_str(), &year.to_string(), code]);
    reference_id(district, "calendar", &key).into()
}

/// A class period of a school.
pub fn class_period(district: &DistrictId, school: &SchoolId, name: &str) -> ClassPeriodId {
    reference_id(district, "class-period", &canonical_key(&[school.as_str(), name])).into()
}

/// A session of a school and year.
pub fn session(district: &DistrictId, school: &SchoolId, year: SchoolYear, name: &str) -> SessionId {
    let key = canonical_key(&[school.as_str(), &year.to_string(), name]);
    reference_id(district, "session", &key).into()
}

/// Which grading period of a code is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeriodPart<'a> {
    /// By its name, as Ed-Fi does from Data Standard 5.
    Name(&'a str),
    /// By its number among those of its code, as Ed-Fi did up to Data Standard 4.
    Sequence(i64),
}

/// A grading period of a school and year.
///
/// One that has both a name and a number has two ids: a source refers to it by one or the other, and a document that knows both
/// publishes the period under both, so that either resolves. One id would need a look-up that may come too late.
pub fn grading_period(
    district: &DistrictId,
    school: &SchoolId,
    year: SchoolYear,
    code: &str,
    part: PeriodPart<'_>,
) -> GradingPeriodId {
    let part = match part {
        PeriodPart::Name(name) => format!("name {name}"),
        PeriodPart::Sequence(number) => format!("number {number}"),
    };
    let key = canonical_key(&[school.as_str(), &year.to_string(), &code.to_lowercase(), &part]);
    reference_id(district, "grading-period", &key).into()
}

/// A course of an education organization, such as a school or the district itself.
pub fn course(district: &DistrictId, organization: &str, code: &str) -> CourseId {
    reference_id(district, "course", &canonical_key(&[organization, code])).into()
}

/// A course offered in a session.
pub fn course_offering(
    district: &DistrictId,
    school: &SchoolId,
    year: SchoolYear,
    session: &str,
    local_course_code: &str,
) -> CourseOfferingId {
    let key = canonical_key(&[school.as_str(), &year.to_string(), session, local_course_code]);
    reference_id(district, "course-offering", &key).into()
}

/// A section of a course offering.
pub fn section(
    district: &DistrictId,
    school: &SchoolId,
    year: SchoolYear,
    session: &str,
    local_course_code: &str,
    identifier: &str,
) -> SectionId {
    let key = canonical_key(&[school.as_str(), &year.to_string(), session, local_course_code, identifier]);
    reference_id(district, "section", &key).into()
}

/// An incident at a school. With the district's secret, as groups: whose incident it is stands in the log beside it, and an incident's
/// number leads to names in the school's own system.
pub fn incident(pseudonym: &Pseudonym, school: &SchoolId, identifier: &str) -> IncidentId {
    pseudonym.reference("incident", &canonical_key(&[school.as_str(), identifier])).into()
}

/// An assignment, which has an id of its own in the sender's namespace.
pub fn assignment(district: &DistrictId, namespace: &str, identifier: &str) -> AssignmentId {
    reference_id(district, "assignment", &canonical_key(&[namespace, identifier])).into()
}

/// A cohort of an education organization.
pub fn cohort(pseudonym: &Pseudonym, organization: &str, identifier: &str) -> GroupId {
    pseudonym.reference("cohort", &canonical_key(&[organization, identifier])).into()
}

/// A program of an education organization.
pub fn program(pseudonym: &Pseudonym, organization: &str, name: &str, kind: &str) -> GroupId {
    pseudonym.reference("program", &canonical_key(&[organization, name, &kind.to_lowercase()])).into()
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::*;
    use crate::pseudonym::Pseudonyms;

    #[test]
    fn an_id_says_every_part_and_the_case_of_a_code_says_nothing() {
        let district = DistrictId::parse("grand-bend").unwrap();
        let school = SchoolId::parse("255901001").unwrap();
        let year = SchoolYear(2022);
        assert_eq!(session(&district, &school, year, "Fall"), session(&district, &school, year, "Fall"));
        assert_ne!(session(&district, &school, year, "Fall"), session(&district, &school, SchoolYear(2023), "Fall"));
        let period = |code, part| grading_period(&district, &school, year, code, part);
        assert_eq!(period("X#First", PeriodPart::Name("a")), period("x#first", PeriodPart::Name("a")));
        assert_ne!(period("X#First", PeriodPart::Name("1")), period("X#First", PeriodPart::Sequence(1)));
    }

    #[test]
    fn whoever_lacks_the_secret_cannot_try_the_numbers_of_incidents_and_groups() {
        let district = DistrictId::parse("grand-bend").unwrap();
        let ids = |secret: &str| {
            let mut pseudonyms = Pseudonyms::default();
            pseudonyms.add(district.clone(), &SecretString::from(secret)).unwrap();
            let pseudonym = pseudonyms.find(&district).unwrap();
            let incident = incident(pseudonym, &SchoolId::parse("255901001").unwrap(), "1");
            (incident, cohort(pseudonym, "255901001", "1"), program(pseudonym, "255901", "Band", "Athletics"))
        };
        let (one, other) = (ids("one secret of the tests"), ids("another of the tests"));
        assert_eq!(one, ids("one secret of the tests"));
        assert!(one.0 != other.0 && one.1 != other.1 && one.2 != other.2);
    }
}
