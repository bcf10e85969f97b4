//! Words of conduct, coursework and connections. Most students have none, and their ledgers hold nothing for it.
//!
//! They share one tag of a word; a byte behind it says which of them it is and what is absent.

use super::bytes::{Reader, put_signed};
use super::layout::{Items, NewItems};
use super::read::text;
use crate::date::Date;
use crate::event::{AssignmentResult, Behavior, Connection, CourseTranscript, Discipline, Fact, SurveyScore};
use crate::id::{AssignmentId, CourseId, GroupId, IncidentId, SchoolId, SchoolYear};

/// What such a word says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Further<'a> {
    Behavior(Act<'a>),
    Discipline(Consequence<'a>),
    Result(Work<'a>),
    Transcript(Taken<'a>),
    Connection(Tie<'a>),
    Survey(Score<'a>),
}

/// A part in an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Act<'a> {
    pub(crate) incident: IncidentId,
    pub(crate) code: &'a [u8],
    pub(crate) part: &'a [u8],
}

/// A consequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Consequence<'a> {
    pub(crate) school: &'a [u8],
    pub(crate) begin_on: Date,
    pub(crate) length: Option<i32>,
    pub(crate) code: &'a [u8],
}

/// A result of an assignment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Work<'a> {
    pub(crate) assignment: AssignmentId,
    pub(crate) status: &'a [u8],
    pub(crate) lateness: &'a [u8],
    pub(crate) points: Option<i64>,
    pub(crate) numeric: Option<i64>,
    pub(crate) fulfilled_on: Option<Date>,
}

/// A course of a transcript.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Taken<'a> {
    pub(crate) course: CourseId,
    pub(crate) school_year: SchoolYear,
    pub(crate) term: &'a [u8],
    pub(crate) result: &'a [u8],
    pub(crate) attempted: Option<i64>,
    pub(crate) earned: Option<i64>,
    pub(crate) numeric: Option<i64>,
    pub(crate) letter: Option<&'a [u8]>,
}

/// A connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tie<'a> {
    pub(crate) with: GroupId,
    pub(crate) kind: &'a [u8],
    pub(crate) begin_on: Date,
    pub(crate) end_on: Option<Date>,
}

/// A survey's score.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Score<'a> {
    pub(crate) survey: &'a [u8],
    pub(crate) taken_on: Date,
    pub(crate) value: i32,
}

mod which {
    pub(super) const BEHAVIOR: u8 = 0;
    pub(super) const DISCIPLINE: u8 = 1;
    pub(super) const RESULT: u8 = 2;
    pub(super) const TRANSCRIPT: u8 = 3;
    pub(super) const CONNECTION: u8 = 4;
    pub(super) const SURVEY: u8 = 5;
    pub(super) const MASK: u8 = 15;
    /// What may be absent has a bit each, in the order of fields.
    pub(super) const FIRST: u8 = 16;
    pub(super) const SECOND: u8 = 32;
    pub(super) const THIRD: u8 = 64;
    pub(super) const FOURTH: u8 = 128;
}

/// Reads what stands behind the tag; none when it makes no sense.
pub(super) fn read<'a>(items: Items<'a>, reader: &mut Reader<'a>) -> Option<Further<'a>> {
    let flags = reader.byte();
    let has = |bit| flags & bit != 0;
    Some(match flags & which::MASK {
        which::BEHAVIOR => Further::Behavior(Act {
            incident: IncidentId::new(items.id(reader)),
            code: items.read(reader),
            part: items.read(reader),
        }),
        which::DISCIPLINE => Further::Discipline(Consequence {
            school: items.read(reader),
            begin_on: reader.date(),
            length: has(which::FIRST).then(|| reader.narrow()),
            code: items.read(reader),
        }),
        which::RESULT => Further::Result(Work {
            assignment: AssignmentId::new(reader.sixteen()),
            status: items.read(reader),
            lateness: items.read(reader),
            points: has(which::FIRST).then(|| reader.signed()),
            numeric: has(which::SECOND).then(|| reader.signed()),
            fulfilled_on: has(which::THIRD).then(|| reader.date()),
        }),
        which::TRANSCRIPT => Further::Transcript(Taken {
            course: CourseId::new(items.id(reader)),
            school_year: SchoolYear(reader.narrow()),
            term: items.read(reader),
            result: items.read(reader),
            attempted: has(which::FIRST).then(|| reader.signed()),
            earned: has(which::SECOND).then(|| reader.signed()),
            numeric: has(which::THIRD).then(|| reader.signed()),
            letter: has(which::FOURTH).then(|| items.read(reader)),
        }),
        which::CONNECTION => Further::Connection(Tie {
            with: GroupId::new(items.id(reader)),
            kind: items.read(reader),
            begin_on: reader.date(),
            end_on: has(which::FIRST).then(|| reader.date()),
        }),
        which::SURVEY => {
            Further::Survey(Score { survey: items.read(reader), taken_on: reader.date(), value: reader.narrow() })
        }
        _ => {
            reader.spoil();
            return None;
        }
    })
}

/// Writes what stands behind the tag.
pub(super) fn write(further: &Further<'_>, items: &mut NewItems<'_>, out: &mut Vec<u8>) {
    out.push(flags(further));
    let put_date = |out: &mut Vec<u8>, date: Date| put_signed(out, i64::from(date.days()));
    match further {
        Further::Behavior(it) => {
            for item in [it.incident.as_bytes().as_slice(), it.code, it.part] {
                items.put(out, item);
            }
        }
        Further::Discipline(it) => {
            items.put(out, it.school);
            put_date(out, it.begin_on);
            it.length.into_iter().for_each(|length| put_signed(out, i64::from(length)));
            items.put(out, it.code);
        }
        Further::Result(it) => {
            // No other word names it, so it would be no shorter among the items.
            out.extend_from_slice(it.assignment.as_bytes());
            items.put(out, it.status);
            items.put(out, it.lateness);
            it.points.into_iter().chain(it.numeric).for_each(|number| put_signed(out, number));
            it.fulfilled_on.into_iter().for_each(|date| put_date(out, date));
        }
        Further::Transcript(it) => {
            items.put(out, it.course.as_bytes());
            put_signed(out, i64::from(it.school_year.0));
            items.put(out, it.term);
            items.put(out, it.result);
            let numbers = [it.attempted, it.earned, it.numeric];
            numbers.into_iter().flatten().for_each(|number| put_signed(out, number));
            it.letter.into_iter().for_each(|letter| items.put(out, letter));
        }
        Further::Connection(it) => {
            items.put(out, it.with.as_bytes());
            items.put(out, it.kind);
            put_date(out, it.begin_on);
            it.end_on.into_iter().for_each(|date| put_date(out, date));
        }
        Further::Survey(it) => {
            items.put(out, it.survey);
            put_date(out, it.taken_on);
            put_signed(out, i64::from(it.value));
        }
    }
}

fn flags(further: &Further<'_>) -> u8 {
    let bits = |is_there: [bool; 4]| {
        let all = [which::FIRST, which::SECOND, which::THIRD, which::FOURTH];
        all.into_iter().zip(is_there).filter(|(_, is_there)| *is_there).map(|(bit, _)| bit).sum::<u8>()
    };
    match further {
        Further::Behavior(_) => which::BEHAVIOR,
        Further::Discipline(it) => which::DISCIPLINE | bits([it.length.is_some(), false, false, false]),
        Further::Result(it) => {
            let is_there = [it.points.is_some(), it.numeric.is_some(), it.fulfilled_on.is_some(), false];
            which::RESULT | bits(is_there)
        }
        Further::Transcript(it) => {
            let is_there = [it.attempted.is_some(), it.earned.is_some(), it.numeric.is_some(), it.letter.is_some()];
            which::TRANSCRIPT | bits(is_there)
        }
        Further::Connection(it) => which::CONNECTION | bits([it.end_on.is_some(), false, false, false]),
        Further::Survey(_) => which::SURVEY,
    }
}

impl<'a> Further<'a> {
    /// What a fact says, if it is one of these.
    pub(crate) fn of(fact: &'a Fact) -> Option<Self> {
        Some(match fact {
            Fact::Behavior(it) => {
                Self::Behavior(Act { incident: it.incident, code: it.code.as_bytes(), part: it.part.as_bytes() })
            }
            Fact::Discipline(it) => Self::Discipline(Consequence {
                school: it.school.as_str().as_bytes(),
                begin_on: it.begin_on,
                length: it.length,
                code: it.code.as_bytes(),
            }),
            Fact::AssignmentResult(it) => Self::Result(Work {
                assignment: it.assignment,
                status: it.status.as_bytes(),
                lateness: it.lateness.as_bytes(),
                points: it.points,
                numeric: it.numeric,
                fulfilled_on: it.fulfilled_on,
            }),
            Fact::CourseTranscript(it) => Self::Transcript(Taken {
                course: it.course,
                school_year: it.school_year,
                term: it.term.as_bytes(),
                result: it.result.as_bytes(),
                attempted: it.attempted,
                earned: it.earned,
                numeric: it.numeric,
                letter: it.letter.as_deref().map(str::as_bytes),
            }),
            Fact::Connection(it) => Self::Connection(Tie {
                with: it.with,
                kind: it.kind.as_bytes(),
                begin_on: it.begin_on,
                end_on: it.end_on,
            }),
            Fact::SurveyScore(it) => {
                Self::Survey(Score { survey: it.survey.as_bytes(), taken_on: it.taken_on, value: it.score })
            }
            Fact::Registration
            | Fact::Enrollment(_)
            | Fact::SectionMembership(_)
            | Fact::AttendanceMark(_)
            | Fact::Grade(_) => return None,
        })
    }

    /// The fact; none when its school is no id, which a sound ledger's is.
    pub(super) fn fact(&self) -> Option<Fact> {
        let owned = |bytes: &[u8]| text(bytes).to_owned();
        Some(match *self {
            Self::Behavior(it) => {
                Fact::Behavior(Behavior { incident: it.incident, code: owned(it.code), part: owned(it.part) })
            }
            Self::Discipline(it) => Fact::Discipline(Discipline {
                school: SchoolId::parse(text(it.school)).ok()?,
                begin_on: it.begin_on,
                length: it.length,
                code: owned(it.code),
            }),
            Self::Result(it) => Fact::AssignmentResult(AssignmentResult {
                assignment: it.assignment,
                status: owned(it.status),
                lateness: owned(it.lateness),
                points: it.points,
                numeric: it.numeric,
                fulfilled_on: it.fulfilled_on,
            }),
            Self::Transcript(it) => Fact::CourseTranscript(CourseTranscript {
                course: it.course,
                school_year: it.school_year,
                term: owned(it.term),
                result: owned(it.result),
                attempted: it.attempted,
                earned: it.earned,
                numeric: it.numeric,
                letter: it.letter.map(owned),
            }),
            Self::Connection(it) => Fact::Connection(Connection {
                with: it.with,
                kind: owned(it.kind),
                begin_on: it.begin_on,
                end_on: it.end_on,
            }),
            Self::Survey(it) => {
                Fact::SurveyScore(SurveyScore { survey: owned(it.survey), taken_on: it.taken_on, score: it.value })
            }
        })
    }

    /// Its texts, all of which are sound UTF-8 in a sound ledger.
    pub(super) fn texts(&self) -> [&'a [u8]; 3] {
        match *self {
            Self::Behavior(it) => [it.code, it.part, &[]],
            Self::Discipline(it) => [it.school, it.code, &[]],
            Self::Result(it) => [it.status, it.lateness, &[]],
            Self::Transcript(it) => [it.term, it.result, it.letter.unwrap_or_default()],
            Self::Connection(it) => [it.kind, &[], &[]],
            Self::Survey(it) => [it.survey, &[], &[]],
        }
    }
}
