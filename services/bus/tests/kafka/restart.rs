//! A broker that is killed and comes back with its data, and one that hangs.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use homeroom_bus::kafka::{Config, KafkaLog};
use homeroom_bus::{Log as _, NewRecord, Offset, Partition, Record, Tail, Topic};
use homeroom_harness::Broker;

use crate::{DEADLINE, append_all, records};

const ONLY: Partition = Partition(0);

/// Reads until the record at the offset has come.
async fn read_to(tail: &mut dyn Tail, last: Offset) -> Vec<Record> {
    let mut read: Vec<Record> = Vec::new();
    let deadline = Instant::now() + DEADLINE;
    while read.last().is_none_or(|record| record.offset < last) {
        assert!(Instant::now() < deadline, "{} records were read, not those to {last:?}", read.len());
        read.extend(tail.next(1_000, DEADLINE).await.unwrap());
    }
    read
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_broker_was_killed_acknowledged_records_are_there_and_appends_and_tails_go_on() {
    let mut broker = Broker::start().await.unwrap();
    let config = Config { message_timeout_ms: 30_000, ..broker.config() };
    let log = KafkaLog::new(&config).unwrap();
    log.create_topics(1).await.unwrap();
    append_all(&log, Topic::Events, records(0..100)).await;
    let mut tail = log.tail(Topic::Events, ONLY, Offset(0)).await.unwrap();
    let mut followed = read_to(&mut *tail, Offset(99)).await;

    // Appends are under way while it dies and comes back.
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let writer = async {
        let mut acknowledged: BTreeMap<Offset, Bytes> = BTreeMap::new();
        for number in 0.. {
            if *stopped.borrow() {
                break;
            }
            let value = Bytes::from(format!("under way {number}"));
            let record = NewRecord { key: "key".into(), value: Some(value.clone()), headers: Vec::new() };
            if let Ok(place) = log.append(Topic::Events, vec![record]).await.remove(0) {
                acknowledged.insert(place.offset, value);
            }
        }
        acknowledged
    };
    let death = async {
        followed.extend(read_to(&mut *tail, Offset(150)).await);
        broker.kill().unwrap();
        broker.restart().await.unwrap();
        append_all(&log, Topic::Events, records(0..100)).await;
        stop.send_replace(true);
    };
    let (acknowledged, ()) = tokio::join!(writer, death);

    let end = log.end_offsets(Topic::Events).await.unwrap()[0];
    followed.extend(read_to(&mut *tail, Offset(end.0 - 1)).await);
    let offsets: Vec<i64> = followed.iter().map(|record| record.offset.0).collect();
    assert_eq!(offsets, (0..end.0).collect::<Vec<_>>(), "a tail goes on where it was");
    let other = KafkaLog::new(&config).unwrap();
    let mut tail = other.tail(Topic::Events, ONLY, Offset(0)).await.unwrap();
    let kept: BTreeMap<Offset, Bytes> = read_to(&mut *tail, Offset(end.0 - 1))
        .await
        .into_iter()
        .map(|record| (record.offset, record.value.unwrap()))
        .collect();
    for (offset, value) in acknowledged {
        assert_eq!(kept.get(&offset), Some(&value), "at {offset:?}");
    }
}

/// It hangs for longer than a producer may deliver nothing, so that others take its place: each call has its answer, whichever it was with.
#[tokio::test(flavor = "multi_thread")]
async fn after_a_broker_hung_for_long_appends_go_on_with_another_producer() {
    let broker = Broker::start().await.unwrap();
    let log = KafkaLog::new(&Config { message_timeout_ms: 500, ..broker.config() }).unwrap();
    log.create_topics(1).await.unwrap();
    let append = async || log.append(Topic::Events, records(0..10)).await;
    // A broker that has just begun, or gone on, may need longer than the producer waits.
    let until_acknowledged = async || {
        let began = Instant::now();
        while append().await.iter().any(Result::is_err) {
            assert!(began.elapsed() < DEADLINE, "nothing is acknowledged");
        }
    };
    until_acknowledged().await;

    broker.pause().unwrap();
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(4) {
        let answers = tokio::time::timeout(DEADLINE, append()).await.unwrap();
        assert!(answers.iter().all(Result::is_err), "a broker that hangs has acknowledged");
    }
    broker.wake().unwrap();

    until_acknowledged().await;
    // And not only once.
    until_acknowledged().await;
}
