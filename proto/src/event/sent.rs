//! An event with what only those need to know who move a student's records: as whom it was sent, and whether it has moved on.
//!
//! Whoever counts reads [`Event`] alone: a record counts for the student that it names.

use bytes::Bytes;
use homeroom_domain::event::Event;
use homeroom_domain::id::StudentKey;
use prost::Message as _;

use super::encode::Unnamed;
use crate::decode::{At, DecodeError};
use crate::wire::event as wire;

/// An event, and whose it was and is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// What is counted.
    pub event: Event,
    /// As whom the source sent the record; none when that is the event's student.
    pub sent_as: Option<StudentKey>,
    /// On a withdrawal of our own: for whom the record counts instead.
    pub moved_to: Option<StudentKey>,
}

impl Sent {
    /// Reads the topic's bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let message = wire::Event::decode(bytes).at("Event", "")?;
        let sent_as = message.sent_as.as_deref().map(StudentKey::from_slice).transpose().at("Event", "sent_as")?;
        let moved_to = message.moved_to.as_deref().map(StudentKey::from_slice).transpose().at("Event", "moved_to")?;
        Ok(Self { event: super::from_wire(message)?, sent_as, moved_to })
    }

    /// The topic's bytes.
    pub fn encode(&self) -> Bytes {
        self.unnamed().named(self.event.event_id)
    }

    /// All but the event's id.
    pub fn unnamed(&self) -> Unnamed {
        let mut unnamed = Unnamed::new(&self.event);
        if let Some(student) = &self.sent_as {
            unnamed.sent_as(student);
        }
        if let Some(student) = &self.moved_to {
            unnamed.moved_to(student);
        }
        unnamed
    }

    /// As whom its source sent it.
    pub fn sender_student(&self) -> StudentKey {
        self.sent_as.unwrap_or(self.event.student)
    }
}
