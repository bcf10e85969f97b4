//! The seam: what a log can do, whichever it is.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::topic::{Offset, Partition, Topic};

/// A record to append.
#[derive(Debug, Clone)]
pub struct NewRecord {
    /// Decides the partition (murmur2, as Kafka's Java client does, in every log) and what compaction keeps.
    pub key: Bytes,
    /// The message; none is a tombstone.
    pub value: Option<Bytes>,
    /// Such as `traceparent`.
    pub headers: Vec<(String, Bytes)>,
}

/// The largest record that memory and PostgreSQL take: key, value and headers together, in bytes.
pub const MAX_RECORD_BYTES: usize = 1_000_000;

impl NewRecord {
    /// Key, value and headers together, in bytes.
    pub fn bytes(&self) -> usize {
        let headers: usize = self.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        self.key.len() + self.value.as_ref().map_or(0, Bytes::len) + headers
    }

    /// Fails when the record is larger than the limit.
    pub fn check_size(&self, limit: usize) -> Result<(), Error> {
        match self.bytes() {
            bytes if bytes > limit => Err(Error::TooLarge { bytes, limit }),
            _ => Ok(()),
        }
    }
}

/// A record read.
#[derive(Debug, Clone)]
pub struct Record {
    /// Its partition.
    pub partition: Partition,
    /// Its place there.
    pub offset: Offset,
    /// As appended.
    pub key: Bytes,
    /// As appended.
    pub value: Option<Bytes>,
    /// As appended.
    pub headers: Vec<(String, Bytes)>,
}

/// Where an appended record now stands, durably.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// Its partition.
    pub partition: Partition,
    /// Its place there.
    pub offset: Offset,
}

/// What went wrong with a log.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log cannot take or give records now; the same call may succeed later.
    #[error("the log is not available: {0}")]
    Unavailable(String),
    /// Something of this process has ended by a fault of its own: to ask again does not help, a restart may.
    #[error("a part of this process has died: {0}")]
    Died(String),
    /// The bounded buffer before the log is full; try again after a while.
    #[error("too many records wait for the log")]
    Full,
    /// The record is larger than the log takes.
    #[error("a record of {bytes} bytes is more than the {limit} that the log takes")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// Topics are missing or not as they should be.
    #[error("topic `{topic}`: {problem}")]
    Topic {
        /// Its name.
        topic: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The partition's owner refused it: another process has claimed it since.
    #[error("partition {0} of `{1}` is no longer ours")]
    Fenced(i32, Topic),
    /// The offset is no longer, or not yet, in the log.
    #[error("offset {offset} of partition {partition} of `{topic}` is not in the log")]
    OffsetOutOfRange {
        /// The topic.
        topic: Topic,
        /// The partition.
        partition: i32,
        /// The offset asked for.
        offset: i64,
    },
}

/// A log of records in topics. One implementation for production (Kafka), one for a single machine (PostgreSQL), one for
/// simulation (memory); one contract test-suite runs against all three.
#[async_trait]
pub trait Log: Send + Sync + 'static {
    /// Appends the records, those of one key in order, and returns when all are durable: each one's place, or why it was not
    /// kept. Bounded: answers [`Error::Full`] rather than queue without end.
    async fn append(&self, topic: Topic, records: Vec<NewRecord>) -> Vec<Result<Appended, Error>>;

    /// How many partitions the topic has.
    async fn partitions(&self, topic: Topic) -> Result<i32, Error>;

    /// The offset after the last record of each partition, in order of partition.
    async fn end_offsets(&self, topic: Topic) -> Result<Vec<Offset>, Error>;

    /// Which offsets one partition keeps: from its first record to the one after its last. The same twice when it holds nothing, and
    /// from 0 for a topic that does not [expire](Topic::expires), of which some may be compacted away.
    async fn extent(&self, topic: Topic, partition: Partition) -> Result<Range<Offset>, Error>;

    /// The offset after the last record of one partition.
    async fn end_offset(&self, topic: Topic, partition: Partition) -> Result<Offset, Error> {
        Ok(self.extent(topic, partition).await?.end)
    }

    /// Reads one partition from an offset on, outside any group. An offset that is no longer, or not yet, in the log is
    /// [`Error::OffsetOutOfRange`], here or at the first read; so is a reader so slow that its next record has expired.
    /// Only offset 0 of a topic that [expires](Topic::expires) means "from the first record kept", here and in [`Self::join`],
    /// for those who begin; nobody else may skip records unawares.
    async fn tail(&self, topic: Topic, partition: Partition, from: Offset) -> Result<Box<dyn Tail>, Error>;

    /// Shares the topic's partitions with the other members of the group, until `leave` is cancelled. The owner is asked where
    /// to start each time a partition is assigned, and decides what is done with its records.
    async fn join(
        &self,
        topic: Topic,
        group: &str,
        owner: Arc<dyn PartitionOwner>,
        leave: CancellationToken,
    ) -> Result<Joined, Error>;

    /// Creates missing topics; an existing one with other partitions or cleanup is an error. `partitions` is for the topics
    /// that are not limited to one.
    async fn create_topics(&self, partitions: i32) -> Result<(), Error>;

    /// Fails unless every topic is there and as it should be.
    async fn check_topics(&self) -> Result<(), Error>;
}

/// A partition that the topic does not have.
pub(crate) fn no_partition(topic: Topic, partition: Partition) -> Error {
    Error::Topic { topic: topic.name().to_owned(), problem: format!("has no partition {}", partition.0) }
}

/// Whether a reader that starts there starts at the first record kept, wherever that is.
pub(crate) fn begins(topic: Topic, from: Offset) -> bool {
    topic.expires() && from.0 == 0
}

/// Membership in a group; ends when `leave` is cancelled or with an error when the log gives up.
#[must_use = "a member that nobody awaits dies unnoticed"]
pub struct Joined {
    /// Completes when the member has left and each partition was revoked.
    pub left: tokio::task::JoinHandle<Result<(), Error>>,
}

/// What a member does with partitions.
#[async_trait]
pub trait PartitionOwner: Send + Sync + 'static {
    /// Takes ownership of a partition (raising its epoch in the database) and says from which offset, and into which bounded
    /// inbox, its records shall go. The log sends them in order, batch by batch, and waits while the inbox is full.
    async fn assign(&self, partition: Partition) -> Result<(Offset, mpsc::Sender<Vec<Record>>), Error>;

    /// The partition is, or soon will be, another's. Correctness does not depend on it: the epoch does.
    async fn revoke(&self, partition: Partition);
}

/// A reader of one partition.
#[async_trait]
pub trait Tail: Send {
    /// The next records, at most `max`; waits up to `wait` for the first one and returns empty after that.
    async fn next(&mut self, max: usize, wait: Duration) -> Result<Vec<Record>, Error>;
}
