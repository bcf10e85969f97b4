//! The log in memory, for simulation and tests: the same semantics in one process, gone with it.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::group::Member;
use crate::log::{
    Appended, Error, Joined, Log, MAX_RECORD_BYTES, NewRecord, PartitionOwner, Record, Tail, begins, no_partition,
};
use crate::partitioner::partition_of;
use crate::topic::{Offset, Partition, Topic};

use groups::Groups;

mod groups;

/// A log that lives as long as the process. Clones share it.
#[derive(Clone)]
pub struct MemoryLog {
    inner: Arc<Inner>,
}

struct Inner {
    topics: Mutex<HashMap<Topic, Vec<Kept>>>,
    /// Grows with every append; readers that found nothing wait on it.
    appended: watch::Sender<u64>,
    groups: Groups,
    /// The most records kept, over all topics: beyond it appends are refused.
    limit: usize,
}

/// What a partition keeps.
#[derive(Clone, Default)]
struct Kept {
    /// The offset of the first record.
    first: i64,
    records: Vec<Record>,
}

impl Kept {
    /// The offset after the last record.
    fn end(&self) -> i64 {
        self.first + i64::try_from(self.records.len()).unwrap_or(i64::MAX)
    }

    /// The records from an offset on; none when it is no longer, or not yet, there.
    fn from(&self, offset: i64) -> Option<&[Record]> {
        self.records.get(usize::try_from(offset - self.first).ok()?..)
    }
}

/// Enough for a simulated district, and well below the memory of a small machine.
const DEFAULT_LIMIT: usize = 2_000_000;

impl Default for MemoryLog {
    fn default() -> Self {
        Self::with_limit(DEFAULT_LIMIT)
    }
}

impl fmt::Debug for MemoryLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryLog").field("limit", &self.inner.limit).finish_non_exhaustive()
    }
}

impl MemoryLog {
    /// An empty log without topics, which keeps at most this many records.
    pub fn with_limit(limit: usize) -> Self {
        let inner =
            Inner { topics: Mutex::default(), appended: watch::Sender::new(0), groups: Groups::default(), limit };
        Self { inner: Arc::new(inner) }
    }

    /// Drops what a topic that expires holds now, as age does in the other logs; those that are kept for ever are left alone.
    pub fn expire(&self, topic: Topic) {
        let mut topics = self.inner.topics();
        for kept in topics.get_mut(&topic).into_iter().flatten().filter(|_| topic.expires()) {
            *kept = Kept { first: kept.end(), records: Vec::new() };
        }
    }
}

impl Inner {
    fn topics(&self) -> MutexGuard<'_, HashMap<Topic, Vec<Kept>>> {
        // Nothing that can panic runs while it is held half-changed.
        self.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read<T>(&self, topic: Topic, body: impl FnOnce(&[Kept]) -> T) -> Result<T, Error> {
        self.topics().get(&topic).map(|partitions| body(partitions)).ok_or_else(|| missing(topic))
    }

    fn partition_count(&self, topic: Topic) -> Result<i32, Error> {
        self.read(topic, count)
    }

    fn append_all(&self, topic: Topic, records: Vec<NewRecord>) -> Vec<Result<Appended, Error>> {
        let mut topics = self.topics();
        let mut kept: usize = topics.values().flatten().map(|kept| kept.records.len()).sum();
        let Some(partitions) = topics.get_mut(&topic) else {
            return records.iter().map(|_| Err(missing(topic))).collect();
        };
        let mut append = |record: NewRecord| {
            record.check_size(MAX_RECORD_BYTES)?;
            if kept >= self.limit {
                return Err(Error::Full);
            }
            kept += 1;
            let partition = partition_of(&record.key, count(partitions));
            let place = &mut partitions[usize::try_from(partition.0).unwrap_or(0)];
            let offset = Offset(place.end());
            let NewRecord { key, value, headers } = record;
            place.records.push(Record { partition, offset, key, value, headers });
            Ok(Appended { partition, offset })
        };
        records.into_iter().map(&mut append).collect()
    }

    fn open(self: &Arc<Self>, topic: Topic, partition: Partition, from: Offset) -> Result<Box<dyn Tail>, Error> {
        let out_of_range = Error::OffsetOutOfRange { topic, partition: partition.0, offset: from.0 };
        let next = self.read(topic, |partitions| {
            let kept = find(partitions, partition)?;
            let next = if begins(topic, from) { kept.first } else { from.0 };
            kept.from(next).map(|_| next)
        })?;
        let next = next.ok_or(out_of_range)?;
        let appended = self.appended.subscribe();
        Ok(Box::new(MemoryTail { inner: Arc::clone(self), topic, partition, next, appended }))
    }
}

fn count(partitions: &[Kept]) -> i32 {
    i32::try_from(partitions.len()).unwrap_or(i32::MAX)
}

fn find(partitions: &[Kept], partition: Partition) -> Option<&Kept> {
    partitions.get(usize::try_from(partition.0).ok()?)
}

fn missing(topic: Topic) -> Error {
    Error::Topic { topic: topic.name().to_owned(), problem: "is missing".to_owned() }
}

#[async_trait]
impl Log for MemoryLog {
    async fn append(&self, topic: Topic, records: Vec<NewRecord>) -> Vec<Result<Appended, Error>> {
        let answers = self.inner.append_all(topic, records);
        self.inner.appended.send_modify(|appends| *appends += 1);
        answers
    }

    async fn partitions(&self, topic: Topic) -> Result<i32, Error> {
        self.inner.partition_count(topic)
    }

    async fn end_offsets(&self, topic: Topic) -> Result<Vec<Offset>, Error> {
        self.inner.read(topic, |partitions| partitions.iter().map(|kept| Offset(kept.end())).collect())
    }

    async fn extent(&self, topic: Topic, partition: Partition) -> Result<Range<Offset>, Error> {
        let extent = |kept: &Kept| Offset(kept.first)..Offset(kept.end());
        let found = self.inner.read(topic, |partitions| find(partitions, partition).map(extent))?;
        found.ok_or_else(|| no_partition(topic, partition))
    }

    async fn tail(&self, topic: Topic, partition: Partition, from: Offset) -> Result<Box<dyn Tail>, Error> {
        self.inner.open(topic, partition, from)
    }

    async fn join(
        &self,
        topic: Topic,
        group: &str,
        owner: Arc<dyn PartitionOwner>,
        leave: CancellationToken,
    ) -> Result<Joined, Error> {
        self.inner.partition_count(topic)?;
        let registry = groups::MemoryRegistry { inner: Arc::clone(&self.inner), topic, group: group.to_owned() };
        let changed = self.inner.groups.changed.subscribe();
        let member = Member::new(topic, self.inner.groups.new_member(), Arc::new(registry), owner);
        Ok(Joined { left: crate::task::spawn(member.run(leave, changed)) })
    }

    async fn create_topics(&self, partitions: i32) -> Result<(), Error> {
        let mut topics = self.inner.topics();
        for topic in Topic::ALL {
            let wanted = topic.partitions(partitions);
            let found = topics
                .entry(topic)
                .or_insert_with(|| vec![Kept::default(); usize::try_from(wanted.max(1)).unwrap_or(1)]);
            if count(found) != wanted {
                let problem = format!("has {} partitions instead of {wanted}", found.len());
                return Err(Error::Topic { topic: topic.name().to_owned(), problem });
            }
        }
        Ok(())
    }

    async fn check_topics(&self) -> Result<(), Error> {
        Topic::ALL.iter().try_for_each(|topic| self.inner.partition_count(*topic).map(drop))
    }
}

struct MemoryTail {
    inner: Arc<Inner>,
    topic: Topic,
    partition: Partition,
    next: i64,
    appended: watch::Receiver<u64>,
}

#[async_trait]
impl Tail for MemoryTail {
    async fn next(&mut self, max: usize, wait: Duration) -> Result<Vec<Record>, Error> {
        let deadline = Instant::now() + wait;
        loop {
            self.appended.borrow_and_update();
            let found = self.inner.read(self.topic, |partitions| {
                let left = find(partitions, self.partition)?.from(self.next)?;
                Some(left.iter().take(max).cloned().collect::<Vec<_>>())
            })?;
            let (topic, partition) = (self.topic, self.partition.0);
            let found = found.ok_or(Error::OffsetOutOfRange { topic, partition, offset: self.next })?;
            if let Some(last) = found.last() {
                self.next = last.offset.0 + 1;
                return Ok(found);
            }
            match timeout_at(deadline, self.appended.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => return Ok(found),
            }
        }
    }
}
