//! Sweeping.

use std::time::Duration;

use homeroom_bus::postgres::Config;
use homeroom_bus::{Log as _, Offset, Partition, Topic};

use crate::{DEADLINE, database, open, record};

const ONLY: Partition = Partition(0);

#[tokio::test]
async fn superseded_words_go_and_the_last_on_each_key_stays_at_its_offset() {
    let test = database().await;
    let log = open(&test, &Config::default()).await;
    let words = [("a", Some("1")), ("b", Some("1")), ("a", Some("2")), ("b", None), ("c", Some("1")), ("a", Some("3"))];
    let records = words.into_iter().map(|(key, value)| record(key, value)).collect();
    log.append(Topic::Reference, records).await;
    log.append(Topic::Alerts, vec![record("a", Some("1")), record("a", Some("2"))]).await;
    assert_eq!(log.compact(Duration::from_hours(1)).await.unwrap(), 0, "an hour has not passed");
    assert_eq!(log.compact(Duration::ZERO).await.unwrap(), 3);
    assert_eq!(log.compact(Duration::ZERO).await.unwrap(), 0);

    let mut tail = log.tail(Topic::Reference, ONLY, Offset(0)).await.unwrap();
    let left: Vec<(i64, Option<String>)> = tail
        .next(100, DEADLINE)
        .await
        .unwrap()
        .into_iter()
        .map(|record| (record.offset.0, record.value.map(|value| String::from_utf8(value.to_vec()).unwrap())))
        .collect();
    assert_eq!(left, [(3, None), (4, Some("1".into())), (5, Some("3".into()))]);
    let alerts: i64 = log.end_offsets(Topic::Alerts).await.unwrap().into_iter().map(|end| end.0).sum();
    assert_eq!(alerts, 2);
}

#[tokio::test]
async fn offsets_go_on_after_everything_before_them_was_swept() {
    let test = database().await;
    let log = open(&test, &Config::default()).await;
    log.append(Topic::Reference, vec![record("a", Some("1")), record("a", Some("2"))]).await;
    log.compact(Duration::ZERO).await.unwrap();
    let place = log.append(Topic::Reference, vec![record("a", Some("3"))]).await.remove(0).unwrap();
    assert_eq!(place.offset, Offset(2));
}
