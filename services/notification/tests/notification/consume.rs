//! Reading the topic: once each, whatever is repeated, wrong, or read by two.

use std::sync::Arc;

use homeroom_chassis::TaskGroup;
use homeroom_chassis::access::{Access, Keys, Tokens};
use homeroom_domain::alert::ChangeKind::{Amended, Opened, Recalled};
use homeroom_domain::id::DistrictId;
use homeroom_notification::{Config, build};
use sqlx::Row as _;

use crate::watch::{next, watch};
use crate::world::{SOON, TEAM, World};

#[tokio::test]
async fn repeated_records_tell_nobody_twice_also_after_a_restart() {
    let world = World::start().await;
    let opened = world.change(1, 1, Opened);
    world.publish(&opened).await;
    world.publish(&opened).await;
    world.until_states(&[(1, "due")]).await;
    world.adapter().await.accept_one("alert.opened").await;
    let world = world.restart().await;
    world.publish(&opened).await;
    world.publish(&world.change(2, 1, Opened)).await;
    let mut adapter = world.adapter().await;
    let delivery = adapter.accept_one("alert.opened").await;
    assert!(delivery.message.unwrap().text.contains(&uuid::Uuid::from_bytes([2; 16]).to_string()));
    world.until_states(&[(1, "accepted")]).await;
    assert_eq!(world.deliveries().await.len(), 2);
}

#[tokio::test]
async fn a_record_that_cannot_be_understood_or_kept_holds_up_nothing() {
    let world = World::start().await;
    world.append(vec![bytes::Bytes::from_static(b"\xff\xff not protobuf")]).await;
    world.publish(&world.change(1, 1, Opened)).await;
    world.until_states(&[(1, "due")]).await;
    // The id of another district's alert: the database refuses it, and shows neither district the other's.
    let mut foreign = world.change(1, 1, Opened);
    foreign.district = DistrictId::parse("elsewhere").unwrap();
    world.publish(&foreign).await;
    world.publish(&world.change(2, 1, Opened)).await;
    let mut adapter = world.adapter().await;
    adapter.take(2).await;
    let letters: i64 = sqlx::query("select count(*) from notification.dead_letters")
        .fetch_one(&mut world.database.admin().await)
        .await
        .unwrap()
        .get(0);
    assert_eq!(letters, 2);
}

#[tokio::test]
async fn a_row_that_somebody_holds_holds_up_no_other_partition() {
    // Whoever waits for the row is not given up before the test is.
    let longer = 2 * u64::try_from(SOON.as_millis()).unwrap();
    let world = World::start_with(TEAM, |config| {
        (config.database.lock_timeout_ms, config.database.statement_timeout_ms) = (longer, longer);
    })
    .await;
    let publish = async |number, kind| {
        for alert in 1..=16 {
            let change = homeroom_proto::alert::encode(&world.change(alert, number, kind));
            world.append_as(&alert.to_string(), vec![change]).await;
        }
    };
    publish(1, Opened).await;
    world.until_count("alert_changes", 16).await;
    let mut holder = world.database.admin().await;
    let hold =
        "begin; select from notification.alerts where alert_id = '01010101-0101-0101-0101-010101010101' for update";
    sqlx::raw_sql(hold).execute(&mut holder).await.unwrap();
    publish(2, Amended).await;
    // Of four partitions one waits.
    let others = async { while world.count("alert_changes where number = 2").await < 4 {} };
    tokio::time::timeout(SOON, others).await.expect("other partitions go on");
    sqlx::raw_sql("rollback").execute(&mut holder).await.unwrap();
    world.until_count("alert_changes", 32).await;
}

#[tokio::test]
async fn two_owners_of_one_partition_apply_each_change_once() {
    let world = World::start().await;
    // Another group of the same log takes the same partition of the same database, over and over.
    let tasks = TaskGroup::default();
    let config = Config { group: "another".to_owned(), ..world.config.clone() };
    let access =
        Access::new(Keys::default(), Tokens::new(&"a signing key of some length, for tests".to_owned().into()));
    let rival = build(&config, Arc::new(world.log.clone()), access, &tasks).await.unwrap();
    for number in 1..=100 {
        world.publish(&world.change(1, number, if number == 1 { Opened } else { Amended })).await;
    }
    let mut admin = world.database.admin().await;
    let done = async {
        loop {
            let row = sqlx::query(
                "select count(*), count(distinct sequence), coalesce(max(sequence), 0), (select coalesce(max(epoch), 0) from notification.inbox)
                 from notification.alert_changes",
            )
            .fetch_one(&mut admin)
            .await
            .unwrap();
            let (rows, distinct, last, epoch): (i64, i64, i64, i64) = (row.get(0), row.get(1), row.get(2), row.get(3));
            assert!(rows <= 100 && rows == distinct && rows == last, "{rows} {distinct} {last}");
            if rows == 100 && epoch > 1 {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(SOON, done).await.expect("all changes are read");
    assert_eq!(world.deliveries().await.len(), 1);
    tasks.stop();
    tokio::time::timeout(SOON, tasks.drained()).await.expect("it drains");
    assert_eq!((tasks.failure(), rival.name), (None, "notification"));
}

#[tokio::test]
async fn a_change_before_its_opening_opens_and_is_neither_undone_nor_told_again() {
    let world = World::start().await;
    let (opened, amended) = (world.change(1, 1, Opened), world.change(1, 2, Amended));
    // As a log has them whose append kept a later one, and was then repeated as a whole.
    for change in [&amended, &opened, &amended] {
        world.publish(change).await;
    }
    let mut adapter = world.adapter().await;
    let told = adapter.accept_one("alert.opened").await;
    assert!(told.message.unwrap().text.contains("change 2"));
    world.publish(&world.change(1, 3, Recalled)).await;
    adapter.accept_one("alert.recalled").await;
    world.until_states(&[(2, "accepted"), (3, "accepted")]).await;
    // Live screens see what stands, in order.
    let mut stream = watch(&world, "", true, "").await;
    assert_eq!((next(&mut stream).await.0, next(&mut stream).await.0), (2, 3));
}

#[tokio::test]
async fn what_is_over_when_it_is_first_known_is_told_to_nobody() {
    let world = World::start().await;
    world.publish(&world.change(1, 2, Recalled)).await;
    world.publish(&world.change(1, 1, Opened)).await;
    world.publish(&world.change(2, 1, Opened)).await;
    let mut adapter = world.adapter().await;
    let told = adapter.accept_one("alert.opened").await;
    assert!(told.message.unwrap().text.contains(&uuid::Uuid::from_bytes([2; 16]).to_string()));
    assert_eq!(world.deliveries().await.len(), 1);
}

#[tokio::test]
async fn the_end_of_an_earlier_telling_is_told_late_to_whom_no_later_one_concerns() {
    let world = World::start().await;
    let mut adapter = world.adapter().await;
    world.publish(&world.change(1, 1, Opened)).await;
    adapter.accept_one("alert.opened").await;
    adapter.leave().await;
    world.route(&crate::world::TEAM.replace("team@example.org", "new@example.org"));
    let world = world.restart().await;
    let mut adapter = world.adapter().await;
    // Change 2 took it back, and was lost for a while.
    world.publish(&world.change(1, 3, Opened)).await;
    assert_eq!(adapter.accept_one("alert.opened").await.to.unwrap().address, "new@example.org");
    for _ in 0..2 {
        world.publish(&world.change(1, 2, Recalled)).await;
    }
    assert_eq!(adapter.accept_one("alert.recalled").await.to.unwrap().address, "team@example.org");
    world.publish(&world.change(2, 1, Opened)).await;
    adapter.accept_one("alert.opened").await;
    assert_eq!(world.deliveries().await.len(), 4);
}

#[tokio::test]
async fn a_change_that_comes_again_with_other_content_leaves_the_first_one() {
    let world = World::start().await;
    let opened = world.change(1, 1, Opened);
    let mut other = opened.clone();
    other.claim.title = "Something else".into();
    world.publish_together(&[&opened, &other]).await;
    world.publish(&other).await;
    world.publish(&world.change(2, 1, Opened)).await;
    let mut adapter = world.adapter().await;
    for delivery in adapter.take(2).await {
        assert!(!delivery.message.as_ref().unwrap().subject.contains("Something else"));
        adapter.accept(&delivery).await;
    }
    world.until_states(&[(1, "accepted")]).await;
}

#[tokio::test]
async fn batches_that_are_applied_together_do_not_suffer_for_a_refused_one() {
    let world = World::start().await;
    world.publish(&world.change(1, 1, Opened)).await;
    world.until_states(&[(1, "due")]).await;
    // The first transaction waits here, and what comes meanwhile is applied together.
    let mut admin = world.database.admin().await;
    sqlx::raw_sql("begin; lock table notification.inbox").execute(&mut admin).await.unwrap();
    let encode = |change| vec![homeroom_proto::alert::encode(&change)];
    world.append_as("first", encode(world.change(2, 1, Opened))).await;
    let waiting = async {
        let mut waiting = 0_i64;
        while waiting == 0 {
            let count = sqlx::query_scalar("select count(*) from pg_locks where not granted");
            waiting = count.fetch_one(&mut admin).await.unwrap();
        }
    };
    tokio::time::timeout(SOON, waiting).await.expect("a transaction waits");
    let mut foreign = world.change(1, 1, Opened);
    foreign.district = DistrictId::parse("elsewhere").unwrap();
    for (key, change) in [("b", foreign), ("c", world.change(3, 1, Opened)), ("d", world.change(4, 1, Opened))] {
        world.append_as(key, encode(change)).await;
    }
    sqlx::raw_sql("commit").execute(&mut admin).await.unwrap();
    world.until_count("alerts", 4).await;
    world.until_count("dead_letters", 1).await;
    assert_eq!(world.deliveries().await.len(), 4);
}
