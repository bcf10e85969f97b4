//! Values of a document, read as the domain's types. The validator has seen the document, so most of this cannot fail; what
//! can is what Ed-Fi allows and the domain does not.

use homeroom_domain::date::Date;
use homeroom_domain::id::{
    AssignmentId, CalendarId, ClassPeriodId, CourseId, CourseOfferingId, DistrictId, GradingPeriodId, GroupId,
    IncidentId, SchoolId, SchoolYear, SectionId, SessionId,
};
use serde_json::{Map, Value};

use super::Unmappable;
use crate::pseudonym::Pseudonym;
use crate::reference_id::{self, PeriodPart};

/// A document, or an object within it.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a> {
    pseudonym: &'a Pseudonym,
    object: &'a Map<String, Value>,
    /// The name of the object within the document; empty for the document itself.
    within: &'a str,
}

impl<'a> Fields<'a> {
    pub(super) fn new(pseudonym: &'a Pseudonym, object: &'a Map<String, Value>) -> Self {
        Self { pseudonym, object, within: "" }
    }

    /// An object within this one, such as a reference.
    pub(super) fn object(self, name: &'a str) -> Result<Self, Unmappable> {
        self.find_object(name).ok_or_else(|| self.fault(name, "an object", "it is missing"))
    }

    /// An object that need not be there.
    pub(super) fn find_object(self, name: &'a str) -> Option<Self> {
        match self.object.get(name) {
            Some(Value::Object(object)) => Some(Self { object, within: name, ..self }),
            _ => None,
        }
    }

    pub(super) fn text(self, name: &str) -> Result<&'a str, Unmappable> {
        self.find_text(name).ok_or_else(|| self.fault(name, "a text", "it is missing"))
    }

    pub(super) fn find_text(self, name: &str) -> Option<&'a str> {
        self.object.get(name).and_then(Value::as_str)
    }

    pub(super) fn find_boolean(self, name: &str) -> Option<bool> {
        self.object.get(name).and_then(Value::as_bool)
    }

    pub(super) fn find_integer(self, name: &str) -> Option<i64> {
        self.object.get(name).and_then(Value::as_i64)
    }

    /// A decimal number in hundredths, rounded.
    pub(super) fn find_hundredths(self, name: &str) -> Option<i64> {
        self.find_parts(name, 100.0)
    }

    /// A decimal number in thousandths, rounded.
    pub(super) fn find_thousandths(self, name: &str) -> Option<i64> {
        self.find_parts(name, 1_000.0)
    }

    #[expect(clippy::cast_possible_truncation, reason = "the validator bounds it to nine digits")]
    fn find_parts(self, name: &str, of_one: f64) -> Option<i64> {
        self.object.get(name).and_then(Value::as_f64).map(|number| (number * of_one).round() as i64)
    }

    /// A time of day, which the validator has brought into the form `HH:MM:SS`, in minutes after midnight.
    pub(super) fn find_minute_of_day(self, name: &str) -> Option<i32> {
        let time: jiff::civil::Time = self.find_text(name)?.parse().ok()?;
        Some(i32::from(time.hour()) * 60 + i32::from(time.minute()))
    }

    pub(super) fn date(self, name: &str) -> Result<Date, Unmappable> {
        let text = self.text(name)?;
        Date::parse(text).ok_or_else(|| self.fault(name, "a date from 1900 to 2200", "it is another date"))
    }

    pub(super) fn find_date(self, name: &str) -> Result<Option<Date>, Unmappable> {
        self.find_text(name).map(|_| self.date(name)).transpose()
    }

    /// The values of a property of each object of a list.
    pub(super) fn texts_of(self, list: &str, name: &str) -> Vec<String> {
        let elements = self.object.get(list).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        elements.iter().filter_map(|element| element.get(name)?.as_str().map(str::to_owned)).collect()
    }

    /// The objects of a list.
    pub(super) fn objects_of(self, list: &'a str) -> impl Iterator<Item = Self> {
        let elements = self.object.get(list).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        elements.iter().filter_map(Value::as_object).map(move |object| Self { object, within: list, ..self })
    }

    /// The class periods that a list refers to.
    pub(super) fn class_periods(self) -> Result<Vec<ClassPeriodId>, Unmappable> {
        let periods = self.objects_of("classPeriods").filter_map(|held| held.find_object("classPeriodReference"));
        periods
            .map(|period| {
                Ok(reference_id::class_period(self.district(), &period.school()?, period.text("classPeriodName")?))
            })
            .collect()
    }

    pub(super) fn school(self) -> Result<SchoolId, Unmappable> {
        let expected = "a school id without blanks or slashes, at most 120 bytes";
        let text = self.number_or_text("schoolId")?;
        SchoolId::parse(&text).map_err(|error| self.fault("schoolId", expected, &without_value(&error)))
    }

    pub(super) fn school_year(self) -> Result<SchoolYear, Unmappable> {
        let year = self.find_integer("schoolYear").and_then(|year| i32::try_from(year).ok());
        year.map(SchoolYear).ok_or_else(|| self.fault("schoolYear", "a year", "it is missing"))
    }

    pub(super) fn student(self) -> Result<String, Unmappable> {
        self.object("studentReference")?.text("studentUniqueId").map(str::to_owned)
    }

    pub(super) fn calendar(self) -> Result<CalendarId, Unmappable> {
        let code = self.text("calendarCode")?;
        Ok(reference_id::calendar(self.district(), &self.school()?, self.school_year()?, code))
    }

    pub(super) fn session(self) -> Result<SessionId, Unmappable> {
        let name = self.text("sessionName")?;
        Ok(reference_id::session(self.district(), &self.school()?, self.school_year()?, name))
    }

    pub(super) fn course(self) -> Result<CourseId, Unmappable> {
        let organization = self.number_or_text("educationOrganizationId")?;
        Ok(reference_id::course(self.district(), &organization, self.text("courseCode")?))
    }

    pub(super) fn course_offering(self) -> Result<CourseOfferingId, Unmappable> {
        let (session, code) = (self.text("sessionName")?, self.text("localCourseCode")?);
        Ok(reference_id::course_offering(self.district(), &self.school()?, self.school_year()?, session, code))
    }

    pub(super) fn section(self) -> Result<SectionId, Unmappable> {
        self.section_named(self.text("sectionIdentifier")?)
    }

    /// The section of this course offering that has this identifier.
    pub(super) fn section_named(self, identifier: &str) -> Result<SectionId, Unmappable> {
        let (school, year) = (self.school()?, self.school_year()?);
        let (session, code) = (self.text("sessionName")?, self.text("localCourseCode")?);
        Ok(reference_id::section(self.district(), &school, year, session, code, identifier))
    }

    /// The grading period that is referred to, by name or else by number.
    pub(super) fn grading_period(self) -> Result<GradingPeriodId, Unmappable> {
        let part = match (self.find_text("gradingPeriodName"), self.find_integer("periodSequence")) {
            (Some(name), _) => PeriodPart::Name(name),
            (None, Some(number)) => PeriodPart::Sequence(number),
            (None, None) => return Err(self.fault("gradingPeriodName", "a name or a number", "it is missing")),
        };
        self.grading_period_by(&self.school()?, self.school_year()?, part)
    }

    pub(super) fn grading_period_by(
        self,
        school: &SchoolId,
        year: SchoolYear,
        part: PeriodPart<'_>,
    ) -> Result<GradingPeriodId, Unmappable> {
        let code = self.text("gradingPeriodDescriptor")?;
        Ok(reference_id::grading_period(self.district(), school, year, code, part))
    }

    /// The incident of this document or reference, at a school.
    pub(super) fn incident_at(self, school: &SchoolId) -> Result<IncidentId, Unmappable> {
        Ok(reference_id::incident(self.pseudonym, school, self.text("incidentIdentifier")?))
    }

    pub(super) fn assignment(self) -> Result<AssignmentId, Unmappable> {
        let (namespace, identifier) = (self.text("namespace")?, self.text("gradebookEntryIdentifier")?);
        Ok(reference_id::assignment(self.district(), namespace, identifier))
    }

    /// The cohort of this document or reference, of an organization.
    pub(super) fn cohort_of(self, organization: &str) -> Result<GroupId, Unmappable> {
        Ok(reference_id::cohort(self.pseudonym, organization, self.text("cohortIdentifier")?))
    }

    pub(super) fn program(self) -> Result<GroupId, Unmappable> {
        let organization = self.number_or_text("educationOrganizationId")?;
        let (name, kind) = (self.text("programName")?, self.text("programTypeDescriptor")?);
        Ok(reference_id::program(self.pseudonym, &organization, name, kind))
    }

    /// The ids of a calendar or session document, whose own key is spread over the document and its references.
    pub(super) fn school_and_year(self) -> Result<(SchoolId, SchoolYear), Unmappable> {
        let school = self.object("schoolReference")?.school()?;
        Ok((school, self.object("schoolYearTypeReference")?.school_year()?))
    }

    pub(super) fn district(self) -> &'a DistrictId {
        self.pseudonym.district()
    }

    /// An id as text, whether the standard has it as a number or as a text.
    pub(super) fn number_or_text(self, name: &str) -> Result<String, Unmappable> {
        match self.object.get(name) {
            Some(Value::Number(number)) => Ok(number.to_string()),
            Some(Value::String(text)) => Ok(text.clone()),
            _ => Err(self.fault(name, "an id", "it is missing")),
        }
    }

    fn fault(self, name: &str, expected: &str, detail: &str) -> Unmappable {
        let field = if self.within.is_empty() { format!("$.{name}") } else { format!("$.{}.{name}", self.within) };
        Unmappable { field, expected: expected.to_owned(), detail: detail.to_owned() }
    }
}

/// The error without what was sent: dead letters' words never repeat a value.
fn without_value(error: &homeroom_domain::id::Error) -> String {
    match error {
        homeroom_domain::id::Error::Character { .. } => "it holds a character that is not allowed".to_owned(),
        other => other.to_string(),
    }
}
