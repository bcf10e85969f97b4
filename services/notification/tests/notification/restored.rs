//! The database as it was some time ago, and the log and the outside world ahead of it.

use homeroom_domain::alert::ChangeKind::{Opened, Recalled};
use homeroom_notification::restored;
use homeroom_proto::wire::notification as pb;
use tonic::{Code, Status};

use crate::watch::{next, watch};
use crate::world::{World, request};

const TABLES: [&str; 8] =
    ["inbox", "dead_letters", "districts", "feed_positions", "alerts", "alert_changes", "deliveries", "attempts"];

async fn run(world: &World, sql: String) {
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut world.database.admin().await).await.unwrap();
}

async fn back_up(world: &World) {
    let copy = |table: &str| format!("create table backup.{table} as table notification.{table};");
    run(world, format!("create schema backup; {}", TABLES.map(copy).concat())).await;
}

/// Puts the rows of the backup in the place of those that are there.
async fn put_back(world: &World) {
    let put = |table: &str| {
        format!("delete from notification.{table}; insert into notification.{table} table backup.{table};")
    };
    run(world, TABLES.map(put).concat()).await;
}

/// Puts the backup back, and starts the service again; before it, says that it was so where that is wanted.
async fn restore(world: World, said: bool) -> World {
    world.stop().await;
    put_back(&world).await;
    if said {
        restored(&world.config, &world.log).await.unwrap();
    }
    world.restart().await
}

async fn watch_from(world: &World, cursor: &str) -> Result<(), Status> {
    let message = pb::WatchAlertsRequest { cursor: cursor.to_owned(), ..pb::WatchAlertsRequest::default() };
    world.client().watch_alerts(request("feed", message)).await.map(drop)
}

#[tokio::test]
async fn a_cursor_of_what_was_lost_is_refused_however_far_the_restored_database_has_come() {
    let world = World::start().await;
    world.publish(&world.change(1, 1, Opened)).await;
    let mut stream = watch(&world, "", true, "").await;
    let (_, kept, _) = next(&mut stream).await;
    back_up(&world).await;
    world.publish(&world.change(2, 1, Opened)).await;
    let (_, lost, _) = next(&mut stream).await;
    drop(stream);

    let world = restore(world, true).await;
    world.publish(&world.change(3, 1, Opened)).await;
    world.until_count("alert_changes", 3).await;
    let refused = watch_from(&world, &lost).await.unwrap_err();
    assert_eq!(refused.code(), Code::OutOfRange);
    assert!(refused.message().contains("watch from the start"), "{}", refused.message());
    let mut stream = watch(&world, &kept, false, "").await;
    let cursors = [next(&mut stream).await.1, next(&mut stream).await.1];
    assert!(cursors[0].starts_with("2.") && cursors[0] != lost, "{cursors:?}, {lost}");
    watch_from(&world, &cursors[0]).await.unwrap();
    // As they were before they had tags.
    watch_from(&world, "2").await.unwrap();
}

/// Alert 1 waits in the backup; it and alert 2, which is newer, are told after it, and their recalls are in the log when the
/// database is lost. Of alert 3 nobody heard.
async fn told_and_lost(said: bool) -> (World, Vec<pb::Delivery>) {
    let world = World::start().await;
    world.publish(&world.change(1, 1, Opened)).await;
    world.until_states(&[(1, "due")]).await;
    back_up(&world).await;
    let mut adapter = world.adapter().await;
    let mut told = vec![adapter.accept_one("alert.opened").await];
    world.publish(&world.change(2, 1, Opened)).await;
    told.push(adapter.accept_one("alert.opened").await);
    adapter.leave().await;
    for alert in [1, 2] {
        world.publish(&world.change(alert, 2, Recalled)).await;
    }
    world.until_count("deliveries where change_number = 2", 2).await;
    let world = restore(world, said).await;
    let (opened, recalled) = (world.change(3, 1, Opened), world.change(3, 2, Recalled));
    world.publish_together(&[&opened, &recalled]).await;
    (world, told)
}

#[tokio::test]
async fn who_was_told_by_a_database_that_was_lost_hears_of_the_recall() {
    let (world, told) = told_and_lost(true).await;
    world.until_count("alerts where state = 'recalled'", 3).await;
    let mut adapter = world.adapter().await;
    let mut followed = Vec::new();
    for _ in &told {
        let recall = adapter.some().await;
        assert_eq!(recall.message.as_ref().unwrap().kind, "alert.recalled");
        followed.push(recall.follows.clone());
        adapter.accept(&recall).await;
    }
    // The provider knows the words that they follow.
    followed.sort();
    let mut told: Vec<String> = told.into_iter().map(|told| told.idempotency_key).collect();
    told.sort();
    assert_eq!(followed, told);
    world.until_states(&[(1, "cancelled"), (2, "accepted")]).await;
    // What came later was told to nobody.
    assert_eq!(world.count("deliveries where state = 'cancelled' and not maybe_sent").await, 1);
}

#[tokio::test]
async fn a_log_that_is_ahead_is_no_reason_to_take_back_what_nobody_was_told() {
    let (world, _) = told_and_lost(false).await;
    world.until_count("deliveries where state = 'cancelled'", 3).await;
    assert_eq!(world.count("deliveries").await, 3);
}

#[tokio::test]
async fn a_database_that_lost_its_last_commits_is_noticed_and_who_was_told_hears_of_the_recall() {
    let world = World::start().await;
    world.publish(&world.change(1, 1, Opened)).await;
    world.until_states(&[(1, "due")]).await;
    back_up(&world).await;
    world.publish(&world.change(2, 1, Opened)).await;
    let mut adapter = world.adapter().await;
    let mut told = Vec::new();
    for _ in 0..2 {
        let delivery = adapter.some().await;
        assert_eq!(delivery.message.as_ref().unwrap().kind, "alert.opened");
        adapter.accept(&delivery).await;
        told.push(delivery);
    }
    adapter.leave().await;

    // Another server takes over that had not received the last commits; nobody stops the service, or says that it was so.
    put_back(&world).await;
    world.publish(&world.change(2, 2, Recalled)).await;
    let (world, why) = world.restart_failed().await;
    assert!(why.contains("has lost changes of partition"), "{why}");

    world.until_count("alerts where state = 'recalled'", 1).await;
    let mut adapter = world.adapter().await;
    let mut kinds = Vec::new();
    while kinds.len() < 2 {
        let delivery = adapter.some().await;
        let kind = delivery.message.as_ref().unwrap().kind.clone();
        if kind == "alert.recalled" {
            assert!(told.iter().any(|told| told.idempotency_key == delivery.follows), "{delivery:?}");
        }
        adapter.accept(&delivery).await;
        kinds.push(kind);
    }
    // Of the first alert nothing is known but that it waited: its provider gets it again, with the key that it had.
    kinds.sort();
    assert_eq!(kinds, ["alert.opened", "alert.recalled"]);
    assert_eq!(world.count("deliveries where maybe_sent and state = 'cancelled'").await, 1);
}

#[tokio::test]
async fn lost_commits_are_noticed_when_nothing_comes_after_them() {
    let world = World::start().await;
    world.publish(&world.change(1, 1, Opened)).await;
    world.until_states(&[(1, "due")]).await;
    back_up(&world).await;
    world.publish(&world.change(2, 1, Opened)).await;
    world.until_count("alerts", 2).await;
    put_back(&world).await;
    let (world, _) = world.restart_failed().await;
    world.until_count("alerts", 2).await;
}
