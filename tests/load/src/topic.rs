//! Loads the events topic. Everything of one load becomes visible at once, because it is one Kafka transaction and the services
//! read only what is committed: so a service that runs, and holds what it needs in memory, meets a backlog that is complete.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use homeroom_bus::kafka::Config;
use homeroom_bus::{Log, NewRecord, Topic};
use homeroom_domain::event::Event;
use homeroom_domain::reference::ReferenceChange;
use homeroom_proto::{event, key, reference};
use rdkafka::config::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer as _, ThreadedProducer};

const PATIENCE: Duration = Duration::from_mins(2);
/// How long to wait when the producer's buffer is full.
const ROOM: Duration = Duration::from_millis(5);
/// Reference records in one append.
const BATCH: usize = 1_000;

/// An open load; nothing of it is visible before [`Load::commit`].
pub(crate) struct Load {
    producer: ThreadedProducer<DefaultProducerContext>,
    topic: String,
    /// How many events it holds.
    pub(crate) events: u64,
}

impl Load {
    /// Opens a load. Blocks.
    pub(crate) fn open(kafka: &Config) -> Result<Self> {
        let producer: ThreadedProducer<DefaultProducerContext> = ClientConfig::new()
            .set("bootstrap.servers", &kafka.bootstrap_servers)
            .set("transactional.id", "homeroom-load")
            .set("transaction.timeout.ms", "600000")
            .set("compression.codec", "lz4")
            .set("partitioner", "murmur2_random")
            .set("linger.ms", "20")
            .set("batch.size", "1000000")
            .set("queue.buffering.max.messages", "200000")
            .create()?;
        producer.init_transactions(PATIENCE)?;
        producer.begin_transaction()?;
        Ok(Self { producer, topic: format!("{}{}", kafka.topic_prefix, Topic::Events.name()), events: 0 })
    }

    /// Adds an event. Blocks while the producer's buffer is full.
    pub(crate) fn add(&mut self, event: &Event) -> Result<()> {
        let key = key::events(&event.district, &event.student);
        let value = event::encode(event);
        let mut record = BaseRecord::to(&self.topic).key(key.as_ref()).payload(value.as_ref());
        loop {
            match self.producer.send(record) {
                Ok(()) => break,
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    record = back;
                    std::thread::sleep(ROOM);
                }
                Err((error, _)) => return Err(error).context("an event cannot be loaded"),
            }
        }
        self.events += 1;
        Ok(())
    }

    /// Sends what is buffered; still nothing is visible. Blocks.
    pub(crate) fn flush(&self) -> Result<()> {
        self.producer.flush(PATIENCE).context("the load cannot be sent")
    }

    /// Makes everything visible at once. Blocks. Fails when a record was not taken.
    pub(crate) fn commit(self) -> Result<u64> {
        self.producer.commit_transaction(PATIENCE).context("the load cannot be committed")?;
        Ok(self.events)
    }
}

/// Appends reference records.
pub(crate) async fn append_reference(log: &dyn Log, changes: &[ReferenceChange]) -> Result<()> {
    let record = |change: &ReferenceChange| {
        let homeroom_domain::event::Change::Recorded(entry) = &change.change else { bail!("a withdrawal has no kind") };
        let key = key::reference(&change.district, reference::Kind::of(entry), &change.origin.key);
        Ok(NewRecord { key, value: Some(reference::encode(change)), headers: Vec::new() })
    };
    for part in changes.chunks(BATCH) {
        let records = part.iter().map(record).collect::<Result<Vec<_>>>()?;
        for appended in log.append(Topic::Reference, records).await {
            appended?;
        }
    }
    Ok(())
}
