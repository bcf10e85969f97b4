//! What watchers cost that have nothing to see, and how soon all of them see something.

use std::time::Duration;

use anyhow::{Context as _, Result};
use homeroom_bus::{NewRecord, Topic};
use homeroom_domain::alert::AlertChange;
use homeroom_proto::wire::notification as pb;
use homeroom_proto::{alert, key};
use pb::alert_feed_client::AlertFeedClient;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tonic::transport::Channel;
use tonic::{Request, Streaming};

use crate::intake::authorization;
use crate::world::{Role, World};

/// Watchers of one connection; a door takes 256 streams of each.
const PER_CONNECTION: u32 = 200;
/// How long the change may take to reach all of them.
const PATIENCE: Duration = Duration::from_mins(1);
const MEGABYTE: f64 = 1e6;

/// What was measured.
pub(super) struct Measured {
    /// Of the service, for each watcher.
    pub(super) bytes: f64,
    /// How long opening all of them took.
    pub(super) opened: Duration,
    /// From publishing a change to the last watcher that has it.
    pub(super) told: Duration,
}

/// Opens so many watchers, and publishes a change.
pub(super) async fn measure(world: &World, watchers: u32, change: AlertChange) -> Result<Measured> {
    let before = world.usage(Role::Notification)?.resident_megabytes;
    let began = Instant::now();
    let mut opening = JoinSet::new();
    for first in (0..watchers).step_by(PER_CONNECTION as usize) {
        let channel = Channel::from_shared(world.grpc(Role::Notification)?)?.connect().await?;
        opening.spawn(open(channel, PER_CONNECTION.min(watchers - first)));
    }
    let mut streams = Vec::new();
    while let Some(opened) = opening.join_next().await {
        streams.extend(opened.context("a watcher panicked")??);
    }
    let opened = began.elapsed();
    let bytes = (world.usage(Role::Notification)?.resident_megabytes - before) * MEGABYTE / f64::from(watchers);

    let mut telling = JoinSet::new();
    for mut stream in streams {
        telling.spawn(async move { stream.message().await });
    }
    let published = Instant::now();
    let record = NewRecord {
        key: key::alerts(&change.district, &change.student),
        value: Some(alert::encode(&change)),
        headers: Vec::new(),
    };
    for appended in world.log()?.append(Topic::Alerts, vec![record]).await {
        appended.context("the change cannot be published")?;
    }
    while let Some(told) = timeout(PATIENCE, telling.join_next()).await.context("the change does not come to all")? {
        told.context("a watcher panicked")??.context("a watcher's stream has ended")?;
    }
    Ok(Measured { bytes, opened, told: published.elapsed() })
}

async fn open(channel: Channel, count: u32) -> Result<Vec<Streaming<pb::WatchAlertsResponse>>> {
    let mut client = AlertFeedClient::new(channel);
    let mut streams = Vec::new();
    for _ in 0..count {
        let mut request = Request::new(pb::WatchAlertsRequest::default());
        request.metadata_mut().insert("authorization", authorization().parse()?);
        streams.push(client.watch_alerts(request).await?.into_inner());
    }
    Ok(streams)
}
