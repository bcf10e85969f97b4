//! What is wrong with a message that does not decode: which message, which field, and why.

use homeroom_domain::date::OutOfRange;
use homeroom_domain::id;

/// A message that is not what its package says.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{message}{}{field} {problem}", if field.is_empty() { "" } else { "." })]
pub struct DecodeError {
    /// The message, such as `Event`.
    pub message: &'static str,
    /// The field in it; empty when the bytes are no message at all.
    pub field: &'static str,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What is wrong with a field.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Problem {
    /// The bytes are not a protobuf message of this type.
    #[error("cannot be read: {0}")]
    Malformed(prost::DecodeError),
    /// A field that every sender sets is absent, or an enum has its zero value.
    #[error("is missing")]
    Missing,
    /// An enum's number that this version does not know.
    #[error("has the unknown number {0}")]
    UnknownNumber(i32),
    /// An id that does not parse.
    #[error("is not an id: {0}")]
    Id(id::Error),
    /// A day count that is no date.
    #[error("is not a date: {0}")]
    Date(OutOfRange),
    /// A moment or local time out of range, or a text that is none.
    #[error("is not a time")]
    Time,
    /// A number that its type does not hold.
    #[error("is out of range")]
    OutOfRange,
}

impl From<id::Error> for Problem {
    fn from(error: id::Error) -> Self {
        Self::Id(error)
    }
}

impl From<OutOfRange> for Problem {
    fn from(error: OutOfRange) -> Self {
        Self::Date(error)
    }
}

impl From<prost::DecodeError> for Problem {
    fn from(error: prost::DecodeError) -> Self {
        Self::Malformed(error)
    }
}

impl From<prost::UnknownEnumValue> for Problem {
    fn from(error: prost::UnknownEnumValue) -> Self {
        Self::UnknownNumber(error.0)
    }
}

impl From<jiff::Error> for Problem {
    fn from(_: jiff::Error) -> Self {
        Self::Time
    }
}

impl From<std::num::TryFromIntError> for Problem {
    fn from(_: std::num::TryFromIntError) -> Self {
        Self::OutOfRange
    }
}

/// Says where a value was found wrong or missing.
pub(crate) trait At<T> {
    /// The value, or the error that names its message and field.
    fn at(self, message: &'static str, field: &'static str) -> Result<T, DecodeError>;
}

impl<T, E: Into<Problem>> At<T> for Result<T, E> {
    fn at(self, message: &'static str, field: &'static str) -> Result<T, DecodeError> {
        self.map_err(|error| DecodeError { message, field, problem: error.into() })
    }
}

impl<T> At<T> for Option<T> {
    fn at(self, message: &'static str, field: &'static str) -> Result<T, DecodeError> {
        self.ok_or(DecodeError { message, field, problem: Problem::Missing })
    }
}
