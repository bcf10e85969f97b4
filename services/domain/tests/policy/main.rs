//! The default day policy and the episodes, case by case in words, and against an oracle that shares no code with the crate.

#![expect(clippy::unwrap_used, reason = "the tests' language is tests too")]

mod agreement;
mod author;
mod convergence;
mod counting;
mod course;
mod day;
mod enrollment;
mod episode;
mod episode_end;
mod generate;
mod measure;
mod oracle;
mod section;
mod touch;
mod world;
