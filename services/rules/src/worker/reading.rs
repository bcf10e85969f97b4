//! Reading a part of the log that is known to be there, beside what the group brings.
//!
//! While the log is away it waits. Silence is another matter: records that are needed and do not come end the worker, since to
//! go on without them would tell people a second time, or not at all.

use std::time::Duration;

use homeroom_bus::{Log, Offset, Partition, Record, Tail, Topic};

use crate::worker::patience::chain;
use crate::worker::{Error, Worker};

/// How long to wait when the log is away.
const BACKOFF: Duration = Duration::from_millis(500);
/// Records read at once.
const BATCH: usize = 5_000;
/// How long one read may bring nothing while records are known to be there, and how often in a row.
const SILENCE: Duration = Duration::from_secs(5);
const MOST_SILENT: u32 = 6;

/// Where a reader stands. It keeps one tail, which on Kafka is a thread and a consumer, for as long as that works.
pub(super) struct Reading {
    topic: Topic,
    partition: Partition,
    at: i64,
    tail: Option<Box<dyn Tail>>,
    /// Reads in a row that brought nothing.
    silent: u32,
}

impl Reading {
    pub(super) fn new(topic: Topic, partition: i32, at: i64) -> Self {
        Self { topic, partition: Partition(partition), at, tail: None, silent: 0 }
    }

    /// The offset after the last record read.
    pub(super) fn at(&self) -> i64 {
        self.at
    }

    /// Begins again with the first record that the topic keeps.
    pub(super) fn restart(&mut self) {
        (self.at, self.tail) = (0, None);
        self.silent += 1;
    }

    async fn next(&mut self, log: &dyn Log) -> Result<Vec<Record>, homeroom_bus::Error> {
        let mut tail = match self.tail.take() {
            Some(tail) => tail,
            None => log.tail(self.topic, self.partition, Offset(self.at)).await?,
        };
        let records = tail.next(BATCH, SILENCE).await?;
        // Not after an error: a reader that failed may have ended for good.
        self.tail = Some(tail);
        match records.last() {
            Some(last) => (self.at, self.silent) = (last.offset.0 + 1, 0),
            None => self.silent += 1,
        }
        Ok(records)
    }

    fn check_silence(&self) -> Result<(), Error> {
        if self.silent < MOST_SILENT {
            return Ok(());
        }
        let Self { topic, partition, at, .. } = self;
        let problem = format!("partition {} of `{topic}` gives nothing at {at}, before its end", partition.0);
        Err(homeroom_bus::Error::Unavailable(problem).into())
    }
}

impl Worker {
    /// The next records, however long the log is away; none when it gives none for a while. Fails when that happens too often.
    pub(super) async fn read(&self, reading: &mut Reading) -> Result<Vec<Record>, Error> {
        reading.check_silence()?;
        loop {
            match self.shared.stopping.run_until_cancelled(reading.next(&*self.shared.log)).await {
                None => return Err(Error::Stopping),
                Some(Ok(records)) => return Ok(records),
                Some(Err(error)) => self.wait_for_log(error).await?,
            }
        }
    }

    /// Whether the partition keeps nothing of a topic below `end`, so that a reader waits for it in vain.
    pub(super) async fn is_expired(&self, topic: Topic, end: i64) -> Result<bool, Error> {
        let kept = self.ask(|| self.shared.log.extent(topic, Partition(self.lease.partition))).await?;
        Ok(kept.start.0 >= end)
    }

    /// Asks the log, however long it is away, until the process stops.
    pub(super) async fn ask<T, Fut>(&self, mut question: impl FnMut() -> Fut) -> Result<T, Error>
    where
        Fut: Future<Output = Result<T, homeroom_bus::Error>>,
    {
        loop {
            match self.shared.stopping.run_until_cancelled(question()).await {
                None => return Err(Error::Stopping),
                Some(Ok(answer)) => return Ok(answer),
                Some(Err(error)) => self.wait_for_log(error).await?,
            }
        }
    }

    async fn wait_for_log(&self, error: homeroom_bus::Error) -> Result<(), Error> {
        if matches!(error, homeroom_bus::Error::OffsetOutOfRange { .. }) {
            return Err(error.into());
        }
        tracing::warn!(error = %chain(&error), "the log does not answer now; asking again");
        let waited = self.shared.stopping.run_until_cancelled(tokio::time::sleep(BACKOFF)).await;
        waited.ok_or(Error::Stopping)
    }
}
