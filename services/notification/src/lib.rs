//! Puts each alert in front of the right adult, and takes it back.
//!
//! Alert changes come from the log, are kept once each, and become deliveries by pure planning: an
//! opening goes to the teams that [`routing`] names, and whatever happens to the alert later goes to exactly those who were
//! told. Channel adapters ([`channel`]) take deliveries from a leased, flow-controlled gRPC feed and settle each of them;
//! live screens watch the changes from a cursor on.
//!
//! Promises. A due delivery is attempted until it is accepted, expired or given up in view. A second copy goes out only after
//! an attempt that ended unknown, with the same key. Everyone who was told of an alert is told when it is taken back, and
//! nobody else. No message names a student.

mod app;
pub mod channel;
pub mod config;
mod consume;
mod feed;
pub mod message;
mod metric;
pub mod plan;
mod ready;
pub mod routing;
#[cfg(test)]
mod sample;
pub mod schedule;
mod store;
pub mod survey;
mod sweep;

pub use app::{Error, SCHEMA, build, check, restored};
pub use config::Config;
pub use survey::{Survey, survey};
