//! The client's limits, and how soon a reader wakes.

use std::time::{Duration, Instant};

use homeroom_bus::kafka::{Config, KafkaLog};
use homeroom_bus::{Error, Log as _, NewRecord, Offset, Partition, Topic};
use homeroom_harness::kafka;

use crate::{DEADLINE, append_all, cluster, records};

#[tokio::test]
async fn a_record_over_the_limit_is_refused_alone() {
    let (_, log) = cluster(1).await;
    let large = NewRecord { key: "k".into(), value: Some(vec![0; 900_001].into()), headers: Vec::new() };
    let mut batch = records(0..2);
    batch.insert(1, large);
    let answers = log.append(Topic::Events, batch).await;
    assert!(answers[0].is_ok() && answers[2].is_ok(), "{answers:?}");
    assert!(matches!(answers[1], Err(Error::TooLarge { bytes: 900_002, limit: 900_000 })), "{answers:?}");
}

#[tokio::test]
async fn an_append_that_does_not_fit_the_buffer_is_refused_from_there_on() {
    let config = Config { buffer_kib: 256, message_timeout_ms: 3_000, ..unreachable().config };
    let log = KafkaLog::new(&config).unwrap();
    let record = NewRecord { key: "k".into(), value: Some(vec![0; 100_000].into()), headers: Vec::new() };
    let answers = log.append(Topic::Events, vec![record; 6]).await;
    let full = answers.iter().position(|answer| matches!(answer, Err(Error::Full))).unwrap();
    assert!((1..6).contains(&full), "{answers:?}");
    assert!(answers[full..].iter().all(|answer| matches!(answer, Err(Error::Full))), "{answers:?}");
    assert!(answers[..full].iter().all(|answer| matches!(answer, Err(Error::Unavailable(_)))), "{answers:?}");
}

#[tokio::test]
async fn an_idle_reader_wakes_within_milliseconds() {
    let (_, log) = cluster(1).await;
    append_all(&log, Topic::Events, records(0..1)).await;
    let mut tail = log.tail(Topic::Events, Partition(0), Offset(0)).await.unwrap();
    assert_eq!(tail.next(10, DEADLINE).await.unwrap().len(), 1);
    // A reader that sat out its fetch would never be faster than the 100 ms of it. On a machine that has other things to do it
    // may take some attempts to see that ours is.
    let (began, mut fastest) = (Instant::now(), Duration::MAX);
    while fastest >= Duration::from_millis(50) {
        assert!(began.elapsed() < DEADLINE, "append and read took {fastest:?} at best");
        let start = Instant::now();
        append_all(&log, Topic::Events, records(0..1)).await;
        assert_eq!(tail.next(10, DEADLINE).await.unwrap().len(), 1);
        fastest = fastest.min(start.elapsed());
    }
    println!("append and read took {fastest:?} at best");
}

#[tokio::test]
async fn a_cluster_that_cannot_be_reached_is_unavailable() {
    let answers = unreachable().log.append(Topic::Events, records(0..1)).await;
    assert!(matches!(answers[0], Err(Error::Unavailable(_))), "{answers:?}");
}

struct Unreachable {
    config: Config,
    log: KafkaLog,
}

/// Nothing listens on the discard port.
fn unreachable() -> Unreachable {
    let config = Config { bootstrap_servers: "127.0.0.1:9".to_owned(), message_timeout_ms: 1_000, ..kafka().config() };
    let log = KafkaLog::new(&config).unwrap();
    Unreachable { config, log }
}
