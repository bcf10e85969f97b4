//! Connections that nobody on the way can read or change: each kind refuses whom it must, and all together tell an alert.

mod everything;
mod kafka;
mod postgres;
