//! Foreign programs beside the running services, unmodified and from where their users get them.

pub mod collector;
pub mod python;
