//! A log that can be away, or stop answering after it has taken records, as a crash between two steps leaves it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use async_trait::async_trait;
use homeroom_bus::memory::MemoryLog;
use homeroom_bus::{Appended, Error, Joined, Log, NewRecord, Offset, Partition, PartitionOwner, Tail, Topic};
use tokio_util::sync::CancellationToken;

/// How the log behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    /// It takes records.
    Open,
    /// It cannot be reached.
    Away,
    /// It takes records and never answers.
    Silent,
}

/// A log behind a gate. Clones share it.
#[derive(Clone)]
pub(crate) struct Gate {
    log: MemoryLog,
    mood: Arc<AtomicU8>,
}

impl Gate {
    pub(crate) async fn new() -> Self {
        let log = MemoryLog::default();
        log.create_topics(4).await.unwrap();
        Self { log, mood: Arc::default() }
    }

    pub(crate) fn set(&self, mood: Mood) {
        self.mood.store(mood as u8, Ordering::SeqCst);
    }
}

#[async_trait]
impl Log for Gate {
    async fn append(&self, topic: Topic, records: Vec<NewRecord>) -> Vec<Result<Appended, Error>> {
        let mood = self.mood.load(Ordering::SeqCst);
        if mood == Mood::Away as u8 {
            return records.iter().map(|_| Err(Error::Unavailable("it is away".into()))).collect();
        }
        let answers = self.log.append(topic, records).await;
        if mood == Mood::Silent as u8 {
            std::future::pending::<()>().await;
        }
        answers
    }

    async fn partitions(&self, topic: Topic) -> Result<i32, Error> {
        self.log.partitions(topic).await
    }

    async fn end_offsets(&self, topic: Topic) -> Result<Vec<Offset>, Error> {
        self.log.end_offsets(topic).await
    }

    async fn tail(&self, topic: Topic, partition: Partition, from: Offset) -> Result<Box<dyn Tail>, Error> {
        self.log.tail(topic, partition, from).await
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
