//! The feed of alerts as a live screen follows it: from the first change, and again from its cursor when the stream breaks.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use homeroom_proto::wire::alert::{AlertChange, Kind};
use homeroom_proto::wire::notification::WatchAlertsRequest;
use homeroom_proto::wire::notification::alert_feed_client::AlertFeedClient;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tonic::Request;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::Endpoint;

use crate::POLL;
use crate::story::RULE;
use crate::world::{KEY, Role, SECRET, World};

/// A follower; it stops when dropped.
pub struct Feed {
    seen: Arc<Seen>,
    _reader: JoinSet<()>,
}

#[derive(Default)]
struct Seen {
    changes: Mutex<Vec<AlertChange>>,
    count: watch::Sender<usize>,
}

impl Feed {
    /// Follows from the first change kept.
    pub fn follow(world: &World) -> Result<Self> {
        let address = world.grpc(Role::Notification)?;
        let seen = Arc::new(Seen::default());
        let mut reader = JoinSet::new();
        let kept = Arc::clone(&seen);
        reader.spawn(async move {
            let mut cursor = String::new();
            loop {
                // A stream that ends is what the faults are for; the checker sees what is missing.
                read(&address, &mut cursor, &kept).await.ok();
                sleep(POLL).await;
            }
        });
        Ok(Self { seen, _reader: reader })
    }

    /// All changes so far, in order of arrival.
    pub fn changes(&self) -> Vec<AlertChange> {
        lock(&self.seen.changes).clone()
    }

    /// The kinds of the changes so far of what a student's story gives cause for, in order.
    pub fn of(&self, student: &[u8]) -> Vec<Kind> {
        let changes = lock(&self.seen.changes);
        let of_story = changes.iter().filter(|change| change.student == student && change.rule == RULE);
        of_story.map(AlertChange::kind).collect()
    }

    /// Waits until this holds for the number and kinds of a student's changes.
    pub async fn wait_for(&self, student: &[u8], kinds: &[Kind], within: Duration) -> Result<()> {
        self.wait_until(within, || self.of(student) == kinds)
            .await
            .with_context(|| format!("{kinds:?} of a student did not come; {:?} did", self.of(student)))
    }

    /// Waits until something holds of the changes so far; looks again with each one.
    pub async fn wait_until(&self, within: Duration, holds: impl Fn() -> bool) -> Result<()> {
        let mut count = self.seen.count.subscribe();
        timeout(within, count.wait_for(|_| holds())).await.with_context(|| format!("not within {within:?}"))??;
        Ok(())
    }
}

/// Reads until the stream ends; `cursor` is where to go on.
async fn read(address: &str, cursor: &mut String, seen: &Seen) -> Result<()> {
    let endpoint = Endpoint::from_shared(address.to_owned())?
        .connect_timeout(Duration::from_secs(2))
        .http2_keep_alive_interval(Duration::from_secs(2))
        .keep_alive_timeout(Duration::from_secs(2));
    let mut client = AlertFeedClient::new(endpoint.connect().await?);
    let from_start = cursor.is_empty();
    let request = WatchAlertsRequest { cursor: cursor.clone(), from_start, school: String::new() };
    let mut stream = client.watch_alerts(authorized(request)?).await?.into_inner();
    while let Some(response) = stream.message().await? {
        *cursor = response.cursor;
        let Some(change) = response.change else { continue };
        lock(&seen.changes).push(change);
        seen.count.send_modify(|count| *count += 1);
    }
    Ok(())
}

/// A message with the key.
pub fn authorized<T>(message: T) -> Result<Request<T>> {
    let mut request = Request::new(message);
    let value: MetadataValue<Ascii> = format!("Basic {}", BASE64_STANDARD.encode(format!("{KEY}:{SECRET}"))).parse()?;
    request.metadata_mut().insert("authorization", value);
    Ok(request)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
