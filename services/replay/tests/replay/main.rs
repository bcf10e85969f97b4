//! Replays of districts small enough to be counted by hand, and what holds of any.
#![expect(clippy::unwrap_used, reason = "a test says by panicking what went wrong")]

mod by_hand;
mod district;
mod group;
mod parts;
mod text;
mod year;
