//! Foreign records become canonical events.
