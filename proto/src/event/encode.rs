//! Events written straight from the domain's types, byte for byte as their message would be.
//!
//! Every record that a sender brings is written once. Through the generated message it costs a dozen allocations, and a first
//! pass for the lengths; here it is one buffer. `tests/conversion` holds both to the same bytes.

use std::ops::Range;

use bytes::Bytes;
use homeroom_domain::event::{AttendanceMark, Change, Enrollment, Event, Fact, Grade, Scope, SectionMembership};
use homeroom_domain::id::{EventId, StudentKey};
use jiff::Timestamp;
use prost::Message;
use prost::encoding::{WireType, bool, encode_key, encode_varint, int32, int64, sint32, sint64, uint64};
use uuid::Uuid;
use uuid::fmt::Hyphenated;

use super::further;
use crate::scalar::timestamp_to_wire;

/// Before the id: the field's number and type, and the length.
const ID_FIELD: [u8; 2] = [1 << 3 | 2, 36];
/// The field of the id.
const ID_BYTES: usize = ID_FIELD.len() + Hyphenated::LENGTH;
/// More than nearly every event has.
const USUAL_BYTES: usize = 256;

/// An event as the topic's bytes but for its id, which may be made of them.
#[derive(Debug)]
pub struct Unnamed {
    /// Begins with room for the id.
    bytes: Vec<u8>,
    received_at: Range<usize>,
}

impl Unnamed {
    /// Writes the event; its id is passed over.
    pub fn new(event: &Event) -> Self {
        let mut bytes = Vec::with_capacity(USUAL_BYTES);
        bytes.resize(ID_BYTES, 0);
        let to = &mut bytes;
        text(2, event.district.as_str(), to);
        present(3, event.student.as_bytes(), to);
        text(4, event.origin.source.as_str(), to);
        present(5, event.origin.key.as_bytes(), to);
        if event.origin.revision.0 != 0 {
            uint64::encode(6, &event.origin.revision.0, to);
        }
        let begin = to.len();
        moment(7, event.received_at, to);
        let received_at = begin..to.len();
        if let Some(at) = event.occurred_at {
            moment(8, at, to);
        }
        match &event.change {
            Change::Recorded(it) => message(9, to, |to| fact(it, to)),
            Change::Withdrawn => present(10, &[], to),
        }
        Self { bytes, received_at }
    }

    /// Says as whom the source sent the record, when that is not its student. Before [`Self::moved_to`], as their numbers go.
    pub fn sent_as(&mut self, student: &StudentKey) {
        present(11, student.as_bytes(), &mut self.bytes);
    }

    /// Says of a withdrawal for whom the record counts instead.
    pub fn moved_to(&mut self, student: &StudentKey) {
        present(12, student.as_bytes(), &mut self.bytes);
    }

    /// What the event says of its record: all but the id and the moment of its arrival. In two parts, since that moment stands
    /// between them.
    pub fn said(&self) -> [&[u8]; 2] {
        [&self.bytes[ID_BYTES..self.received_at.start], &self.bytes[self.received_at.end..]]
    }

    /// The event as the topic's bytes.
    pub fn named(mut self, id: EventId) -> Bytes {
        self.bytes[..ID_FIELD.len()].copy_from_slice(&ID_FIELD);
        Uuid::from_bytes(*id.as_bytes()).hyphenated().encode_lower(&mut self.bytes[ID_FIELD.len()..ID_BYTES]);
        Bytes::from(self.bytes)
    }
}

fn fact(it: &Fact, to: &mut Vec<u8>) {
    match it {
        Fact::Registration => present(1, &[], to),
        Fact::Enrollment(it) => message(2, to, |to| enrollment(it, to)),
        Fact::SectionMembership(it) => message(3, to, |to| membership(it, to)),
        Fact::AttendanceMark(it) => message(4, to, |to| mark(it, to)),
        Fact::Grade(it) => message(5, to, |to| grade(it, to)),
        Fact::Behavior(it) => nested(6, &further::behavior_to_wire(it), to),
        Fact::Discipline(it) => nested(7, &further::discipline_to_wire(it), to),
        Fact::AssignmentResult(it) => nested(8, &further::result_to_wire(it), to),
        Fact::CourseTranscript(it) => nested(9, &further::transcript_to_wire(it), to),
        Fact::Connection(it) => nested(10, &further::connection_to_wire(it), to),
        Fact::SurveyScore(it) => nested(11, &further::survey_to_wire(it), to),
    }
}

fn enrollment(it: &Enrollment, to: &mut Vec<u8>) {
    text(1, it.school.as_str(), to);
    days(2, it.entry_on.days(), to);
    if let Some(exit_on) = it.exit_on {
        sint32::encode(3, &exit_on.days(), to);
    }
    if let Some(calendar) = it.calendar {
        present(4, calendar.as_bytes(), to);
    }
    bool::encode(5, &it.primary_school, to);
    text(6, &it.grade_level, to);
    text(7, &it.exit_type, to);
}

fn membership(it: &SectionMembership, to: &mut Vec<u8>) {
    present(1, it.section.as_bytes(), to);
    days(2, it.begin_on.days(), to);
    if let Some(end_on) = it.end_on {
        sint32::encode(3, &end_on.days(), to);
    }
}

fn mark(it: &AttendanceMark, to: &mut Vec<u8>) {
    text(1, it.school.as_str(), to);
    days(2, it.date.days(), to);
    if let Scope::Section(section) = it.scope {
        present(3, section.as_bytes(), to);
    }
    if let Some(session) = it.session {
        present(4, session.as_bytes(), to);
    }
    text(5, &it.code, to);
    if let Some(share) = it.share {
        sint32::encode(6, &share, to);
    }
    for (tag, minutes) in [(7, it.times.minutes), (8, it.times.came_at), (9, it.times.left_at)] {
        if let Some(minutes) = minutes {
            sint32::encode(tag, &minutes, to);
        }
    }
}

fn grade(it: &Grade, to: &mut Vec<u8>) {
    present(1, it.section.as_bytes(), to);
    present(2, it.grading_period.as_bytes(), to);
    text(3, &it.grade_type, to);
    if let Some(numeric) = it.numeric {
        sint64::encode(4, &numeric, to);
    }
    if let Some(letter) = &it.letter {
        present(5, letter.as_bytes(), to);
    }
}

/// A message through its generated type: what is sent seldom needs no second way of writing.
fn nested(tag: u32, it: &impl Message, to: &mut Vec<u8>) {
    encode_key(tag, WireType::LengthDelimited, to);
    encode_varint(it.encoded_len() as u64, to);
    // A vector grows as it must, so there is always room.
    it.encode_raw(to);
}

fn moment(tag: u32, at: Timestamp, to: &mut Vec<u8>) {
    let prost_types::Timestamp { seconds, nanos } = timestamp_to_wire(at);
    message(tag, to, |to| {
        if seconds != 0 {
            int64::encode(1, &seconds, to);
        }
        if nanos != 0 {
            int32::encode(2, &nanos, to);
        }
    });
}

/// A date that is always there; zero goes without saying.
fn days(tag: u32, days: i32, to: &mut Vec<u8>) {
    if days != 0 {
        sint32::encode(tag, &days, to);
    }
}

/// A text that is always there; an empty one goes without saying.
fn text(tag: u32, text: &str, to: &mut Vec<u8>) {
    if !text.is_empty() {
        present(tag, text.as_bytes(), to);
    }
}

/// Bytes, a text or an empty message that is said to be there.
fn present(tag: u32, bytes: &[u8], to: &mut Vec<u8>) {
    encode_key(tag, WireType::LengthDelimited, to);
    encode_varint(bytes.len() as u64, to);
    to.extend_from_slice(bytes);
}

/// A message. Its length is known once it is written: nearly always one byte, for which there is room; else it moves up.
fn message(tag: u32, to: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    encode_key(tag, WireType::LengthDelimited, to);
    let at = to.len();
    to.push(0);
    write(to);
    let length = to.len() - at - 1;
    match u8::try_from(length) {
        Ok(length) if length < 0x80 => to[at] = length,
        _ => {
            let mut longer = Vec::with_capacity(10);
            encode_varint(length as u64, &mut longer);
            to.splice(at..=at, longer);
        }
    }
}
