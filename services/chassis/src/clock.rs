//! The one place where the time is read. Everything else is handed a moment.

use jiff::Timestamp;

/// The time now.
#[expect(clippy::disallowed_methods, reason = "this is the clock that the ban points to")]
pub fn now() -> Timestamp {
    Timestamp::now()
}
