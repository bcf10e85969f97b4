//! Typed topics in and out, over Kafka, PostgreSQL and memory behind one seam.
//!
//! A service appends to a [`Log`], reads one partition with a [`Tail`], or shares the partitions of a topic with its other
//! processes through [`Log::join`]. What is kept for how long is the [`Topic`]'s to say. The only crate that knows librdkafka.

mod contents;
mod group;
pub mod kafka;
pub mod lag;
pub mod log;
pub mod memory;
pub mod partitioner;
pub mod postgres;
mod stay;
mod task;
pub mod topic;

pub use contents::Contents;
pub use log::{Appended, Error, Joined, Log, NewRecord, PartitionOwner, Record, Tail};
pub use stay::{Standing, stay};
pub use topic::{Offset, Partition, Topic};
