//! Late news: told within the hours of a school day.

use homeroom_domain::alert::AlertChange;
use homeroom_domain::alert::ChangeKind::{Amended, Escalated, Opened};
use homeroom_domain::date::Date;

use crate::world::World;

/// An opening that was decided on a Wednesday at ten in the evening, of what was so in March.
fn late(world: &World, alert: u8) -> AlertChange {
    let mut opened = world.change(alert, 1, Opened);
    opened.claim.settle_seconds = 0;
    opened.late_since = Date::parse("2022-03-04");
    opened.district_time = jiff::civil::date(2022, 4, 13).at(22, 0, 0, 0);
    opened
}

#[tokio::test]
async fn late_news_of_the_evening_waits_for_the_morning_and_news_does_not() {
    let world = World::start().await;
    world.publish(&late(&world, 1)).await;
    let news = AlertChange { late_since: None, ..late(&world, 2) };
    world.publish(&news).await;
    let mut adapter = world.adapter().await;
    let first = adapter.accept_one("alert.opened").await;
    assert!(first.message.unwrap().text.contains(&uuid::Uuid::from_bytes([2; 16]).to_string()));
    world.until_states(&[(1, "waiting"), (1, "accepted")]).await;
    drop(adapter);
    world.pass(9 * 3_600).await;
    let mut adapter = world.adapter().await;
    let second = adapter.accept_one("alert.opened").await;
    assert!(second.message.unwrap().subject.starts_with("Late news: "));
}

#[tokio::test]
async fn what_rises_today_does_not_wait_with_the_late_news_before_it() {
    let world = World::start().await;
    world.publish(&late(&world, 1)).await;
    world.until_states(&[(1, "waiting")]).await;
    let risen = AlertChange { number: 2, kind: Escalated, late_since: None, ..late(&world, 1) };
    world.publish(&risen).await;
    let mut adapter = world.adapter().await;
    let told = adapter.accept_one("alert.opened").await;
    assert!(!told.message.unwrap().subject.contains("Late news"), "it says what has risen");
}

#[tokio::test]
async fn late_news_that_was_corrected_while_it_waited_still_says_that_it_is() {
    let world = World::start().await;
    world.publish(&late(&world, 1)).await;
    world.until_states(&[(1, "waiting")]).await;
    let corrected = |number, kind| AlertChange { number, kind, late_since: None, ..late(&world, 1) };
    world.publish(&corrected(2, Amended)).await;
    world.until_count("deliveries where content_number = 2", 1).await;
    world.pass(9 * 3_600).await;
    let mut adapter = world.adapter().await;
    let told = adapter.accept_one("alert.opened").await.message.unwrap();
    assert!(told.subject.starts_with("Late news: "), "{}", told.subject);
    let data = String::from_utf8_lossy(&told.data);
    assert!(data.contains(r#""late_since":"2022-03-04""#), "{data}");
    world.until_states(&[(1, "accepted")]).await;
    // Once more, the evening after.
    world.publish(&corrected(3, Amended)).await;
    world.until_states(&[(1, "accepted"), (3, "waiting")]).await;
    let due = "deliveries where change_number = 3 and due_at = notification.clock() + interval '9 hours'";
    assert_eq!(world.count(due).await, 1);
}
