//! Appending: one idempotent producer for the whole process.
//!
//! A call to append gets one answer for all its records. The library reports each delivery by itself, on its own thread; a
//! future for each would be an allocation, a wake-up and a look at the caller's task for every record.

use std::sync::{Arc, Mutex, PoisonError};

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, Message as _, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DeliveryResult, ProducerContext, ThreadedProducer};
use tokio::sync::oneshot;

use super::client::{Words, unavailable};
use super::config::{Clients, ConfigError};
use crate::log::{Appended, Error, NewRecord};
use crate::topic::{Offset, Partition, Topic};

/// The client that appends. Clones share it.
pub(super) type Producer = Arc<ThreadedProducer<Deliveries>>;

/// The producer and what it takes.
pub(super) struct Appender {
    producer: Producer,
    max_record_bytes: usize,
}

impl Appender {
    pub(super) fn new(clients: &Clients) -> Result<Self, ConfigError> {
        let producer = clients.producer().create_with_context(Deliveries)?;
        Ok(Self { producer: Arc::new(producer), max_record_bytes: clients.config().max_record_bytes })
    }

    /// The client, for questions about topics.
    pub(super) fn producer(&self) -> Producer {
        Arc::clone(&self.producer)
    }

    /// Queues all records, then waits until each is delivered or not. When the queue is full, the rest of the call is refused,
    /// so that a later record of a key never goes before an earlier one that was refused.
    pub(super) async fn append(
        &self,
        topic: Topic,
        name: &str,
        records: Vec<NewRecord>,
    ) -> Vec<Result<Appended, Error>> {
        if records.is_empty() {
            return Vec::new();
        }
        let (call, settled) = Call::new(topic, self.max_record_bytes, records.len());
        let mut full = false;
        for (place, record) in records.into_iter().enumerate() {
            let queued = if full { Err(Error::Full) } else { self.queue(name, &record, &call, place) };
            if let Err(error) = queued {
                full = full || matches!(error, Error::Full);
                call.settle(place, Err(error));
            }
        }
        // It is told by whichever record is settled last; the call holds the other end until then.
        settled.await.ok();
        call.answers()
    }

    fn queue(&self, name: &str, record: &NewRecord, call: &Arc<Call>, place: usize) -> Result<(), Error> {
        record.check_size(self.max_record_bytes)?;
        let ticket = Box::new(Ticket { call: Arc::clone(call), place });
        let mut entry: BaseRecord<'_, [u8], [u8], Box<Ticket>> =
            BaseRecord::with_opaque_to(name, ticket).key(&record.key);
        if let Some(value) = &record.value {
            entry = entry.payload(value);
        }
        if !record.headers.is_empty() {
            let headers = OwnedHeaders::new_with_capacity(record.headers.len());
            let add = |headers: OwnedHeaders, (key, value): &(String, bytes::Bytes)| {
                headers.insert(Header { key, value: Some(value.as_ref()) })
            };
            entry = entry.headers(record.headers.iter().fold(headers, add));
        }
        self.producer.send(entry).map_err(|(error, _)| call.explain(record.bytes(), &error))
    }
}

/// The records of one call to append, and what has become of them.
#[derive(Debug)]
pub(super) struct Call {
    topic: Topic,
    max_record_bytes: usize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    answers: Vec<Option<Result<Appended, Error>>>,
    unsettled: usize,
    all_settled: Option<oneshot::Sender<()>>,
}

/// Which record of which call a delivery report is about.
#[derive(Debug)]
pub(super) struct Ticket {
    call: Arc<Call>,
    place: usize,
}

impl Call {
    fn new(topic: Topic, max_record_bytes: usize, records: usize) -> (Arc<Self>, oneshot::Receiver<()>) {
        let (all_settled, settled) = oneshot::channel();
        let answers = std::iter::repeat_with(|| None).take(records).collect();
        let state = State { answers, unsettled: records, all_settled: Some(all_settled) };
        (Arc::new(Self { topic, max_record_bytes, state: Mutex::new(state) }), settled)
    }

    fn settle(&self, place: usize, answer: Result<Appended, Error>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.answers[place] = Some(answer);
        state.unsettled -= 1;
        if state.unsettled == 0
            && let Some(all_settled) = state.all_settled.take()
        {
            // Fails when the caller no longer waits.
            all_settled.send(()).ok();
        }
    }

    fn answers(&self) -> Vec<Result<Appended, Error>> {
        let stopped = || Err(Error::Unavailable("the producer has stopped".to_owned()));
        let answers = std::mem::take(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner).answers);
        answers.into_iter().map(|answer| answer.unwrap_or_else(stopped)).collect()
    }

    fn explain(&self, bytes: usize, error: &KafkaError) -> Error {
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::QueueFull) => Error::Full,
            Some(RDKafkaErrorCode::MessageSizeTooLarge) => Error::TooLarge { bytes, limit: self.max_record_bytes },
            Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => {
                Error::Topic { topic: self.topic.name().to_owned(), problem: "is not there".to_owned() }
            }
            _ => unavailable(error),
        }
    }
}

/// Hands each delivery report to the call that its record belongs to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deliveries;

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, fac: &str, log_message: &str) {
        Words.log(level, fac, log_message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        Words.error(error, reason);
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = Box<Ticket>;

    fn delivery(&self, result: &DeliveryResult<'_>, ticket: Box<Ticket>) {
        let Ticket { call, place } = *ticket;
        let answer = match result {
            Ok(record) => Ok(Appended { partition: Partition(record.partition()), offset: Offset(record.offset()) }),
            Err((error, record)) => Err(call.explain(record.key_len() + record.payload_len(), error)),
        };
        call.settle(place, answer);
    }
}
