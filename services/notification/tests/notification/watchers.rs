//! Many watchers, slow ones, and those that begin in the middle.

use homeroom_domain::alert::ChangeKind::{Amended, Opened};
use homeroom_proto::wire::notification as pb;
use tokio::task::JoinSet;
use tonic::Code;

use crate::adapter::{Adapter, accepted, settlement};
use crate::watch::{next, sequence, watch};
use crate::world::{NOBODY, TEAM, World, request};

/// Changes 1 to `last` of one alert.
async fn publish(world: &World, numbers: std::ops::RangeInclusive<u32>) {
    for number in numbers {
        world.publish(&world.change(1, number, if number == 1 { Opened } else { Amended })).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watchers_that_join_while_changes_come_see_each_once() {
    const LAST: u32 = 400;
    let world = World::start_with(NOBODY, |_| {}).await;
    let mut watchers = JoinSet::new();
    for first in (0..LAST).step_by(20) {
        let mut stream = watch(&world, "", true, "").await;
        watchers.spawn(async move {
            for expected in 1..=LAST {
                assert_eq!(next(&mut stream).await.0, expected);
            }
        });
        publish(&world, first + 1..=first + 20).await;
    }
    while let Some(watcher) = watchers.join_next().await {
        watcher.unwrap();
    }
}

#[tokio::test]
async fn a_live_watcher_reads_a_burst_that_its_queue_does_not_hold() {
    let world = World::start_with(NOBODY, |_| {}).await;
    let mut stream = watch(&world, "", false, "").await;
    let changes: Vec<_> =
        (1..=500).map(|number| world.change(1, number, if number == 1 { Opened } else { Amended })).collect();
    world.publish_together(&changes.iter().collect::<Vec<_>>()).await;
    for expected in 1..=500 {
        assert_eq!(next(&mut stream).await.0, expected);
    }
}

#[tokio::test]
async fn watchers_whose_backlog_takes_for_ever_do_not_keep_adapters_from_the_database() {
    const ALERTS: u8 = 20;
    let world = World::start_with(TEAM, |config| config.database.max_connections = 4).await;
    for alert in 1..=ALERTS {
        world.publish(&world.change(alert, 1, Opened)).await;
    }
    world.until_count("deliveries", ALERTS.into()).await;
    let mut admin = world.database.admin().await;
    sqlx::raw_sql("begin; lock table notification.alert_changes").execute(&mut admin).await.unwrap();
    let mut watchers = JoinSet::new();
    for _ in 0..100 {
        let mut client = world.client();
        let message = pb::WatchAlertsRequest { from_start: true, ..pb::WatchAlertsRequest::default() };
        watchers.spawn(async move {
            let mut stream = client.watch_alerts(request("feed", message)).await.unwrap().into_inner();
            for expected in 1..=ALERTS {
                assert_eq!(sequence(&next(&mut stream).await.1), u64::from(expected));
            }
        });
    }
    let blocked = "select count(*) > 0 from pg_locks where not granted";
    while !sqlx::query_scalar::<_, bool>(blocked).fetch_one(&mut admin).await.unwrap() {}
    // All of them wait for the table, and an adapter for nothing.
    let mut adapter = Adapter::open(&world, "mail", 5).await;
    for _ in 0..ALERTS {
        let delivery = adapter.some().await;
        adapter.say(settlement(&delivery, accepted())).await;
    }
    let accepted = "select count(*) from notification.deliveries where state = 'accepted'";
    while sqlx::query_scalar::<_, i64>(accepted).fetch_one(&mut admin).await.unwrap() < ALERTS.into() {}
    sqlx::raw_sql("commit").execute(&mut admin).await.unwrap();
    while let Some(watcher) = watchers.join_next().await {
        watcher.unwrap();
    }
}

#[tokio::test]
async fn a_key_has_so_many_watchers() {
    let world = World::start_with(NOBODY, |config| config.feed.most_watchers_per_key = 2).await;
    let _held = [watch(&world, "", true, "").await, watch(&world, "", true, "").await];
    let message = || pb::WatchAlertsRequest { cursor: String::new(), from_start: false, school: String::new() };
    let refused = world.client().watch_alerts(request("feed", message())).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert!(refused.message().contains("the key has 2 watchers"), "{}", refused.message());
    world.client().watch_alerts(request("mail", message())).await.unwrap();
}

#[tokio::test]
async fn watchers_are_told_when_the_process_stops() {
    let world = World::start_with(NOBODY, |_| {}).await;
    let mut stream = watch(&world, "", true, "").await;
    publish(&world, 1..=1).await;
    next(&mut stream).await;
    world.tasks.stop();
    assert_eq!(stream.message().await.unwrap_err().code(), Code::Unavailable);
}
