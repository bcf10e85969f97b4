//! Connections that nobody on the way can read or change: each kind refuses whom it must, and all together tell an alert.

#![expect(clippy::unwrap_used, reason = "a test that fails says where by panicking there")]

mod everything;
mod kafka;
mod postgres;
