//! Appending.

use std::collections::BTreeMap;

use bytes::Bytes;
use homeroom_bus::partitioner::partition_of;
use homeroom_bus::{Error, NewRecord, Topic};

use crate::{Logs, PARTITIONS, append, read_all, record, records, with_topics};

pub(crate) async fn acknowledged_records_are_all_there_with_dense_offsets(logs: Logs) {
    let logs = with_topics(logs).await;
    let mut places = append(&logs.one, Topic::Events, records(1_000)).await;
    places.extend(append(&logs.one, Topic::Events, records(500)).await);
    let mut next: BTreeMap<i32, i64> = BTreeMap::new();
    for place in &places {
        let expected = next.entry(place.partition.0).or_default();
        assert_eq!(place.offset.0, *expected, "in {:?}", place.partition);
        *expected += 1;
    }
    let ends: Vec<i64> = logs.two.end_offsets(Topic::Events).await.unwrap().into_iter().map(|end| end.0).collect();
    assert_eq!(ends, next.into_values().collect::<Vec<_>>());
    let read = read_all(&logs.two, Topic::Events).await;
    assert_eq!(read.len(), 1_500);
    let first = read.iter().find(|record| record.key == "student-7").unwrap();
    assert_eq!((first.partition, first.offset), (places[7].partition, places[7].offset));
}

pub(crate) async fn records_of_a_key_keep_their_order_across_appends(logs: Logs) {
    let logs = with_topics(logs).await;
    for round in 0..20 {
        let batch =
            (0..30).map(|number| record(&format!("key-{}", number % 3), &format!("{round}-{number:02}"))).collect();
        append(&logs.one, Topic::Events, batch).await;
    }
    let mut by_key: BTreeMap<Bytes, Vec<Bytes>> = BTreeMap::new();
    for record in read_all(&logs.one, Topic::Events).await {
        by_key.entry(record.key).or_default().push(record.value.unwrap());
    }
    assert_eq!(by_key.len(), 3);
    for (key, values) in by_key {
        let number: usize = std::str::from_utf8(&key[4..]).unwrap().parse().unwrap();
        let rounds =
            (0..20).flat_map(|round| (number..30).step_by(3).map(move |number| format!("{round}-{number:02}")));
        assert_eq!(values, rounds.map(Bytes::from).collect::<Vec<_>>());
    }
}

pub(crate) async fn a_key_has_the_partition_that_kafkas_java_client_gives_it(logs: Logs) {
    let logs = with_topics(logs).await;
    let places = append(&logs.one, Topic::Events, records(200)).await;
    for (number, place) in places.iter().enumerate() {
        assert_eq!(place.partition, partition_of(format!("student-{number}").as_bytes(), PARTITIONS));
    }
}

pub(crate) async fn records_appended_by_two_processes_at_once_are_all_kept(logs: Logs) {
    let logs = with_topics(logs).await;
    let mut tasks = tokio::task::JoinSet::new();
    for writer in 0..8 {
        let log = if writer % 2 == 0 { logs.one.clone() } else { logs.two.clone() };
        tasks.spawn(async move {
            for round in 0..20 {
                let batch = (0..10).map(|number| record(&format!("{writer}-{number}"), &format!("{round}"))).collect();
                append(&log, Topic::Events, batch).await;
            }
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
    let read = read_all(&logs.one, Topic::Events).await;
    assert_eq!(read.len(), 8 * 20 * 10);
    let mut rounds: BTreeMap<Bytes, u32> = BTreeMap::new();
    for record in read {
        let next = rounds.entry(record.key).or_default();
        assert_eq!(record.value.unwrap(), next.to_string());
        *next += 1;
    }
}

pub(crate) async fn a_record_that_is_too_large_is_refused_and_its_neighbours_are_kept(logs: Logs) {
    let logs = with_topics(logs).await;
    let large = NewRecord { key: "large".into(), value: Some(vec![0; 1_000_001].into()), headers: Vec::new() };
    let answers = logs.one.append(Topic::Events, vec![record("a", "1"), large, record("b", "2")]).await;
    assert!(matches!(answers[1], Err(Error::TooLarge { bytes, limit }) if bytes > limit), "{answers:?}");
    assert!(answers[0].is_ok() && answers[2].is_ok(), "{answers:?}");
    let near = NewRecord { key: "near".into(), value: Some(vec![7; 800_000].into()), headers: Vec::new() };
    append(&logs.one, Topic::Events, vec![near]).await;
    let read = read_all(&logs.two, Topic::Events).await;
    assert_eq!(read.len(), 3);
    assert!(read.iter().any(|record| record.key == "near" && record.value.as_ref().unwrap().len() == 800_000));
}

pub(crate) async fn a_tombstone_and_headers_read_back_as_appended(logs: Logs) {
    let logs = with_topics(logs).await;
    let headers = vec![
        ("traceparent".to_owned(), Bytes::from_static(b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")),
        ("empty".to_owned(), Bytes::new()),
        ("binary".to_owned(), Bytes::from_static(&[0, 255, 10])),
    ];
    let tombstone = NewRecord { key: "person".into(), value: None, headers: headers.clone() };
    let empty = NewRecord { key: "person".into(), value: Some(Bytes::new()), headers: Vec::new() };
    append(&logs.one, Topic::Directory, vec![tombstone, empty]).await;
    let read = read_all(&logs.two, Topic::Directory).await;
    assert_eq!((read[0].value.clone(), read[0].headers.clone()), (None, headers));
    assert_eq!((read[1].value.clone(), read[1].headers.len()), (Some(Bytes::new()), 0));
}
