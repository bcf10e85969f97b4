//! Reading one partition outside any group: a thread polls the library and hands batches to the reader over a bounded channel.

use std::collections::VecDeque;
use std::thread;
use std::time::Duration;

use async_trait::async_trait;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::{ClientContext, config::RDKafkaLogLevel, error::KafkaError};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::client::{self, Verdict, copy, judge, start, unavailable, weight};
use super::config::Clients;
use super::open::Open;
use crate::log::{Error, Record, Tail};
use crate::topic::{Offset, Partition, Topic};

/// How long the thread waits for a record before it looks whether the reader is still there.
const POLL: Duration = Duration::from_millis(50);
/// How many batches may wait for the reader, and how large one is at most.
const BATCHES: usize = 4;
const BATCH_RECORDS: usize = 512;
const BATCH_BYTES: usize = 1024 * 1024;

struct TailContext;

impl ClientContext for TailContext {
    fn log(&self, level: RDKafkaLogLevel, fac: &str, log_message: &str) {
        client::log(level, fac, log_message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        client::log_error(&error, reason);
    }
}

impl ConsumerContext for TailContext {}

/// The reader's end.
pub(super) struct KafkaTail {
    batches: mpsc::Receiver<Result<Vec<Record>, Error>>,
    ready: VecDeque<Record>,
    /// Why there is nothing after `ready`.
    ended: Option<Error>,
}

/// Where a tail reads.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) topic: Topic,
    pub(super) partition: Partition,
    pub(super) from: Offset,
}

impl KafkaTail {
    /// Starts the thread. The caller has checked that the offset is in the log.
    pub(super) fn start(clients: &Clients, name: &str, place: Place) -> Result<Self, Error> {
        let consumer: BaseConsumer<TailContext> =
            clients.tail().create_with_context(TailContext).map_err(|error| unavailable(&error))?;
        let mut assignment = TopicPartitionList::new();
        assignment
            .add_partition_offset(name, place.partition.0, start(place.topic, place.from))
            .and_then(|()| consumer.assign(&assignment))
            .map_err(|error| unavailable(&error))?;
        let (sender, batches) = mpsc::channel(BATCHES);
        let open = Open::one();
        let read = move || {
            read(&consumer, place, &sender);
            drop(consumer);
            drop(open);
        };
        thread::Builder::new()
            .name(format!("tail {}/{}", place.topic, place.partition.0))
            .spawn(read)
            .map_err(|error| Error::Unavailable(format!("no thread for a reader: {error}")))?;
        Ok(Self { batches, ready: VecDeque::new(), ended: None })
    }
}

#[async_trait]
impl Tail for KafkaTail {
    async fn next(&mut self, max: usize, wait: Duration) -> Result<Vec<Record>, Error> {
        if let Some(error) = self.ended.take_if(|_| self.ready.is_empty()) {
            return Err(error);
        }
        if self.ready.is_empty() {
            match timeout(wait, self.batches.recv()).await {
                Ok(Some(batch)) => self.ready.extend(batch?),
                Ok(None) => return Err(Error::Unavailable("the reader has ended".to_owned())),
                Err(_) => return Ok(Vec::new()),
            }
        }
        // What else has come meanwhile; an error among it is told once the records before it are.
        while self.ready.len() < max && self.ended.is_none() {
            match self.batches.try_recv() {
                Ok(Ok(batch)) => self.ready.extend(batch),
                Ok(Err(error)) => self.ended = Some(error),
                Err(_) => break,
            }
        }
        let taken = max.min(self.ready.len());
        Ok(self.ready.drain(..taken).collect())
    }
}

/// Polls until the reader is dropped or the log gives up. Dropping the consumer can block, hence here and not at the reader.
fn read(consumer: &BaseConsumer<TailContext>, place: Place, reader: &mpsc::Sender<Result<Vec<Record>, Error>>) {
    let mut next = place.from;
    while !reader.is_closed() {
        let mut batch = Vec::new();
        let ended = fill(consumer, &mut next, &mut batch);
        if !batch.is_empty() && reader.blocking_send(Ok(batch)).is_err() {
            return;
        }
        let Err(error) = ended else { continue };
        match judge(&error) {
            Verdict::Passing => {}
            verdict => {
                // Fails only when the reader has gone, and then nobody needs to know.
                reader.blocking_send(Err(explain(&verdict, &error, place, next))).ok();
                return;
            }
        }
    }
}

/// Waits for a record, then takes what is there already.
fn fill(consumer: &BaseConsumer<TailContext>, next: &mut Offset, batch: &mut Vec<Record>) -> Result<(), KafkaError> {
    let mut bytes = 0;
    let mut wait = POLL;
    while batch.len() < BATCH_RECORDS && bytes < BATCH_BYTES {
        let Some(message) = consumer.poll(wait) else { return Ok(()) };
        let record = copy(&message?);
        wait = Duration::ZERO;
        if record.offset >= *next {
            *next = Offset(record.offset.0 + 1);
            bytes += weight(&record);
            batch.push(record);
        }
    }
    Ok(())
}

fn explain(verdict: &Verdict, error: &KafkaError, place: Place, next: Offset) -> Error {
    match verdict {
        Verdict::OutOfRange => {
            Error::OffsetOutOfRange { topic: place.topic, partition: place.partition.0, offset: next.0 }
        }
        Verdict::NoTopic => Error::Topic { topic: place.topic.name().to_owned(), problem: "is not there".to_owned() },
        Verdict::Passing | Verdict::Replaced | Verdict::Over => unavailable(error),
    }
}
