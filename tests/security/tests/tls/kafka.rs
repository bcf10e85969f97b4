//! Kafka over TLS, with a certificate and with a password, on the real broker.

use std::time::Duration;

use anyhow::Result;
use homeroom_bus::kafka::{Config, KafkaLog, Mechanism};
use homeroom_bus::{Error, Log as _, NewRecord, Offset, Partition, Topic};
use homeroom_security::tls::Authority;
use homeroom_security::tls::broker::{PASSWORD, PLAIN_PASSWORD, SecureBroker};

const DEADLINE: Duration = Duration::from_mins(1);

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
