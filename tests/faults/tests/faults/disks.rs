//! Disks that are full: nothing more is acknowledged, nothing acknowledged is lost, and all goes on when there is room again.

use anyhow::{Result, bail, ensure};
use homeroom_bus::kafka::{self, KafkaLog};
use homeroom_bus::{Log as _, NewRecord, Topic};
use homeroom_faults::{Log, PATIENCE, Role, Scene, Setup};
use homeroom_harness::{Broker, Volume, volume};
use tokio::time::Instant;

/// An empty cluster and two pieces of its log, with little more.
const POSTGRES_MIB: u32 = 160;
/// Enough for the log of the test, and little to fill.
const KAFKA_MIB: u32 = 128;

#[tokio::test(flavor = "multi_thread")]
async fn postgres_on_a_full_disk_under_load() -> Result<()> {
    if !volume::enter("disks::postgres_on_a_full_disk_under_load")? {
        return Ok(());
    }
    let setup = Setup { volume_mib: Some(POSTGRES_MIB), ..Setup::on(Log::on_kafka()) };
    let mut scene = Scene::open("PostgreSQL's disk is full", setup).await?;
    scene.some_while().await?;
    scene.world.volume()?.fill()?;
    let refused = scene.sender.is_refused_by_edfi().await?;
    println!("PostgreSQL's disk is full: the Ed-Fi API answered {refused}");
    ensure!(refused == 503, "{refused} instead of 503");
    scene.world.volume()?.free()?;
    let since = Instant::now();
    // It ends when its own log has no room.
    scene.world.keep_postgres().await?;
    scene.recovers("there is room again", since).await?;
    scene.check().await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn kafka_on_a_full_disk_under_load() -> Result<()> {
    if !volume::enter("disks::kafka_on_a_full_disk_under_load")? {
        return Ok(());
    }
    let mut broker = Broker::place()?;
    let volume = Volume::mount(&broker.data(), KAFKA_MIB)?;
    broker.restart().await?;
    let log = KafkaLog::new(&kafka::Config { topic_prefix: "probe.".to_owned(), ..broker.config() })?;
    log.create_topics(1).await?;
    let mut scene = Scene::open("Kafka's disk is full", Setup::on(Log::OwnKafka(broker))).await?;
    scene.some_while().await?;
    volume.fill()?;
    let refused = scene.sender.is_refused_by_native().await?;
    println!("Kafka's disk is full: POST /v1/events answered {refused}");
    ensure!(refused == 503, "{refused} instead of 503");
    volume.free()?;
    let since = Instant::now();
    let Log::OwnKafka(broker) = &mut scene.world.log else { bail!("the setup says otherwise") };
    // A broker ends when it has nowhere left to write, and may still be about to.
    while broker.is_alive() && !takes(&log).await {
        ensure!(since.elapsed() < PATIENCE, "the broker neither takes a record nor ends");
    }
    if !broker.is_alive() {
        broker.kill()?;
        broker.restart().await?;
    }
    scene.recovers("there is room again", since).await?;
    for role in Role::ALL {
        scene.world.wait_ready(role).await?;
    }
    scene.check().await.map(drop)
}

async fn takes(log: &KafkaLog) -> bool {
    let record = NewRecord { key: "key".into(), value: None, headers: Vec::new() };
    log.append(Topic::Events, vec![record]).await.iter().all(Result::is_ok)
}
