//! What everything stands on, killed or used up: PostgreSQL and Kafka.

use anyhow::{Result, bail, ensure};
use homeroom_faults::{Log, PATIENCE, POLL, Role, Scene, Setup, soak};
use homeroom_harness::Broker;
use secrecy::ExposeSecret as _;
use sqlx::{Connection as _, PgConnection};
use tokio::time::{Duration, Instant, sleep};

/// Who reads the log.
const READERS: [Role; 2] = [Role::Rules, Role::Notification];
/// Longer than any client of the log goes on by itself.
const LONG: Duration = Duration::from_secs(90);

#[tokio::test(flavor = "multi_thread")]
async fn postgres_killed_and_restarted_under_load() -> Result<()> {
    let mut scene = Scene::open("PostgreSQL killed", Setup::on(Log::on_kafka())).await?;
    for _ in 0..2 {
        scene.some_while().await?;
        let since = Instant::now();
        scene.world.kill_postgres().await?;
        scene.world.restart_postgres().await?;
        scene.recovers_from_kill("restarted at once", since).await?;
    }
    scene.world.kill_postgres().await?;
    scene.world.wait_not_ready(Role::Ingestion).await?;
    let since = Instant::now();
    scene.world.restart_postgres().await?;
    scene.recovers("restarted when its absence was noticed", since).await?;
    scene.check().await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn kafka_killed_and_restarted_under_load() -> Result<()> {
    let mut scene = Scene::open("Kafka killed", Setup::on(Log::OwnKafka(Broker::start().await?))).await?;
    for _ in 0..2 {
        scene.some_while().await?;
        let since = Instant::now();
        let broker = kafka(&mut scene)?;
        broker.kill()?;
        broker.restart().await?;
        println!("Kafka killed: the broker listened again after {:.2} s", since.elapsed().as_secs_f64());
        scene.recovers_from_kill("restarted at once", since).await?;
    }
    scene.check().await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn services_that_start_before_kafka_wait_for_it() -> Result<()> {
    let mut scene = Scene::open("Kafka started last", Setup::on(Log::OwnKafka(Broker::start().await?))).await?;
    scene.some_while().await?;
    for role in READERS {
        scene.world.kill(role)?;
    }
    kafka(&mut scene)?.kill()?;
    for role in READERS {
        scene.world.start_role(role)?;
    }
    for (role, given_up) in
        [(Role::Rules, "reference records cannot be read now"), (Role::Notification, "joining again")]
    {
        scene.world.wait_not_ready_because(role, "waits for the log").await?;
        // A question to the log has been asked in vain, and the next one is asked.
        scene.world.wait_said(role, given_up, 1).await?;
    }
    let since = Instant::now();
    kafka(&mut scene)?.restart().await?;
    scene.recovers("started last", since).await?;
    scene.check().await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn kafka_away_for_long_under_load() -> Result<()> {
    if !soak() {
        return Ok(());
    }
    let mut scene = Scene::open("Kafka away for long", Setup::on(Log::OwnKafka(Broker::start().await?))).await?;
    scene.some_while().await?;
    kafka(&mut scene)?.kill()?;
    sleep(LONG).await;
    scene.world.all_alive()?;
    let since = Instant::now();
    kafka(&mut scene)?.restart().await?;
    scene.recovers("back after long", since).await?;
    scene.check().await.map(drop)
}

/// The scene's own broker.
fn kafka(scene: &mut Scene) -> Result<&mut Broker> {
    let Log::OwnKafka(broker) = &mut scene.world.log else { bail!("the scene has no Kafka of its own") };
    Ok(broker)
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_without_free_connections_under_load() -> Result<()> {
    let few = vec![("max_connections".to_owned(), "40".to_owned())];
    let mut scene =
        Scene::open("PostgreSQL out of connections", Setup { postgres: few, ..Setup::on(Log::on_kafka()) }).await?;
    scene.some_while().await?;
    let mut admin = PgConnection::connect(scene.world.admin_url()?.expose_secret()).await?;
    let url = scene.world.database_url("rules")?;
    let mut taken = Vec::new();
    // Whatever the services give back, or lose, is taken from them, until ingestion says that it has none. That none of theirs is
    // listed is not enough: a server that ends one drops it from the list before its place is free, and a service may be the first there.
    let end = "select pg_terminate_backend(pid) from pg_stat_activity
               where usename like 'homeroom\\_%' and application_name <> 'taker'";
    let deadline = Instant::now() + PATIENCE;
    while scene.world.is_ready(Role::Ingestion).await? {
        ensure!(Instant::now() < deadline, "ingestion works on, with every connection taken");
        while let Ok(mut connection) = PgConnection::connect(&url).await {
            sqlx::query("set application_name = 'taker'").execute(&mut connection).await?;
            taken.push(connection);
        }
        sqlx::query(end).execute(&mut admin).await?;
        sleep(POLL).await;
    }
    let since = Instant::now();
    drop(taken);
    scene.recovers("connections are free again", since).await?;
    scene.check().await.map(drop)
}
