//! From a submitted record to what goes to the log: validate, normalise, key, publish.
//!
//! Everything but [`publisher`] is pure. A record that cannot be understood is a [`Problem`] of its own and never its
//! neighbours'; the publisher keeps it in quarantine before its sender is told so.

pub mod arrival;
pub mod attendance;
pub mod bell;
pub mod canonical;
pub mod conduct;
pub mod connection;
pub mod coursework;
pub mod enrollment;
pub mod field;
pub mod grade;
pub mod kind;
pub mod normalise;
pub mod place;
pub mod problem;
pub mod publisher;
pub mod scan;
pub mod student;
pub mod submission;

pub use arrival::Arrivals;
pub use canonical::{Canonical, Receipt};
pub use kind::Kind;
pub use normalise::{Context, normalise};
pub use problem::Problem;
pub use publisher::{Limits, Outcome, Overloaded, Publisher};
pub use submission::Submission;
