//! A fault that is planted in how deliveries leave is seen by what arrives, and nothing is seen without it.
//!
//! Run by itself, since the feature `mutants` opens the faults in everything that is built with it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(dead_code, reason = "the world is that of the service's other tests, which do more with it")]

#[path = "notification/adapter.rs"]
mod adapter;
#[path = "../src/sample.rs"]
mod sample;
#[path = "notification/world.rs"]
mod world;

use std::collections::BTreeMap;

use homeroom_domain::alert::AlertChange;
use homeroom_domain::alert::ChangeKind::Opened;
use homeroom_domain::id::{AlertId, RuleId};
use homeroom_domain::mutant::{Mutant, plant};
use homeroom_invariant::delivery::{Delivery, Outcome, State, Word, check};
use homeroom_invariant::{Beginning, Change, Findings, History, Promise};
use homeroom_proto::wire::notification as pb;
use uuid::Uuid;

use crate::adapter::Adapter;
use crate::world::{World, request};

/// Tells of an alert by an adapter whose first attempt arrives and ends unknown; the promises that what arrived breaks.
async fn broken() -> Vec<Promise> {
    let world = World::start().await;
    let mut adapter = world.adapter().await;
    let opened = world.change(1, 1, Opened);
    world.publish(&opened).await;
    let first = adapter.one().await;
    let hung = pb::settlement::Outcome::Unknown(pb::Unknown { reason: "hung".to_owned() });
    assert_eq!(adapter.settle(&first, hung).await, pb::Standing::Recorded);
    world.pass(600).await;
    let second = adapter.accept_one("alert.opened").await;
    world.until_states(&[(1, "accepted")]).await;

    let mut copies: BTreeMap<Uuid, u32> = BTreeMap::new();
    for arrived in [&first, &second] {
        *copies.entry(arrived.idempotency_key.parse().unwrap()).or_default() += 1;
    }
    let (alert, to) = (opened.alert_id, "team@example.org".to_owned());
    let counted = |(key, copies)| Word { alert, number: 1, kind: Opened, to: to.clone(), key, copies };
    let words: Vec<Word> = copies.into_iter().map(counted).collect();
    let deliveries = recorded(&world, alert, &to).await;

    let mut findings = Findings::default();
    let history = History::of_topic([Change::from(&opened)], Beginning::Whole, &mut findings);
    check(&Outcome { history: &history, words: &words, deliveries: &deliveries }, |_| vec![to.clone()], &mut findings);
    findings.iter().map(|violation| violation.promise).collect()
}

/// Tells of an alert that may wait for a case, once the student's case is closed, and of another one after it; the promises that what
/// arrived breaks.
async fn broken_after_a_case() -> Vec<Promise> {
    let world = World::start().await;
    let mut first = world.change(1, 1, Opened);
    first.claim.terms.quiet_while_case_open = true;
    let student: bytes::Bytes = first.student.as_bytes().to_vec().into();
    world.client().open_case(request("feed", pb::OpenCaseRequest { student: student.clone() })).await.unwrap();
    world.client().close_case(request("feed", pb::CloseCaseRequest { student })).await.unwrap();
    world.pass(1).await;
    let mut second = world.change(2, 1, Opened);
    second.claim.rule = RuleId::parse("another-rule").unwrap();
    world.publish_together(&[&first, &second]).await;
    world.until_count("deliveries where state = 'waiting'", 2).await;

    // One at a time, what was due first before the other.
    let mut adapter = Adapter::open(&world, "mail", 1).await;
    let to = "team@example.org".to_owned();
    let (mut words, mut deliveries, mut last) = (Vec::new(), Vec::new(), None);
    while last != Some(second.alert_id) {
        let told = adapter.accept_one("alert.opened").await;
        let text = &told.message.as_ref().unwrap().text;
        let is_of = |change: &&AlertChange| text.contains(&Uuid::from_bytes(*change.alert_id.as_bytes()).to_string());
        let alert = [&first, &second].into_iter().find(is_of).unwrap().alert_id;
        let key = told.idempotency_key.parse().unwrap();
        words.push(Word { alert, number: 1, kind: Opened, to: to.clone(), key, copies: 1 });
        deliveries.push(Delivery { key, alert, number: 1, to: to.clone(), state: State::Accepted, unknown: 0 });
        last = Some(alert);
    }
    let mut findings = Findings::default();
    let history = History::of_topic([&first, &second].map(Change::from), Beginning::Whole, &mut findings);
    let outcome = Outcome { history: &history, words: &words, deliveries: &deliveries };
    check(&outcome, |_| vec![to.clone()], &mut findings);
    findings.iter().map(|violation| violation.promise).collect()
}

/// What the service has of the deliveries, all of which were accepted.
async fn recorded(world: &World, alert: AlertId, to: &str) -> Vec<Delivery> {
    let unknown = world.count("attempts where outcome = 'unknown'").await;
    let deliveries = world.deliveries().await;
    assert_eq!((deliveries.len(), unknown), (1, 1), "one delivery, of which one attempt ended unknown");
    let of = |state: pb::DeliveryState| Delivery {
        key: state.delivery_id.parse().unwrap(),
        alert,
        number: state.change_number,
        to: to.to_owned(),
        state: State::Accepted,
        unknown: 1,
    };
    deliveries.into_iter().map(of).collect()
}

#[tokio::test]
async fn another_attempt_after_an_unknown_with_a_key_of_its_own() {
    assert_eq!(broken().await, []);
    let _planted = plant(Mutant::NewKeyAfterUnknown);
    assert_eq!(broken().await, [Promise::OneCopy]);
}

#[tokio::test]
async fn a_case_that_was_closed_and_still_holds_what_may_wait_for_one() {
    assert_eq!(broken_after_a_case().await, []);
    let _planted = plant(Mutant::ClosedCaseHolds);
    assert_eq!(broken_after_a_case().await, [Promise::StandingTold]);
}
