//! The log over Apache Kafka: for production.
//!
//! One idempotent producer for the process; a thread of its own for each reader and each group member, because the library's
//! consumers block. Where to resume is always the caller's to say: it keeps offsets with its own state, in one transaction.
//!
//! The library reads certificates and passwords when a client is made. A log that follows its files has other clients once
//! they have changed: the producer at the next append, readers where they are, members by leaving and joining.

mod client;
mod config;
mod delivery;
mod member;
mod membership;
mod open;
mod produce;
mod rebalance;
mod route;
mod security;
mod tail;
mod topics;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::thread;

use async_trait::async_trait;
use homeroom_chassis::lifecycle::TaskGroup;
use homeroom_chassis::tls::{self, Followed};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use self::config::Clients;
use self::membership::Membership;
use self::open::Open;
use self::produce::Appender;
use self::tail::{KafkaTail, Place};
use crate::log::{Appended, Error, Joined, Log, NewRecord, PartitionOwner, Tail, begins};
use crate::topic::{Offset, Partition, Topic};

pub use self::config::{Config, ConfigError};
pub use self::open::wait_until_closed;
pub use self::security::{Mechanism, Sasl, Tls};

/// A cluster.
pub struct KafkaLog {
    clients: Followed<Clients>,
    topic_prefix: String,
    appender: Appender,
}

impl fmt::Debug for KafkaLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaLog").field("clients", &self.clients.current()).finish_non_exhaustive()
    }
}

impl KafkaLog {
    /// Checks the configuration and starts the producer. Nothing is asked of the cluster yet: whether it answers is seen at the
    /// first call, such as [`Log::check_topics`]. Files are read once.
    pub fn new(config: &Config) -> Result<Self, ConfigError> {
        Self::with(Followed::fixed(Clients::new(config)?))
    }

    /// The same, and follows the files of certificates and passwords until the group stops. Later ones that cannot be used
    /// leave those of before in force, and are told of.
    pub fn follow(config: &Config, tasks: &TaskGroup) -> Result<Self, ConfigError> {
        let files = config.files();
        if files.is_empty() {
            return Self::new(config);
        }
        let config = config.clone();
        Self::with(tls::follow("kafka", files, tasks, move || {
            let clients = Clients::usable(&config)?;
            if let Some(file) = config.tls.as_ref().and_then(|tls| tls.cert_file.as_ref()) {
                tls::tell_expiry("kafka", file)?;
            }
            Ok::<_, ConfigError>(clients)
        })?)
    }

    fn with(clients: Followed<Clients>) -> Result<Self, ConfigError> {
        let topic_prefix = clients.current().config().topic_prefix.clone();
        Ok(Self { appender: Appender::new(clients.clone())?, clients, topic_prefix })
    }

    fn name(&self, topic: Topic) -> String {
        format!("{}{}", self.topic_prefix, topic.name())
    }
}

#[async_trait]
impl Log for KafkaLog {
    async fn append(&self, topic: Topic, records: Vec<NewRecord>) -> Vec<Result<Appended, Error>> {
        self.appender.append(topic, &self.name(topic), records).await
    }

    async fn partitions(&self, topic: Topic) -> Result<i32, Error> {
        topics::partitions(&self.appender.producer(), &self.name(topic)).await
    }

    async fn end_offsets(&self, topic: Topic) -> Result<Vec<Offset>, Error> {
        let (producer, name) = (self.appender.producer(), self.name(topic));
        let mut ends = Vec::new();
        for partition in 0..topics::partitions(&producer, &name).await? {
            let (_, end) = topics::ends(&producer, &name, partition).await?;
            ends.push(Offset(end));
        }
        Ok(ends)
    }

    async fn extent(&self, topic: Topic, partition: Partition) -> Result<Range<Offset>, Error> {
        let (first, end) = topics::ends(&self.appender.producer(), &self.name(topic), partition.0).await?;
        Ok(if topic.expires() { Offset(first) } else { Offset(0) }..Offset(end))
    }

    async fn tail(&self, topic: Topic, partition: Partition, from: Offset) -> Result<Box<dyn Tail>, Error> {
        let (producer, name) = (self.appender.producer(), self.name(topic));
        if !(0..topics::partitions(&producer, &name).await?).contains(&partition.0) {
            return Err(Error::Topic { topic: name, problem: format!("has no partition {}", partition.0) });
        }
        let (low, high) = topics::ends(&producer, &name, partition.0).await?;
        if !begins(topic, from) && !(low..=high).contains(&from.0) {
            return Err(Error::OffsetOutOfRange { topic, partition: partition.0, offset: from.0 });
        }
        Ok(Box::new(KafkaTail::start(&self.clients, &name, Place { topic, partition, from })?))
    }

    async fn join(
        &self,
        topic: Topic,
        group: &str,
        owner: Arc<dyn PartitionOwner>,
        leave: CancellationToken,
    ) -> Result<Joined, Error> {
        let name = self.name(topic);
        topics::partitions(&self.appender.producer(), &name).await?;
        let (clients, group, runtime) = (self.clients.clone(), group.to_owned(), Handle::current());
        let thread = format!("member {group}");
        let membership = Membership { clients, topic, name, group, owner, runtime: runtime.clone(), leave };
        let client = membership.client()?;
        let (ended, end) = oneshot::channel();
        // A thread of its own rather than a blocking task: a runtime that shuts down would wait for that one without end.
        let open = Open::one();
        let run = move || {
            let outcome = membership.run(client, || oneshot::Sender::is_closed(&ended));
            // Fails only when nobody waits any more.
            ended.send(outcome).ok();
            drop(open);
        };
        thread::Builder::new()
            .name(thread)
            .spawn(run)
            .map_err(|error| Error::Unavailable(format!("no thread for a member: {error}")))?;
        // The caller owns this task: it is handed back, and said to be awaited.
        let left = runtime
            .spawn(async move { end.await.unwrap_or_else(|_| Err(Error::Died("the thread of a member".to_owned()))) });
        Ok(Joined { left })
    }

    async fn create_topics(&self, partitions: i32) -> Result<(), Error> {
        topics::create(&self.clients.current(), &self.appender.producer(), partitions).await
    }

    async fn check_topics(&self) -> Result<(), Error> {
        topics::check(&self.clients.current(), &self.appender.producer()).await
    }
}
