//! A sample district: its files, loading them through the public Ed-Fi API, and playing the rest of its year.

pub(crate) mod files;
pub(crate) mod load;
pub(crate) mod play;
