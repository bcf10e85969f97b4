//! Nobody is told before the time of day that the rule gives.

use homeroom_domain::alert::AlertChange;
use homeroom_domain::alert::ChangeKind::{Opened, Recalled};

use crate::world::World;

/// An opening of eight in the morning, which settles for ten minutes and is told from half past nine on.
fn early(world: &World, alert: u8) -> AlertChange {
    let mut opened = world.change(alert, 1, Opened);
    opened.claim.settle_seconds = 600;
    opened.claim.terms.cutoff_minute = Some(9 * 60 + 30);
    opened.district_time = jiff::civil::date(2022, 4, 13).at(8, 0, 0, 0);
    opened
}

#[tokio::test]
async fn who_walks_in_before_the_cutoff_is_nobodys_message_and_who_does_not_is_told_of_then() {
    let world = World::start().await;
    let (here, away) = (early(&world, 1), early(&world, 2));
    world.publish_together(&[&here, &away]).await;
    world.until_states(&[(1, "waiting")]).await;
    world.pass(80 * 60).await;
    world.publish(&world.change(1, 2, Recalled)).await;
    world.until_states(&[(1, "waiting"), (1, "cancelled")]).await;
    // What waits is a row, and no process's.
    let world = world.restart().await;
    let due = "deliveries where state = 'waiting' and due_at = notification.clock() + interval '10 minutes'";
    assert_eq!(world.count(due).await, 1);
    world.pass(10 * 60).await;
    let mut adapter = world.adapter().await;
    let told = adapter.accept_one("alert.opened").await;
    assert!(told.message.unwrap().text.contains(&uuid::Uuid::from_bytes([2; 16]).to_string()));
    world.until_states(&[(1, "accepted"), (1, "cancelled")]).await;
}

#[tokio::test]
async fn what_opens_behind_the_cutoff_waits_for_a_correction_alone() {
    let world = World::start().await;
    let noon = jiff::civil::date(2022, 4, 13).at(12, 0, 0, 0);
    world.publish(&AlertChange { district_time: noon, ..early(&world, 1) }).await;
    world.until_count("deliveries where due_at = notification.clock() + interval '10 minutes'", 1).await;
}
