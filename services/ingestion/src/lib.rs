//! Foreign records become canonical events.
//!
//! Every door ends in the same place: a record is validated, its keys are made pseudonymous, and what it says goes to the log
//! as an event of a student, a reference record of a district, or a name for the directory. Doors whose records must be read
//! back (Ed-Fi) keep a document per natural key and publish through an outbox; the native doors append to the log directly.
//!
//! - [`config`]: what an operator sets.
//! - [`app`]: builds the service; the only reader of the configuration.
//! - [`pseudonym`]: a student's key and a record's key, hashed with the district's secret.
//! - [`reference_id`]: ids of what events refer to, the same from any door.
//! - [`merge`]: two ids of one student.
//! - [`edfi`]: the Ed-Fi door.
//! - `district`: whose rows there are; `outbox`: what is to be published; `quarantine`: what nobody understood; `sweep`: what is old
//!   goes; `named`: ids made of names.
//! - [`survey`](mod@survey): how the tables stand, for operators.
//! - [`rule`]: which rules are in force, and were.
//! - [`intake`]: from a submitted record to what goes to the log; [`native`] and [`grpc`]: the doors that end there.

pub mod app;
pub mod config;
mod district;
pub mod edfi;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzz;
pub mod grpc;
pub mod intake;
pub mod merge;
mod named;
pub mod native;
mod outbox;
pub mod pseudonym;
mod quarantine;
pub mod reference_id;
pub mod rule;
pub mod survey;
mod sweep;

pub use app::{Error, SCHEMA, State, build, check, restored};
pub use config::Config;
pub use survey::{Survey, survey};
