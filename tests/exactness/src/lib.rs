//! One district's year, counted twice: by the product's engine, and by SQL that knows nothing of it.
//!
//! `district` makes the log: the documents of a simulated district with all that its system corrects, mapped by the Ed-Fi door's own
//! pure code, in disorder and with repeats. `raw` lays each word out as rows, unfolded; `sql/*.sql` computes last words, calendars,
//! days and figures from them, written from the default policy's text and the catalogue's; `database` runs it. `engine` asks the domain
//! for the same figures, and `difference` compares each of each student.

mod database;
mod difference;
mod district;
mod engine;
mod extra;
mod raw;

pub use database::{Database, Figures};
pub use difference::{Difference, differences};
pub use district::{Log, Student};
pub use engine::Engine;
