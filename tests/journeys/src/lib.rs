//! What the journeys share: a Homeroom on either log, and a small district whose records a test sends one by one.

pub mod coursework;
pub mod district;
pub mod start;

pub use district::{District, HIGH, MIDDLE, TODAY};
pub use start::{Log, start, start_with};
