//! What every log does, whichever it is: one suite, run against memory, PostgreSQL and Kafka.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod appending;
mod expiring;
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
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::{ClientConfig, TopicPartitionList};

/// How long anything may take on a loaded machine.
const DEADLINE: Duration = Duration::from_mins(1);
/// Partitions of each topic that may have several.
const PARTITIONS: i32 = 4;

/// A log of one test, as two processes see it.
struct Logs {
    one: Arc<dyn Log>,
    two: Arc<dyn Log>,
    kind: Kind,
}

/// What a test needs of one log in particular.
enum Kind {
    Memory(MemoryLog),
    PostgreSql(Arc<PostgresLog>),
    Kafka(Box<KafkaConfig>),
}

impl Logs {
    /// A log whose members die without a word when their task is aborted.
    fn mortal(&self) -> Arc<dyn Log> {
        match &self.kind {
            Kind::Memory(_) | Kind::PostgreSql(_) => self.one.clone(),
            Kind::Kafka(config) => {
                // A member with a name does not say that it leaves: it may be back soon.
                let config = KafkaConfig { instance_id: Some("mortal".to_owned()), ..(**config).clone() };
                Arc::new(KafkaLog::new(&config).unwrap())
            }
        }
    }

    /// Makes what a topic that expires holds now as old as it takes to go.
    async fn expire(&self, topic: Topic) {
        match &self.kind {
            Kind::Memory(log) => log.expire(topic),
            Kind::PostgreSql(log) => assert!(log.expire(Duration::ZERO).await.unwrap() > 0),
            Kind::Kafka(config) => {
                let ends = self.one.end_offsets(topic).await.unwrap();
                let name = format!("{}{}", config.topic_prefix, topic.name());
                let mut list = TopicPartitionList::new();
                for (partition, end) in (0..).zip(ends) {
                    list.add_partition_offset(&name, partition, rdkafka::Offset::Offset(end.0)).unwrap();
                }
                let admin: AdminClient<_> =
                    ClientConfig::new().set("bootstrap.servers", &config.bootstrap_servers).create().unwrap();
                let options = AdminOptions::new().operation_timeout(Some(DEADLINE));
                for deleted in admin.delete_records(&list, &options).await.unwrap().elements() {
                    deleted.error().unwrap();
                }
            }
        }
    }
}

async fn memory() -> Logs {
    let log = MemoryLog::default();
    Logs { one: Arc::new(log.clone()), two: Arc::new(log.clone()), kind: Kind::Memory(log) }
}

async fn postgresql() -> Logs {
    let test = test_database(&[postgres::SCHEMA]).await;
    let open = async || {
        let database = test.connect(&postgres::SCHEMA).await;
        Arc::new(PostgresLog::open(database, &postgres::Config::default()).await.unwrap())
    };
    let one = open().await;
    Logs { one: one.clone(), two: open().await, kind: Kind::PostgreSql(one) }
}

async fn apache_kafka() -> Logs {
    let config = KafkaConfig { session_timeout_ms: 6_000, ..kafka().config() };
    let open = || Arc::new(KafkaLog::new(&config).unwrap());
    Logs { one: open(), two: open(), kind: Kind::Kafka(Box::new(config)) }
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
    expiring::a_reader_from_the_beginning_starts_at_the_first_record_kept;
    expiring::a_member_from_the_beginning_starts_at_the_first_record_kept;
    expiring::what_is_kept_is_read_to_its_end_also_when_that_is_nothing;
    expiring::an_offset_that_has_expired_is_refused;
    expiring::a_reader_whose_next_record_has_expired_is_told;
    topics::missing_topics_are_reported_and_created;
    topics::the_reference_topic_has_one_partition;
    topics::another_number_of_partitions_is_refused;
    groups::a_lone_member_has_every_partition_and_is_asked_once_for_each;
    groups::two_members_share_and_a_leaver_hands_over_with_nothing_lost_or_repeated;
    groups::the_partitions_of_a_member_that_dies_move_with_nothing_lost_or_repeated;
    groups::a_slow_worker_loses_no_record_and_no_order;
    groups::a_member_starts_at_the_offset_that_its_owner_says;
    groups::groups_do_not_disturb_each_other;
    groups::a_member_that_dies_of_its_own_fault_ends_for_good_and_leaves_its_partitions_to_others;
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
