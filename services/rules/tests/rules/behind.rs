//! Students who are ahead of their rows: what a worker that lags writes later, and what the next owner makes of it.

use homeroom_bus::{Log as _, Topic};
use homeroom_domain::alert::ChangeKind::Opened;
use sqlx::PgConnection;

use crate::district::{day, student};
use crate::world::{World, until};

const NAMES: [&str; 6] = ["ada", "bea", "cyd", "dot", "eve", "fay"];

/// A world whose workers take every batch for one of many, and never think that it is time to write.
async fn lagging() -> World {
    let mut world = World::new().await;
    world.config.limits.behind_events = 1;
    world.config.limits.unwritten_seconds = 3_600;
    world
}

/// Everyone enrolled, and absent today, which is told; and nobody there to take what comes next.
async fn told(world: &World) {
    let service = world.service().await;
    for name in NAMES {
        world.home.attends(student(name), "1").await;
        world.home.absent(student(name), day(12)).await;
    }
    world.exact(&service).await;
    assert_eq!(opened(world).await, NAMES.len());
    service.stop().await;
}

/// How often somebody was told of an absence today.
async fn opened(world: &World) -> usize {
    let all = world.all_alerts().await;
    all.iter().filter(|it| it.kind == Opened && it.claim.rule.as_str() == "unexplained-absence").count()
}

/// Holds every write of students up until it is dropped.
struct Held(PgConnection);

impl Held {
    async fn new(world: &World) -> Self {
        let mut admin = world.database.admin().await;
        sqlx::raw_sql("begin; lock table rules.students in exclusive mode").execute(&mut admin).await.unwrap();
        Self(admin)
    }

    async fn let_go(mut self) {
        sqlx::raw_sql("rollback").execute(&mut self.0).await.unwrap();
    }
}

/// Waits until every event has had its effect.
async fn taken(world: &World) {
    let ends: i64 = world.log.end_offsets(Topic::Events).await.unwrap().iter().map(|end| end.0).sum();
    until("every event has had its effect", async || {
        world.count("select sum(next_offset)::bigint from rules.partitions").await == ends
    })
    .await;
}

async fn unwritten(world: &World) -> i64 {
    world.count("select sum(next_offset - state_offset)::bigint from rules.partitions").await
}

#[tokio::test]
async fn what_an_owner_left_unwritten_is_read_again_and_tells_nothing() {
    let world = lagging().await;
    told(&world).await;
    let before = world.all_alerts().await;
    for n in 1..=5 {
        for name in NAMES {
            world.home.mark(student(name), "1", day(n), "Tardy").await;
        }
    }
    let held = Held::new(&world).await;
    let service = world.service().await;
    taken(&world).await;
    assert!(unwritten(&world).await > 0);
    service.crash().await;
    held.let_go().await;
    let next = world.service().await;
    world.exact(&next).await;
    assert_eq!(unwritten(&world).await, 0);
    for name in NAMES {
        assert_eq!(next.whole(student(name)).await.tardy, 5, "{name}");
    }
    assert_eq!(world.all_alerts().await, before);
}

/// The new owner dies before it has written anything, too, and more has come meanwhile.
#[tokio::test]
async fn a_second_crash_while_reading_again_loses_nothing() {
    let world = lagging().await;
    told(&world).await;
    for name in NAMES {
        world.home.mark(student(name), "1", day(1), "Tardy").await;
    }
    let held = Held::new(&world).await;
    let service = world.service().await;
    taken(&world).await;
    service.crash().await;
    for name in NAMES {
        world.home.mark(student(name), "1", day(2), "Tardy").await;
    }
    for _ in 0..3 {
        let service = world.service().await;
        service.summary().await.unwrap();
        service.crash().await;
    }
    held.let_go().await;
    let last = world.service().await;
    world.exact(&last).await;
    for name in NAMES {
        assert_eq!(last.whole(student(name)).await.tardy, 2, "{name}");
    }
    assert_eq!(opened(&world).await, NAMES.len());
}

/// The date moves between the crash and the next owner: what it tells then is of the new date.
#[tokio::test]
async fn a_date_that_moves_before_the_next_owner_is_told_of_once() {
    let world = lagging().await;
    told(&world).await;
    for name in NAMES {
        world.home.mark(student(name), "1", day(10), "Tardy").await;
        world.home.mark(student(name), "1", day(14), "Unexcused Absence").await;
    }
    let held = Held::new(&world).await;
    let service = world.service().await;
    taken(&world).await;
    service.crash().await;
    held.let_go().await;
    world.home.clock(14, "10:00").await;
    let next = world.service().await;
    world.exact(&next).await;
    assert_eq!(opened(&world).await, 2 * NAMES.len(), "of the twelfth and of the fourteenth");
}

/// What the database refuses shows only when students are written: the event is still found, and no other student waits.
#[tokio::test]
async fn an_event_refused_at_a_checkpoint_is_found_and_stops_no_other() {
    let world = lagging().await;
    let service = world.service().await;
    for name in NAMES {
        world.home.attends(student(name), "1").await;
    }
    world.exact(&service).await;
    service.stop().await;
    let refuse = format!(
        "create function rules.refuse() returns trigger language plpgsql as $$
         begin raise exception 'not this one' using errcode = 'check_violation'; end $$;
         create trigger refuse before insert or update on rules.students for each row
         when (new.student = '\\x{}' and new.marks = 2) execute function rules.refuse();",
        student("cyd")
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(refuse)).execute(&mut world.database.admin().await).await.unwrap();
    for name in NAMES {
        for n in 1..=2 {
            world.home.mark(student(name), "1", day(n), "Tardy").await;
        }
    }
    let service = world.service().await;
    world.exact(&service).await;
    for name in NAMES {
        assert_eq!(service.whole(student(name)).await.tardy, if name == "cyd" { 1 } else { 2 }, "{name}");
    }
    assert_eq!(world.count("select count(*) from rules.dead_letters").await, 1);
    assert_eq!(service.tasks.failure(), None);
}

#[tokio::test]
async fn a_state_with_rows_to_be_written_is_not_verified() {
    let world = lagging().await;
    told(&world).await;
    world.home.mark(student("ada"), "1", day(1), "Tardy").await;
    let held = Held::new(&world).await;
    let service = world.service().await;
    taken(&world).await;
    let log = std::sync::Arc::new(world.log.clone());
    let refused = homeroom_rules::verify(&world.database.config(&homeroom_rules::SCHEMA), log).await;
    assert!(refused.unwrap_err().to_string().contains("rows that lack events"));
    held.let_go().await;
    world.exact(&service).await;
}
