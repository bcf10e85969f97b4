//! What the database refuses, and a database that is away.

use std::path::PathBuf;

use homeroom_domain::alert::ChangeKind::Opened;
use tempfile::TempDir;

use crate::district::{day, student};
use crate::world::{Service, World, until};

/// Makes the database refuse whatever is written of one student.
async fn refuse(world: &World, name: &str) {
    let statements = format!(
        "create function rules.refuse() returns trigger language plpgsql as $$
         begin raise exception 'not this one' using errcode = 'check_violation'; end $$;
         create trigger refuse before insert or update on rules.students for each row
         when (new.student = '\\x{}') execute function rules.refuse();",
        student(name)
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(statements)).execute(&mut world.database.admin().await).await.unwrap();
}

#[tokio::test]
async fn an_event_that_the_database_refuses_is_found_by_halving_and_stops_no_other() {
    let world = World::new().await;
    refuse(&world, "refused").await;
    let names: Vec<String> = (0..20).map(|n| format!("student {n}")).collect();
    for (n, name) in names.iter().enumerate() {
        world.home.attends(student(name), "1").await;
        if n == 10 {
            world.home.register(student("refused")).await;
        }
        world.home.absent(student(name), day(12)).await;
    }
    // All of them wait when the service starts, so they come in one batch.
    let service = world.service().await;
    world.exact(&service).await;
    assert_eq!(world.alerts().await.len(), names.len());
    let problems: Vec<String> = sqlx::query_scalar("select problem from rules.dead_letters")
        .fetch_all(&mut world.database.admin().await)
        .await
        .unwrap();
    let [problem] = problems.as_slice() else { panic!("{problems:?}") };
    assert!(problem.contains("not this one"), "{problem}");
}

#[tokio::test]
async fn a_student_whom_the_database_refuses_holds_up_no_sweep() {
    let (world, service) = World::start().await;
    for name in ["ada", "refused", "cyd"] {
        world.home.attends(student(name), "1").await;
    }
    world.settled(&service).await;
    refuse(&world, "refused").await;
    world.home.clock(14, "10:00").await;
    until("the sweep has passed", async || {
        service.summary().await.is_ok_and(|summary| summary.events_behind == 0 && summary.students_behind == 1)
    })
    .await;
    for name in ["ada", "cyd"] {
        assert_eq!(service.whole(student(name)).await.enrolled, 13_00);
    }
    let report = world.verified().await;
    let what: Vec<_> = report.differences.iter().map(|difference| difference.what).collect();
    assert_eq!(what, ["evaluated before the dates in force"]);
    assert_eq!(service.tasks.failure(), None);
}

/// Every connection is cut, again and again, in the middle of whatever it was doing.
#[tokio::test]
async fn lost_connections_lose_nothing_and_repeat_nothing() {
    let (world, service) = World::start().await;
    let names: Vec<String> = (0..30).map(|n| format!("student {n}")).collect();
    for name in &names {
        world.home.attends(student(name), "1").await;
        world.home.absent(student(name), day(12)).await;
        cut(&world).await;
    }
    assert_eq!(service.tasks.failure(), None);
    until("the service answers again", async || service.summary().await.is_ok()).await;
    world.exact(&service).await;
    let alerts = world.alerts().await;
    assert!(alerts.len() == names.len() && alerts.iter().all(|alert| alert.kind == Opened), "{alerts:?}");
    assert_eq!(world.count("select count(*) from rules.dead_letters").await, 0);
    assert_eq!(world.count("select sum(open)::bigint from rules.rule_tallies").await, 30);
}

/// A way to the database that can be closed: the socket by another name.
pub(crate) struct Way {
    folder: TempDir,
    socket: PathBuf,
}

impl Way {
    /// Lets the world's next service take it.
    pub(crate) async fn open(world: &mut World) -> Self {
        let select =
            "select current_setting('unix_socket_directories'), current_setting('port'), current_database()::text";
        let (directory, port, database): (String, String, String) =
            sqlx::query_as(select).fetch_one(&mut world.database.admin().await).await.unwrap();
        let socket = PathBuf::from(directory).join(format!(".s.PGSQL.{port}"));
        let folder = tempfile::tempdir().unwrap();
        let host = folder.path().display();
        let url = format!("postgresql:///{database}?host={host}&port={port}&user=homeroom_rules");
        world.config.database = homeroom_pg::Config::at(url.into());
        let way = Self { folder, socket };
        way.reopen();
        way
    }

    fn name(&self) -> PathBuf {
        self.folder.path().join(self.socket.file_name().unwrap())
    }

    pub(crate) fn reopen(&self) {
        std::os::unix::fs::symlink(&self.socket, self.name()).unwrap();
    }

    /// No new connection, and none of the old.
    pub(crate) async fn close(&self, world: &World) {
        std::fs::remove_file(self.name()).unwrap();
        cut(world).await;
    }
}

/// Ends every connection. One that is being made just then stays, so whoever waits for the effect does it again and again.
pub(crate) async fn cut(world: &World) {
    sqlx::query("select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()")
        .execute(&mut world.database.admin().await)
        .await
        .unwrap();
}

async fn misses_its_database(world: &World, service: &Service) {
    until("it misses its database", async || {
        cut(world).await;
        service.summary().await.is_err_and(|status| status.code() == tonic::Code::Unavailable)
    })
    .await;
}

#[tokio::test]
async fn a_database_that_is_away_for_a_while_is_waited_for() {
    let mut world = World::new().await;
    let way = Way::open(&mut world).await;
    let service = world.service().await;
    world.home.attends(student("ada"), "1").await;
    world.settled(&service).await;
    way.close(&world).await;
    for n in 9..=12 {
        world.home.absent(student("ada"), day(n)).await;
    }
    misses_its_database(&world, &service).await;
    assert_eq!(service.tasks.failure(), None);
    way.reopen();
    until("the service answers again", async || service.summary().await.is_ok()).await;
    world.exact(&service).await;
    assert_eq!(world.count("select count(*) from rules.dead_letters").await, 0);
}

/// Stopped while the database is away: no event is blamed, and the process ends in peace.
#[tokio::test]
async fn a_service_that_stops_while_the_database_is_away_blames_no_event() {
    let mut world = World::new().await;
    let way = Way::open(&mut world).await;
    let service = world.service().await;
    world.home.attends(student("ada"), "1").await;
    world.settled(&service).await;
    way.close(&world).await;
    for n in 9..=12 {
        world.home.absent(student("ada"), day(n)).await;
    }
    misses_its_database(&world, &service).await;
    service.stop().await;
    way.reopen();
    let service = world.service().await;
    world.exact(&service).await;
    assert_eq!(world.count("select count(*) from rules.dead_letters").await, 0);
}
