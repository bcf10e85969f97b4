//! What the parts underneath take by themselves, one record at a time, at the same rate and in the same run: a mark's way to
//! its alert has two records through Kafka and two commits in PostgreSQL, and cannot be quicker than these.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::Message as _;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer as _, ThreadedProducer};
use rdkafka::{Offset, TopicPartitionList};

use crate::latencies::Latencies;
use crate::report::Report;
use crate::world::World;

/// Records that are measured.
const RECORDS: u32 = 1_000;
const COMMITS: u32 = 500;
/// How long a record may take at most.
const PATIENCE: Duration = Duration::from_secs(10);

/// Measures both and adds them to the report.
pub(crate) async fn report(world: &World, rate: u32, report: &mut Report) -> Result<()> {
    let kafka = kafka(world, rate).await?;
    report.baseline("Kafka alone, append to read p50", kafka.quantile(500), "ms");
    report.baseline("Kafka alone, append to read p99", kafka.quantile(990), "ms");
    let commits = commits(world).await?;
    report.baseline("PostgreSQL alone, commit of a row p50", commits.quantile(500), "ms");
    report.baseline("PostgreSQL alone, commit of a row p99", commits.quantile(990), "ms");
    report.baseline("two of each p50", 2.0 * (kafka.quantile(500) + commits.quantile(500)), "ms");
    Ok(())
}

/// From the scheduled append of a record to its reader, with a bare producer and a bare consumer.
async fn kafka(world: &World, rate: u32) -> Result<Latencies> {
    let servers = world.kafka().bootstrap_servers.clone();
    let name = format!("{}homeroom.load.floor", world.kafka().topic_prefix);
    let admin: AdminClient<DefaultClientContext> = ClientConfig::new().set("bootstrap.servers", &servers).create()?;
    let topic = NewTopic::new(&name, 1, TopicReplication::Fixed(1));
    for created in admin.create_topics([&topic], &AdminOptions::new()).await? {
        created.map_err(|(name, code)| anyhow::anyhow!("`{name}`: {code}"))?;
    }
    tokio::task::spawn_blocking(move || round_trips(&servers, &name, rate)).await.context("the reader panicked")?
}

fn round_trips(servers: &str, name: &str, rate: u32) -> Result<Latencies> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", servers)
        .set("group.id", "homeroom.load.floor")
        .set("enable.auto.commit", "false")
        .set("fetch.min.bytes", "1")
        .create()?;
    let mut assignment = TopicPartitionList::new();
    assignment.add_partition_offset(name, 0, Offset::Beginning)?;
    consumer.assign(&assignment)?;
    let producer: ThreadedProducer<DefaultProducerContext> = ClientConfig::new()
        .set("bootstrap.servers", servers)
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("linger.ms", "0")
        .create()?;
    let (sender, receiver) = mpsc::channel();
    let interval = Duration::from_secs(1) / rate;
    // The first records wait until both clients know the broker, and are not measured.
    let unmeasured = rate.min(RECORDS);
    let first = Instant::now() + Duration::from_millis(200);
    let name = name.to_owned();
    let append = std::thread::spawn(move || {
        for at in 0..RECORDS + unmeasured {
            let due = first + interval * at;
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            if producer.send(BaseRecord::to(&name).key("k").payload(&[b'.'; 200])).is_err() || sender.send(due).is_err()
            {
                break;
            }
        }
        producer.flush(PATIENCE).ok();
    });
    let mut latencies = Latencies::default();
    let deadline = Instant::now() + PATIENCE + interval * (RECORDS + unmeasured);
    let mut seen = 0;
    while seen < RECORDS + unmeasured && Instant::now() < deadline {
        let Some(message) = consumer.poll(Duration::from_millis(100)) else { continue };
        message?.payload().context("a record without its bytes")?;
        let arrived = Instant::now();
        let due = receiver.recv_timeout(PATIENCE)?;
        if seen >= unmeasured {
            latencies.record(arrived.saturating_duration_since(due));
        }
        seen += 1;
    }
    append.join().ok().context("the appender panicked")?;
    latencies.sort();
    Ok(latencies)
}

/// An upsert of one row and its commit.
async fn commits(world: &World) -> Result<Latencies> {
    let mut database = world.database().await?;
    sqlx::query("create table load_floor (id int primary key, value bytea)").execute(&mut database).await?;
    let mut latencies = Latencies::default();
    for at in 0..COMMITS {
        let began = Instant::now();
        sqlx::query("insert into load_floor values ($1, $2) on conflict (id) do update set value = excluded.value")
            .bind(i32::try_from(at % 100)?)
            .bind(vec![0_u8; 200])
            .execute(&mut database)
            .await?;
        latencies.record(began.elapsed());
    }
    latencies.sort();
    Ok(latencies)
}
