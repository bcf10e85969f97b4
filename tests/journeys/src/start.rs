//! A Homeroom on either log.

use anyhow::Result;
use homeroom_harness::homeroom::{Homeroom, Options};
use homeroom_harness::kafka;

/// Which log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Log {
    /// A real Apache Kafka.
    Kafka,
    /// The embedded default.
    Postgres,
}

/// An empty Homeroom whose clock is at Wednesday 2022-04-13, 08:40.
pub fn start(log: Log) -> Result<Homeroom> {
    start_with(log, Options::default())
}

/// The same with these options.
pub fn start_with(log: Log, mut options: Options) -> Result<Homeroom> {
    if log == Log::Kafka {
        let config = kafka().config();
        options.kafka = Some(config.bootstrap_servers);
        options.environment.push(("HOMEROOM_LOG__KAFKA__TOPIC_PREFIX".to_owned(), config.topic_prefix));
    }
    Homeroom::start(options)
}
