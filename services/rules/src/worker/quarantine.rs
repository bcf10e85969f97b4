//! What goes to the dead-letters topic, and how it says why.

use homeroom_bus::{Partition, Topic};
use homeroom_domain::event::Event;
use homeroom_proto::dead_letter::{self, DeadLetter, Excerpt, Position};
use jiff::Timestamp;

use super::fold::Incoming;
use crate::store::OutboxRow;

/// The partition of the events topic that letters are about, and the moment.
pub(super) struct Quarantine {
    pub partition: Partition,
    pub at: Timestamp,
}

impl Quarantine {
    /// An event that could not be understood or applied.
    pub(super) fn refused(&self, incoming: &Incoming, problem: &str) -> OutboxRow {
        self.letter(incoming, None, ("$", "an event that can be decoded and stored", problem.to_owned()))
    }

    /// An event whose record has a later word already. It changes nothing, and its sender may want to know.
    pub(super) fn outdated(&self, incoming: &Incoming, event: &Event) -> OutboxRow {
        let found = format!(
            "revision {} of record {}, of which a higher one is known",
            event.origin.revision.0, event.origin.key
        );
        self.letter(
            incoming,
            Some(event),
            ("$.revision", "a revision not below the highest known of the record", found),
        )
    }

    fn letter(
        &self,
        incoming: &Incoming,
        event: Option<&Event>,
        (field, expected, detail): (&str, &str, String),
    ) -> OutboxRow {
        let district = event.map(|event| event.district.clone());
        let source = event.map(|event| event.origin.source.clone());
        let key = homeroom_proto::key::dead_letters(district.as_ref(), source.as_ref());
        let letter = DeadLetter {
            district,
            source,
            position: Some(Position {
                topic: Topic::Events.name().to_owned(),
                partition: self.partition.0,
                offset: incoming.offset,
            }),
            record: Excerpt::of(&incoming.value),
            field: field.to_owned(),
            expected: expected.to_owned(),
            detail,
            received_at: self.at,
            quarantine_id: None,
        };
        OutboxRow {
            topic: Topic::DeadLetters,
            key: key.to_vec(),
            value: dead_letter::encode(&letter).to_vec(),
            traceparent: incoming.traceparent.clone(),
        }
    }
}
