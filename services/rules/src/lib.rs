//! Keeps an exact, explained risk state per student, incrementally.
//!
//! Who is who: the reference task folds the reference topic into snapshots; an owner claims partitions of
//! the events topic; one worker per partition folds batches of events into students' ledgers, evaluates them and commits
//! ledgers, measures, alert changes and offset in one transaction; a publisher per partition puts committed alert changes on
//! the alerts topic. A worker that lags writes only students whose alerts changed with their batch, and the others later, in
//! *checkpoints*. Two clocks move students without an event: reference changes and the district's date; both are *sweeps*.
//!
//! What can go wrong: a process dies between any two steps (the transaction holds either all or nothing, unpublished changes are
//! published again by the next owner, and what was told and not written is folded again in silence: *recovery*); the database
//! comes back older than the log (the next owner takes up from the alerts topic what was told and lost: *adoption*); a stale
//! owner wakes (its epoch matches no row); an event cannot be understood (it goes to `dead_letters` in the same transaction); a
//! rule cannot be evaluated (its episodes stay as they were, and the failure is counted).

mod app;
mod config;
#[cfg_attr(not(feature = "simulation"), expect(unreachable_pub, reason = "`simulation` opens it"))]
mod evaluate;
mod grpc;
mod metric;
mod owner;
mod preview;
#[cfg_attr(not(feature = "simulation"), expect(unreachable_pub, reason = "`simulation` opens it"))]
mod process;
mod publish;
mod ready;
#[cfg_attr(not(feature = "simulation"), expect(unreachable_pub, reason = "`simulation` opens it"))]
mod reference;
mod roll;
#[cfg(feature = "simulation")]
pub mod simulation;
#[cfg_attr(not(feature = "simulation"), expect(unreachable_pub, reason = "`simulation` opens it"))]
mod store;
pub mod survey;
mod verify;
#[cfg_attr(not(feature = "simulation"), expect(unreachable_pub, reason = "`simulation` opens it"))]
mod worker;

pub use app::{Error, SCHEMA, build, check};
pub use config::Config;
pub use survey::{Survey, survey};
pub use verify::{Difference, Report, verify};
