//! Who owns a partition: takeover, stale owners, crashes between any two steps.

use std::sync::atomic::Ordering;

use homeroom_bus::{Log as _, Topic};
use homeroom_domain::alert::ChangeKind::{self, Opened};

use crate::district::{day, student};
use crate::world::{SOON, World, until};

const NAMES: [&str; 6] = ["ada", "bea", "cyd", "dot", "eve", "fay"];

async fn everyone_absent(world: &World, n: i32) {
    for name in NAMES {
        world.home.absent(student(name), day(n)).await;
    }
}

#[tokio::test]
async fn a_second_process_shares_the_partitions_and_nothing_is_told_twice() {
    let (world, first) = World::start().await;
    for name in NAMES {
        world.home.attends(student(name), "1").await;
    }
    world.settled(&first).await;
    let second = world.service().await;
    everyone_absent(&world, 12).await;
    until("a partition has moved", async || {
        world.count("select count(*) from rules.partitions where epoch > 1").await > 0
    })
    .await;
    first.stop().await;
    everyone_absent(&world, 11).await;
    world.exact(&second).await;
    for name in NAMES {
        let told = world.told(student(name)).await;
        assert!(told.len() == 2 && told.iter().all(|(_, kind)| *kind == Opened), "{told:?}");
    }
}

#[tokio::test]
async fn a_stale_owner_is_fenced_and_its_work_has_no_effect() {
    let world = World::new().await;
    let stale_log = world.log.selfish();
    let stale = world.service_on(&stale_log).await;
    for name in NAMES {
        world.home.attends(student(name), "1").await;
    }
    world.settled(&stale).await;
    let owner = world.service_on(&world.log.selfish()).await;
    let claimed = "select count(*) from rules.partitions where epoch = 2";
    until("it has taken the partitions", async || world.count(claimed).await == 2).await;
    // Both receive every record from here on.
    everyone_absent(&world, 12).await;
    world.exact(&owner).await;
    until("the stale owner has noticed", async || stale_log.let_go.load(Ordering::SeqCst) == 2).await;
    assert_eq!(stale.tasks.failure(), None);
    assert_eq!(world.all_alerts().await.len(), NAMES.len());
    world.exact(&owner).await;
}

/// Both partitions' batches are committed together while each has its owner.
#[tokio::test]
async fn a_partition_that_is_anothers_now_keeps_no_other_from_being_committed() {
    let (world, service) = World::start().await;
    for name in NAMES {
        world.home.attends(student(name), "1").await;
    }
    world.settled(&service).await;
    world.count("with lost as (update rules.partitions set epoch = epoch + 1 where partition = 0 returning 1) select count(*) from lost").await;
    everyone_absent(&world, 12).await;
    until("the other partition has told of its students", async || !world.all_alerts().await.is_empty()).await;
    assert_eq!(service.tasks.failure(), None);
    assert_eq!(world.count("select count(*) from rules.outbox where partition = 0").await, 0);
}

/// Whoever waits for the row is not given up before the test is.
#[tokio::test]
async fn a_row_that_somebody_holds_holds_up_no_other_partition() {
    let mut world = World::new().await;
    let longer = 2 * u64::try_from(SOON.as_millis()).unwrap();
    (world.config.database.lock_timeout_ms, world.config.database.statement_timeout_ms) = (longer, longer);
    let service = world.service().await;
    for name in NAMES {
        world.home.attends(student(name), "1").await;
    }
    world.settled(&service).await;
    let mut holder = world.database.admin().await;
    let hold = "begin; select from rules.partitions where partition = 0 for update";
    sqlx::raw_sql(hold).execute(&mut holder).await.unwrap();
    everyone_absent(&world, 12).await;
    until("the other partition has told of its students", async || !world.all_alerts().await.is_empty()).await;
    sqlx::raw_sql("rollback").execute(&mut holder).await.unwrap();
    world.settled(&service).await;
}

/// For its log nothing has changed, and nothing happens that would have it commit.
#[tokio::test]
async fn an_owner_without_anything_to_commit_learns_that_another_has_claimed() {
    let world = World::new().await;
    let stale_log = world.log.selfish();
    let stale = world.service_on(&stale_log).await;
    for name in NAMES {
        world.home.attends(student(name), "1").await;
    }
    world.settled(&stale).await;
    let owner = world.service_on(&world.log.selfish()).await;
    until("the stale owner has noticed", async || stale_log.let_go.load(Ordering::SeqCst) == 2).await;
    assert_eq!(stale.tasks.failure(), None);
    world.exact(&owner).await;
}

/// What is committed and not published when a process dies is published by the next owner, in order.
#[tokio::test]
async fn alerts_committed_before_a_crash_are_published_by_the_next_owner() {
    let world = World::new().await;
    let cut_off = world.log.apart();
    cut_off.refuse_alerts(true);
    let dying = world.service_on(&cut_off).await;
    for name in NAMES {
        world.home.attends(student(name), "1").await;
        world.home.absent(student(name), day(12)).await;
        dying.settled().await;
        world.home.unmark(student(name), day(12), "Unexcused Absence").await;
    }
    dying.settled().await;
    let waiting = "select count(*) from rules.outbox";
    assert_eq!(world.count(waiting).await, 2 * i64::try_from(NAMES.len()).unwrap());
    dying.crash().await;
    assert_eq!(world.all_alerts().await.len(), 0);
    let next = world.service().await;
    world.exact(&next).await;
    for name in NAMES {
        let told: Vec<ChangeKind> = world.told(student(name)).await.into_iter().map(|(_, kind)| kind).collect();
        assert_eq!(told, [Opened, ChangeKind::Recalled], "{name}");
    }
    assert_eq!(world.all_alerts().await.len(), 2 * NAMES.len());
}

/// As if the process had died after publishing and before deleting: the repeat is the same, number by number.
#[tokio::test]
async fn an_outbox_row_that_was_published_already_is_repeated_unchanged() {
    let (world, service) = World::start().await;
    let ada = student("ada");
    world.home.attends(ada, "1").await;
    sqlx::raw_sql("create table rules.kept as select * from rules.outbox;
        create function rules.keep() returns trigger language plpgsql as $$ begin insert into rules.kept select old.*; return old; end $$;
        create trigger keep before delete on rules.outbox for each row execute function rules.keep();
        grant insert on rules.kept to homeroom_rules;")
        .execute(&mut world.database.admin().await)
        .await
        .unwrap();
    world.home.absent(ada, day(12)).await;
    world.settled(&service).await;
    service.crash().await;
    sqlx::query("insert into rules.outbox select * from rules.kept")
        .execute(&mut world.database.admin().await)
        .await
        .unwrap();
    let next = world.service().await;
    world.settled(&next).await;
    assert_eq!(world.all_alerts().await.len(), 2);
    assert_eq!(world.alerts().await.len(), 1);
}

/// Were a student evaluated before the reference topic is read, whatever it was told would be recalled.
#[tokio::test]
async fn a_restart_recalls_nothing() {
    let (world, mut service) = World::start().await;
    for name in NAMES {
        world.home.attends(student(name), "1").await;
        world.home.absent(student(name), day(12)).await;
    }
    for n in 1..4 {
        world.settled(&service).await;
        if n == 2 {
            service.crash().await;
        } else {
            service.stop().await;
        }
        everyone_absent(&world, n).await;
        service = world.service().await;
    }
    world.exact(&service).await;
    for alert in world.alerts().await {
        assert!(!matches!(alert.kind, ChangeKind::Recalled | ChangeKind::Cleared), "{alert:?}");
    }
}

/// The owner before evaluated with reference records that this process has not read yet.
#[tokio::test]
async fn a_takeover_waits_for_the_reference_records_that_were_in_force() {
    let world = World::new().await;
    let ada = student("ada");
    let slow_log = world.log.selfish();
    slow_log.open.send_replace(false);
    let slow = world.service_on(&slow_log).await;
    let read = world.log.end_offsets(Topic::Reference).await.unwrap()[0].0;
    slow_log.reference_end.send_replace(read);
    let ahead = world.service().await;
    world.home.school("2").await;
    world.home.calendar("2", 60).await;
    world.home.attends(ada, "2").await;
    world.home.mark(ada, "2", day(12), "Unexcused Absence").await;
    world.settled(&ahead).await;
    assert_eq!(world.alerts().await.len(), 1);
    ahead.stop().await;
    // As if it had died before its sweep had ended: only the student's row knows what it was evaluated with.
    sqlx::query("update rules.partitions set reference_offset = $1")
        .bind(read)
        .execute(&mut world.database.admin().await)
        .await
        .unwrap();
    slow_log.open.send_replace(true);
    world.home.absent(ada, day(11)).await;
    let claimed = "select count(*) from rules.partitions where epoch > 1";
    until("it has taken the partitions", async || world.count(claimed).await == 2).await;
    for _ in 0..50 {
        // It must not work on them yet.
        slow.summary().await.ok();
    }
    assert_eq!(world.alerts().await.len(), 1);
    slow_log.reference_end.send_replace(i64::MAX);
    world.exact(&slow).await;
    let alerts = world.alerts().await;
    assert!(alerts.iter().all(|alert| alert.kind == Opened), "{alerts:?}");
}
