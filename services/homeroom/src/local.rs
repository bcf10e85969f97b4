//! Homeroom on one machine: its data directory, secrets, settings, and what it says when it is ready.

pub(crate) mod directory;
pub(crate) mod first_start;
pub(crate) mod keys;
pub(crate) mod lines_to_paste;
pub(crate) mod speed;
pub(crate) mod summary;
pub(crate) mod teams;
