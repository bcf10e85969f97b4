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

use homeroom_domain::alert::ChangeKind::Opened;
use homeroom_domain::id::AlertId;
use homeroom_domain::mutant::{Mutant, plant};
use homeroom_invariant::delivery::{Delivery, Outcome, State, Word, check};
use homeroom_invariant::{Beginning, Change, Findings, History, Promise};
use homeroom_proto::wire::notification as pb;
use uuid::Uuid;

use crate::world::World;

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
