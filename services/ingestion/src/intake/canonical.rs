//! What a submission becomes: canonical records, each with its topic and key.

use bytes::Bytes;
use homeroom_bus::{NewRecord, Topic};
use homeroom_domain::event::Event;
use homeroom_domain::id::{DistrictId, EventId, StudentKey};
use homeroom_domain::reference::ReferenceChange;
use homeroom_proto::directory::StudentProfile;
use homeroom_proto::{directory, event, key, reference};
use prost::Message as _;
use uuid::Uuid;

/// Fixed for ever: with another one a repeat would not have the same id.
const EVENT_IDS: Uuid = Uuid::from_u128(0x5d2f_6a3b_9c1e_4f07_8b44_d0e7_a95c_1386);

/// A record that is understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Canonical {
    /// Something happened to a student.
    Event(Event),
    /// The district knows, or no longer knows, a student, who has, or had, a name.
    Student {
        /// The registration or its withdrawal.
        event: Event,
        /// The name; none erases it.
        profile: Option<StudentProfile>,
    },
    /// What events refer to.
    Reference {
        /// Part of its key.
        kind: reference::Kind,
        /// What it says.
        change: ReferenceChange,
    },
}

/// What the sender of an accepted record is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Receipt {
    /// An event of a student.
    Event {
        /// Identifies it; the same when it is sent again with its revision.
        event_id: EventId,
        /// The student's pseudonym.
        student: StudentKey,
    },
    /// A reference record.
    Reference,
}

impl Canonical {
    /// What its sender is told once it is kept.
    pub fn receipt(&self) -> Receipt {
        match self {
            Self::Event(event) | Self::Student { event, .. } => {
                Receipt::Event { event_id: event.event_id, student: event.student }
            }
            Self::Reference { .. } => Receipt::Reference,
        }
    }

    /// The records that go to the log.
    pub fn records(&self) -> impl Iterator<Item = (Topic, NewRecord)> {
        let (first, second) = match self {
            Self::Event(event) => (event_record(event), None),
            Self::Student { event, profile } => {
                (event_record(event), Some(profile_record(&event.district, &event.student, profile.as_ref())))
            }
            Self::Reference { kind, change } => {
                let key = key::reference(&change.district, *kind, &change.origin.key);
                (record(Topic::Reference, key, Some(reference::encode(change))), None)
            }
        };
        std::iter::once(first).chain(second)
    }
}

fn event_record(it: &Event) -> (Topic, NewRecord) {
    record(Topic::Events, key::events(&it.district, &it.student), Some(event::encode(it)))
}

fn profile_record(district: &DistrictId, student: &StudentKey, profile: Option<&StudentProfile>) -> (Topic, NewRecord) {
    record(Topic::Directory, key::directory(district, student), profile.map(directory::encode))
}

fn record(topic: Topic, key: Bytes, value: Option<Bytes>) -> (Topic, NewRecord) {
    (topic, NewRecord { key, value, headers: Vec::new() })
}

/// The event's id: of its record, its revision and what it says, and not of when it arrived.
pub fn event_id(event: &Event) -> EventId {
    let mut content = event::to_wire(event);
    content.event_id = String::new();
    content.received_at = None;
    EventId::from(Uuid::new_v5(&EVENT_IDS, &content.encode_to_vec()))
}
