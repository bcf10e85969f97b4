//! A simulated district: into files, live through the public Ed-Fi API, or only counted.

pub(crate) mod files;
pub(crate) mod live;
pub(crate) mod made;
pub(crate) mod resume;
