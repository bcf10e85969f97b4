//! Events: the domain's [`Event`] and `homeroom.event.v1.Event`.

mod encode;
mod further;
mod sent;

use bytes::Bytes;
use homeroom_domain::event::{
    AttendanceMark, Change, Enrollment, Event, Fact, Grade, Origin, Scope, SectionMembership, Times,
};
use homeroom_domain::id::{
    CalendarId, DistrictId, EventId, GradingPeriodId, RecordKey, Revision, SchoolId, SectionId, SessionId, SourceId,
    StudentKey,
};
use prost::Message as _;
use uuid::Uuid;

use crate::decode::{At, DecodeError};
use crate::scalar::{date, key, optional_date, optional_timestamp, timestamp, timestamp_to_wire};
use crate::wire::event as wire;

pub use encode::Unnamed;
pub use sent::Sent;

/// The event as the topic's bytes.
pub fn encode(event: &Event) -> Bytes {
    Unnamed::new(event).named(event.event_id)
}

/// The event in the topic's bytes.
pub fn decode(bytes: &[u8]) -> Result<Event, DecodeError> {
    from_wire(wire::Event::decode(bytes).at("Event", "")?)
}

/// The event as its message.
pub fn to_wire(event: &Event) -> wire::Event {
    wire::Event {
        event_id: Uuid::from_bytes(*event.event_id.as_bytes()).to_string(),
        district: event.district.as_str().to_owned(),
        student: key(event.student.as_bytes()),
        source: event.origin.source.as_str().to_owned(),
        record_key: key(event.origin.key.as_bytes()),
        revision: event.origin.revision.0,
        received_at: Some(timestamp_to_wire(event.received_at)),
        occurred_at: event.occurred_at.map(timestamp_to_wire),
        change: Some(match &event.change {
            Change::Recorded(fact) => wire::event::Change::Recorded(fact_to_wire(fact)),
            Change::Withdrawn => wire::event::Change::Withdrawn(wire::Withdrawn {}),
        }),
        sent_as: None,
        moved_to: None,
    }
}

/// The event in its message.
pub fn from_wire(message: wire::Event) -> Result<Event, DecodeError> {
    const EVENT: &str = "Event";
    Ok(Event {
        event_id: message.event_id.parse::<EventId>().at(EVENT, "event_id")?,
        district: DistrictId::parse(&message.district).at(EVENT, "district")?,
        student: StudentKey::from_slice(&message.student).at(EVENT, "student")?,
        origin: Origin {
            source: SourceId::parse(&message.source).at(EVENT, "source")?,
            key: RecordKey::from_slice(&message.record_key).at(EVENT, "record_key")?,
            revision: Revision(message.revision),
        },
        received_at: timestamp(message.received_at, EVENT, "received_at")?,
        occurred_at: optional_timestamp(message.occurred_at, EVENT, "occurred_at")?,
        change: match message.change.at(EVENT, "change")? {
            wire::event::Change::Recorded(fact) => Change::Recorded(fact_from_wire(fact)?),
            wire::event::Change::Withdrawn(wire::Withdrawn {}) => Change::Withdrawn,
        },
    })
}

fn fact_to_wire(fact: &Fact) -> wire::Fact {
    use wire::fact::Kind;
    let kind = match fact {
        Fact::Registration => Kind::Registration(wire::Registration {}),
        Fact::Enrollment(it) => Kind::Enrollment(enrollment_to_wire(it)),
        Fact::SectionMembership(it) => Kind::SectionMembership(membership_to_wire(it)),
        Fact::AttendanceMark(it) => Kind::AttendanceMark(mark_to_wire(it)),
        Fact::Grade(it) => Kind::Grade(grade_to_wire(it)),
        Fact::Behavior(it) => Kind::Behavior(further::behavior_to_wire(it)),
        Fact::Discipline(it) => Kind::Discipline(further::discipline_to_wire(it)),
        Fact::AssignmentResult(it) => Kind::AssignmentResult(further::result_to_wire(it)),
        Fact::CourseTranscript(it) => Kind::CourseTranscript(further::transcript_to_wire(it)),
        Fact::Connection(it) => Kind::Connection(further::connection_to_wire(it)),
        Fact::SurveyScore(it) => Kind::SurveyScore(further::survey_to_wire(it)),
    };
    wire::Fact { kind: Some(kind) }
}

fn fact_from_wire(fact: wire::Fact) -> Result<Fact, DecodeError> {
    use wire::fact::Kind;
    Ok(match fact.kind.at("Fact", "kind")? {
        Kind::Registration(wire::Registration {}) => Fact::Registration,
        Kind::Enrollment(it) => Fact::Enrollment(enrollment_from_wire(it)?),
        Kind::SectionMembership(it) => Fact::SectionMembership(membership_from_wire(&it)?),
        Kind::AttendanceMark(it) => Fact::AttendanceMark(mark_from_wire(it)?),
        Kind::Grade(it) => Fact::Grade(grade_from_wire(it)?),
        Kind::Behavior(it) => Fact::Behavior(further::behavior_from_wire(it)?),
        Kind::Discipline(it) => Fact::Discipline(further::discipline_from_wire(it)?),
        Kind::AssignmentResult(it) => Fact::AssignmentResult(further::result_from_wire(it)?),
        Kind::CourseTranscript(it) => Fact::CourseTranscript(further::transcript_from_wire(it)?),
        Kind::Connection(it) => Fact::Connection(further::connection_from_wire(it)?),
        Kind::SurveyScore(it) => Fact::SurveyScore(further::survey_from_wire(it)?),
    })
}

fn enrollment_to_wire(it: &Enrollment) -> wire::Enrollment {
    wire::Enrollment {
        school: it.school.as_str().to_owned(),
        entry_on: it.entry_on.days(),
        exit_on: it.exit_on.map(homeroom_domain::date::Date::days),
        calendar: it.calendar.map(|id| key(id.as_bytes())),
        primary_school: Some(it.primary_school),
        grade_level: it.grade_level.clone(),
        exit_type: it.exit_type.clone(),
    }
}

fn enrollment_from_wire(it: wire::Enrollment) -> Result<Enrollment, DecodeError> {
    const ENROLLMENT: &str = "Enrollment";
    let calendar = it.calendar.as_deref().map(CalendarId::from_slice).transpose();
    Ok(Enrollment {
        school: SchoolId::parse(&it.school).at(ENROLLMENT, "school")?,
        entry_on: date(it.entry_on, ENROLLMENT, "entry_on")?,
        exit_on: optional_date(it.exit_on, ENROLLMENT, "exit_on")?,
        calendar: calendar.at(ENROLLMENT, "calendar")?,
        primary_school: it.primary_school.unwrap_or(false),
        grade_level: it.grade_level,
        exit_type: it.exit_type,
    })
}

fn membership_to_wire(it: &SectionMembership) -> wire::SectionMembership {
    wire::SectionMembership {
        section: key(it.section.as_bytes()),
        begin_on: it.begin_on.days(),
        end_on: it.end_on.map(homeroom_domain::date::Date::days),
    }
}

fn membership_from_wire(it: &wire::SectionMembership) -> Result<SectionMembership, DecodeError> {
    const MEMBERSHIP: &str = "SectionMembership";
    Ok(SectionMembership {
        section: SectionId::from_slice(&it.section).at(MEMBERSHIP, "section")?,
        begin_on: date(it.begin_on, MEMBERSHIP, "begin_on")?,
        end_on: optional_date(it.end_on, MEMBERSHIP, "end_on")?,
    })
}

fn mark_to_wire(it: &AttendanceMark) -> wire::AttendanceMark {
    wire::AttendanceMark {
        school: it.school.as_str().to_owned(),
        date: it.date.days(),
        section: match it.scope {
            Scope::Day => None,
            Scope::Section(section) => Some(key(section.as_bytes())),
        },
        session: it.session.map(|id| key(id.as_bytes())),
        code: it.code.clone(),
        share: it.share,
        minutes: it.times.minutes,
        came_at: it.times.came_at,
        left_at: it.times.left_at,
    }
}

fn mark_from_wire(it: wire::AttendanceMark) -> Result<AttendanceMark, DecodeError> {
    const MARK: &str = "AttendanceMark";
    let section = it.section.as_deref().map(SectionId::from_slice).transpose().at(MARK, "section")?;
    let session = it.session.as_deref().map(SessionId::from_slice).transpose();
    Ok(AttendanceMark {
        school: SchoolId::parse(&it.school).at(MARK, "school")?,
        date: date(it.date, MARK, "date")?,
        scope: section.map_or(Scope::Day, Scope::Section),
        session: session.at(MARK, "session")?,
        code: it.code,
        share: it.share,
        times: Times { minutes: it.minutes, came_at: it.came_at, left_at: it.left_at },
    })
}

fn grade_to_wire(it: &Grade) -> wire::Grade {
    wire::Grade {
        section: key(it.section.as_bytes()),
        grading_period: key(it.grading_period.as_bytes()),
        grade_type: it.grade_type.clone(),
        numeric: it.numeric,
        letter: it.letter.clone(),
    }
}

fn grade_from_wire(it: wire::Grade) -> Result<Grade, DecodeError> {
    const GRADE: &str = "Grade";
    Ok(Grade {
        section: SectionId::from_slice(&it.section).at(GRADE, "section")?,
        grading_period: GradingPeriodId::from_slice(&it.grading_period).at(GRADE, "grading_period")?,
        grade_type: it.grade_type,
        numeric: it.numeric,
        letter: it.letter,
    })
}
