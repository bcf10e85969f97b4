//! Marks and what they tell: opened, taken back, in any order, however often.

use homeroom_bus::{Log as _, NewRecord, Topic};
use homeroom_domain::alert::ChangeKind::{self, Opened, Recalled};
use homeroom_domain::event::Change;
use homeroom_proto::dead_letter::{self, DeadLetter};

use crate::district::{day, mark, student};
use crate::world::{World, until};

fn today(kinds: &[ChangeKind]) -> Vec<(String, ChangeKind)> {
    kinds.iter().map(|kind| ("unexplained-absence".to_owned(), *kind)).collect()
}

#[tokio::test]
async fn an_absence_is_told_the_same_day_with_its_proof() {
    let (world, service) = World::start().await;
    let ada = student("ada");
    world.home.attends(ada, "1").await;
    world.home.absent(ada, day(12)).await;
    world.settled(&service).await;
    let alerts = world.alerts().await;
    let [alert] = alerts.as_slice() else { panic!("{alerts:?}") };
    assert_eq!((alert.kind, alert.number, alert.student), (Opened, 1, ada));
    assert_eq!((alert.school.as_str(), alert.claim.rule_version), ("1", 1));
    let proof = &alert.claim.proof;
    assert_eq!(proof.as_of, day(12));
    assert!(proof.explanation.contains("2021-09-21"), "{}", proof.explanation);
    assert!(proof.clears_when.contains("excuse"), "{}", proof.clears_when);
    let [fact] = proof.facts.as_slice() else { panic!("{:?}", proof.facts) };
    assert_eq!((fact.date, &*fact.what), (day(12), "unexcused absence, whole day"));
    assert!(alert.caused_at.is_some() && alert.district_time.to_string().starts_with("2021-09-21T10:"), "{alert:?}");
    world.exact(&service).await;
}

#[tokio::test]
async fn a_tardy_instead_of_the_absence_recalls_it_in_either_order() {
    let (world, service) = World::start().await;
    let (first, second) = (student("delete first"), student("post first"));
    for who in [first, second] {
        world.home.attends(who, "1").await;
        world.home.absent(who, day(12)).await;
    }
    world.settled(&service).await;
    world.home.unmark(first, day(12), "Unexcused Absence").await;
    world.settled(&service).await;
    world.home.mark(first, "1", day(12), "Tardy").await;
    world.home.mark(second, "1", day(12), "Tardy").await;
    world.settled(&service).await;
    world.home.unmark(second, day(12), "Unexcused Absence").await;
    world.exact(&service).await;
    assert_eq!(world.told(first).await, today(&[Opened, Recalled]));
    assert_eq!(world.told(second).await, today(&[Opened, Recalled]));
}

#[tokio::test]
async fn repeats_and_older_words_change_nothing() {
    let (world, service) = World::start().await;
    let ada = student("ada");
    world.home.attends(ada, "1").await;
    let older = world.home.word(ada, "mark", Change::Withdrawn);
    let newer = world.home.word(ada, "mark", Change::Recorded(mark("1", day(12), "Unexcused Absence")));
    for event in [&newer, &newer, &older, &newer, &older] {
        world.home.append(event).await;
        world.settled(&service).await;
    }
    world.exact(&service).await;
    assert_eq!(world.told(ada).await, today(&[Opened]));
    let letters = quarantined(&world, 2).await;
    assert!(letters.iter().all(|letter| letter.field == "$.revision"), "{letters:?}");
    assert_eq!(letters[0].district.as_ref(), Some(&world.home.id));
}

/// So many letters in quarantine.
async fn quarantined(world: &World, expected: usize) -> Vec<DeadLetter> {
    until("letters in quarantine", async || world.records(Topic::DeadLetters).await.len() >= expected).await;
    let records = world.records(Topic::DeadLetters).await;
    assert_eq!(records.len(), expected);
    records.iter().map(|record| dead_letter::decode(record.value.as_ref().unwrap()).unwrap()).collect()
}

/// The records once more, as from a source that was restored from a backup: at new offsets, from the first on.
#[tokio::test]
async fn everything_once_more_from_the_beginning_changes_nothing() {
    let (world, service) = World::start().await;
    for name in ["ada", "bea", "cyd", "dot"] {
        world.home.attends(student(name), "1").await;
        for n in 9..=12 {
            world.home.absent(student(name), day(n)).await;
        }
    }
    world.settled(&service).await;
    let (told, rows) = (world.alerts().await.len(), service.export(None).await);
    assert!(told >= 8, "{told}");
    let again = |it: homeroom_bus::Record| NewRecord { key: it.key, value: it.value, headers: it.headers };
    let records = world.records(Topic::Events).await.into_iter().map(again).collect();
    world.log.append(Topic::Events, records).await;
    world.exact(&service).await;
    assert_eq!(world.alerts().await.len(), told);
    assert_eq!(service.export(None).await, rows);
}

/// Partition, offset, problem, value and trace context.
type Letter = (i32, i64, String, Vec<u8>, Option<String>);

#[tokio::test]
async fn a_record_that_is_no_event_goes_to_dead_letters_and_stops_nothing() {
    let (world, service) = World::start().await;
    let ada = student("ada");
    world.home.attends(ada, "1").await;
    let trace = vec![("traceparent".to_owned(), "00-trace".into())];
    let spoilt = world.home.append_raw(&ada, "no event".into(), trace).await;
    let tombstone = NewRecord { key: homeroom_proto::key::events(&world.home.id, &ada), value: None, headers: vec![] };
    world.log.append(Topic::Events, vec![tombstone]).await.remove(0).unwrap();
    world.home.absent(ada, day(12)).await;
    world.exact(&service).await;
    assert_eq!(world.told(ada).await, today(&[Opened]));
    let letters: Vec<Letter> = sqlx::query_as(
        "select partition, event_offset, problem, value, traceparent from rules.dead_letters order by event_offset",
    )
    .fetch_all(&mut world.database.admin().await)
    .await
    .unwrap();
    assert_eq!(letters.len(), 2, "{letters:?}");
    let (partition, offset, problem, value, trace) = &letters[0];
    assert_eq!((*partition, *offset), (spoilt.partition.0, spoilt.offset.0));
    assert_eq!((value.as_slice(), trace.as_deref()), (&b"no event"[..], Some("00-trace")));
    assert!(problem.contains("Event"), "{problem}");
    let published = quarantined(&world, 2).await;
    let place = published[0].position.as_ref().map(|it| (it.topic.as_str(), it.partition, it.offset));
    assert_eq!(place, Some(("homeroom.events.v1", spoilt.partition.0, spoilt.offset.0)));
    assert!(published[0].detail.contains("Event"), "{published:?}");
}

const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// The trace context of the record that caused a change travels with it; whatever else is in that header does no harm.
#[tokio::test]
async fn the_trace_goes_on_to_the_alert_and_a_spoilt_one_is_dropped() {
    let (world, service) = World::start().await;
    for (name, trace) in [("ada", TRACE), ("bea", "00-\0-\n")] {
        world.home.attends(student(name), "1").await;
        let event = world.home.word(student(name), "mark", Change::Recorded(mark("1", day(12), "Unexcused Absence")));
        let headers = vec![("traceparent".to_owned(), trace.into())];
        world.home.append_raw(&student(name), homeroom_proto::event::encode(&event), headers).await;
    }
    world.settled(&service).await;
    let alerts = world.records(Topic::Alerts).await;
    let mut traces: Vec<_> = alerts.into_iter().map(|record| record.headers).collect();
    traces.sort();
    assert_eq!(traces, [vec![], vec![("traceparent".to_owned(), TRACE.into())]]);
    assert_eq!(world.count("select count(*) from rules.dead_letters").await, 0);
}
