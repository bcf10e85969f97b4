//! The outbox is published in order, bounded, and survives what breaks around it.

use std::collections::BTreeSet;

use homeroom_bus::Topic;
use homeroom_ingestion::config::Limits;
use homeroom_ingestion::{Config, SCHEMA};
use serde_json::json;

use crate::door::{Door, SOON, door, door_with, mark, school};
use crate::gate::Mood;

const MARKS: &str = "ed-fi/studentSchoolAttendanceEvents";

#[tokio::test]
async fn what_is_kept_while_the_log_is_away_is_published_in_order_when_it_is_back() {
    let door = door().await;
    door.log.between.set(Mood::Away);
    for day in 1..=20 {
        door.post(MARKS, &mark("Tardy", &format!("2021-09-{day:02}"))).await.expect(201);
    }
    assert_eq!(door.outbox_rows().await, 20);
    door.log.between.set(Mood::Open);
    let events = door.events(20).await;
    assert!(events.windows(2).all(|pair| pair[0].origin.revision < pair[1].origin.revision));
    door.outbox_is(0).await;
}

#[tokio::test]
async fn a_crash_between_publishing_and_deleting_repeats_the_record_with_the_same_revision() {
    let door = door().await;
    door.log.between.set(Mood::Silent);
    door.post(MARKS, &mark("Tardy", "2021-08-31")).await.expect(201);
    door.events(1).await;
    assert_eq!(door.outbox_rows().await, 1);
    let log = door.log.clone();
    let door = door.restarted().await;
    log.between.set(Mood::Open);
    door.outbox_is(0).await;
    let events = door.events(2).await;
    // The process after may have begun before the log answered, and then there is one more.
    assert!(events.iter().all(|event| *event == events[0]), "{events:?}");
    door.post(MARKS, &mark("Tardy", "2021-09-01")).await.expect(201);
    door.outbox_is(0).await;
    assert_eq!(door.events(events.len() + 1).await.len(), events.len() + 1);
}

#[tokio::test]
async fn the_relay_keeps_its_lease_while_the_log_is_slow() {
    let door = door().await;
    door.log.between.set(Mood::Silent);
    door.post("ed-fi/schools", &school(1)).await.expect(201);
    door.records(Topic::Reference, 1).await;
    let first = door.lease_ends_at().await;
    let deadline = tokio::time::Instant::now() + SOON;
    while door.lease_ends_at().await == first {
        assert!(tokio::time::Instant::now() < deadline, "another process would publish the same rows in between");
    }
}

#[tokio::test]
async fn documents_and_versions_outlive_the_process() {
    let door = door().await;
    let path = door.post(MARKS, &mark("Tardy", "2021-08-31")).await.expect(201).location();
    // Else the next process may publish it once more.
    door.outbox_is(0).await;
    let door = door.restarted().await;
    assert_eq!(door.post(MARKS, &mark("Tardy", "2021-08-31")).await.expect(200).location(), path);
    door.delete(&path).await.expect(204);
    let events = door.events(2).await;
    assert!(events[0].origin.revision < events[1].origin.revision);
}

#[tokio::test]
async fn what_is_written_after_a_restore_is_later_than_what_the_log_had_before() {
    let door = door().await;
    let lasting = |share: f64| {
        let mut mark = mark("Tardy", "2021-08-31");
        mark["eventDuration"] = json!(share);
        mark
    };
    door.post(MARKS, &lasting(0.1)).await.expect(201);
    for table in ["documents", "change_versions"] {
        door.execute(&format!("create table ingestion.{table}_backup as table ingestion.{table}")).await;
    }
    for share in [0.2, 0.3, 0.4] {
        door.post(MARKS, &lasting(share)).await.expect(200);
    }
    let before = door.events(4).await;
    // Else the next process may publish one once more.
    door.outbox_is(0).await;
    for table in ["documents", "change_versions"] {
        let restore =
            format!("truncate ingestion.{table}; insert into ingestion.{table} table ingestion.{table}_backup");
        door.execute(&restore).await;
    }
    let door = door.restarted().await;
    door.post(MARKS, &lasting(0.5)).await.expect(200);
    let after = door.events(5).await;
    let highest = before.iter().map(|event| event.origin.revision).max().unwrap();
    assert!(after[4].origin.revision > highest, "readers would drop it as outdated");
}

#[tokio::test]
async fn a_full_outbox_makes_senders_wait_and_nothing_is_lost() {
    let door = door_with(Limits { outbox_rows: 3, ..Limits::default() }).await;
    door.log.between.set(Mood::Away);
    for id in 1..=3 {
        // What is added while the outbox is measured counts twice until it is measured again, so a door may close too early.
        taken(&door, id).await;
    }
    let full = door.post("ed-fi/schools", &school(4)).await.expect(503);
    assert_eq!(full.header("retry-after"), "5");
    assert_eq!(full.json()["errors"], json!(["Too many records wait to be published."]));
    door.get("ed-fi/schools?schoolId=4").await.expect(200);
    door.log.between.set(Mood::Open);
    door.records(Topic::Reference, 3).await;
    door.outbox_is(0).await;
    taken(&door, 4).await;
    assert_eq!(door.records(Topic::Reference, 4).await.len(), 4);
}

/// Sends a school until it is taken.
async fn taken(door: &Door, id: i64) {
    let deadline = tokio::time::Instant::now() + SOON;
    loop {
        let answer = door.post("ed-fi/schools", &school(id)).await;
        if answer.status == 201 {
            return;
        }
        let full = answer.expect(503);
        assert!(tokio::time::Instant::now() < deadline, "the door never opens again: {}", full.json());
        // A door that refuses waits for nothing: whoever only asks again would leave no thread to whoever measures.
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_stopping_door_answers_what_it_has_and_takes_no_more() {
    let door = door().await;
    let bodies: Vec<_> = (1..=50).map(school).collect();
    let answers = futures_util::future::join_all(bodies.iter().map(|body| door.post("ed-fi/schools", body))).await;
    assert!(answers.iter().all(|answer| answer.status == 201));
    let door = door.restarted().await;
    assert_eq!(door.get("ed-fi/schools?limit=0&totalCount=true").await.header("total-count"), "50");
    door.outbox_is(0).await;
    let records = door.records(Topic::Reference, 50).await;
    // What was published just before the stop may be there twice.
    let distinct: BTreeSet<_> = records.iter().map(|record| record.key.clone()).collect();
    assert_eq!(distinct.len(), 50);
}

#[tokio::test]
async fn after_a_restore_a_document_is_published_again_once_though_it_says_nothing_new() {
    let door = door().await;
    let path = door.post(MARKS, &mark("Tardy", "2021-08-31")).await.expect(201).location();
    door.events(1).await;
    let config = Config { database: door.database.config(&SCHEMA), ..Config::default() };
    homeroom_ingestion::restored(&config).await.unwrap();
    for _ in 0..2 {
        assert_eq!(door.post(MARKS, &mark("Tardy", "2021-08-31")).await.expect(200).location(), path);
    }
    door.post(MARKS, &mark("Tardy", "2021-09-01")).await.expect(201);
    let events = door.events(3).await;
    assert_eq!(events.len(), 3);
    assert_eq!(events[0].origin.key, events[1].origin.key);
    assert!(events[0].origin.revision < events[1].origin.revision);
    assert_ne!(events[1].origin.key, events[2].origin.key);
}
