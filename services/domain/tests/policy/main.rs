//! The default day policy and the episodes, case by case in words. An oracle that shares no code with the crate is in tests/simulation.

#![expect(clippy::unwrap_used, reason = "the tests' language is tests too")]

mod author;
mod behavior;
mod calculator;
mod class;
mod connection;
mod count;
mod count_memory;
mod counting;
mod course;
mod coursework;
mod day;
mod due;
mod enrollment;
mod episode;
mod episode_end;
mod explain;
mod figure;
mod golden;
mod laid_out;
mod late_news;
mod law;
mod measure;
mod memory;
mod revision;
mod section;
mod shipped;
mod touch;
mod transcript;
mod variant;
mod versions;
mod world;
mod year;
mod year_at_once;
