//! Where in the log an alert change comes from, and the change as the topic has it: with that and with its basis.

use bytes::Bytes;
use homeroom_domain::alert::AlertChange;
use homeroom_domain::episode::Basis;
use homeroom_domain::id::StudentKey;
use homeroom_domain::settings::Now;
use prost::Message as _;

use super::{CHANGE, basis_from_wire, basis_to_wire, from_wire, to_wire, wire};
use crate::decode::{At as _, DecodeError};
use crate::scalar::{date, key};

/// What was known when a change was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Derivation {
    /// The partition of the events topic that the student's events are in.
    pub partition: i32,
    /// Its events below this offset were known.
    pub events_offset: i64,
    /// The event that caused it; none when the clock or reference data did.
    pub caused_by_offset: Option<i64>,
    /// Reference records below this offset were in force.
    pub reference_offset: i64,
    /// The dates in force.
    pub dates: Now,
    /// Whom the student's records count for that have left, when the two were merged.
    pub moved_to: Option<StudentKey>,
}

/// A change as the topic has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// What was told.
    pub change: AlertChange,
    /// What it takes to make its episode again; none when that is not known.
    pub basis: Option<Basis>,
    /// Where it comes from; none in changes of a time before it was said.
    pub derivation: Option<Derivation>,
}

/// The change as the topic's bytes.
pub fn encode_told(change: &AlertChange, basis: Option<&Basis>, derivation: &Derivation) -> Bytes {
    let message = wire::AlertChange {
        basis: basis.map(|basis| basis_to_wire(basis, derivation.events_offset)),
        derived_from: Some(derivation_to_wire(derivation)),
        ..to_wire(change)
    };
    Bytes::from(message.encode_to_vec())
}

/// The change in the topic's bytes, with all that came with it.
pub fn decode_told(bytes: &[u8]) -> Result<Told, DecodeError> {
    let mut message = wire::AlertChange::decode(bytes).at(CHANGE, "")?;
    let basis = message.basis.take().map(basis_from_wire).transpose()?.map(|(basis, _)| basis);
    let derivation = message.derived_from.take().map(derivation_from_wire).transpose()?;
    Ok(Told { change: from_wire(message)?, basis, derivation })
}

fn derivation_to_wire(it: &Derivation) -> wire::Derivation {
    wire::Derivation {
        partition: it.partition,
        events_offset: it.events_offset,
        caused_by_offset: it.caused_by_offset,
        reference_offset: it.reference_offset,
        today: it.dates.today.days(),
        as_of: it.dates.as_of.days(),
        moved_to: it.moved_to.map(|student| key(student.as_bytes())),
    }
}

fn derivation_from_wire(it: wire::Derivation) -> Result<Derivation, DecodeError> {
    const DERIVATION: &str = "Derivation";
    Ok(Derivation {
        partition: it.partition,
        events_offset: it.events_offset,
        caused_by_offset: it.caused_by_offset,
        reference_offset: it.reference_offset,
        dates: Now { today: date(it.today, DERIVATION, "today")?, as_of: date(it.as_of, DERIVATION, "as_of")? },
        moved_to: it.moved_to.map(|student| StudentKey::from_slice(&student)).transpose().at(DERIVATION, "moved_to")?,
    })
}
