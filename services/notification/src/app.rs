//! Builds the service from its configuration and starts its background work.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use homeroom_bus::{Log, Topic};
use homeroom_chassis::access::Access;
use homeroom_chassis::component::Readiness;
use homeroom_chassis::{Component, TaskGroup};
use homeroom_pg::{Database, Migration, Schema};
use homeroom_proto::wire::notification::alert_feed_server::{AlertFeedServer, SERVICE_NAME};
use jiff::SignedDuration;
use tokio::sync::{Semaphore, broadcast, watch};
use tonic::service::Routes;

use crate::clock::Clock;
use crate::config::{Config, Invalid};
use crate::consume::{Owner, Work};
use crate::feed::{self, Feed, Shared};
use crate::metric;
use crate::routing::{self, Source};
use crate::store::Store;
use crate::sweep::Sweeper;

/// The tables of this service.
pub const SCHEMA: Schema = Schema {
    name: "notification",
    migrations: &[
        Migration {
            version: 20_260_801_000_000,
            name: "first",
            sql: include_str!("../migrations/20260801000000_first.sql"),
        },
        Migration {
            version: 20_261_125_160_000,
            name: "retention",
            sql: include_str!("../migrations/20261125160000_retention.sql"),
        },
    ],
};

/// Why the service cannot start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration says what cannot work.
    #[error("notification configuration")]
    Config(#[from] Invalid),
    /// The routing cannot be used.
    #[error("notification routing")]
    Routing(#[from] routing::Error),
    /// The database cannot be used.
    #[error("notification database")]
    Database(#[from] homeroom_pg::Error),
    /// The log cannot be used.
    #[error("notification log")]
    Log(#[from] homeroom_bus::Error),
}

/// The largest frame that a peer may send, in bytes: a settlement is far smaller.
const LARGEST_REQUEST: usize = 64 * 1024;

/// Whether the configuration can work, as far as can be told before anything is opened: its values, and the routing file.
pub fn check(config: &Config) -> Result<(), Error> {
    config.validate()?;
    Source::open(config.routing_file.clone(), Duration::from_millis(config.routing_poll_ms))?;
    Ok(())
}

/// Connects to the database, joins the alerts topic, and starts reading it and answering the feed.
pub async fn build(config: &Config, log: Arc<dyn Log>, access: Access, tasks: &TaskGroup) -> Result<Component, Error> {
    build_at(config, log, access, tasks, Clock::default()).await
}

/// [`build`] with another clock.
pub async fn build_at(
    config: &Config,
    log: Arc<dyn Log>,
    access: Access,
    tasks: &TaskGroup,
    clock: Clock,
) -> Result<Component, Error> {
    config.validate()?;
    metric::describe();
    let routing = Source::open(config.routing_file.clone(), Duration::from_millis(config.routing_poll_ms))?;
    let store = Store::new(Database::connect(&config.database, &SCHEMA).await?);
    let policy = Arc::new(config.policy());
    let stop = tasks.stopping();

    let (wake_sender, wake) = watch::channel(0);
    tasks.spawn("notification listener", feed::listen(store.database().clone(), wake_sender, stop.clone()));
    tasks.spawn("routing", routing.clone().run(stop.clone()));
    let every = Duration::from_millis(config.feed.sweep_ms);
    let retention = SignedDuration::from_hours(24 * i64::from(config.retention_days));
    let sweeper = Sweeper { store: store.clone(), policy: Arc::clone(&policy), clock: clock.clone(), every, retention };
    tasks.spawn("delivery sweeper", sweeper.run(stop.clone()));

    let worth = Duration::from_secs(config.delivery_expiry_s);
    let work = Work { store: store.clone(), routing, clock: clock.clone(), worth };
    let owner = Arc::new(Owner::new(work, tasks.clone()));
    let joined = log.join(Topic::Alerts, &config.group, owner, stop).await?;
    let member = Arc::new(AtomicBool::new(true));
    let left = Arc::clone(&member);
    tasks.spawn("alerts consumer", async move {
        let ended = joined.left.await;
        left.store(false, Ordering::Relaxed);
        ended.map_err(|panic| panic.to_string())?.map_err(|error| error.to_string())
    });

    let streams = Arc::new(Semaphore::new(config.feed.most_streams));
    let (settled, _) = broadcast::channel(feed::SETTLED);
    let feed = Feed::new(Shared {
        store,
        access,
        policy,
        limits: config.feed.clone(),
        clock,
        wake,
        settled,
        tasks: tasks.clone(),
        streams,
    });
    let ready = move || {
        if member.load(Ordering::Relaxed) {
            Readiness::Ready
        } else {
            Readiness::NotReady("the alerts topic is no longer read".to_owned())
        }
    };
    Ok(Component {
        name: "notification",
        http: None,
        grpc: Some(Routes::new(AlertFeedServer::new(feed).max_decoding_message_size(LARGEST_REQUEST))),
        grpc_services: vec![SERVICE_NAME],
        ready: Box::new(ready),
    })
}
