//! A fault that is planted in what senders are told is seen by what is in the log, and nothing is seen without it.
//!
//! Run by itself, since the feature `mutants` opens the faults in everything that is built with it.

#![expect(clippy::unwrap_used, reason = "a step of a test that fails shall fail the test")]
#![expect(dead_code, reason = "the worlds are those of the service's other tests, which do more with them")]

#[path = "edfi/door.rs"]
mod door;
#[path = "edfi/gate.rs"]
mod gate;
#[path = "native/world.rs"]
mod world;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use homeroom_bus::{Appended, Error, Log, NewRecord, Topic};
use homeroom_domain::event::Event;
use homeroom_domain::id::StudentKey;
use homeroom_domain::ledger::Ledger;
use homeroom_domain::mutant::{Mutant, plant};
use homeroom_harness::{Behind, Between};
use homeroom_invariant::{Findings, Promise, ledger};
use homeroom_proto::event;
use serde_json::{Value, json};

use crate::world::{World, mark, memory_log};

const MARKS: &str = "ed-fi/studentSchoolAttendanceEvents";

/// A log behind it does not get every third record.
#[derive(Default)]
struct Leaky {
    /// The events that were handed over, in order.
    handed: Mutex<Vec<Event>>,
}

impl Leaky {
    /// Notes the record; whether it is kept.
    fn keeps(&self, record: &NewRecord) -> bool {
        let mut handed = self.handed.lock().unwrap();
        handed.push(event::decode(record.value.as_ref().unwrap()).unwrap());
        !handed.len().is_multiple_of(3)
    }
}

#[async_trait]
impl Between for Leaky {
    async fn append(&self, log: &dyn Log, topic: Topic, records: Vec<NewRecord>) -> Vec<Result<Appended, Error>> {
        let mut results = Vec::new();
        for record in records {
            if topic == Topic::Events && !self.keeps(&record) {
                results.push(Err(Error::Unavailable("the disk is full".to_owned())));
            } else {
                results.extend(log.append(topic, vec![record]).await);
            }
        }
        results
    }
}

/// Sends marks and corrections of them through the native door; the promises that the log breaks to who was told that they are kept.
async fn broken_by_the_native_door() -> Vec<Promise> {
    let log = Behind::new(Leaky::default(), memory_log().await);
    let world = World::with(Arc::new(log.clone()), |_| {}).await;
    let mut acknowledged = Vec::new();
    for code in ["Unexcused Absence", "Excused Absence", "Tardy"] {
        let marks: Vec<Value> =
            ["1", "2", "3", "4"].iter().map(|student| mark(student, &json!({ "code": code }))).collect();
        let answer = world.post_json(&Value::Array(marks)).await;
        let handed = log.between.handed.lock().unwrap();
        let words = handed[handed.len() - 4..].iter().zip(answer.outcomes());
        acknowledged.extend(words.filter(|(_, outcome)| *outcome == "accepted").map(|(word, _)| word.clone()));
    }
    assert!(!acknowledged.is_empty());

    let mut ledgers: BTreeMap<StudentKey, Ledger> = BTreeMap::new();
    for event in world.events().await {
        ledgers.entry(event.student).or_default().apply(&event.origin, &event.change);
    }
    let mut words: BTreeMap<StudentKey, Vec<_>> = BTreeMap::new();
    for event in acknowledged {
        words.entry(event.student).or_default().push((event.origin, event.change));
    }
    let mut findings = Findings::default();
    for (student, words) in words {
        ledger::check(&student.to_string(), &ledgers.remove(&student).unwrap_or_default(), words, &mut findings);
    }
    assert!(ledgers.is_empty(), "what nobody was told of is in the log");
    findings.iter().map(|violation| violation.promise).collect()
}

/// Sends documents through the Ed-Fi door, one of which the database does not take; the promises that the log breaks to who was
/// told that they are kept.
async fn broken_by_the_edfi_door() -> Vec<Promise> {
    let dates = ["2021-09-01", "2021-09-02", "2021-09-03"];
    // The same documents through a door with the same secret: what the log must hold of those that are acknowledged.
    let whole = door::door().await;
    let door = door::door().await;
    let refuse =
        "alter table ingestion.documents add constraint refused check (body->>'eventDate' <> '2021-09-02') not valid";
    door.execute(refuse).await;
    let mut acknowledged = Vec::new();
    for date in dates {
        let document = door::mark("Tardy", date);
        whole.post(MARKS, &document).await.expect(201);
        acknowledged.push(door.post(MARKS, &document).await.status.is_success());
    }
    let (words, kept) = (whole.events(dates.len()).await, door.events(dates.len() - 1).await);
    let in_log = |word: &Event| kept.iter().find(|event| event.origin.key == word.origin.key).unwrap_or(word).clone();
    let words = words.iter().zip(acknowledged).filter(|(_, acknowledged)| *acknowledged).map(|(word, _)| in_log(word));
    let mut ledger = Ledger::default();
    for event in &kept {
        ledger.apply(&event.origin, &event.change);
    }
    let mut findings = Findings::default();
    ledger::check("the student", &ledger, words.map(|event| (event.origin, event.change)), &mut findings);
    findings.iter().map(|violation| violation.promise).collect()
}

#[tokio::test]
async fn a_sender_that_is_told_that_its_record_is_kept_before_it_is() {
    assert_eq!(broken_by_the_native_door().await, []);
    let _planted = plant(Mutant::AckFirst);
    let broken = broken_by_the_native_door().await;
    assert!(broken.contains(&Promise::HighestRevision), "{broken:?}");
}

#[tokio::test]
async fn an_edfi_client_that_is_told_that_its_document_is_kept_before_it_is() {
    assert_eq!(broken_by_the_edfi_door().await, []);
    let _planted = plant(Mutant::AckFirst);
    let broken = broken_by_the_edfi_door().await;
    assert!(broken.contains(&Promise::HighestRevision), "{broken:?}");
}
