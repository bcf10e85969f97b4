//! The native doors over real sockets, on a log in memory and a real PostgreSQL: what a sender is told, and what is kept.

#![expect(clippy::unwrap_used, reason = "a step of a test that fails shall fail the test")]

mod access;
mod backpressure;
mod bad_input;
mod cloud_event;
mod description;
mod hearing;
mod merge;
mod property;
mod push;
mod quarantine;
mod rules;
mod setting;
mod shape;
mod world;
