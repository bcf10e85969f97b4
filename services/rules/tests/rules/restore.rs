//! A database that is restored from a backup, or empty, while the log is ahead: nobody is told a second time.

use std::collections::BTreeMap;

use homeroom_domain::alert::ChangeKind::{self, Cleared, Opened, Recalled};
use homeroom_domain::id::AlertId;

use crate::district::{day, student};
use crate::world::{Service, World};

const TABLES: [&str; 8] = [
    "partitions",
    "district_dates",
    "students",
    "student_schools",
    "measures",
    "rule_tallies",
    "outbox",
    "dead_letters",
];

pub(crate) async fn run(world: &World, statement: impl Fn(&str) -> String) {
    let mut admin = world.database.admin().await;
    let all: String = TABLES.iter().map(|table| statement(table)).collect();
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!("begin; {all} commit;"))).execute(&mut admin).await.unwrap();
}

pub(crate) async fn back_up(world: &World) {
    run(world, |table| format!("create table public.{table} as table rules.{table};")).await;
}

pub(crate) async fn restore(world: &World) {
    run(world, |table| format!("delete from rules.{table}; insert into rules.{table} table public.{table};")).await;
}

pub(crate) async fn wipe(world: &World) {
    run(world, |table| format!("delete from rules.{table};")).await;
}

/// A day with every fate that an alert can have, before the backup and after it.
pub(crate) struct Day {
    pub(crate) world: World,
    pub(crate) service: Service,
}

impl Day {
    pub(crate) async fn begin(behind_events: usize) -> Self {
        let mut world = World::new().await;
        world.config.limits.behind_events = behind_events;
        world.config.limits.sweep_students = 2;
        let service = world.service().await;
        for name in ["early", "recalled-early", "late", "recalled-late", "corrected", "streak", "quiet"] {
            world.home.attends(student(name), "1").await;
        }
        for name in ["early", "recalled-early", "streak"] {
            world.home.absent(student(name), day(12)).await;
        }
        world.settled(&service).await;
        world.home.unmark(student("recalled-early"), day(12), "Unexcused Absence").await;
        world.exact(&service).await;
        Self { world, service }
    }

    /// What happens after the backup. The last correction comes when nobody is there to take it.
    pub(crate) async fn go_on(self) -> World {
        let Self { world, service } = self;
        for name in ["late", "recalled-late", "corrected"] {
            world.home.absent(student(name), day(12)).await;
        }
        for n in [9, 10, 11] {
            world.home.absent(student("streak"), day(n)).await;
        }
        world.home.mark(student("quiet"), "1", day(12), "Tardy").await;
        world.settled(&service).await;
        world.home.unmark(student("recalled-late"), day(12), "Unexcused Absence").await;
        world.settled(&service).await;
        world.home.clock(13, "10:00").await;
        world.home.absent(student("quiet"), day(13)).await;
        world.exact(&service).await;
        service.crash().await;
        world.home.unmark(student("corrected"), day(12), "Unexcused Absence").await;
        world
    }
}

/// Asserts that each alert is opened once, and says how each ended.
async fn ends(world: &World) -> BTreeMap<AlertId, ChangeKind> {
    let mut ends = BTreeMap::new();
    // Asserts that numbers have no gap, and that a repeat says the same.
    for change in world.alerts().await {
        assert_eq!(change.kind == Opened, change.number == 1, "{change:?}");
        ends.insert(change.alert_id, change.kind);
    }
    ends
}

pub(crate) async fn told(world: &World, name: &str) -> Vec<ChangeKind> {
    world
        .told(student(name))
        .await
        .into_iter()
        .filter(|(rule, _)| rule == "unexplained-absence")
        .map(|(_, kind)| kind)
        .collect()
}

/// The new owner tells of the one correction that came since, and of nothing else.
pub(crate) async fn nothing_is_told_twice(world: &World) {
    let before = world.alerts().await;
    let service = world.service().await;
    world.exact(&service).await;
    let after = world.alerts().await;
    let new: Vec<_> = after.iter().filter(|change| !before.contains(change)).collect();
    assert!(
        !new.is_empty() && new.iter().all(|it| (it.student, it.kind) == (student("corrected"), Recalled)),
        "{new:?}"
    );
    assert_eq!(told(world, "corrected").await, [Opened, Cleared, Recalled]);
    assert_eq!(told(world, "recalled-early").await, [Opened, Recalled]);
    assert_eq!(told(world, "recalled-late").await, [Opened, Recalled]);
    assert_eq!(told(world, "late").await, [Opened, Cleared]);
    assert_eq!(told(world, "quiet").await, [Opened]);
    ends(world).await;
    // And life goes on under the next numbers.
    world.home.unmark(student("quiet"), day(13), "Unexcused Absence").await;
    world.home.absent(student("late"), day(13)).await;
    world.exact(&service).await;
    assert_eq!(told(world, "quiet").await, [Opened, Recalled]);
    assert_eq!(told(world, "late").await, [Opened, Cleared, Opened]);
    ends(world).await;
    service.stop().await;
}

#[tokio::test]
async fn a_database_restored_from_a_backup_tells_nothing_twice() {
    let day = Day::begin(1_000).await;
    back_up(&day.world).await;
    let world = day.go_on().await;
    restore(&world).await;
    nothing_is_told_twice(&world).await;
}

#[tokio::test]
async fn an_empty_database_is_filled_from_the_log_and_tells_nothing_twice() {
    let world = Day::begin(1_000).await.go_on().await;
    wipe(&world).await;
    nothing_is_told_twice(&world).await;
}

#[tokio::test]
async fn a_database_restored_while_its_worker_lagged_tells_nothing_twice() {
    let day = Day::begin(1).await;
    back_up(&day.world).await;
    let world = day.go_on().await;
    restore(&world).await;
    nothing_is_told_twice(&world).await;
}

/// The new owner dies as soon as it has begun, again and again.
#[tokio::test]
async fn crashes_while_a_restored_database_catches_up_change_nothing() {
    let day = Day::begin(1).await;
    back_up(&day.world).await;
    let world = day.go_on().await;
    restore(&world).await;
    for _ in 0..5 {
        world.service().await.crash().await;
    }
    nothing_is_told_twice(&world).await;
}

/// The same database restored twice.
#[tokio::test]
async fn a_second_restore_tells_nothing_twice_either() {
    let day = Day::begin(1_000).await;
    back_up(&day.world).await;
    let world = day.go_on().await;
    restore(&world).await;
    nothing_is_told_twice(&world).await;
    let before = world.alerts().await;
    restore(&world).await;
    let service = world.service().await;
    world.exact(&service).await;
    assert_eq!(world.alerts().await, before);
}
