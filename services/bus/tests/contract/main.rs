//! What every log does, whichever it is: one suite, run against memory, PostgreSQL and Kafka.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod appending;
mod groups;
#[path = "../kafka/owner.rs"]
mod owner;
mod reading;
mod topics;

use std::sync::Arc;
use std::time::Duration;

use homeroom_bus::kafka::{Config as KafkaConfig, KafkaLog};
use homeroom_bus::memory::MemoryLog;
use homeroom_bus::postgres::{self, PostgresLog};
use homeroom_bus::{Appended, Log, NewRecord, Offset, Partition, Record, Topic};
use homeroom_harness::{kafka, test_database};

/// How long anything may take on a loaded machine.
const DEADLINE: Duration = Duration::from_mins(1);
/// Partitions of each topic that may have several.
const PARTITIONS: i32 = 4;

/// A log of one test, as two processes see it.
struct Logs {
    one: Arc<dyn Log>,
    two: Arc<dyn Log>,
}

async fn memory() -> Logs {
    let log = MemoryLog::default();
    Logs { one: Arc::new(log.clone()), two: Arc::new(log) }
}

async fn postgresql() -> Logs {
    let test = test_database(&[postgres::SCHEMA]).await;
    let open = async || {
        let database = test.connect(&postgres::SCHEMA).await;
        Arc::new(PostgresLog::open(database, &postgres::Config::default()).await.unwrap())
    };
    Logs { one: open().await, two: open().await }
}

async fn apache_kafka() -> Logs {
    let config = KafkaConfig { session_timeout_ms: 6_000, ..kafka().config() };
    let open = || Arc::new(KafkaLog::new(&config).unwrap());
    Logs { one: open(), two: open() }
}

/// The same, with its topics.
async fn with_topics(logs: Logs) -> Logs {
    logs.one.create_topics(PARTITIONS).await.unwrap();
    logs
}

/// One test for each log and sentence.
macro_rules! contract {
    ($($area:ident :: $sentence:ident;)*) => {
        contract!(@log memory, $($area :: $sentence;)*);
        contract!(@log postgresql, $($area :: $sentence;)*);
        contract!(@log apache_kafka, $($area :: $sentence;)*);
    };
    (@log $log:ident, $($area:ident :: $sentence:ident;)*) => {
        mod $log {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $sentence() {
                    crate::$area::$sentence(crate::$log().await).await;
                }
            )*
        }
    };
}

contract! {
    appending::acknowledged_records_are_all_there_with_dense_offsets;
    appending::records_of_a_key_keep_their_order_across_appends;
    appending::a_key_has_the_partition_that_kafkas_java_client_gives_it;
    appending::records_appended_by_two_processes_at_once_are_all_kept;
    appending::a_record_that_is_too_large_is_refused_and_its_neighbours_are_kept;
    appending::a_tombstone_and_headers_read_back_as_appended;
    reading::a_reader_that_waits_is_woken_by_an_append_of_another_process;
    reading::a_reader_without_records_comes_back_empty_in_time;
    reading::a_reader_gets_no_more_than_it_asks_for_and_then_the_rest;
    reading::a_reader_starts_where_it_is_told;
    reading::an_offset_beyond_the_end_is_refused;
    topics::missing_topics_are_reported_and_created;
    topics::the_reference_topic_has_one_partition;
    topics::another_number_of_partitions_is_refused;
    groups::a_lone_member_has_every_partition_and_is_asked_once_for_each;
    groups::two_members_share_and_a_leaver_hands_over_with_nothing_lost_or_repeated;
    groups::a_slow_worker_loses_no_record_and_no_order;
    groups::a_member_starts_at_the_offset_that_its_owner_says;
    groups::groups_do_not_disturb_each_other;
}

fn record(key: &str, value: &str) -> NewRecord {
    NewRecord { key: key.to_owned().into(), value: Some(value.to_owned().into()), headers: Vec::new() }
}

fn records(count: usize) -> Vec<NewRecord> {
    (0..count).map(|number| record(&format!("student-{number}"), &format!("value-{number}"))).collect()
}

/// Appends, and fails unless each record was kept.
async fn append(log: &Arc<dyn Log>, topic: Topic, records: Vec<NewRecord>) -> Vec<Appended> {
    log.append(topic, records).await.into_iter().map(Result::unwrap).collect()
}

/// All of a topic, partition by partition.
async fn read_all(log: &Arc<dyn Log>, topic: Topic) -> Vec<Record> {
    let mut all = Vec::new();
    for (partition, end) in (0..).zip(log.end_offsets(topic).await.unwrap()) {
        let mut tail = log.tail(topic, Partition(partition), Offset(0)).await.unwrap();
        let mut next = Offset(0);
        while next < end {
            let found = tail.next(10_000, DEADLINE).await.unwrap();
            next = Offset(found.last().expect("a record before the end").offset.0 + 1);
            all.extend(found);
        }
    }
    all
}
