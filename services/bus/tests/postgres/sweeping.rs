//! Sweeping: compaction and retention.

use std::collections::BTreeSet;
use std::time::Duration;

use homeroom_bus::postgres::{Config, PostgresLog};
use homeroom_bus::{Log as _, Offset, Partition, Topic};
use sqlx::Executor as _;

use crate::{DEADLINE, database, open, record};

/// A record's place and value, as a line.
fn line(partition: Partition, offset: Offset, key: &str, value: Option<&str>) -> String {
    format!("{}/{} {key} {}", partition.0, offset.0, value.unwrap_or("erased"))
}

/// Appends words on keys, and says where each is.
async fn append(log: &PostgresLog, topic: Topic, words: &[(&str, Option<&str>)]) -> Vec<String> {
    let places = log.append(topic, words.iter().map(|(key, value)| record(key, *value)).collect()).await;
    let places = places.into_iter().map(Result::unwrap);
    places.zip(words).map(|(place, (key, value))| line(place.partition, place.offset, key, *value)).collect()
}

/// What a topic holds.
async fn left(log: &PostgresLog, topic: Topic) -> BTreeSet<String> {
    let mut left = BTreeSet::new();
    for partition in (0..log.partitions(topic).await.unwrap()).map(Partition) {
        let mut tail = log.tail(topic, partition, Offset(0)).await.unwrap();
        for record in tail.next(5_000, Duration::ZERO).await.unwrap() {
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            let value = record.value.as_ref().map(|value| text(value));
            left.insert(line(record.partition, record.offset, &text(&record.key), value.as_deref()));
        }
    }
    left
}

const WORDS: [(&str, Option<&str>); 6] =
    [("a", Some("1")), ("b", Some("1")), ("a", Some("2")), ("b", None), ("c", Some("1")), ("a", Some("3"))];

#[tokio::test]
async fn superseded_words_go_and_the_last_on_each_key_stays_at_its_offset() {
    let test = database().await;
    let log = open(&test, &Config::default()).await;
    let lines = append(&log, Topic::Directory, &WORDS).await;
    assert_eq!(log.compact(Duration::from_hours(1)).await.unwrap(), 0, "an hour has not passed");
    assert_eq!(log.compact(Duration::ZERO).await.unwrap(), 3);
    assert_eq!(log.compact(Duration::ZERO).await.unwrap(), 0);
    assert_eq!(left(&log, Topic::Directory).await, BTreeSet::from([3, 4, 5].map(|last: usize| lines[last].clone())));
}

#[tokio::test]
async fn a_word_supersedes_one_that_an_earlier_sweep_left() {
    let test = database().await;
    let log = open(&test, &Config::default()).await;
    let first = append(&log, Topic::Directory, &WORDS).await;
    log.compact(Duration::ZERO).await.unwrap();
    let second = append(&log, Topic::Directory, &[("b", Some("2")), ("c", None), ("b", Some("3"))]).await;
    assert_eq!(log.compact(Duration::ZERO).await.unwrap(), 3);
    let expected = BTreeSet::from([first[5].clone(), second[1].clone(), second[2].clone()]);
    assert_eq!(left(&log, Topic::Directory).await, expected);
}

#[tokio::test]
async fn every_topic_but_the_directory_is_kept_whole_by_compaction() {
    let test = database().await;
    let log = open(&test, &Config::default()).await;
    for topic in Topic::ALL.into_iter().filter(|topic| *topic != Topic::Directory) {
        let lines = append(&log, topic, &WORDS).await;
        assert_eq!(log.compact(Duration::ZERO).await.unwrap(), 0);
        assert_eq!(left(&log, topic).await, lines.into_iter().collect(), "{topic}");
    }
}

#[tokio::test]
async fn offsets_go_on_after_everything_before_them_was_swept() {
    let test = database().await;
    let log = open(&test, &Config::default()).await;
    append(&log, Topic::Directory, &[("a", Some("1")), ("a", Some("2"))]).await;
    log.compact(Duration::ZERO).await.unwrap();
    let place = log.append(Topic::Directory, vec![record("a", Some("3"))]).await.remove(0).unwrap();
    assert_eq!(place.offset, Offset(2));
}

#[tokio::test]
async fn old_alerts_and_dead_letters_go_and_nothing_else() {
    let test = database().await;
    let log = open(&test, &Config::default()).await;
    for topic in Topic::ALL {
        append(&log, topic, &WORDS).await;
    }
    let age = "update bus.records set recorded_at = recorded_at - interval '91 days'";
    test.admin().await.execute(age).await.unwrap();
    let days = |days: u64| Duration::from_hours(24 * days);
    assert_eq!(log.expire(days(92)).await.unwrap(), 0);
    let young = append(&log, Topic::Alerts, &[("a", Some("4"))]).await;
    assert_eq!(log.expire(days(90)).await.unwrap(), 12);
    assert_eq!(log.expire(days(90)).await.unwrap(), 0);
    for (topic, count) in [(Topic::Events, 6), (Topic::Reference, 6), (Topic::Directory, 6), (Topic::DeadLetters, 0)] {
        assert_eq!(left(&log, topic).await.len(), count, "{topic}");
    }
    assert_eq!(left(&log, Topic::Alerts).await, young.into_iter().collect());
}

#[tokio::test]
async fn a_young_record_keeps_all_after_it_so_that_offsets_stay_dense() {
    let test = database().await;
    let log = open(&test, &Config::default()).await;
    let lines = append(&log, Topic::Alerts, &[("a", Some("1")), ("a", Some("2")), ("a", Some("3"))]).await;
    // The middle one was written by a process whose transaction began later.
    let age = "update bus.records set recorded_at = recorded_at - interval '2 days' where \"offset\" <> 1";
    test.admin().await.execute(age).await.unwrap();
    assert_eq!(log.expire(Duration::from_hours(24)).await.unwrap(), 1);
    assert_eq!(left(&log, Topic::Alerts).await, lines[1..].iter().cloned().collect());
}

#[tokio::test]
async fn a_log_sweeps_by_itself() {
    let test = database().await;
    let log = open(&test, &Config { compaction_seconds: 1, compaction_age_seconds: 0, ..Config::default() }).await;
    let lines = append(&log, Topic::Directory, &[("a", Some("1")), ("a", Some("2"))]).await;
    let swept = async {
        while left(&log, Topic::Directory).await != BTreeSet::from([lines[1].clone()]) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, swept).await.unwrap();
}
