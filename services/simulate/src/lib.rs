//! A believable district of any size from a seed, as the documents that its student information system would send.
//!
//! [`District`] says who and what there is, lazily: each school and each student's year is made from a number, without the
//! others, so a million students need no more memory than a thousand. What it makes are [`Document`]s of the Ed-Fi Data
//! Standard 5.2, each with the day on which it is sent, corrections and withdrawals included; a [`Batch`] holds those of a
//! span of days. Whoever wants them on disk or sent to a service writes them out: here is no IO, clock or chance, and the same
//! seed gives the same bytes everywhere.
//!
//! Who is who: `district` (zones, schools), `household`, `calendar`, `course`; a student's year is `enrollment`, then
//! `attendance` (what truly happened), `behavior`, `mark` (what was said of it, and taken back), `grade`, `connection`; `edfi`
//! turns it into documents. `published` holds the figures that the totals match, with their sources.

mod attendance;
mod behavior;
mod calendar;
mod chance;
mod connection;
mod course;
mod district;
mod document;
mod edfi;
mod enrollment;
mod grade;
mod household;
mod json;
mod mark;
mod name;
mod published;
mod student;

pub use calendar::Day;
pub use district::{District, Impossible};
pub use document::{Batch, Document, Resource, Word};
