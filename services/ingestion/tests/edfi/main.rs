//! The Ed-Fi door over HTTP, on a real PostgreSQL; the log is the one in memory, behind a gate that can fail.

#![expect(clippy::unwrap_used, reason = "what cannot be is a failed test")]

mod changes;
mod door;
mod gate;
mod hostile;
mod key_change;
mod limit;
mod problems;
mod publishing;
mod quarantine;
mod reading;
mod referral;
mod sample;
mod token;
mod writing;
