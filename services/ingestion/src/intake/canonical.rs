//! What a submission becomes: canonical records, each with its topic and key.

use bytes::Bytes;
use homeroom_bus::{NewRecord, Topic};
use homeroom_domain::id::{DistrictId, EventId, Revision, StudentKey};
use homeroom_domain::reference::ReferenceChange;
use homeroom_proto::directory::StudentProfile;
use homeroom_proto::event::Sent;
use homeroom_proto::{directory, key, reference};
use uuid::Uuid;

use crate::named;

/// Fixed for ever: with another one a repeat would not have the same id.
const EVENT_IDS: Uuid = Uuid::from_u128(0x5d2f_6a3b_9c1e_4f07_8b44_d0e7_a95c_1386);

/// A record that is understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Canonical {
    /// Something happened to a student.
    Event(EncodedEvent),
    /// The district knows, or no longer knows, a student, who has, or had, a name.
    Student {
        /// The registration or its withdrawal.
        event: EncodedEvent,
        /// Under whose key the name stands: as whom the student was sent.
        sent_as: StudentKey,
        /// The name; none erases it. In a box, as below, since nearly all records are marks, and each moves several times.
        profile: Option<Box<StudentProfile>>,
    },
    /// What events refer to.
    Reference {
        /// Part of its key.
        kind: reference::Kind,
        /// What it says.
        change: Box<ReferenceChange>,
    },
}

/// An event as the topic's bytes, and what else is asked of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedEvent {
    /// The institution that it belongs to.
    pub district: DistrictId,
    /// The student.
    pub student: StudentKey,
    /// The record's revision.
    pub revision: Revision,
    /// Made of its record, its revision and what it says, and not of when it arrived: a repeat has the same.
    pub event_id: EventId,
    /// The end of the record under the key of whom it was before.
    left: Option<Box<EncodedEvent>>,
    bytes: Bytes,
}

impl EncodedEvent {
    /// Gives the event its id and encodes it. The id is a hash of the bytes that go to the log, but for the two fields that are no
    /// part of it, the id itself and the time of arrival, so that nothing is encoded twice.
    pub fn new(sent: &Sent) -> Self {
        let (event, unnamed) = (&sent.event, sent.unnamed());
        let event_id = EventId::from(named::id(&EVENT_IDS, &unnamed.said()));
        Self {
            district: event.district.clone(),
            student: event.student,
            revision: event.origin.revision,
            event_id,
            left: None,
            bytes: unnamed.named(event_id),
        }
    }

    /// The same of a record that was another student's before.
    #[must_use]
    pub(crate) fn leaving(self, left: Option<Self>) -> Self {
        Self { left: left.map(Box::new), ..self }
    }

    /// The record that goes to the topic of events.
    pub(crate) fn into_record(self) -> NewRecord {
        let key = key::events(&self.district, &self.student);
        NewRecord { key, value: Some(self.bytes), headers: Vec::new() }
    }
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
    pub fn into_records(mut self) -> impl Iterator<Item = (Topic, NewRecord)> {
        let left = match &mut self {
            Self::Event(event) | Self::Student { event, .. } => event.left.take(),
            Self::Reference { .. } => None,
        };
        let (first, second) = match self {
            Self::Event(event) => (event_record(event), None),
            Self::Student { event, sent_as, profile } => {
                let profile = profile_record(&event.district, &sent_as, profile.as_deref());
                (event_record(event), Some(profile))
            }
            Self::Reference { kind, change } => {
                let key = key::reference(&change.district, kind, &change.origin.key);
                (record(Topic::Reference, key, Some(reference::encode(&change))), None)
            }
        };
        std::iter::once(first).chain(second).chain(left.map(|left| event_record(*left)))
    }
}

fn event_record(event: EncodedEvent) -> (Topic, NewRecord) {
    (Topic::Events, event.into_record())
}

fn profile_record(district: &DistrictId, student: &StudentKey, profile: Option<&StudentProfile>) -> (Topic, NewRecord) {
    record(Topic::Directory, key::directory(district, student), profile.map(directory::encode))
}

fn record(topic: Topic, key: Bytes, value: Option<Bytes>) -> (Topic, NewRecord) {
    (topic, NewRecord { key, value, headers: Vec::new() })
}

#[cfg(test)]
mod tests {
    use homeroom_domain::event::{Change, Event, Origin};
    use homeroom_domain::id::{RecordKey, SourceId};
    use homeroom_proto::event;
    use jiff::Timestamp;

    use super::*;

    fn sent(received_at: i64, revision: u64) -> Sent {
        let event = Event {
            event_id: EventId::new([0; 16]),
            district: DistrictId::parse("grand-bend").unwrap(),
            student: StudentKey::new([1; 16]),
            origin: Origin {
                source: SourceId::parse("sis").unwrap(),
                key: RecordKey::new([2; 16]),
                revision: Revision(revision),
            },
            received_at: Timestamp::from_second(received_at).unwrap(),
            occurred_at: None,
            change: Change::Withdrawn,
        };
        Sent { event, sent_as: None, moved_to: None }
    }

    #[test]
    fn the_bytes_hold_the_event_with_its_id() {
        let sent = sent(1_700_000_000, 3);
        let encoded = EncodedEvent::new(&sent);
        assert_eq!(encoded.bytes, event::encode(&Event { event_id: encoded.event_id, ..sent.event }));
    }

    #[test]
    fn the_same_word_sent_as_somebody_else_has_another_id() {
        let own = sent(1_700_000_000, 3);
        let merged = Sent { sent_as: Some(StudentKey::new([9; 16])), ..own.clone() };
        assert_ne!(EncodedEvent::new(&own).event_id, EncodedEvent::new(&merged).event_id);
    }

    #[test]
    fn a_repeat_has_the_same_id_and_another_revision_another() {
        let id = |received_at, revision| EncodedEvent::new(&sent(received_at, revision)).event_id;
        assert_eq!(id(1_700_000_000, 3), id(1_800_000_000, 3));
        assert_ne!(id(1_700_000_000, 3), id(1_700_000_000, 4));
        // Fixed for ever: with another one, what was sent before an upgrade and repeated after it would not be the same.
        assert_eq!(id(1_700_000_000, 3).to_string(), "3e8b523d99db52218696853b98e47895");
    }
}
