//! A log with something between it and whoever uses it: appends that are slow, refused or lost, reads that bring nothing.

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use homeroom_bus::{Appended, Error, Joined, Log, NewRecord, Offset, Partition, PartitionOwner, Tail, Topic};
use tokio_util::sync::CancellationToken;

/// What stands between. It meets what it says, and all else goes through.
#[async_trait]
pub trait Between: Send + Sync + 'static {
    /// What becomes of records that are to be appended.
    async fn append(&self, log: &dyn Log, topic: Topic, records: Vec<NewRecord>) -> Vec<Result<Appended, Error>>;

    /// What a reader of one partition is given to read from.
    async fn tail(
        &self,
        log: &dyn Log,
        topic: Topic,
        partition: Partition,
        from: Offset,
    ) -> Result<Box<dyn Tail>, Error> {
        log.tail(topic, partition, from).await
    }
}

/// A log behind what stands between. Clones share both.
pub struct Behind<B> {
    /// What stands between.
    pub between: Arc<B>,
    /// The log itself.
    pub log: Arc<dyn Log>,
}

impl<B> Behind<B> {
    /// Puts something before a log.
    pub fn new(between: B, log: Arc<dyn Log>) -> Self {
        Self { between: Arc::new(between), log }
    }
}

impl<B> Clone for Behind<B> {
    fn clone(&self) -> Self {
        Self { between: Arc::clone(&self.between), log: Arc::clone(&self.log) }
    }
}

#[async_trait]
impl<B: Between> Log for Behind<B> {
    async fn append(&self, topic: Topic, records: Vec<NewRecord>) -> Vec<Result<Appended, Error>> {
        self.between.append(&*self.log, topic, records).await
    }

    async fn partitions(&self, topic: Topic) -> Result<i32, Error> {
        self.log.partitions(topic).await
    }

    async fn end_offsets(&self, topic: Topic) -> Result<Vec<Offset>, Error> {
        self.log.end_offsets(topic).await
    }

    async fn extent(&self, topic: Topic, partition: Partition) -> Result<Range<Offset>, Error> {
        self.log.extent(topic, partition).await
    }

    async fn tail(&self, topic: Topic, partition: Partition, from: Offset) -> Result<Box<dyn Tail>, Error> {
        self.between.tail(&*self.log, topic, partition, from).await
    }

    async fn join(
        &self,
        topic: Topic,
        group: &str,
        owner: Arc<dyn PartitionOwner>,
        leave: CancellationToken,
    ) -> Result<Joined, Error> {
        self.log.join(topic, group, owner, leave).await
    }

    async fn create_topics(&self, partitions: i32) -> Result<(), Error> {
        self.log.create_topics(partitions).await
    }

    async fn check_topics(&self) -> Result<(), Error> {
        self.log.check_topics().await
    }
}
