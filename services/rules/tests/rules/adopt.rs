//! A restored database, and a topic of alerts that is not as it was: what cannot be known is an error or is said, never guessed.

use homeroom_domain::alert::ChangeKind::{Cleared, Opened, Recalled};
use homeroom_rules::build;

use crate::district::{day, student};
use crate::fault::TestLog;
use crate::restore::{Day, back_up, nothing_is_told_twice, restore, told, wipe};
use crate::world::{SOON, World, access, until};

/// A world after a restore, and another look at its log, to which faults can be given.
async fn restored() -> (World, TestLog) {
    let day = Day::begin(1_000).await;
    back_up(&day.world).await;
    let world = day.go_on().await;
    restore(&world).await;
    let log = world.log.apart();
    (world, log)
}

#[tokio::test]
async fn a_topic_of_alerts_that_is_silent_ends_the_process_before_anybody_is_told_twice() {
    let (world, mut log) = restored().await;
    log.alerts_silent = true;
    let before = world.alerts().await;
    let service = world.service_on(&log).await;
    until("the process ends", async || service.tasks.failure().is_some()).await;
    let failure = service.tasks.failure().unwrap();
    assert!(failure.contains("gives nothing"), "{failure}");
    service.crash().await;
    assert_eq!(world.alerts().await, before);
    nothing_is_told_twice(&world).await;
}

#[tokio::test]
async fn where_alerts_have_expired_the_service_works_without_them() {
    let world = Day::begin(1_000).await.go_on().await;
    wipe(&world).await;
    let mut log = world.log.apart();
    log.alerts_expired = i64::MAX;
    let service = world.service_on(&log).await;
    service.settled().await;
    // Nobody knows any more what was told, so what holds is told as if it were new.
    let open = service.student(student("quiet")).await.unwrap().open_alerts;
    assert_eq!(
        open.iter().map(|alert| (alert.rule.as_str(), alert.number)).collect::<Vec<_>>(),
        [("unexplained-absence", 1)]
    );
    service.stop().await;
}

#[tokio::test]
async fn a_topic_of_alerts_that_was_made_anew_is_read_from_its_beginning() {
    let (world, _) = restored().await;
    let beyond = "update rules.partitions set alerts_offset = 1000000";
    sqlx::raw_sql(beyond).execute(&mut world.database.admin().await).await.unwrap();
    nothing_is_told_twice(&world).await;
}

#[tokio::test]
async fn a_student_whose_row_cannot_be_read_stops_neither_the_others_nor_a_sweep() {
    let (world, _) = restored().await;
    let damage = format!("update rules.students set ledger = '\\xff' where student = '\\x{}'", student("early"));
    sqlx::raw_sql(sqlx::AssertSqlSafe(damage)).execute(&mut world.database.admin().await).await.unwrap();
    let service = world.service().await;
    world.home.clock(14, "10:00").await;
    until("all others are at the date in force", async || {
        service.summary().await.is_ok_and(|summary| summary.events_behind == 0 && summary.students_behind == 1)
    })
    .await;
    assert_eq!(told(&world, "late").await, [Opened, Cleared]);
    assert_eq!(told(&world, "recalled-late").await, [Opened, Recalled]);
    assert_eq!(service.whole(student("late")).await.enrolled, 13_00);
    world.home.absent(student("late"), day(14)).await;
    until("life goes on", async || told(&world, "late").await == [Opened, Cleared, Opened]).await;
    assert_eq!(service.tasks.failure(), None);
}

#[tokio::test]
async fn a_clock_that_is_slow_after_a_restore_tells_of_no_day_again() {
    let day = Day::begin(1_000).await;
    back_up(&day.world).await;
    let world = day.go_on().await;
    restore(&world).await;
    world.home.clock(12, "10:00").await;
    let before = world.alerts().await;
    let service = world.service().await;
    service.settled().await;
    let after = world.alerts().await;
    let new: Vec<_> = after.iter().filter(|change| !before.contains(change)).collect();
    assert!(new.iter().all(|it| (it.student, it.kind) == (student("corrected"), Recalled)), "{new:?}");
    assert_eq!(told(&world, "late").await, [Opened, Cleared]);
    service.stop().await;
}

#[tokio::test]
async fn alerts_that_have_expired_under_open_episodes_are_no_difference() {
    let (world, service) = World::start().await;
    world.home.attends(student("ada"), "1").await;
    world.home.absent(student("ada"), day(12)).await;
    world.exact(&service).await;
    let mut log = world.log.apart();
    log.alerts_expired = i64::MAX;
    let config = world.database.config(&homeroom_rules::SCHEMA);
    let report = homeroom_rules::verify(&config, std::sync::Arc::new(log)).await.unwrap();
    assert!(report.differences.is_empty(), "{:?}", report.differences);
}

#[tokio::test]
async fn topics_of_events_and_alerts_that_differ_in_partitions_are_refused_at_start() {
    let world = World::new().await;
    let mut log = world.log.apart();
    log.alert_partitions = Some(3);
    let tasks = homeroom_chassis::TaskGroup::default();
    build(&world.config, std::sync::Arc::new(log), access(), &tasks).await.unwrap();
    tokio::time::timeout(SOON, tasks.stopping().cancelled()).await.expect("the process ends");
    let cause = tasks.failure().unwrap();
    assert!(cause.contains("has 3 partitions") && cause.contains("has 2"), "{cause}");
    tasks.cut();
}

#[tokio::test]
async fn dead_letters_that_cannot_be_published_after_a_restart_hold_no_alert_back() {
    let mut world = World::new().await;
    // Eight numbers may wait behind the oldest row that is not published.
    (world.config.limits.batch_events, world.config.limits.publish_batches) = (2, 4);
    let service = world.service().await;
    for n in 0..10 {
        let who = student(&format!("student {n}"));
        world.home.attends(who, "1").await;
        world.home.absent(who, day(12)).await;
    }
    world.settled(&service).await;
    world.log.letters_refused.store(true, std::sync::atomic::Ordering::SeqCst);
    world.home.append_raw(&student("ada"), bytes::Bytes::from_static(b"no event"), vec![]).await;
    service.settled().await;
    service.crash().await;
    let service = world.service().await;
    let ada = student("ada");
    world.home.attends(ada, "1").await;
    for rounds in 1..=2 {
        world.home.absent(ada, day(12)).await;
        until("the alert is out", async || told(&world, "ada").await.len() == rounds * 2 - 1).await;
        world.home.unmark(ada, day(12), "Unexcused Absence").await;
        until("its recall is out", async || told(&world, "ada").await.len() == rounds * 2).await;
    }
    assert_eq!(service.tasks.failure(), None);
    world.log.letters_refused.store(false, std::sync::atomic::Ordering::SeqCst);
    world.settled(&service).await;
}
