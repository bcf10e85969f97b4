//! Reading one partition outside any group: a thread polls the library and hands batches to the reader over a bounded channel.

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use async_trait::async_trait;
use homeroom_chassis::tls::Followed;
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
    pub(super) fn start(clients: &Followed<Clients>, name: &str, place: Place) -> Result<Self, Error> {
        let mut reader = Reader::new(clients.clone(), name, place)?;
        let (sender, batches) = mpsc::channel(BATCHES);
        let open = Open::one();
        let read = move || {
            reader.read(&sender);
            drop(reader);
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

/// What the thread has.
struct Reader {
    clients: Followed<Clients>,
    made_with: Arc<Clients>,
    consumer: BaseConsumer<TailContext>,
    /// The topic's name in this cluster.
    name: String,
    /// Where the next record is.
    place: Place,
}

impl Reader {
    fn new(clients: Followed<Clients>, name: &str, place: Place) -> Result<Self, Error> {
        let made_with = clients.current();
        let consumer = consume(&made_with, name, place)?;
        Ok(Self { clients, made_with, consumer, name: name.to_owned(), place })
    }

    /// Polls until nobody listens or the log gives up. Dropping the consumer can block, hence here and not at the listener.
    fn read(&mut self, listener: &mpsc::Sender<Result<Vec<Record>, Error>>) {
        while !listener.is_closed() {
            if let Err(error) = self.renew() {
                listener.blocking_send(Err(error)).ok();
                return;
            }
            let mut batch = Vec::new();
            let ended = self.fill(&mut batch);
            if !batch.is_empty() && listener.blocking_send(Ok(batch)).is_err() {
                return;
            }
            let Err(error) = ended else { continue };
            match judge(&error) {
                Verdict::Passing => {}
                verdict => {
                    // Fails only when the listener has gone, and then nobody needs to know.
                    listener.blocking_send(Err(explain(&verdict, &error, self.place))).ok();
                    return;
                }
            }
        }
    }

    /// Goes on with another client when files have changed that this one was made with.
    fn renew(&mut self) -> Result<(), Error> {
        let clients = self.clients.current();
        if !Arc::ptr_eq(&clients, &self.made_with) {
            self.consumer = consume(&clients, &self.name, self.place)?;
            self.made_with = clients;
        }
        Ok(())
    }

    /// Waits for a record, then takes what is there already.
    fn fill(&mut self, batch: &mut Vec<Record>) -> Result<(), KafkaError> {
        let mut bytes = 0;
        let mut wait = POLL;
        while batch.len() < BATCH_RECORDS && bytes < BATCH_BYTES {
            let Some(message) = self.consumer.poll(wait) else { return Ok(()) };
            let record = copy(&message?);
            wait = Duration::ZERO;
            if record.offset >= self.place.from {
                self.place.from = Offset(record.offset.0 + 1);
                bytes += weight(&record);
                batch.push(record);
            }
        }
        Ok(())
    }
}

fn consume(clients: &Clients, name: &str, place: Place) -> Result<BaseConsumer<TailContext>, Error> {
    let consumer: BaseConsumer<TailContext> =
        clients.tail().create_with_context(TailContext).map_err(|error| unavailable(&error))?;
    let mut assignment = TopicPartitionList::new();
    assignment
        .add_partition_offset(name, place.partition.0, start(place.topic, place.from))
        .and_then(|()| consumer.assign(&assignment))
        .map_err(|error| unavailable(&error))?;
    Ok(consumer)
}

fn explain(verdict: &Verdict, error: &KafkaError, place: Place) -> Error {
    match verdict {
        Verdict::OutOfRange => {
            Error::OffsetOutOfRange { topic: place.topic, partition: place.partition.0, offset: place.from.0 }
        }
        Verdict::NoTopic => Error::Topic { topic: place.topic.name().to_owned(), problem: "is not there".to_owned() },
        Verdict::Passing | Verdict::Replaced | Verdict::Over => unavailable(error),
    }
}
