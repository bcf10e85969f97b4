//! Conduct, coursework and connections: the domain's types and their messages.

use homeroom_domain::date::Date;
use homeroom_domain::event::{AssignmentResult, Behavior, Connection, CourseTranscript, Discipline, SurveyScore};
use homeroom_domain::id::{AssignmentId, CourseId, GroupId, IncidentId, SchoolId, SchoolYear};

use crate::decode::{At, DecodeError};
use crate::scalar::{date, key, optional_date};
use crate::wire::event as wire;

pub(super) fn behavior_to_wire(it: &Behavior) -> wire::Behavior {
    wire::Behavior { incident: key(it.incident.as_bytes()), code: it.code.clone(), part: it.part.clone() }
}

pub(super) fn behavior_from_wire(it: wire::Behavior) -> Result<Behavior, DecodeError> {
    let incident = IncidentId::from_slice(&it.incident).at("Behavior", "incident")?;
    Ok(Behavior { incident, code: it.code, part: it.part })
}

pub(super) fn discipline_to_wire(it: &Discipline) -> wire::Discipline {
    wire::Discipline {
        school: it.school.as_str().to_owned(),
        begin_on: it.begin_on.days(),
        length: it.length,
        code: it.code.clone(),
    }
}

pub(super) fn discipline_from_wire(it: wire::Discipline) -> Result<Discipline, DecodeError> {
    const DISCIPLINE: &str = "Discipline";
    Ok(Discipline {
        school: SchoolId::parse(&it.school).at(DISCIPLINE, "school")?,
        begin_on: date(it.begin_on, DISCIPLINE, "begin_on")?,
        length: it.length,
        code: it.code,
    })
}

pub(super) fn result_to_wire(it: &AssignmentResult) -> wire::AssignmentResult {
    wire::AssignmentResult {
        assignment: key(it.assignment.as_bytes()),
        status: it.status.clone(),
        lateness: it.lateness.clone(),
        points: it.points,
        numeric: it.numeric,
        fulfilled_on: it.fulfilled_on.map(Date::days),
    }
}

pub(super) fn result_from_wire(it: wire::AssignmentResult) -> Result<AssignmentResult, DecodeError> {
    const RESULT: &str = "AssignmentResult";
    Ok(AssignmentResult {
        assignment: AssignmentId::from_slice(&it.assignment).at(RESULT, "assignment")?,
        status: it.status,
        lateness: it.lateness,
        points: it.points,
        numeric: it.numeric,
        fulfilled_on: optional_date(it.fulfilled_on, RESULT, "fulfilled_on")?,
    })
}

pub(super) fn transcript_to_wire(it: &CourseTranscript) -> wire::CourseTranscript {
    wire::CourseTranscript {
        course: key(it.course.as_bytes()),
        school_year: it.school_year.0,
        term: it.term.clone(),
        result: it.result.clone(),
        attempted: it.attempted,
        earned: it.earned,
        numeric: it.numeric,
        letter: it.letter.clone(),
    }
}

pub(super) fn transcript_from_wire(it: wire::CourseTranscript) -> Result<CourseTranscript, DecodeError> {
    Ok(CourseTranscript {
        course: CourseId::from_slice(&it.course).at("CourseTranscript", "course")?,
        school_year: SchoolYear(it.school_year),
        term: it.term,
        result: it.result,
        attempted: it.attempted,
        earned: it.earned,
        numeric: it.numeric,
        letter: it.letter,
    })
}

pub(super) fn connection_to_wire(it: &Connection) -> wire::Connection {
    wire::Connection {
        with: key(it.with.as_bytes()),
        kind: it.kind.clone(),
        begin_on: it.begin_on.days(),
        end_on: it.end_on.map(Date::days),
    }
}

pub(super) fn connection_from_wire(it: wire::Connection) -> Result<Connection, DecodeError> {
    const CONNECTION: &str = "Connection";
    Ok(Connection {
        with: GroupId::from_slice(&it.with).at(CONNECTION, "with")?,
        kind: it.kind,
        begin_on: date(it.begin_on, CONNECTION, "begin_on")?,
        end_on: optional_date(it.end_on, CONNECTION, "end_on")?,
    })
}

pub(super) fn survey_to_wire(it: &SurveyScore) -> wire::SurveyScore {
    wire::SurveyScore { survey: it.survey.clone(), taken_on: it.taken_on.days(), score: it.score }
}

pub(super) fn survey_from_wire(it: wire::SurveyScore) -> Result<SurveyScore, DecodeError> {
    let taken_on = date(it.taken_on, "SurveyScore", "taken_on")?;
    Ok(SurveyScore { survey: it.survey, taken_on, score: it.score })
}
