//! What rules would have told over past dates, and what came of it.
//!
//! A [`Plan`] names packs, dates, outcome and groups. Each student is [`Seen`] once, with the facts of now, and added to a [`Tally`],
//! which keeps sums and no student; the [`Report`] is what the tally comes to. Everything is pure: the rules service brings students
//! past, whoever asked writes the report out (`text`).
//!
//! **Lead.** From the date on which a rule first flagged a student to the date on which the outcome was settled
//! ([`Outcome`]), in calendar days: for chronic absence the absence that made a tenth of all days enrolled up to the
//! last date, so that no presence would have changed it any more. It is of flagged students whose outcome came to be, and below zero
//! when the flag came after.

mod hidden;
mod lead;
mod load;
mod look;
mod outcome;
mod plan;
mod report;
mod seen;
mod share;
mod tally;
pub mod text;
pub mod wire;

pub use hidden::FEWEST;
pub use lead::Lead;
pub use load::{Load, SchoolLoad};
pub use look::Look;
pub use outcome::{CHRONIC_MINIMUM_DAYS, Came, Outcome};
pub use plan::{Error, MOST_GROUPS, MOST_MEMBERS, MOST_RULES, Plan, REQUEST_BYTES};
pub use report::{GroupReport, Overlap, PackReport, Report, RuleReport};
pub use seen::{Seen, SeenRule};
pub use share::{Gap, Interval, Share};
pub use tally::{Cells, Tally};
