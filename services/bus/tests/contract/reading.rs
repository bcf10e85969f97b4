//! Reading one partition.

use std::time::{Duration, Instant};

use homeroom_bus::{Error, Offset, Partition, Topic};

use crate::{DEADLINE, Logs, append, record, with_topics};

/// The topic with one partition, so that a test knows where its records are.
const TOPIC: Topic = Topic::Reference;
const ONLY: Partition = Partition(0);

async fn with_ten(logs: Logs) -> Logs {
    let logs = with_topics(logs).await;
    append(&logs.one, TOPIC, (0..10).map(|number| record(&format!("key-{number}"), "value")).collect()).await;
    logs
}

pub(crate) async fn a_reader_that_waits_is_woken_by_an_append_of_another_process(logs: Logs) {
    let logs = with_topics(logs).await;
    let mut tail = logs.one.tail(TOPIC, ONLY, Offset(0)).await.unwrap();
    // The first look may take longer than the others, as connections are made.
    assert!(tail.next(10, Duration::from_millis(10)).await.unwrap().is_empty());
    for round in 0..5 {
        let (found, _) = tokio::join!(tail.next(10, DEADLINE), append(&logs.two, TOPIC, vec![record("key", "value")]));
        let found = found.unwrap();
        assert_eq!(found.iter().map(|record| record.offset.0).collect::<Vec<_>>(), [round]);
    }
}

pub(crate) async fn a_reader_without_records_comes_back_empty_in_time(logs: Logs) {
    let logs = with_topics(logs).await;
    let mut tail = logs.one.tail(TOPIC, ONLY, Offset(0)).await.unwrap();
    let started = Instant::now();
    assert!(tail.next(10, Duration::from_millis(200)).await.unwrap().is_empty());
    assert!(started.elapsed() >= Duration::from_millis(190), "{:?}", started.elapsed());
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
}

pub(crate) async fn a_reader_gets_no_more_than_it_asks_for_and_then_the_rest(logs: Logs) {
    let logs = with_ten(logs).await;
    let mut tail = logs.two.tail(TOPIC, ONLY, Offset(0)).await.unwrap();
    let mut seen = Vec::new();
    while seen.len() < 10 {
        let found = tail.next(3, DEADLINE).await.unwrap();
        assert!(!found.is_empty() && found.len() <= 3, "{}", found.len());
        seen.extend(found.into_iter().map(|record| record.offset.0));
    }
    assert_eq!(seen, (0..10).collect::<Vec<_>>());
}

pub(crate) async fn a_reader_starts_where_it_is_told(logs: Logs) {
    let logs = with_ten(logs).await;
    let mut tail = logs.two.tail(TOPIC, ONLY, Offset(7)).await.unwrap();
    assert_eq!(tail.next(1, DEADLINE).await.unwrap()[0].key, "key-7");
    // The end is a place to start as well: where the next record will be.
    let mut tail = logs.two.tail(TOPIC, ONLY, Offset(10)).await.unwrap();
    append(&logs.one, TOPIC, vec![record("next", "value")]).await;
    assert_eq!(tail.next(1, DEADLINE).await.unwrap()[0].key, "next");
}

pub(crate) async fn an_offset_beyond_the_end_is_refused(logs: Logs) {
    let logs = with_ten(logs).await;
    let error = match logs.one.tail(TOPIC, ONLY, Offset(1_000)).await {
        Err(error) => error,
        Ok(mut tail) => tail.next(1, DEADLINE).await.unwrap_err(),
    };
    assert!(matches!(error, Error::OffsetOutOfRange { offset: 1_000, .. }), "{error:?}");
}
