//! Canonical events: what one source says of one record of one student.

mod conduct;
mod connection;
mod coursework;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::date::Date;
use crate::id::{
    CalendarId, DistrictId, EventId, GradingPeriodId, RecordKey, Revision, SchoolId, SectionId, SessionId, SourceId,
    StudentKey,
};

pub use conduct::{Behavior, Discipline};
pub use connection::{Connection, SurveyScore};
pub use coursework::{AssignmentResult, CourseTranscript};

/// One accepted word of one source about one of its records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Derived from the source record, its revision and its content.
    pub event_id: EventId,
    /// The institution that owns the record.
    pub district: DistrictId,
    /// Whom it concerns.
    pub student: StudentKey,
    /// Who said it, of which record, with which revision.
    pub origin: Origin,
    /// When Homeroom accepted it.
    pub received_at: Timestamp,
    /// When it happened, as the source says.
    pub occurred_at: Option<Timestamp>,
    /// What the record now says.
    pub change: Change<Fact>,
}

/// Where a record comes from: with the same source and key, the highest revision wins, and of equals the later in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The feed.
    pub source: SourceId,
    /// Its natural key of the record.
    pub key: RecordKey,
    /// Grows with each word on the key.
    pub revision: Revision,
}

/// What a source now says of a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change<T> {
    /// It says this.
    Recorded(T),
    /// It no longer holds.
    Withdrawn,
}

/// What a student's record says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fact {
    /// The district knows this student.
    Registration,
    /// A spell at a school.
    Enrollment(Enrollment),
    /// Belongs to a section.
    SectionMembership(SectionMembership),
    /// Present, absent or late.
    AttendanceMark(AttendanceMark),
    /// A grade.
    Grade(Grade),
    /// A part in an incident.
    Behavior(Behavior),
    /// A consequence of one, such as a suspension.
    Discipline(Discipline),
    /// A result of an assignment.
    AssignmentResult(AssignmentResult),
    /// A course, as the transcript has it.
    CourseTranscript(CourseTranscript),
    /// A tie to an activity or a person.
    Connection(Connection),
    /// What a survey says.
    SurveyScore(SurveyScore),
}

/// A spell at a school.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrollment {
    /// The school.
    pub school: SchoolId,
    /// First date.
    pub entry_on: Date,
    /// Last date, which counts; none while it lasts.
    pub exit_on: Option<Date>,
    /// The calendar that the student follows, when the source names one.
    pub calendar: Option<CalendarId>,
    /// Whether the source calls this the student's primary school.
    pub primary_school: bool,
    /// As sent.
    pub grade_level: String,
    /// As sent; tells a no-show from a withdrawal. Empty when not sent.
    pub exit_type: String,
}

/// Membership of a section between two dates, both inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SectionMembership {
    /// The section.
    pub section: SectionId,
    /// First date.
    pub begin_on: Date,
    /// Last date; none while it lasts.
    pub end_on: Option<Date>,
}

/// What was marked for a student on a date, for the whole day or for one section.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttendanceMark {
    /// The school.
    pub school: SchoolId,
    /// The date.
    pub date: Date,
    /// The whole day, or one section.
    pub scope: Scope,
    /// The session that the source refers to, when it does.
    pub session: Option<SessionId>,
    /// The source's code, as sent; the district's code table gives it a meaning when it is counted.
    pub code: String,
    /// Share of the day in hundredths, as sent.
    pub share: Option<i32>,
    /// What it says of the clock.
    pub times: Times,
}

/// What a mark says of the clock, as sent. Nothing of it is needed, and most sources send none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Times {
    /// Minutes that the mark is about, such as those missed.
    pub minutes: Option<i32>,
    /// When the student came, in minutes after midnight there.
    pub came_at: Option<i32>,
    /// When the student left, in minutes after midnight there.
    pub left_at: Option<i32>,
}

/// Minutes of a day: what a mark may say at most.
pub const DAY_MINUTES: i32 = 24 * 60;

impl Times {
    /// Whether it says nothing.
    pub const fn is_empty(self) -> bool {
        self.minutes.is_none() && self.came_at.is_none() && self.left_at.is_none()
    }
}

/// What a mark is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Scope {
    /// The whole day.
    Day,
    /// One section on that day.
    Section(SectionId),
}

/// A grade for a section in a grading period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grade {
    /// The section.
    pub section: SectionId,
    /// The grading period.
    pub grading_period: GradingPeriodId,
    /// As sent, such as `uri://ed-fi.org/GradeTypeDescriptor#Final`.
    pub grade_type: String,
    /// Hundredths of a point.
    pub numeric: Option<i64>,
    /// As sent.
    pub letter: Option<String>,
}
