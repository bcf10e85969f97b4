//! Appending: one idempotent producer for the whole process.

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::future_producer::OwnedDeliveryResult;
use rdkafka::producer::{DeliveryFuture, FutureProducer, FutureRecord};

use super::client::{Words, unavailable};
use super::config::{Clients, ConfigError};
use crate::log::{Appended, Error, NewRecord};
use crate::topic::{Offset, Partition, Topic};

/// The producer and what it takes.
pub(super) struct Appender {
    producer: FutureProducer<Words>,
    max_record_bytes: usize,
}

impl Appender {
    pub(super) fn new(clients: &Clients) -> Result<Self, ConfigError> {
        let producer = clients.producer().create_with_context(Words)?;
        Ok(Self { producer, max_record_bytes: clients.config().max_record_bytes })
    }

    /// The client, for questions about topics.
    pub(super) fn producer(&self) -> FutureProducer<Words> {
        self.producer.clone()
    }

    /// Queues all records, then waits for each one's delivery. When the queue is full, the rest of the call is refused, so that
    /// a later record of a key never goes before an earlier one that was refused.
    pub(super) async fn append(
        &self,
        topic: Topic,
        name: &str,
        records: Vec<NewRecord>,
    ) -> Vec<Result<Appended, Error>> {
        let mut queued = Vec::with_capacity(records.len());
        let mut full = false;
        for record in records {
            let entry = if full { Err(Error::Full) } else { self.queue(topic, name, &record) };
            full = full || matches!(entry, Err(Error::Full));
            queued.push((record_bytes(&record), entry));
        }
        let mut answers = Vec::with_capacity(queued.len());
        for (bytes, entry) in queued {
            answers.push(match entry {
                Ok(delivery) => match delivery.await {
                    Ok(outcome) => self.settle(topic, bytes, outcome),
                    Err(_) => Err(Error::Unavailable("the producer has stopped".to_owned())),
                },
                Err(error) => Err(error),
            });
        }
        answers
    }

    fn queue(&self, topic: Topic, name: &str, record: &NewRecord) -> Result<DeliveryFuture, Error> {
        let bytes = record_bytes(record);
        if bytes > self.max_record_bytes {
            return Err(Error::TooLarge { bytes, limit: self.max_record_bytes });
        }
        let mut entry: FutureRecord<'_, [u8], [u8]> = FutureRecord::to(name).key(&record.key);
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
        self.producer.send_result(entry).map_err(|(error, _)| self.explain(topic, bytes, &error))
    }

    fn settle(&self, topic: Topic, bytes: usize, outcome: OwnedDeliveryResult) -> Result<Appended, Error> {
        match outcome {
            Ok(place) => Ok(Appended { partition: Partition(place.partition), offset: Offset(place.offset) }),
            Err((error, _)) => Err(self.explain(topic, bytes, &error)),
        }
    }

    fn explain(&self, topic: Topic, bytes: usize, error: &KafkaError) -> Error {
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::QueueFull) => Error::Full,
            Some(RDKafkaErrorCode::MessageSizeTooLarge) => Error::TooLarge { bytes, limit: self.max_record_bytes },
            Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => {
                Error::Topic { topic: topic.name().to_owned(), problem: "is not there".to_owned() }
            }
            _ => unavailable(error),
        }
    }
}

fn record_bytes(record: &NewRecord) -> usize {
    let headers: usize = record.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    record.key.len() + record.value.as_ref().map_or(0, bytes::Bytes::len) + headers
}
