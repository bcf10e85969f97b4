//! Servers that speak only to who trusts their certificate.

pub mod broker;
pub mod cluster;
pub mod postgres;

pub use homeroom_harness::authority::{Authority, HERE, Pair};
