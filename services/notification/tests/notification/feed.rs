//! Leases, settlements and limits of the feed.

use std::collections::BTreeSet;

use homeroom_domain::alert::ChangeKind::Opened;
use homeroom_proto::wire::notification as pb;
use pb::stream_response::Frame as Out;
use tonic::Code;

use crate::adapter::{Adapter, accepted, hello, retry, settlement};
use crate::world::{SOON, TEAM, World, request};

#[tokio::test]
async fn a_lease_that_ends_counts_as_unknown_and_the_same_key_is_sent_again() {
    let world = World::start().await;
    let mut adapter = world.adapter().await;
    world.publish(&world.change(1, 1, Opened)).await;
    let first = adapter.one().await;
    assert!(!first.maybe_sent_before);
    // The lease ends, and then the pause after a first attempt.
    world.pass(61).await;
    world.until_states(&[(1, "waiting")]).await;
    world.pass(10).await;
    let second = adapter.one().await;
    assert_eq!((&first.delivery_id, &first.idempotency_key), (&second.delivery_id, &second.idempotency_key));
    assert_eq!((second.attempt, second.maybe_sent_before), (2, true));
    assert_ne!(first.lease_token, second.lease_token);
    adapter.accept(&second).await;
}

#[tokio::test]
async fn a_late_acceptance_stops_resends_and_anything_else_late_is_refused() {
    let world = World::start().await;
    let mut adapter = world.adapter().await;
    world.publish(&world.change(1, 1, Opened)).await;
    let first = adapter.one().await;
    world.pass(61).await;
    world.until_states(&[(1, "waiting")]).await;
    assert_eq!(adapter.settle(&first, retry()).await, pb::Standing::Stale);
    world.until_states(&[(1, "waiting")]).await;
    assert_eq!(adapter.settle(&first, accepted()).await, pb::Standing::Stale);
    world.until_states(&[(1, "accepted")]).await;
    world.pass(3_600).await;
    // Nothing is sent again: the next delivery is another alert's.
    world.publish(&world.change(2, 1, Opened)).await;
    let next = adapter.one().await;
    assert_ne!(next.delivery_id, first.delivery_id);
}

#[tokio::test]
async fn a_settlement_may_come_outside_the_stream_and_twice() {
    let world = World::start().await;
    let mut adapter = world.adapter().await;
    world.publish(&world.change(1, 1, Opened)).await;
    let delivery = adapter.one().await;
    for _ in 0..2 {
        assert_eq!(world.settle(settlement(&delivery, accepted())).await, pb::Standing::Recorded);
    }
    let mut other = settlement(&delivery, accepted());
    other.lease_token = vec![0; 16].into();
    assert_eq!(world.settle(other.clone()).await, pb::Standing::NotFound);
    other.delivery_id = uuid::Uuid::nil().to_string();
    assert_eq!(world.settle(other).await, pb::Standing::NotFound);
}

#[tokio::test]
async fn an_adapter_never_has_more_than_it_asked_for_and_adapters_share_a_channel() {
    let world = World::start().await;
    for alert in 1..=5 {
        world.publish(&world.change(alert, 1, Opened)).await;
    }
    let mut one = Adapter::open(&world, "mail", 2).await;
    let held = one.take(2).await;
    let mut other = Adapter::open(&world, "mail", 3).await;
    let others = other.take(3).await;
    let all: BTreeSet<_> = held.iter().chain(&others).map(|delivery| &delivery.delivery_id).collect();
    assert_eq!(all.len(), 5);
    world.publish(&world.change(6, 1, Opened)).await;
    world.until_states(&[(1, "leased"), (1, "due")]).await;
    one.accept(&held[0]).await;
    one.one().await;
}

#[tokio::test]
async fn a_stopping_server_says_so_and_takes_the_last_settlements() {
    let world = World::start().await;
    let mut adapter = world.adapter().await;
    world.publish(&world.change(1, 1, Opened)).await;
    let delivery = adapter.one().await;
    world.tasks.stop();
    assert!(matches!(adapter.next().await.unwrap(), Some(Out::GoAway(_))));
    adapter.accept(&delivery).await;
    assert!(adapter.next().await.unwrap().is_none());
    tokio::time::timeout(SOON, world.tasks.drained()).await.expect("it drains");
    assert_eq!(world.tasks.failure(), None);
}

#[tokio::test]
async fn a_key_sees_its_district_only_and_needs_the_scope() {
    let world = World::start().await;
    world.publish(&world.change(1, 1, Opened)).await;
    world.until_states(&[(1, "due")]).await;
    let view = |key| {
        let mut client = world.client();
        async move {
            client.get_deliveries(request(key, pb::GetDeliveriesRequest { alert_id: String::new(), limit: 0 })).await
        }
    };
    assert!(view("elsewhere").await.unwrap().into_inner().deliveries.is_empty());
    assert_eq!(view("reader").await.unwrap_err().code(), Code::PermissionDenied);
    assert_eq!(view("nobody").await.unwrap_err().code(), Code::Unauthenticated);
    let delivery = world.adapter().await.one().await;
    let settle = pb::SettleRequest { settlement: Some(settlement(&delivery, accepted())) };
    let standing =
        world.client().settle(request("elsewhere", settle)).await.unwrap().into_inner().result.unwrap().standing();
    assert_eq!(standing, pb::Standing::NotFound);
    homeroom_harness::assert_row_level_security(&world.database.admin_url()).await;
}

#[tokio::test]
async fn a_wrong_hello_is_refused_with_the_reason() {
    let world = World::start().await;
    let refused = Adapter::open_as(&world, "feed", "mail", 0).await.err().unwrap();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert!(refused.message().contains("max_outstanding"), "{}", refused.message());
}

#[tokio::test]
async fn what_is_settled_outside_the_stream_makes_room_on_it_at_once() {
    // Nothing but the settlement makes the stream look again.
    let world = World::start_with(TEAM, |config| config.feed.poll_ms = 3_600_000).await;
    let mut adapter = Adapter::open(&world, "mail", 1).await;
    world.publish_together(&[&world.change(1, 1, Opened), &world.change(2, 1, Opened)]).await;
    let first = adapter.one().await;
    // A lease that nobody has gives nothing back.
    let mut wrong = settlement(&first, accepted());
    wrong.lease_token = vec![0; 16].into();
    assert_eq!(world.settle(wrong).await, pb::Standing::NotFound);
    assert_eq!(world.settle(settlement(&first, accepted())).await, pb::Standing::Recorded);
    let second = adapter.one().await;
    assert_ne!(first.delivery_id, second.delivery_id);
    adapter.accept(&second).await;
}

#[tokio::test]
async fn what_another_process_settles_makes_room_too() {
    let world = World::start().await;
    let mut adapter = Adapter::open(&world, "mail", 1).await;
    world.publish_together(&[&world.change(1, 1, Opened), &world.change(2, 1, Opened)]).await;
    let first = adapter.one().await;
    let other = world.another().await;
    assert_eq!(other.settle(settlement(&first, accepted())).await, pb::Standing::Recorded);
    let second = adapter.one().await;
    assert_ne!(first.delivery_id, second.delivery_id);
}

#[tokio::test]
async fn settlements_in_one_frame_are_each_answered() {
    let world = World::start().await;
    let mut adapter = world.adapter().await;
    for alert in 1..=3 {
        world.publish(&world.change(alert, 1, Opened)).await;
    }
    let held = adapter.take(3).await;
    let mut wrong = settlement(&held[2], accepted());
    wrong.lease_token = vec![0; 16].into();
    let settlements = vec![settlement(&held[0], accepted()), settlement(&held[1], retry()), wrong];
    let results = adapter.settle_together(settlements).await;
    let standing = |at: usize| results.iter().find(|(id, _)| *id == held[at].delivery_id).unwrap().1;
    assert_eq!([0, 1, 2].map(standing), [pb::Standing::Recorded, pb::Standing::Recorded, pb::Standing::NotFound]);
    adapter.accept(&held[2]).await;
    world.until_states(&[(1, "accepted"), (1, "waiting")]).await;
}

#[tokio::test]
async fn what_an_adapter_says_last_is_recorded_although_it_has_left() {
    let world = World::start().await;
    let mut adapter = world.adapter().await;
    for alert in 1..=10 {
        world.publish(&world.change(alert, 1, Opened)).await;
    }
    let held = adapter.take(10).await;
    for delivery in &held {
        adapter.say(settlement(delivery, accepted())).await;
    }
    adapter.leave().await;
    assert_eq!(world.count("deliveries where state = 'accepted'").await, 10);
}

#[tokio::test]
async fn a_key_that_names_its_channels_takes_settles_and_sees_no_others() {
    let world = World::start_with(BOTH, |_| {}).await;
    world.publish(&world.change(1, 1, Opened)).await;
    world.until_count("deliveries", 2).await;
    let refused = Adapter::open_as(&world, "mail", "webhook", 10).await.err().unwrap();
    assert_eq!(refused.code(), Code::PermissionDenied);
    let mut mail = Adapter::open_as(&world, "mail", "mail", 10).await.unwrap();
    mail.accept_one("alert.opened").await;
    let webhook = Adapter::open(&world, "webhook", 10).await.one().await;
    let settle = pb::SettleRequest { settlement: Some(settlement(&webhook, accepted())) };
    let standing =
        world.client().settle(request("mail", settle)).await.unwrap().into_inner().result.unwrap().standing();
    assert_eq!(standing, pb::Standing::NotFound);
    let view = pb::GetDeliveriesRequest { alert_id: String::new(), limit: 0 };
    let seen = world.client().get_deliveries(request("mail", view)).await.unwrap().into_inner().deliveries;
    assert_eq!(seen.iter().map(|delivery| delivery.channel.as_str()).collect::<Vec<_>>(), ["mail"]);
}

const BOTH: &str = r#"
teams:
  - name: Team
    district: grand-bend
    schools: ["*"]
    channels:
      - mail: team@example.org
      - webhook: https://example.org/in
"#;

#[tokio::test]
async fn a_key_has_so_many_streams_and_a_place_that_is_left_is_free() {
    let world = World::start_with(TEAM, |config| config.feed.most_streams_per_key = 1).await;
    let first = world.adapter().await;
    let refused = Adapter::connect(&world, "feed", hello("mail", 10)).await.err().unwrap();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert!(refused.message().contains("the key has 1 streams"), "{}", refused.message());
    Adapter::open_as(&world, "mail", "mail", 10).await.unwrap();
    first.leave().await;
    let again = async { while Adapter::open_as(&world, "feed", "mail", 10).await.is_err() {} };
    tokio::time::timeout(SOON, again).await.expect("the place is free");
}

#[tokio::test]
async fn a_view_has_bounds_and_calls_of_a_key_have_so_much_time() {
    let world = World::start().await;
    world.publish(&world.change(1, 1, Opened)).await;
    world.until_states(&[(1, "due")]).await;
    let view = |key, limit| {
        let request = request(key, pb::GetDeliveriesRequest { alert_id: String::new(), limit });
        async { world.client().get_deliveries(request).await }
    };
    assert_eq!(view("feed", 501).await.unwrap_err().code(), Code::InvalidArgument);
    for limit in [0, 1, 500] {
        assert_eq!(view("feed", limit).await.unwrap().into_inner().deliveries.len(), 1);
    }
    let mut holder = world.database.admin().await;
    sqlx::raw_sql("begin; lock table notification.deliveries").execute(&mut holder).await.unwrap();
    let settlement = pb::Settlement {
        delivery_id: uuid::Uuid::nil().to_string(),
        lease_token: vec![0; 16].into(),
        outcome: Some(pb::settlement::Outcome::Accepted(pb::Accepted::default())),
    };
    let settle = request("hasty", pb::SettleRequest { settlement: Some(settlement) });
    let mut client = world.client();
    let (seen, settled) = tokio::join!(view("hasty", 0), client.settle(settle));
    for refused in [seen.unwrap_err(), settled.unwrap_err()] {
        assert_eq!((refused.code(), refused.message()), (Code::DeadlineExceeded, "requests of this key may take 1 s"));
    }
}
