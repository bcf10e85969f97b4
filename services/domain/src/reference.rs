//! Reference records: what a district's events refer to, and how the district counts.

mod gathering;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::date::Date;
use crate::event::{Change, Origin};
use crate::id::{
    CalendarId, ClassPeriodId, CourseId, CourseOfferingId, DistrictId, GradingPeriodId, SchoolId, SchoolYear,
    SectionId, SessionId,
};
use crate::settings::Settings;

pub use gathering::{Assignment, Group, Incident};

/// One accepted word of one source about one reference record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferenceChange {
    /// The institution that owns the record.
    pub district: DistrictId,
    /// Who said it, of which record, with which revision.
    pub origin: Origin,
    /// When Homeroom accepted it.
    pub received_at: Timestamp,
    /// What the record now says.
    pub change: Change<Entry>,
}

/// What a reference record says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Entry {
    /// A school of the district.
    School(School),
    /// A calendar of a school.
    Calendar(Calendar),
    /// What one date of a calendar is.
    CalendarDate(CalendarDate),
    /// A session (term).
    Session(Session),
    /// A grading period.
    GradingPeriod(GradingPeriod),
    /// A course.
    Course(Course),
    /// A course offered in a session.
    CourseOffering(CourseOffering),
    /// A section (class).
    Section(Section),
    /// Attendance was taken for a section on a date.
    AttendanceTaken(AttendanceTaken),
    /// How the district counts, and what time it has there.
    Settings(Settings),
    /// The rules in force, as their author wrote them (YAML).
    RulePack(String),
    /// A class period.
    ClassPeriod(ClassPeriod),
    /// A bell schedule.
    BellSchedule(BellSchedule),
    /// How days are counted where the district says other than the shipped calculator (YAML).
    Calculators(String),
    /// Something that happened at a school.
    Incident(Incident),
    /// Work that a section was given.
    Assignment(Assignment),
    /// A group that students belong to.
    Group(Group),
}

impl Entry {
    /// Whether facts refer to it one by one, so that a new one concerns only students who wait for it. There are many of these, and
    /// nothing else refers to them.
    pub const fn is_leaf(&self) -> bool {
        matches!(self, Self::Incident(_) | Self::Assignment(_) | Self::Group(_))
    }
}

/// A school of the district.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct School {
    /// The district's id.
    pub school: SchoolId,
    /// As people call it.
    pub name: String,
    /// What kinds of school it is, as sent, such as `uri://ed-fi.org/SchoolCategoryDescriptor#High School`.
    pub types: Vec<String>,
}

/// A calendar of a school and year.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calendar {
    /// Its id.
    pub calendar: CalendarId,
    /// The school.
    pub school: SchoolId,
    /// The school year.
    pub school_year: SchoolYear,
    /// Its code, as sent; empty when not sent.
    pub code: String,
    /// What kind of calendar it is, as sent; empty when not sent.
    pub calendar_type: String,
}

/// What one date of a calendar is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CalendarDate {
    /// The calendar.
    pub calendar: CalendarId,
    /// The date.
    pub date: Date,
    /// The source's codes, as sent.
    pub events: Vec<String>,
}

/// A session (term) of a school and year.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Its id.
    pub session: SessionId,
    /// The school.
    pub school: SchoolId,
    /// The school year.
    pub school_year: SchoolYear,
    /// First date.
    pub begin_on: Date,
    /// Last date.
    pub end_on: Date,
}

/// A grading period of a school and year.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GradingPeriod {
    /// Its id.
    pub grading_period: GradingPeriodId,
    /// The school.
    pub school: SchoolId,
    /// The school year.
    pub school_year: SchoolYear,
    /// First date.
    pub begin_on: Date,
    /// Last date.
    pub end_on: Date,
}

/// A course.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Course {
    /// Its id.
    pub course: CourseId,
    /// The source's academic subject codes, as sent.
    pub subjects: Vec<String>,
}

/// A course offered in a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CourseOffering {
    /// Its id.
    pub course_offering: CourseOfferingId,
    /// The course.
    pub course: CourseId,
    /// The session.
    pub session: SessionId,
}

/// A section (class) of a course offering.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Section {
    /// Its id.
    pub section: SectionId,
    /// What is taught, and when.
    pub course_offering: CourseOfferingId,
    /// The school.
    pub school: SchoolId,
    /// When in the day it meets.
    pub class_periods: Vec<ClassPeriodId>,
    /// Whether the attendance of this section is the official one.
    pub official: bool,
}

/// A class period of a school: when it meets on a day on which a bell schedule has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassPeriod {
    /// Its id.
    pub class_period: ClassPeriodId,
    /// The school.
    pub school: SchoolId,
    /// Whether the attendance of this period is the official one.
    pub official: bool,
    /// From when to when it meets; one that meets twice has two.
    pub times: Vec<MeetingTime>,
}

/// A stretch of a day, in minutes after midnight there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MeetingTime {
    /// Its first minute.
    pub begin_at: i32,
    /// The minute behind its last.
    pub end_at: i32,
}

/// A bell schedule of a school: on which dates it rings, and for which periods.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BellSchedule {
    /// The school.
    pub school: SchoolId,
    /// The dates that it is for.
    pub dates: Vec<Date>,
    /// Periods that meet then.
    pub class_periods: Vec<ClassPeriodId>,
    /// From the first bell to the last, when the source says so.
    pub hours: Option<MeetingTime>,
    /// The grade levels that it rings for, as sent; all, when it names none.
    pub grade_levels: Vec<String>,
    /// How much instruction a day by it has, minutes, when the source says so.
    pub instruction: Option<i32>,
}

/// Attendance was taken for a section on a date: the one proof that silence means presence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttendanceTaken {
    /// The section.
    pub section: SectionId,
    /// The date.
    pub date: Date,
}
