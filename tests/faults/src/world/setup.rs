//! How a world is set up: on which log, and what stands between its parts.

use homeroom_bus::kafka;
use homeroom_harness::{Broker, BrokerCluster, Proxy};

/// Which log.
pub enum Log {
    /// The Apache Kafka of the test run, with topics of its own.
    Kafka(kafka::Config),
    /// An Apache Kafka of its own.
    OwnKafka(Broker),
    /// An Apache Kafka of its own behind a proxy.
    ProxiedKafka(Broker, Proxy),
    /// An Apache Kafka of its own, of three brokers.
    Cluster(BrokerCluster),
    /// The embedded default.
    Postgres,
}

impl Log {
    /// On the Apache Kafka of the test run.
    pub fn on_kafka() -> Self {
        Self::Kafka(homeroom_harness::kafka().config())
    }

    pub(super) fn kafka(&self) -> Option<kafka::Config> {
        match self {
            Self::Kafka(config) => Some(config.clone()),
            Self::OwnKafka(broker) | Self::ProxiedKafka(broker, _) => Some(broker.config()),
            Self::Cluster(cluster) => Some(cluster.config()),
            Self::Postgres => None,
        }
    }
}

/// How a world is set up.
pub struct Setup {
    /// Which log.
    pub log: Log,
    /// Whether a process has the same name in its group after a restart, as a pod's container has; else each one is new, and
    /// the partitions of one that died wait for the end of its session.
    pub names_stay: bool,
    /// More settings of PostgreSQL.
    pub postgres: Vec<(String, String)>,
    /// Whether each service reaches PostgreSQL through a proxy of its own, and the adapter the feed.
    pub proxies: bool,
    /// Whether each process has a clock of its own, which can be moved.
    pub clocks: bool,
    /// Whether PostgreSQL has a small file system of its own, of so many MiB.
    pub volume_mib: Option<u32>,
}

impl Setup {
    /// On this log, with names that stay and nothing between the parts.
    pub fn on(log: Log) -> Self {
        Self { log, names_stay: true, postgres: Vec::new(), proxies: false, clocks: false, volume_mib: None }
    }
}
