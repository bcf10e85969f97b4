//! Those beside us who do harm: what was put on the topic and is no event, and a watcher who does not read.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use homeroom_bus::kafka::KafkaLog;
use homeroom_bus::{Log as _, NewRecord, Offset, Partition, Topic};
use homeroom_faults::feed::authorized;
use homeroom_faults::sender::Door;
use homeroom_faults::story::{Story, Told};
use homeroom_faults::{Log, PATIENCE, POLL, Role, Scene, Setup};
use homeroom_harness::kafka;
use homeroom_proto::wire::notification::WatchAlertsRequest;
use homeroom_proto::wire::notification::alert_feed_client::AlertFeedClient;
use tokio::time::{Instant, sleep};
use tonic::transport::Endpoint;

/// Enough that each partition gets one of each kind.
const KEYS: usize = 16;

#[tokio::test(flavor = "multi_thread")]
async fn a_poison_record_stops_nobody() -> Result<()> {
    let config = kafka().config();
    let log = KafkaLog::new(&config)?;
    let mut scene = Scene::open("poison records", Setup::on(Log::Kafka(config))).await?;
    scene.some_while().await?;
    let event = log.tail(Topic::Events, Partition(0), Offset(0)).await?.next(1, PATIENCE).await?;
    let event = event.into_iter().next().and_then(|record| record.value).context("there is no event")?;
    let half = event.slice(..event.len() / 2);
    let poison = [Some(Bytes::from_static(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01 no event")), Some(half), None];
    let records = (0..KEYS).flat_map(|key| {
        let key = Bytes::from(format!("poison-{key}"));
        poison.clone().map(|value| NewRecord { key: key.clone(), value, headers: Vec::new() })
    });
    let since = Instant::now();
    let kept = log.append(Topic::Events, records.collect()).await.into_iter();
    let places = kept
        .map(|kept| kept.map(|at| format!("{} partition {} offset {}", Topic::Events, at.partition.0, at.offset.0)));
    let poisoned: BTreeSet<String> = places.collect::<Result<_, _>>()?;
    scene.recovers("poison on every partition", since).await?;
    let world = scene.check().await?;
    // Letters are published after the commit that they are of, and again by an owner that does not know that they were.
    let deadline = Instant::now() + PATIENCE;
    loop {
        let letters = world.run(&["dead-letters"], &[]).await?;
        let places = letters.lines().filter_map(|line| line.trim_start().strip_prefix("place"));
        let places: BTreeSet<String> = places.map(|place| place.trim().to_owned()).collect();
        if places == poisoned {
            return Ok(());
        }
        let strange: Vec<_> = places.difference(&poisoned).collect();
        ensure!(strange.is_empty() && Instant::now() < deadline, "{strange:?}, for {poisoned:?}: {letters}");
        sleep(POLL).await;
    }
}

/// Watchers who do not read, and changes that they do not read: far more than fits into what the kernel and HTTP/2 hold.
const SLOW: usize = 40;
const WINDOW_BYTES: u32 = 65_535;
const CHANGES: usize = 400;
/// The most that all of them together may cost the notification service.
const MOST_BYTES: u64 = 64 * 1024 * 1024;

#[tokio::test(flavor = "multi_thread")]
async fn watchers_who_do_not_read_cost_little_and_keep_nobody_waiting() -> Result<()> {
    let mut scene = Scene::open("watchers who do not read", Setup::on(Log::on_kafka())).await?;
    let students = scene.sender.enroll("unread", CHANGES).await?;
    scene.some_while().await?;
    let before = scene.world.process(Role::Notification)?.resident_bytes()?;
    let mut streams = Vec::new();
    for _ in 0..SLOW {
        // The library would read ahead megabytes for us; a screen behind a slow line cannot.
        let endpoint = Endpoint::from_shared(scene.world.grpc(Role::Notification)?)?
            .initial_stream_window_size(WINDOW_BYTES)
            .initial_connection_window_size(WINDOW_BYTES);
        let mut client = AlertFeedClient::new(endpoint.connect().await?);
        let request = WatchAlertsRequest { from_start: true, ..WatchAlertsRequest::default() };
        streams.push(client.watch_alerts(authorized(request)?).await?);
    }
    let since = Instant::now();
    scene.sender.mark_all(&students).await?;
    scene.recovers("beside them", since).await?;
    let after = scene.world.process(Role::Notification)?.resident_bytes()?;
    println!("watchers who do not read: {} KiB before, {} KiB after", before / 1024, after / 1024);
    ensure!(after.saturating_sub(before) < MOST_BYTES, "memory grew from {before} to {after} bytes");
    let told = |student| Told { student, story: Story::Absent, door: Door::Native };
    scene.also_told(students.into_iter().map(told).collect());
    scene.check().await?;
    drop(streams);
    Ok(())
}
