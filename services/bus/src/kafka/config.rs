//! How to reach a cluster, and the limits that keep memory and waiting bounded.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use homeroom_chassis::config::{self, SecretFile};
use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;
use rdkafka::producer::BaseProducer;
use serde::Deserialize;

use super::security::{self, Sasl, Tls};
use crate::topic::{ALERTS_DAYS, DEAD_LETTERS_DAYS, Topic};

/// Kafka's share of the configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Config {
    /// Where to find the first brokers: `host:port`, several with commas.
    pub bootstrap_servers: String,
    /// Set before each topic's and group's name; empty in production. Tests keep their topics apart with it.
    pub topic_prefix: String,
    /// How many brokers keep each record; with three or more, two must have it before it is acknowledged.
    pub replication: u16,
    /// For how many days alert changes are kept. Given to the topic when it is created; an operator may change it there.
    pub alerts_days: u32,
    /// The same for dead letters.
    pub dead_letters_days: u32,
    /// How long a record may wait for its acknowledgement, in milliseconds. Shorter than the deadlines of those who wait.
    pub message_timeout_ms: u32,
    /// How long a record waits for others to share its request, in milliseconds. One record alone is late by this much, and a
    /// full batch never waits, so it stays small: latency first.
    pub linger_ms: u32,
    /// How much may wait to be sent, in KiB; beyond it appends are answered with [`Full`](crate::Error::Full).
    pub buffer_kib: u32,
    /// The largest record taken: key, value and headers together, in bytes.
    pub max_record_bytes: usize,
    /// How much each consumer fetches ahead, in KiB.
    pub prefetch_kib: u32,
    /// A group's member that stays silent for so long is taken for dead, in milliseconds.
    pub session_timeout_ms: u32,
    /// A member whose owner keeps it from polling for so long loses its partitions, in milliseconds.
    pub poll_interval_ms: u32,
    /// A name that stays over restarts (a pod's), so that a quick restart moves no partition. Unset: members come and go freely,
    /// which suits autoscaling.
    pub instance_id: Option<String>,
    /// TLS to the brokers; without it everything is sent as it is, which is only for a broker on the same machine.
    pub tls: Option<Tls>,
    /// How to log in; only over TLS.
    pub sasl: Option<Sasl>,
    /// A file of librdkafka properties (`key=value` lines) with the prefixes `security.`, `ssl.` and `sasl.`, for what `tls`
    /// and `sasl` cannot say. A file, so that secrets are neither in the environment nor in the process list.
    pub security_file: Option<SecretFile>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            bootstrap_servers: "127.0.0.1:9092".to_owned(),
            topic_prefix: String::new(),
            replication: 1,
            alerts_days: ALERTS_DAYS,
            dead_letters_days: DEAD_LETTERS_DAYS,
            message_timeout_ms: 10_000,
            linger_ms: 1,
            buffer_kib: 64 * 1024,
            max_record_bytes: 900_000,
            prefetch_kib: 16 * 1024,
            session_timeout_ms: 10_000,
            poll_interval_ms: 60_000,
            instance_id: None,
            tls: None,
            sasl: None,
            security_file: None,
        }
    }
}

impl Config {
    /// The files that a client is made with.
    pub(super) fn files(&self) -> Vec<PathBuf> {
        let secret = |file: &Option<SecretFile>| file.as_ref().map(|file| file.path().to_owned());
        let tls = self.tls.iter().flat_map(|tls| {
            [tls.ca_file.clone(), tls.cert_file.clone(), secret(&tls.key_file), secret(&tls.key_password_file)]
        });
        let sasl = self.sasl.iter().map(|sasl| Some(sasl.password_file.path().to_owned()));
        tls.chain(sasl).chain([secret(&self.security_file)]).flatten().collect()
    }

    /// For how long a topic's records are kept, in milliseconds; -1 is for ever.
    pub(super) fn retention_ms(&self, topic: Topic) -> i64 {
        let days = |days: u32| i64::from(days.max(1)) * 24 * 60 * 60 * 1000;
        match topic {
            Topic::Alerts => days(self.alerts_days),
            Topic::DeadLetters => days(self.dead_letters_days),
            Topic::Events | Topic::Reference | Topic::Directory => -1,
        }
    }
}

/// Why a cluster cannot be reached as configured. Values are left out: they may be secrets.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A secret cannot be read.
    #[error("a secret cannot be read")]
    Secret(#[from] config::Error),
    /// Logging in would tell everybody on the way what follows.
    #[error("`sasl` is given without `tls`")]
    SaslWithoutTls,
    /// A certificate without its key, or the other way round.
    #[error("`tls.cert-file` and `tls.key-file` are given together or not at all")]
    HalfAPair,
    /// The file has a line that is no `key=value`.
    #[error("line {line} of `{path}` is not `key=value`")]
    SecurityLine {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
    },
    /// The file sets what is not about security.
    #[error("`{key}` in `{path}` is refused: only `security.`, `ssl.` and `sasl.` properties may be set")]
    NotSecurity {
        /// The file.
        path: PathBuf,
        /// The property.
        key: String,
    },
    /// The client library refuses a property.
    #[error("property `{key}`: {reason}")]
    Property {
        /// The property.
        key: String,
        /// Why.
        reason: String,
    },
    /// A certificate cannot be read.
    #[error("a certificate cannot be used")]
    Certificate(#[from] homeroom_chassis::tls::Error),
    /// The client library refuses to start.
    #[error("no Kafka client: {0}")]
    Client(String),
}

impl From<KafkaError> for ConfigError {
    fn from(error: KafkaError) -> Self {
        match error {
            // Its own text includes the value.
            KafkaError::ClientConfig(_, reason, key, _) => Self::Property { key, reason },
            other => Self::Client(other.to_string()),
        }
    }
}

/// How often a member shows that it lives, at least, in milliseconds. With the answer it hears that others join or leave, and
/// until every member has heard, what one has given up has no owner: so this, not the session, is what a change of members costs.
/// A heartbeat is some 100 bytes.
const HEARTBEAT_MS: u32 = 250;

/// The settings of each kind of client, ready for librdkafka.
#[derive(Clone)]
pub(super) struct Clients {
    base: ClientConfig,
    config: Config,
}

impl fmt::Debug for Clients {
    /// Without the properties, which may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clients").field("config", &self.config).finish_non_exhaustive()
    }
}

/// What a request carries beside the record itself.
pub(super) const OVERHEAD_BYTES: usize = 64 * 1024;

impl Clients {
    pub(super) fn new(config: &Config) -> Result<Self, ConfigError> {
        let mut base = ClientConfig::new();
        base.set("bootstrap.servers", &config.bootstrap_servers)
            .set("client.id", "homeroom")
            .set("message.max.bytes", (config.max_record_bytes + OVERHEAD_BYTES).to_string())
            .set("reconnect.backoff.ms", "50")
            .set("reconnect.backoff.max.ms", "1000")
            .set("topic.metadata.refresh.fast.interval.ms", "50")
            // A broker that is cut off from the others, and not from us, goes on as the leader that it is no more: a reader
            // would wait there for the next look at who leads, by default for five minutes.
            .set("topic.metadata.refresh.interval.ms", "5000");
        for (key, value) in security::properties(config)? {
            base.set(key, value);
        }
        Ok(Self { base, config: config.clone() })
    }

    /// The same, if the library takes what the files hold: a key that is not the certificate's is found only by a client.
    pub(super) fn usable(config: &Config) -> Result<Self, ConfigError> {
        let clients = Self::new(config)?;
        clients.plain().create::<BaseProducer>()?;
        Ok(clients)
    }

    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    pub(super) fn session_timeout(&self) -> Duration {
        Duration::from_millis(u64::from(self.config.session_timeout_ms))
    }

    /// How often a member shows that it lives.
    pub(super) fn heartbeat(&self) -> Duration {
        Duration::from_millis(u64::from(self.heartbeat_ms()))
    }

    fn heartbeat_ms(&self) -> u32 {
        (self.config.session_timeout_ms / 4).clamp(1, HEARTBEAT_MS)
    }

    pub(super) fn poll_interval(&self) -> Duration {
        Duration::from_millis(u64::from(self.config.poll_interval_ms.max(self.config.session_timeout_ms)))
    }

    /// For administration and questions about topics.
    pub(super) fn plain(&self) -> ClientConfig {
        self.base.clone()
    }

    /// For the one producer. Idempotent, so that the library's own retries neither repeat nor reorder. The partitioner is the
    /// Java client's, so that a student has the same partition whoever publishes.
    pub(super) fn producer(&self) -> ClientConfig {
        let mut client = self.base.clone();
        client
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("compression.codec", "lz4")
            .set("partitioner", "murmur2_random")
            .set("linger.ms", self.config.linger_ms.to_string())
            .set("batch.size", "1000000")
            .set("queue.buffering.max.kbytes", self.config.buffer_kib.to_string())
            .set("queue.buffering.max.messages", "1000000")
            .set("message.timeout.ms", self.config.message_timeout_ms.to_string());
        client
    }

    /// For reading one partition outside any group. The library wants a group's name all the same; nothing is committed to it.
    pub(super) fn tail(&self) -> ClientConfig {
        let mut client = self.consumer();
        client.set("group.id", format!("{}homeroom.tail", self.config.topic_prefix));
        client
    }

    /// For a group's member. The classic protocol: the newer one had silent fetch stalls in the library's version at hand.
    pub(super) fn member(&self, group: &str) -> ClientConfig {
        let session = self.config.session_timeout_ms;
        let mut client = self.consumer();
        client
            .set("group.id", format!("{}{group}", self.config.topic_prefix))
            .set("group.protocol", "classic")
            .set("partition.assignment.strategy", "cooperative-sticky")
            .set("session.timeout.ms", session.to_string())
            .set("heartbeat.interval.ms", self.heartbeat_ms().to_string())
            .set("max.poll.interval.ms", self.config.poll_interval_ms.max(session).to_string());
        if let Some(instance) = &self.config.instance_id {
            client.set("group.instance.id", instance);
        }
        client
    }

    /// Offsets are ours: never reset, never stored by the library. A fetch is answered with the first byte, so that an idle
    /// reader wakes at once; the wait only bounds how long a newly assigned partition waits for a fetch already under way.
    fn consumer(&self) -> ClientConfig {
        let mut client = self.base.clone();
        client
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "error")
            .set("isolation.level", "read_committed")
            .set("allow.auto.create.topics", "false")
            .set("fetch.min.bytes", "1")
            .set("fetch.wait.max.ms", "100")
            .set("fetch.error.backoff.ms", "50")
            // How long a full prefetch queue is left alone; the default of a second would stall a reader that has caught up.
            .set("fetch.queue.backoff.ms", "10")
            .set("queued.min.messages", "10000")
            .set("queued.max.messages.kbytes", self.config.prefetch_kib.to_string());
        client
    }
}
