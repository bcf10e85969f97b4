//! Foreign clients against the running services, unmodified and from where their users get them.

pub mod python;
