//! What could not be understood: `homeroom.ingest.v1.DeadLetter`, typed.

use std::fmt;

use bytes::Bytes;
use homeroom_domain::id::{self, DistrictId, SourceId};
use jiff::Timestamp;
use prost::Message as _;
use uuid::Uuid;

use crate::decode::{At, DecodeError};
use crate::scalar::{timestamp, timestamp_to_wire};
use crate::wire::ingest as wire;

/// The most bytes of a record that a dead letter keeps: enough to repair any record, and far below what a log takes.
pub const MAX_RECORD_BYTES: usize = 64 * 1024;

/// A record in quarantine, with the reason and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// None when the record does not say.
    pub district: Option<DistrictId>,
    /// The feed that sent it; none when the record does not say.
    pub source: Option<SourceId>,
    /// Where it stands, when it was read from a topic.
    pub position: Option<Position>,
    /// The record, when it was read from a topic of ours. What a sender brought may hold names: of it, only the size is here.
    pub record: Excerpt,
    /// The path of what is wrong, such as `$.data.date`.
    pub field: String,
    /// What was expected, in words.
    pub expected: String,
    /// What was found, without repeating it: it may be a name.
    pub detail: String,
    /// When Homeroom saw it.
    pub received_at: Timestamp,
    /// Under which the ingestion service keeps what a sender brought; none for any other record.
    pub quarantine_id: Option<Uuid>,
}

/// A record's place in a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The topic's name.
    pub topic: String,
    /// The partition's number.
    pub partition: i32,
    /// The place in it.
    pub offset: i64,
}

/// A record, cut to [`MAX_RECORD_BYTES`]. Its `Debug` shows its size only, since it may hold names.
#[derive(Clone, PartialEq, Eq)]
pub struct Excerpt {
    kept: Bytes,
    whole_bytes: u64,
}

impl Excerpt {
    /// Keeps the record, or its beginning.
    pub fn of(record: &[u8]) -> Self {
        let kept = record.get(..MAX_RECORD_BYTES).unwrap_or(record);
        Self { kept: Bytes::copy_from_slice(kept), whole_bytes: record.len() as u64 }
    }

    /// Keeps nothing of a record of this size, in bytes.
    pub const fn omitted(whole_bytes: u64) -> Self {
        Self { kept: Bytes::new(), whole_bytes }
    }

    /// What is kept.
    pub fn bytes(&self) -> &Bytes {
        &self.kept
    }

    /// The size of the whole record, in bytes.
    pub const fn whole_bytes(&self) -> u64 {
        self.whole_bytes
    }
}

impl fmt::Debug for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Excerpt({} of {} bytes)", self.kept.len(), self.whole_bytes)
    }
}

/// The dead letter as the topic's bytes.
pub fn encode(letter: &DeadLetter) -> Bytes {
    let message = wire::DeadLetter {
        district: letter.district.as_ref().map(|id| id.as_str().to_owned()).unwrap_or_default(),
        source: letter.source.as_ref().map(|id| id.as_str().to_owned()).unwrap_or_default(),
        position: letter.position.as_ref().map(|position| wire::LogPosition {
            topic: position.topic.clone(),
            partition: position.partition,
            offset: position.offset,
        }),
        record: letter.record.kept.clone(),
        record_bytes: letter.record.whole_bytes,
        field: letter.field.clone(),
        expected: letter.expected.clone(),
        detail: letter.detail.clone(),
        received_at: Some(timestamp_to_wire(letter.received_at)),
        quarantine_id: letter.quarantine_id.map(|id| id.to_string()).unwrap_or_default(),
    };
    Bytes::from(message.encode_to_vec())
}

/// The dead letter in the topic's bytes.
pub fn decode(bytes: &[u8]) -> Result<DeadLetter, DecodeError> {
    const LETTER: &str = "DeadLetter";
    let message = wire::DeadLetter::decode(bytes).at(LETTER, "")?;
    let district = Some(message.district.as_str()).filter(|id| !id.is_empty()).map(DistrictId::parse).transpose();
    let source = Some(message.source.as_str()).filter(|id| !id.is_empty()).map(SourceId::parse).transpose();
    let quarantine_id = Some(message.quarantine_id.as_str())
        .filter(|id| !id.is_empty())
        .map(|id| Uuid::parse_str(id).map_err(|_| id::Error::NotSixteenBytes { kind: "quarantine id" }));
    Ok(DeadLetter {
        district: district.at(LETTER, "district")?,
        source: source.at(LETTER, "source")?,
        position: message.position.map(|position| Position {
            topic: position.topic,
            partition: position.partition,
            offset: position.offset,
        }),
        record: Excerpt { kept: message.record, whole_bytes: message.record_bytes },
        field: message.field,
        expected: message.expected,
        detail: message.detail,
        received_at: timestamp(message.received_at, LETTER, "received_at")?,
        quarantine_id: quarantine_id.transpose().at(LETTER, "quarantine_id")?,
    })
}
