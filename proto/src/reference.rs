//! Reference records: the domain's [`ReferenceChange`] and `homeroom.reference.v1.ReferenceChange`.

mod bell;
mod gathering;

use bytes::Bytes;
use homeroom_domain::event::{Change, Origin};
use homeroom_domain::id::{
    CalendarId, CourseId, CourseOfferingId, DistrictId, GradingPeriodId, RecordKey, Revision, SchoolId, SchoolYear,
    SectionId, SessionId, SourceId,
};
use homeroom_domain::reference::{
    AttendanceTaken, Calendar, CalendarDate, Course, CourseOffering, Entry, GradingPeriod, ReferenceChange, School,
    Section, Session,
};
use prost::Message as _;

use crate::decode::{At, DecodeError};
use crate::scalar::{date, key, timestamp, timestamp_to_wire};
use crate::settings;
use crate::wire::reference as wire;

/// The kinds of reference records; part of the topic's key, so that a withdrawal compacts what it withdraws.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A school.
    School,
    /// A calendar.
    Calendar,
    /// A date of a calendar.
    CalendarDate,
    /// A session (term).
    Session,
    /// A grading period.
    GradingPeriod,
    /// A course.
    Course,
    /// A course offered in a session.
    CourseOffering,
    /// A section (class).
    Section,
    /// Attendance was taken for a section on a date.
    AttendanceTaken,
    /// How the district counts.
    Settings,
    /// The rules in force.
    RulePack,
    /// A class period.
    ClassPeriod,
    /// A bell schedule.
    BellSchedule,
    /// How days are counted.
    Calculators,
    /// Something that happened at a school.
    Incident,
    /// Work that a section was given.
    Assignment,
    /// A group that students belong to.
    Group,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 17] = [
        Self::School,
        Self::Calendar,
        Self::CalendarDate,
        Self::Session,
        Self::GradingPeriod,
        Self::Course,
        Self::CourseOffering,
        Self::Section,
        Self::AttendanceTaken,
        Self::Settings,
        Self::RulePack,
        Self::ClassPeriod,
        Self::BellSchedule,
        Self::Calculators,
        Self::Incident,
        Self::Assignment,
        Self::Group,
    ];

    /// The kind of an entry.
    pub const fn of(entry: &Entry) -> Self {
        match entry {
            Entry::School(_) => Self::School,
            Entry::Calendar(_) => Self::Calendar,
            Entry::CalendarDate(_) => Self::CalendarDate,
            Entry::Session(_) => Self::Session,
            Entry::GradingPeriod(_) => Self::GradingPeriod,
            Entry::Course(_) => Self::Course,
            Entry::CourseOffering(_) => Self::CourseOffering,
            Entry::Section(_) => Self::Section,
            Entry::AttendanceTaken(_) => Self::AttendanceTaken,
            Entry::Settings(_) => Self::Settings,
            Entry::RulePack(_) => Self::RulePack,
            Entry::ClassPeriod(_) => Self::ClassPeriod,
            Entry::BellSchedule(_) => Self::BellSchedule,
            Entry::Calculators(_) => Self::Calculators,
            Entry::Incident(_) => Self::Incident,
            Entry::Assignment(_) => Self::Assignment,
            Entry::Group(_) => Self::Group,
        }
    }

    /// Its name, such as `calendar-date`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::School => "school",
            Self::Calendar => "calendar",
            Self::CalendarDate => "calendar-date",
            Self::Session => "session",
            Self::GradingPeriod => "grading-period",
            Self::Course => "course",
            Self::CourseOffering => "course-offering",
            Self::Section => "section",
            Self::AttendanceTaken => "attendance-taken",
            Self::Settings => "settings",
            Self::RulePack => "rule-pack",
            Self::ClassPeriod => "class-period",
            Self::BellSchedule => "bell-schedule",
            Self::Calculators => "calculators",
            Self::Incident => "incident",
            Self::Assignment => "assignment",
            Self::Group => "group",
        }
    }
}

/// The change as the topic's bytes.
pub fn encode(change: &ReferenceChange) -> Bytes {
    Bytes::from(to_wire(change).encode_to_vec())
}

/// The change in the topic's bytes.
pub fn decode(bytes: &[u8]) -> Result<ReferenceChange, DecodeError> {
    from_wire(wire::ReferenceChange::decode(bytes).at("ReferenceChange", "")?)
}

/// The change as its message.
pub fn to_wire(change: &ReferenceChange) -> wire::ReferenceChange {
    wire::ReferenceChange {
        district: change.district.as_str().to_owned(),
        source: change.origin.source.as_str().to_owned(),
        record_key: key(change.origin.key.as_bytes()),
        revision: change.origin.revision.0,
        received_at: Some(timestamp_to_wire(change.received_at)),
        change: Some(match &change.change {
            Change::Recorded(entry) => wire::reference_change::Change::Recorded(entry_to_wire(entry)),
            Change::Withdrawn => wire::reference_change::Change::Withdrawn(wire::Withdrawn {}),
        }),
    }
}

/// The change in its message.
pub fn from_wire(message: wire::ReferenceChange) -> Result<ReferenceChange, DecodeError> {
    const CHANGE: &str = "ReferenceChange";
    Ok(ReferenceChange {
        district: DistrictId::parse(&message.district).at(CHANGE, "district")?,
        origin: Origin {
            source: SourceId::parse(&message.source).at(CHANGE, "source")?,
            key: RecordKey::from_slice(&message.record_key).at(CHANGE, "record_key")?,
            revision: Revision(message.revision),
        },
        received_at: timestamp(message.received_at, CHANGE, "received_at")?,
        change: match message.change.at(CHANGE, "change")? {
            wire::reference_change::Change::Recorded(entry) => Change::Recorded(entry_from_wire(entry)?),
            wire::reference_change::Change::Withdrawn(wire::Withdrawn {}) => Change::Withdrawn,
        },
    })
}

fn entry_to_wire(entry: &Entry) -> wire::Entry {
    use wire::entry::Kind as Wire;
    let kind = match entry {
        Entry::School(it) => Wire::School(wire::School {
            school: it.school.as_str().to_owned(),
            name: it.name.clone(),
            types: it.types.clone(),
        }),
        Entry::Calendar(it) => Wire::Calendar(wire::Calendar {
            calendar: key(it.calendar.as_bytes()),
            school: it.school.as_str().to_owned(),
            school_year: it.school_year.0,
            code: it.code.clone(),
            calendar_type: it.calendar_type.clone(),
        }),
        Entry::CalendarDate(it) => Wire::CalendarDate(wire::CalendarDate {
            calendar: key(it.calendar.as_bytes()),
            date: it.date.days(),
            events: it.events.clone(),
        }),
        Entry::Session(it) => Wire::Session(session_to_wire(it)),
        Entry::GradingPeriod(it) => Wire::GradingPeriod(grading_period_to_wire(it)),
        Entry::Course(it) => {
            Wire::Course(wire::Course { course: key(it.course.as_bytes()), subjects: it.subjects.clone() })
        }
        Entry::CourseOffering(it) => Wire::CourseOffering(wire::CourseOffering {
            course_offering: key(it.course_offering.as_bytes()),
            course: key(it.course.as_bytes()),
            session: key(it.session.as_bytes()),
        }),
        Entry::Section(it) => Wire::Section(wire::Section {
            section: key(it.section.as_bytes()),
            course_offering: key(it.course_offering.as_bytes()),
            school: it.school.as_str().to_owned(),
            class_periods: bell::periods_to_wire(&it.class_periods),
            official: it.official,
        }),
        Entry::AttendanceTaken(it) => {
            Wire::AttendanceTaken(wire::AttendanceTaken { section: key(it.section.as_bytes()), date: it.date.days() })
        }
        Entry::Settings(it) => Wire::Settings(settings::to_wire(it)),
        Entry::RulePack(yaml) => Wire::RulePack(wire::RulePack { yaml: yaml.clone() }),
        Entry::ClassPeriod(it) => Wire::ClassPeriod(bell::class_period_to_wire(it)),
        Entry::BellSchedule(it) => Wire::BellSchedule(bell::schedule_to_wire(it)),
        Entry::Calculators(yaml) => Wire::Calculators(wire::Calculators { yaml: yaml.clone() }),
        Entry::Incident(it) => Wire::Incident(gathering::incident_to_wire(it)),
        Entry::Assignment(it) => Wire::Assignment(gathering::assignment_to_wire(it)),
        Entry::Group(it) => Wire::Group(gathering::group_to_wire(it)),
    };
    wire::Entry { kind: Some(kind) }
}

fn entry_from_wire(entry: wire::Entry) -> Result<Entry, DecodeError> {
    use wire::entry::Kind as Wire;
    Ok(match entry.kind.at("Entry", "kind")? {
        Wire::School(it) => {
            let school = SchoolId::parse(&it.school).at("School", "school")?;
            Entry::School(School { school, name: it.name, types: it.types })
        }
        Wire::Calendar(it) => Entry::Calendar(Calendar {
            calendar: CalendarId::from_slice(&it.calendar).at("Calendar", "calendar")?,
            school: SchoolId::parse(&it.school).at("Calendar", "school")?,
            school_year: SchoolYear(it.school_year),
            code: it.code,
            calendar_type: it.calendar_type,
        }),
        Wire::CalendarDate(it) => Entry::CalendarDate(CalendarDate {
            calendar: CalendarId::from_slice(&it.calendar).at("CalendarDate", "calendar")?,
            date: date(it.date, "CalendarDate", "date")?,
            events: it.events,
        }),
        Wire::Session(it) => Entry::Session(session_from_wire(&it)?),
        Wire::GradingPeriod(it) => Entry::GradingPeriod(grading_period_from_wire(&it)?),
        Wire::Course(it) => Entry::Course(Course {
            course: CourseId::from_slice(&it.course).at("Course", "course")?,
            subjects: it.subjects,
        }),
        Wire::CourseOffering(it) => Entry::CourseOffering(offering_from_wire(&it)?),
        Wire::Section(it) => Entry::Section(section_from_wire(&it)?),
        Wire::AttendanceTaken(it) => Entry::AttendanceTaken(AttendanceTaken {
            section: SectionId::from_slice(&it.section).at("AttendanceTaken", "section")?,
            date: date(it.date, "AttendanceTaken", "date")?,
        }),
        Wire::Settings(it) => Entry::Settings(settings::from_wire(it)?),
        Wire::RulePack(it) => Entry::RulePack(it.yaml),
        Wire::ClassPeriod(it) => Entry::ClassPeriod(bell::class_period_from_wire(&it)?),
        Wire::BellSchedule(it) => Entry::BellSchedule(bell::schedule_from_wire(&it)?),
        Wire::Calculators(it) => Entry::Calculators(it.yaml),
        Wire::Incident(it) => Entry::Incident(gathering::incident_from_wire(&it)?),
        Wire::Assignment(it) => Entry::Assignment(gathering::assignment_from_wire(&it)?),
        Wire::Group(it) => Entry::Group(gathering::group_from_wire(it)?),
    })
}

fn session_to_wire(it: &Session) -> wire::Session {
    wire::Session {
        session: key(it.session.as_bytes()),
        school: it.school.as_str().to_owned(),
        school_year: it.school_year.0,
        begin_on: it.begin_on.days(),
        end_on: it.end_on.days(),
    }
}

fn session_from_wire(it: &wire::Session) -> Result<Session, DecodeError> {
    const SESSION: &str = "Session";
    Ok(Session {
        session: SessionId::from_slice(&it.session).at(SESSION, "session")?,
        school: SchoolId::parse(&it.school).at(SESSION, "school")?,
        school_year: SchoolYear(it.school_year),
        begin_on: date(it.begin_on, SESSION, "begin_on")?,
        end_on: date(it.end_on, SESSION, "end_on")?,
    })
}

fn grading_period_to_wire(it: &GradingPeriod) -> wire::GradingPeriod {
    wire::GradingPeriod {
        grading_period: key(it.grading_period.as_bytes()),
        school: it.school.as_str().to_owned(),
        school_year: it.school_year.0,
        begin_on: it.begin_on.days(),
        end_on: it.end_on.days(),
    }
}

fn grading_period_from_wire(it: &wire::GradingPeriod) -> Result<GradingPeriod, DecodeError> {
    const PERIOD: &str = "GradingPeriod";
    Ok(GradingPeriod {
        grading_period: GradingPeriodId::from_slice(&it.grading_period).at(PERIOD, "grading_period")?,
        school: SchoolId::parse(&it.school).at(PERIOD, "school")?,
        school_year: SchoolYear(it.school_year),
        begin_on: date(it.begin_on, PERIOD, "begin_on")?,
        end_on: date(it.end_on, PERIOD, "end_on")?,
    })
}

fn offering_from_wire(it: &wire::CourseOffering) -> Result<CourseOffering, DecodeError> {
    const OFFERING: &str = "CourseOffering";
    Ok(CourseOffering {
        course_offering: CourseOfferingId::from_slice(&it.course_offering).at(OFFERING, "course_offering")?,
        course: CourseId::from_slice(&it.course).at(OFFERING, "course")?,
        session: SessionId::from_slice(&it.session).at(OFFERING, "session")?,
    })
}

fn section_from_wire(it: &wire::Section) -> Result<Section, DecodeError> {
    const SECTION: &str = "Section";
    Ok(Section {
        section: SectionId::from_slice(&it.section).at(SECTION, "section")?,
        course_offering: CourseOfferingId::from_slice(&it.course_offering).at(SECTION, "course_offering")?,
        school: SchoolId::parse(&it.school).at(SECTION, "school")?,
        class_periods: bell::periods_from_wire(&it.class_periods, SECTION)?,
        official: it.official,
    })
}
