//! The memory log, with faults on order.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use homeroom_bus::memory::MemoryLog;
use homeroom_bus::{Appended, Error, Joined, Log, NewRecord, Offset, Partition, PartitionOwner, Record, Tail, Topic};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// A log of which each service may have its own faults. Clones share them; [`TestLog::apart`] does not.
#[derive(Clone)]
pub(crate) struct TestLog {
    inner: MemoryLog,
    /// Alerts are refused.
    pub(crate) alerts_refused: Arc<AtomicBool>,
    /// Dead letters are refused.
    pub(crate) letters_refused: Arc<AtomicBool>,
    /// Reading alerts brings nothing, however many there are.
    pub(crate) alerts_silent: bool,
    /// Alerts below this offset have expired.
    pub(crate) alerts_expired: i64,
    /// The topic of alerts has so many partitions.
    pub(crate) alert_partitions: Option<i32>,
    /// Reference records from this offset on are not given.
    pub(crate) reference_end: Arc<watch::Sender<i64>>,
    /// Whoever joins gets every partition, whoever else has it, from the offset it asks for.
    pub(crate) selfish: bool,
    /// Until it is open, a selfish member gets nothing.
    pub(crate) open: Arc<watch::Sender<bool>>,
    /// How many partitions selfish members have let go, whoever they are.
    pub(crate) let_go: Arc<AtomicUsize>,
}

impl TestLog {
    pub(crate) fn new() -> Self {
        Self::over(MemoryLog::default())
    }

    fn over(inner: MemoryLog) -> Self {
        Self {
            inner,
            alerts_refused: Arc::default(),
            letters_refused: Arc::default(),
            alerts_silent: false,
            alerts_expired: 0,
            alert_partitions: None,
            reference_end: Arc::new(watch::Sender::new(i64::MAX)),
            selfish: false,
            open: Arc::new(watch::Sender::new(true)),
            let_go: Arc::default(),
        }
    }

    /// The same records, seen without the others' faults.
    pub(crate) fn apart(&self) -> Self {
        Self::over(self.inner.clone())
    }

    /// The same as [`TestLog::apart`], for a member that takes everything.
    pub(crate) fn selfish(&self) -> Self {
        Self { selfish: true, ..self.apart() }
    }

    pub(crate) fn refuse_alerts(&self, refused: bool) {
        self.alerts_refused.store(refused, Ordering::SeqCst);
    }
}

#[async_trait]
impl Log for TestLog {
    async fn append(&self, topic: Topic, records: Vec<NewRecord>) -> Vec<Result<Appended, Error>> {
        let refused = match topic {
            Topic::Alerts => self.alerts_refused.load(Ordering::SeqCst),
            Topic::DeadLetters => self.letters_refused.load(Ordering::SeqCst),
            _ => false,
        };
        if refused {
            return records.iter().map(|_| Err(Error::Unavailable("on order".to_owned()))).collect();
        }
        self.inner.append(topic, records).await
    }

    async fn partitions(&self, topic: Topic) -> Result<i32, Error> {
        match self.alert_partitions {
            Some(partitions) if topic == Topic::Alerts => Ok(partitions),
            _ => self.inner.partitions(topic).await,
        }
    }

    async fn end_offsets(&self, topic: Topic) -> Result<Vec<Offset>, Error> {
        self.inner.end_offsets(topic).await
    }

    async fn extent(&self, topic: Topic, partition: Partition) -> Result<Range<Offset>, Error> {
        let Range { start, end } = self.inner.extent(topic, partition).await?;
        let expired = if topic == Topic::Alerts { self.alerts_expired } else { 0 };
        Ok(start.max(Offset(expired)).min(end)..end)
    }

    async fn tail(&self, topic: Topic, partition: Partition, from: Offset) -> Result<Box<dyn Tail>, Error> {
        if topic == Topic::Alerts && self.alerts_silent {
            return Ok(Box::new(Silent));
        }
        let expired = if topic == Topic::Alerts { self.alerts_expired } else { 0 };
        // Offset 0 asks for the first record kept, wherever it is.
        let from = match from {
            Offset(0) => Offset(expired.min(self.inner.end_offset(topic, partition).await?.0)),
            Offset(offset) if offset < expired => {
                return Err(Error::OffsetOutOfRange { topic, partition: partition.0, offset });
            }
            from => from,
        };
        let tail = self.inner.tail(topic, partition, from).await?;
        let end = self.reference_end.subscribe();
        Ok(if topic == Topic::Reference { Box::new(Held { tail, end, kept: Vec::new() }) } else { tail })
    }

    async fn join(
        &self,
        topic: Topic,
        group: &str,
        owner: Arc<dyn PartitionOwner>,
        leave: CancellationToken,
    ) -> Result<Joined, Error> {
        if !self.selfish {
            return self.inner.join(topic, group, owner, leave).await;
        }
        let (log, partitions) = (self.inner.clone(), self.inner.partitions(topic).await?);
        let (mut open, let_go) = (self.open.subscribe(), Arc::clone(&self.let_go));
        #[expect(clippy::disallowed_methods, reason = "the service awaits it through the handle")]
        let left = tokio::spawn(async move {
            open.wait_for(|open| *open).await.ok();
            let mut forwarding = JoinSet::new();
            for partition in (0..partitions).map(Partition) {
                let (from, inbox) = owner.assign(partition).await?;
                let mut tail = log.tail(topic, partition, from).await?;
                let let_go = Arc::clone(&let_go);
                forwarding.spawn(async move {
                    while let Ok(records) = tail.next(100, Duration::from_secs(1)).await {
                        if inbox.is_closed() || (!records.is_empty() && inbox.send(records).await.is_err()) {
                            break;
                        }
                    }
                    let_go.fetch_add(1, Ordering::SeqCst);
                });
            }
            leave.cancelled().await;
            Ok(())
        });
        Ok(Joined { left })
    }

    async fn create_topics(&self, partitions: i32) -> Result<(), Error> {
        self.inner.create_topics(partitions).await
    }

    async fn check_topics(&self) -> Result<(), Error> {
        self.inner.check_topics().await
    }
}

/// A tail that says at once that nothing came, as others do after a while.
struct Silent;

#[async_trait]
impl Tail for Silent {
    async fn next(&mut self, _: usize, _: Duration) -> Result<Vec<Record>, Error> {
        Ok(Vec::new())
    }
}

/// A tail that keeps back what lies beyond the end on order.
struct Held {
    tail: Box<dyn Tail>,
    end: watch::Receiver<i64>,
    kept: Vec<Record>,
}

#[async_trait]
impl Tail for Held {
    async fn next(&mut self, max: usize, wait: Duration) -> Result<Vec<Record>, Error> {
        if self.kept.is_empty() {
            self.kept = self.tail.next(max, wait).await?;
        }
        let end = *self.end.borrow_and_update();
        let ready = self.kept.iter().take(max).take_while(|record| record.offset.0 < end).count();
        if ready == 0 && !self.kept.is_empty() {
            // Whether the end was moved or the wait is over, the caller asks again.
            tokio::time::timeout(wait, self.end.changed()).await.ok();
        }
        Ok(self.kept.drain(..ready).collect())
    }
}
