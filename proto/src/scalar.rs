//! Conversions of what is not a message: moments, dates and keys.

use bytes::Bytes;
use homeroom_domain::date::Date;
use jiff::Timestamp;

use crate::decode::{At, DecodeError};

const NANOSECONDS: i32 = 1_000_000_000;

/// A moment on the wire: seconds rounded down, and nanoseconds from there.
pub fn timestamp_to_wire(at: Timestamp) -> prost_types::Timestamp {
    let (seconds, nanos) = (at.as_second(), at.subsec_nanosecond());
    if nanos < 0 {
        prost_types::Timestamp { seconds: seconds - 1, nanos: nanos + NANOSECONDS }
    } else {
        prost_types::Timestamp { seconds, nanos }
    }
}

/// A moment from the wire; `None` when it is none from year -9999 to 9999.
pub fn timestamp_from_wire(wire: &prost_types::Timestamp) -> Option<Timestamp> {
    Timestamp::new(wire.seconds, wire.nanos).ok()
}

pub(crate) fn timestamp(
    wire: Option<prost_types::Timestamp>,
    message: &'static str,
    field: &'static str,
) -> Result<Timestamp, DecodeError> {
    let wire = wire.at(message, field)?;
    Timestamp::new(wire.seconds, wire.nanos).at(message, field)
}

pub(crate) fn optional_timestamp(
    wire: Option<prost_types::Timestamp>,
    message: &'static str,
    field: &'static str,
) -> Result<Option<Timestamp>, DecodeError> {
    wire.map(|wire| timestamp(Some(wire), message, field)).transpose()
}

pub(crate) fn date(days: i32, message: &'static str, field: &'static str) -> Result<Date, DecodeError> {
    Date::from_days(days).at(message, field)
}

pub(crate) fn optional_date(
    days: Option<i32>,
    message: &'static str,
    field: &'static str,
) -> Result<Option<Date>, DecodeError> {
    days.map(|days| date(days, message, field)).transpose()
}

pub(crate) fn key(bytes: &[u8; 16]) -> Bytes {
    Bytes::copy_from_slice(bytes)
}
