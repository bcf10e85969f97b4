//! Documents as a student information system sends them: of which resource, on which day, said or withdrawn.

use std::ops::{Range, RangeInclusive};

use crate::calendar::Day;
use crate::json::Json;

macro_rules! resources {
    ($($name:ident $endpoint:literal),* $(,)?) => {
        /// A resource of the Ed-Fi API (Data Standard 5.2), in an order in which whoever is referred to comes first.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Resource {
            $(#[doc = concat!("`", $endpoint, "`.")] $name),*
        }

        impl Resource {
            /// All of them, in order.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The last part of its address, such as `students`.
            pub const fn endpoint(self) -> &'static str {
                match self { $(Self::$name => $endpoint),* }
            }
        }
    };
}

resources! {
    LocalEducationAgencies "localEducationAgencies",
    Schools "schools",
    Calendars "calendars",
    CalendarDates "calendarDates",
    GradingPeriods "gradingPeriods",
    Sessions "sessions",
    ClassPeriods "classPeriods",
    BellSchedules "bellSchedules",
    Courses "courses",
    CourseOfferings "courseOfferings",
    Sections "sections",
    Staffs "staffs",
    StaffAssignments "staffEducationOrganizationAssignmentAssociations",
    StaffSections "staffSectionAssociations",
    Cohorts "cohorts",
    StaffCohorts "staffCohortAssociations",
    GradebookEntries "gradebookEntries",
    Students "students",
    Contacts "contacts",
    StudentContacts "studentContactAssociations",
    Enrollments "studentSchoolAssociations",
    SectionMemberships "studentSectionAssociations",
    StudentCohorts "studentCohortAssociations",
    DailyMarks "studentSchoolAttendanceEvents",
    SectionMarks "studentSectionAttendanceEvents",
    Incidents "disciplineIncidents",
    Behaviors "studentDisciplineIncidentBehaviorAssociations",
    DisciplineActions "disciplineActions",
    StudentGradebookEntries "studentGradebookEntries",
    Grades "grades",
    AcademicRecords "studentAcademicRecords",
    Transcripts "courseTranscripts",
}

/// What is done with a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Word {
    /// It is posted: it is new, or replaces the one with the same natural key.
    Said,
    /// It is deleted. The body holds the natural key.
    Withdrawn,
}

/// A document and what is done with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Document<'a> {
    /// Its resource.
    pub resource: Resource,
    /// The day on which it is sent. Of one day, all that is withdrawn comes after all that is said.
    pub on: Day,
    /// Whether it is said or withdrawn.
    pub word: Word,
    /// JSON, on one line.
    pub body: &'a str,
}

/// Documents of a span of days. Filled by the district, emptied by whoever writes them out; its memory is used again.
#[derive(Debug)]
pub struct Batch {
    days: RangeInclusive<Day>,
    text: String,
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    resource: Resource,
    on: Day,
    word: Word,
    body: Range<usize>,
}

impl Batch {
    /// Takes documents that are sent on these days, and passes over all others.
    pub fn new(days: RangeInclusive<Day>) -> Self {
        Self { days, text: String::new(), entries: Vec::new() }
    }

    /// The documents in the order in which they were made.
    pub fn iter(&self) -> impl Iterator<Item = Document<'_>> {
        self.entries.iter().map(|entry| Document {
            resource: entry.resource,
            on: entry.on,
            word: entry.word,
            body: self.text.get(entry.body.clone()).unwrap_or_default(),
        })
    }

    /// Puts the documents into the order in which they are to be sent: by day, and what is referred to before what refers.
    pub fn sort(&mut self) {
        self.entries.sort_by_key(|entry| (entry.on, entry.word, entry.resource));
    }

    /// How many documents there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Forgets all documents.
    pub fn clear(&mut self) {
        self.text.clear();
        self.entries.clear();
    }

    pub(crate) fn say(&mut self, resource: Resource, on: Day, members: impl FnOnce(&mut Json<'_>)) {
        self.add(resource, on, Word::Said, members);
    }

    pub(crate) fn withdraw(&mut self, resource: Resource, on: Day, key: impl FnOnce(&mut Json<'_>)) {
        self.add(resource, on, Word::Withdrawn, key);
    }

    fn add(&mut self, resource: Resource, on: Day, word: Word, members: impl FnOnce(&mut Json<'_>)) {
        // Whoever sends day by day makes each student's year again for each day; what is not of the day is not written.
        if !self.days.contains(&on) {
            return;
        }
        let begin = self.text.len();
        Json::write(&mut self.text, members);
        self.entries.push(Entry { resource, on, word, body: begin..self.text.len() });
    }
}
