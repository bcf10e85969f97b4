//! What only Kafka does: groups over several processes, topics that differ, and the client's limits. The behaviour that all
//! logs share is in the contract suite.

#![expect(clippy::unwrap_used, reason = "a test that fails says where by panicking there")]

mod groups;
mod limits;
mod owner;
mod restart;
mod topics;

use std::time::Duration;

use homeroom_bus::kafka::{Config, KafkaLog};
use homeroom_bus::{Log as _, NewRecord, Topic};
use homeroom_harness::kafka;

/// How long anything may take on a loaded machine.
pub(crate) const DEADLINE: Duration = Duration::from_mins(1);

/// A configuration of its own, with short timeouts, and its topics created.
pub(crate) async fn cluster(partitions: i32) -> (Config, KafkaLog) {
    let config = Config { session_timeout_ms: 6_000, ..kafka().config() };
    let log = KafkaLog::new(&config).unwrap();
    log.create_topics(partitions).await.unwrap();
    (config, log)
}

pub(crate) fn records(keys: std::ops::Range<usize>) -> Vec<NewRecord> {
    keys.map(|key| NewRecord {
        key: format!("student-{key}").into(),
        value: Some(format!("value-{key}").into()),
        headers: vec![("traceparent".to_owned(), "00-1-2-01".into())],
    })
    .collect()
}

pub(crate) async fn append_all(log: &KafkaLog, topic: Topic, records: Vec<NewRecord>) {
    for answer in log.append(topic, records).await {
        answer.unwrap();
    }
}
