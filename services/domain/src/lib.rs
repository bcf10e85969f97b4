//! The words of the product: ids, calendars, events, the ledger, measures, rules and alerts. Pure: no IO, clock, async or chance.

pub mod alert;
pub mod behavior;
mod calculated;
pub mod calculator;
pub mod code;
pub mod connection;
pub mod count;
pub mod counting;
pub mod course;
pub mod date;
pub mod day;
mod enrollment;
pub mod episode;
pub mod evaluation;
pub mod event;
pub mod explain;
mod figure;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzz;
pub mod id;
pub mod ledger;
mod marked;
pub mod measure;
pub mod mutant;
mod projection;
pub mod quick;
pub mod reference;
pub mod rule;
pub mod settings;
pub mod standing;
mod truancy;
pub mod view;
pub mod window;
pub mod year;
