//! Kafka over TLS, with a certificate and with a password, on the real broker.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use async_trait::async_trait;
use homeroom_bus::kafka::{Config, KafkaLog, Mechanism};
use homeroom_bus::{Error, Log as _, NewRecord, Offset, Partition, PartitionOwner, Record, Topic};
use homeroom_chassis::lifecycle::TaskGroup;
use homeroom_security::tls::Authority;
use homeroom_security::tls::HERE;
use homeroom_security::tls::broker::{PASSWORD, PLAIN_PASSWORD, SecureBroker};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// How long anything may take on a machine that has too much to do.
const DEADLINE: Duration = Duration::from_mins(3);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_is_believed_by_its_certificate_and_believes_by_certificate_or_password() -> Result<()> {
    // What librdkafka says of connections is shown when the test fails.
    let _telemetry = homeroom_chassis::telemetry::init("test", &homeroom_chassis::telemetry::Config::default())?;
    let authority = Authority::new()?;
    let broker = SecureBroker::start(&authority).await?;
    let with = |mechanism, password| broker.with_password(&authority, mechanism, password);
    let good = [
        ("certificate", broker.with_certificate(&authority)?),
        ("scram", with(Mechanism::ScramSha512, PASSWORD)?),
        ("plain", with(Mechanism::Plain, PLAIN_PASSWORD)?),
    ];
    for (name, config) in good {
        round_trip(&Config { topic_prefix: format!("{name}."), ..config }).await.map_err(|e| e.context(name))?;
    }

    let stranger = Authority::new()?;
    let mut foreign_broker = broker.with_certificate(&authority)?;
    foreign_broker.tls.as_mut().unwrap().ca_file = Some(stranger.ca());
    let mut nameless = broker.with_certificate(&authority)?;
    nameless.tls.as_mut().unwrap().cert_file = None;
    nameless.tls.as_mut().unwrap().key_file = None;
    let mut foreign_client = broker.with_certificate(&stranger)?;
    foreign_client.tls.as_mut().unwrap().ca_file = Some(authority.ca());
    // The same machine by a name that its certificate does not have.
    let renamed =
        Config { bootstrap_servers: broker.at_certificate("localhost"), ..broker.with_certificate(&authority)? };
    let clear = Config { bootstrap_servers: broker.at_certificate("127.0.0.1"), ..Config::default() };
    let bad = [
        ("a broker of another authority", foreign_broker),
        ("a broker of another name", renamed),
        ("a client without a certificate", nameless),
        ("a client of another authority", foreign_client),
        ("a client that speaks in the clear", clear),
        ("a wrong password", with(Mechanism::ScramSha512, PLAIN_PASSWORD)?),
        ("a wrong mechanism", with(Mechanism::ScramSha256, PASSWORD)?),
    ];
    let tried = bad.map(async |(name, config)| (name, refused(&config).await));
    for (name, refused) in futures_util::future::join_all(tried).await {
        refused.map_err(|e| e.context(name))?;
    }
    Ok(())
}

/// What is appended is read back.
async fn round_trip(config: &Config) -> Result<()> {
    let log = KafkaLog::new(config)?;
    log.create_topics(1).await?;
    let record = NewRecord { key: "student".into(), value: Some("mark".into()), headers: Vec::new() };
    for answer in log.append(Topic::Events, vec![record]).await {
        answer?;
    }
    let mut tail = log.tail(Topic::Events, Partition(0), Offset(0)).await?;
    let read = tail.next(10, DEADLINE).await?;
    assert_eq!(read[0].value.as_deref(), Some(&b"mark"[..]));
    Ok(())
}

/// Nothing is acknowledged, and no secret is told.
async fn refused(config: &Config) -> Result<()> {
    let log = KafkaLog::new(&Config { message_timeout_ms: 3_000, ..config.clone() })?;
    let answer: Result<i32, Error> = log.partitions(Topic::Events).await;
    let error = answer.expect_err("the cluster answers");
    let told = format!("{error} {error:?} {log:?}");
    assert!(!told.contains(PASSWORD) && !told.contains(PLAIN_PASSWORD), "{told}");
    Ok(())
}

/// Takes every record from the beginning, whenever it is given a partition.
struct Taker(mpsc::Sender<Vec<Record>>);

#[async_trait]
impl PartitionOwner for Taker {
    async fn assign(&self, _: Partition) -> Result<(Offset, mpsc::Sender<Vec<Record>>), Error> {
        Ok((Offset(0), self.0.clone()))
    }

    async fn revoke(&self, _: Partition) {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renewed_certificate_is_shown_by_producer_reader_and_member_without_a_restart() -> Result<()> {
    let _telemetry = homeroom_chassis::telemetry::init("test", &homeroom_chassis::telemetry::Config::default())?;
    let (authority, former) = (Authority::new()?, Authority::new()?);
    let both = format!("{}{}", authority.pem(), former.pem());
    let mut broker = SecureBroker::start_trusting(&authority, &both).await?;
    let shown = former.give("client", HERE)?;
    let config = broker.with_pair(&authority, shown.clone())?;
    let tasks = TaskGroup::default();
    let log = KafkaLog::follow(&config, &tasks)?;
    log.create_topics(1).await?;
    append(&log, "before").await?;
    let mut tail = log.tail(Topic::Events, Partition(0), Offset(0)).await?;
    let (inbox, mut taken) = mpsc::channel(8);
    let leave = CancellationToken::new();
    let joined = log.join(Topic::Events, "takers", Arc::new(Taker(inbox)), leave.clone()).await?;
    until(async || tail.next(10, DEADLINE).await, "before").await?;
    until(async || Ok(taken.recv().await.unwrap_or_default()), "before").await?;

    let renewed = authority.give("client", HERE)?;
    fs::copy(renewed.cert, shown.cert)?;
    fs::copy(renewed.key, shown.key)?;
    // The member joins again while the broker believes both, and takes everything from the beginning.
    until(async || Ok(taken.recv().await.unwrap_or_default()), "before").await?;
    // From its start on the broker asks everybody for a certificate, and refuses whoever shows the one before.
    broker.trust(&authority.pem())?;
    broker.restart().await?;
    let deadline = Instant::now() + DEADLINE;
    // The files may not have been looked at again yet.
    while let Err(error) = append(&log, "after").await {
        ensure!(Instant::now() < deadline, "nothing is acknowledged: {error:#}");
    }
    until(async || tail.next(10, DEADLINE).await, "after").await?;
    until(async || Ok(taken.recv().await.unwrap_or_default()), "after").await?;
    leave.cancel();
    joined.left.await??;
    Ok(())
}

async fn append(log: &KafkaLog, text: &'static str) -> Result<()> {
    let record = NewRecord { key: "student".into(), value: Some(text.into()), headers: Vec::new() };
    log.append(Topic::Events, vec![record]).await.remove(0)?;
    Ok(())
}

/// Reads until this record has come.
async fn until(mut read: impl AsyncFnMut() -> Result<Vec<Record>, Error>, text: &str) -> Result<()> {
    let come = async {
        while !read().await?.iter().any(|record| record.value.as_deref() == Some(text.as_bytes())) {}
        Ok(())
    };
    timeout(DEADLINE, come).await.with_context(|| format!("`{text}` has not come"))?
}
