//! A team in reserve is told of what nobody has acknowledged in time.

use homeroom_domain::alert::ChangeKind::{Amended, Escalated, Opened, Recalled};
use homeroom_proto::wire::notification as pb;
use tonic::Code;
use uuid::Uuid;

use crate::adapter::{Adapter, retry};
use crate::world::{TEAM, World, request};

/// The principal hears of it after four hours.
async fn world() -> World {
    let reserve = "  - name: Principal\n    district: grand-bend\n    schools: [\"*\"]\n    unless-acknowledged-within-minutes: 240\n    \
                   channels:\n      - mail: principal@example.org\n";
    World::start_with(&format!("{TEAM}{reserve}"), |_| {}).await
}

const HOURS: i64 = 3_600;

async fn acknowledge(world: &World, key: &str, alert: u8) -> Result<pb::AcknowledgeResponse, tonic::Status> {
    acknowledge_seen(world, key, alert, None).await
}

async fn acknowledge_seen(
    world: &World,
    key: &str,
    alert: u8,
    change_number: Option<u32>,
) -> Result<pb::AcknowledgeResponse, tonic::Status> {
    let message = pb::AcknowledgeRequest { alert_id: Uuid::from_bytes([alert; 16]).to_string(), change_number };
    world.client().acknowledge(request(key, message)).await.map(tonic::Response::into_inner)
}

fn to(delivery: &pb::Delivery) -> String {
    delivery.to.clone().unwrap().address
}

/// Takes the next delivery, which must be of this kind, and accepts it.
async fn accept(adapter: &mut Adapter, kind: &str) -> pb::Delivery {
    let delivery = adapter.some().await;
    assert_eq!(delivery.message.as_ref().unwrap().kind, kind);
    adapter.accept(&delivery).await;
    delivery
}

#[tokio::test]
async fn a_team_in_reserve_is_told_of_what_nobody_acknowledged_and_of_its_end() {
    let world = world().await;
    world.publish(&world.change(1, 1, Opened)).await;
    let mut adapter = world.adapter().await;
    assert_eq!(to(&accept(&mut adapter, "alert.opened").await), "team@example.org");
    world.until_states(&[(1, "waiting"), (1, "accepted")]).await;
    drop(adapter);
    // What waits is a row, and no process's.
    let world = world.restart().await;
    world.pass(4 * HOURS).await;
    let mut adapter = world.adapter().await;
    let told = accept(&mut adapter, "alert.opened").await;
    assert_eq!(to(&told), "principal@example.org");
    let text = told.message.unwrap().text;
    assert!(text.contains("Nobody had acknowledged it 240 minutes after"), "{text}");
    world.publish(&world.change(1, 2, Recalled)).await;
    let mut recalled =
        [to(&accept(&mut adapter, "alert.recalled").await), to(&accept(&mut adapter, "alert.recalled").await)];
    recalled.sort();
    assert_eq!(recalled, ["principal@example.org", "team@example.org"]);
}

#[tokio::test]
async fn what_somebody_has_acknowledged_is_not_told_to_the_reserve_until_it_rises() {
    let world = world().await;
    world.publish(&world.change(1, 1, Opened)).await;
    let mut adapter = world.adapter().await;
    accept(&mut adapter, "alert.opened").await;
    let first = acknowledge(&world, "feed", 1).await.unwrap();
    assert_eq!((first.change_number, first.acknowledged_by.as_str()), (1, "feed"));
    world.until_states(&[(1, "cancelled"), (1, "accepted")]).await;
    assert_eq!(acknowledge(&world, "mail", 1).await.unwrap(), first, "whoever was first stays");
    world.pass(5 * HOURS).await;
    world.publish(&world.change(1, 2, Escalated)).await;
    assert_eq!(to(&accept(&mut adapter, "alert.escalated").await), "team@example.org");
    world.until_states(&[(1, "cancelled"), (1, "accepted"), (2, "accepted"), (2, "waiting")]).await;
    world.pass(4 * HOURS).await;
    assert_eq!(to(&accept(&mut adapter, "alert.escalated").await), "principal@example.org");
    assert_eq!(acknowledge(&world, "mail", 1).await.unwrap().acknowledged_by, "mail");
}

#[tokio::test]
async fn what_is_under_way_to_the_reserve_is_not_tried_again_once_somebody_has_acknowledged() {
    let world = world().await;
    world.publish(&world.change(1, 1, Opened)).await;
    let mut adapter = world.adapter().await;
    accept(&mut adapter, "alert.opened").await;
    world.pass(4 * HOURS).await;
    let under_way = adapter.one().await;
    acknowledge(&world, "feed", 1).await.unwrap();
    // The rise comes while it is not known whether the reserve was told.
    world.publish(&world.change(1, 2, Escalated)).await;
    assert_eq!(to(&accept(&mut adapter, "alert.escalated").await), "team@example.org");
    world.until_states(&[(1, "accepted"), (1, "leased"), (2, "accepted"), (2, "due")]).await;
    assert_eq!(adapter.settle(&under_way, retry()).await, pb::Standing::Recorded);
    // Nobody misses it, so it is not given up; and of the rise others have their time to take it up.
    world.until_states(&[(1, "accepted"), (1, "cancelled"), (2, "accepted"), (2, "waiting")]).await;
    world.pass(4 * HOURS).await;
    assert_eq!(to(&accept(&mut adapter, "alert.escalated").await), "principal@example.org");
}

#[tokio::test]
async fn an_acknowledgement_of_what_was_seen_leaves_a_rise_since_as_it_is() {
    let world = world().await;
    world.publish(&world.change(1, 1, Opened)).await;
    let mut adapter = world.adapter().await;
    accept(&mut adapter, "alert.opened").await;
    world.publish(&world.change(1, 2, Escalated)).await;
    accept(&mut adapter, "alert.escalated").await;
    let crossed = acknowledge_seen(&world, "feed", 1, Some(1)).await.unwrap_err();
    assert_eq!(crossed.code(), Code::FailedPrecondition);
    assert!(crossed.message().contains("change 2"), "{crossed}");
    assert_eq!(world.count("alerts where acknowledged_number is not null").await, 0);
    world.until_states(&[(1, "accepted"), (1, "waiting"), (2, "accepted")]).await;
    world.publish(&world.change(1, 3, Amended)).await;
    accept(&mut adapter, "alert.amended").await;
    // A correction is no rise.
    assert_eq!(acknowledge_seen(&world, "feed", 1, Some(2)).await.unwrap().change_number, 3);
    world.until_states(&[(1, "accepted"), (1, "cancelled"), (2, "accepted"), (3, "accepted")]).await;
}

#[tokio::test]
async fn only_an_open_alert_of_the_district_is_acknowledged() {
    let world = world().await;
    world.publish(&world.change(1, 1, Opened)).await;
    world.until_count("alerts", 1).await;
    let code = |answer: Result<pb::AcknowledgeResponse, tonic::Status>| answer.unwrap_err().code();
    assert_eq!(code(acknowledge(&world, "feed", 2).await), Code::NotFound);
    assert_eq!(code(acknowledge(&world, "elsewhere", 1).await), Code::NotFound);
    assert_eq!(code(acknowledge(&world, "reader", 1).await), Code::PermissionDenied);
    world.publish(&world.change(1, 2, Recalled)).await;
    world.until_count("alerts where state = 'recalled'", 1).await;
    assert_eq!(code(acknowledge(&world, "feed", 1).await), Code::FailedPrecondition);
}

#[tokio::test]
async fn that_somebody_acted_is_counted_once_and_by_how_soon() {
    homeroom_chassis::telemetry::install_metrics();
    let world = world().await;
    // Of this crate's tests no other waits so long before somebody acts.
    let later = "homeroom_notification_alerts_acknowledged_total{within=\"later\"}";
    let counted = || {
        homeroom_chassis::telemetry::metrics_text()
            .lines()
            .find_map(|line| line.strip_prefix(later)?.trim().parse::<u64>().ok())
    };
    assert_eq!(counted(), Some(0), "an increase begins at what was there before");
    world.publish(&world.change(1, 1, Opened)).await;
    world.until_count("alerts", 1).await;
    world.pass(30 * HOURS).await;
    acknowledge(&world, "feed", 1).await.unwrap();
    acknowledge(&world, "feed", 1).await.unwrap();
    assert_eq!(counted(), Some(1));
    // What has risen is asked for anew, and its time begins then.
    world.publish(&world.change(1, 2, Escalated)).await;
    world.until_count("alerts where last_number = 2", 1).await;
    acknowledge(&world, "feed", 1).await.unwrap();
    assert_eq!(counted(), Some(1));
    // Of what is not known to have opened nobody can say how soon it was.
    world.publish(&world.change(2, 3, Amended)).await;
    world.until_count("alerts", 2).await;
    world.pass(30 * HOURS).await;
    acknowledge(&world, "feed", 2).await.unwrap();
    assert_eq!(counted(), Some(1));
}
