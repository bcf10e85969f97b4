//! The memory log as one process meets it: calls take time, appends fail or lose their answer, reference records come late.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use homeroom_bus::memory::MemoryLog;
use homeroom_bus::{Appended, Error, Joined, Log, NewRecord, Offset, Partition, PartitionOwner, Record, Tail, Topic};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::weather::{Fate, Gate, Weather};

/// The log of one process.
#[derive(Clone)]
pub struct ProcessLog {
    inner: MemoryLog,
    gate: Gate,
    weather: Weather,
    /// Of all processes: something was appended.
    appended: Arc<Notify>,
    /// By how many milliseconds reference records are late.
    lag: Arc<AtomicU64>,
}

impl ProcessLog {
    /// What a process sees of the log.
    pub fn new(inner: MemoryLog, gate: Gate, weather: Weather, appended: Arc<Notify>) -> Self {
        Self { inner, gate, weather, appended, lag: Arc::default() }
    }

    /// From now on reference records are so late, milliseconds.
    pub fn lag(&self, millis: u64) {
        self.lag.store(millis, Ordering::Relaxed);
    }
}

fn unavailable() -> Error {
    Error::Unavailable("by the weather".to_owned())
}

#[async_trait]
impl Log for ProcessLog {
    async fn append(&self, topic: Topic, records: Vec<NewRecord>) -> Vec<Result<Appended, Error>> {
        let call = format!("append {topic} {:?}", records.first().map(|record| &record.key));
        let mut dice = self.gate.go(&call).await;
        let many = records.len();
        let answers = match self.weather.of_append(&mut dice) {
            Fate::Good => self.inner.append(topic, records).await,
            // The first ones are kept, and of none is that known.
            Fate::HappensUnanswered | Fate::LostUnanswered => {
                let kept = dice.roll(many + 1);
                self.inner.append(topic, records.into_iter().take(kept).collect()).await;
                (0..many).map(|_| Err(unavailable())).collect()
            }
            Fate::Fails => {
                let kept = dice.roll(many + 1);
                let mut answers = self.inner.append(topic, records.into_iter().take(kept).collect()).await;
                answers.resize_with(many, || Err(unavailable()));
                answers
            }
        };
        self.appended.notify_waiters();
        self.gate.come_back(&call).await;
        answers
    }

    async fn partitions(&self, topic: Topic) -> Result<i32, Error> {
        self.inner.partitions(topic).await
    }

    async fn end_offsets(&self, topic: Topic) -> Result<Vec<Offset>, Error> {
        let call = format!("end of {topic}");
        self.gate.go(&call).await;
        let ends = self.inner.end_offsets(topic).await;
        self.gate.come_back(&call).await;
        ends
    }

    async fn extent(&self, topic: Topic, partition: Partition) -> Result<Range<Offset>, Error> {
        let call = format!("extent of {topic} {}", partition.0);
        self.gate.go(&call).await;
        let extent = self.inner.extent(topic, partition).await;
        self.gate.come_back(&call).await;
        extent
    }

    async fn tail(&self, topic: Topic, partition: Partition, from: Offset) -> Result<Box<dyn Tail>, Error> {
        let inner = self.inner.tail(topic, partition, from).await?;
        let lag = (topic == Topic::Reference).then(|| Arc::clone(&self.lag));
        let (gate, appended) = (self.gate.clone(), Arc::clone(&self.appended));
        Ok(Box::new(ProcessTail { inner, name: format!("next {topic} {}", partition.0), gate, appended, lag }))
    }

    async fn join(
        &self,
        topic: Topic,
        group: &str,
        owner: Arc<dyn PartitionOwner>,
        leave: CancellationToken,
    ) -> Result<Joined, Error> {
        self.inner.join(topic, group, owner, leave).await
    }

    async fn create_topics(&self, partitions: i32) -> Result<(), Error> {
        self.inner.create_topics(partitions).await
    }

    async fn check_topics(&self) -> Result<(), Error> {
        self.inner.check_topics().await
    }
}

struct ProcessTail {
    inner: Box<dyn Tail>,
    name: String,
    gate: Gate,
    appended: Arc<Notify>,
    lag: Option<Arc<AtomicU64>>,
}

#[async_trait]
impl Tail for ProcessTail {
    async fn next(&mut self, max: usize, wait: Duration) -> Result<Vec<Record>, Error> {
        let deadline = Instant::now() + wait;
        // Before it is read, since a reader that is dropped while it waits has read nothing.
        if let Some(lag) = &self.lag {
            sleep(Duration::from_millis(lag.load(Ordering::Relaxed))).await;
        }
        loop {
            let appended = self.appended.notified();
            self.gate.go(&self.name).await;
            let records = self.inner.next(max, Duration::ZERO).await?;
            if !records.is_empty() || timeout_at(deadline, appended).await.is_err() {
                return Ok(records);
            }
        }
    }
}
