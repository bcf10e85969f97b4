//! Builds the service from its configuration and starts its background work.

use std::sync::Arc;
use std::time::Duration;

use homeroom_bus::lag::show_lag;
use homeroom_bus::{Log, Partition, Topic};
use homeroom_chassis::access::Access;
use homeroom_chassis::{Component, TaskGroup};
use homeroom_pg::{Database, Migration, Schema};
use homeroom_proto::wire::notification::alert_feed_server::{AlertFeedServer, SERVICE_NAME};
use tokio::sync::broadcast;
use tonic::service::Routes;

use crate::config::{Config, Invalid};
use crate::consume::{Owner, Reached, Work, gather};
use crate::feed::{self, Feed, Reader, Room, Shared};
use crate::metric;
use crate::ready::Ready;
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
        Migration {
            version: 20_261_125_180_000,
            name: "clock",
            sql: include_str!("../migrations/20261125180000_clock.sql"),
        },
        Migration {
            version: 20_261_125_192_500,
            name: "restored",
            sql: include_str!("../migrations/20261125192500_restored.sql"),
        },
        Migration {
            version: 20_261_125_213_500,
            name: "lean",
            sql: include_str!("../migrations/20261125213500_lean.sql"),
        },
        Migration {
            version: 20_261_126_051_500,
            name: "late_news",
            sql: include_str!("../migrations/20261126051500_late_news.sql"),
        },
        Migration {
            version: 20_261_126_103_500,
            name: "acknowledged",
            sql: include_str!("../migrations/20261126103500_acknowledged.sql"),
        },
        Migration {
            version: 20_261_126_122_000,
            name: "given_up",
            sql: include_str!("../migrations/20261126122000_given_up.sql"),
        },
        Migration {
            version: 20_261_126_135_500,
            name: "cases",
            sql: include_str!("../migrations/20261126135500_cases.sql"),
        },
        Migration {
            version: 20_261_126_135_600,
            name: "held_back",
            sql: include_str!("../migrations/20261126135600_held_back.sql"),
        },
        Migration {
            version: 20_261_126_170_500,
            name: "duties_done",
            sql: include_str!("../migrations/20261126170500_duties_done.sql"),
        },
        Migration {
            version: 20_261_126_171_000,
            name: "case_moved",
            sql: include_str!("../migrations/20261126171000_case_moved.sql"),
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

/// Says that the database was restored from an older backup than the log: what the lost one may have told of, which is all that
/// waits in the backup and all that the topic holds, counts as perhaps told. So whoever was told hears of what is taken back,
/// at the price that somebody may hear who was not told. To be called once, before any process of the service runs again.
pub async fn restored(config: &Config, log: &dyn Log) -> Result<(), Error> {
    config.validate()?;
    let store = Store::new(Database::connect(&config.database, &SCHEMA).await?);
    let ends = log.end_offsets(Topic::Alerts).await?;
    Ok(store.restored((0..).map(Partition).zip(ends)).await?)
}

/// Connects to the database, and starts reading the alerts topic and answering the feed. The log need not be there yet: until it
/// is, the service is not ready.
pub async fn build(config: &Config, log: Arc<dyn Log>, access: Access, tasks: &TaskGroup) -> Result<Component, Error> {
    config.validate()?;
    metric::describe();
    let routing = Source::open(config.routing_file.clone(), Duration::from_millis(config.routing_poll_ms))?;
    let store = Store::new(Database::connect(&config.database, &SCHEMA).await?);
    let policy = Arc::new(config.policy());
    let stop = tasks.stopping();

    let (wakes, wake) = (store.wakes(), store.wakes().subscribe());
    tasks.spawn("notification listener", wakes.clone().listen(store.database().clone(), stop.clone()));
    tasks.spawn("notification teller", wakes.clone().tell(store.database().clone(), stop.clone()));
    tasks.spawn("routing", routing.clone().run(stop.clone()));
    let every = Duration::from_millis(config.feed.sweep_ms);
    let retention = config.retention();
    let forget_every = Duration::from_secs(config.forget_s);
    let sweeper = Sweeper { store: store.clone(), policy: Arc::clone(&policy), every, retention, forget_every };
    tasks.spawn("delivery sweeper", sweeper.run(stop.clone()));

    let worth = Duration::from_secs(config.delivery_expiry_s);
    let (gather, gatherer) = gather(store.clone(), routing);
    tasks.spawn("alert gatherer", gatherer.run(stop.clone()));
    let work = Work { store: store.clone(), gather, worth, reached: Reached::default() };
    let owner = Arc::new(Owner::new(work, tasks.clone()));
    let ready = Ready::new();
    let lagging = Arc::clone(&log);
    tasks.spawn("alerts consumer", {
        let (ready, group, leave) = (ready.clone(), config.group.clone(), stop.clone());
        async move {
            let stands = |standing| ready.stands(standing);
            homeroom_bus::stay(&*log, Topic::Alerts, &group, owner, leave, stands).await
        }
    });
    let taking = store.clone();
    let taken = move || {
        let store = taking.clone();
        async move { store.reached().await }
    };
    tasks.spawn("alerts lag", show_lag(lagging, Topic::Alerts, config.group.clone(), taken, stop.clone()));
    tasks.spawn("readiness", ready.clone().watch(store.clone(), stop.clone()));

    let limits = config.feed.clone();
    let reader = Reader::new(store.clone(), &limits, stop);
    tasks.spawn("alert watchers", Arc::clone(&reader).run(wake.clone()));
    let streams = Room::new("streams", limits.most_streams, limits.most_streams_per_key);
    let watchers = Room::new("watchers", limits.most_watchers, limits.most_watchers_per_key);
    let (settled, _) = broadcast::channel(feed::SETTLED);
    let tasks = tasks.clone();
    let certificates = config.adapter_certificates;
    let feed = Feed::new(Shared {
        store,
        access,
        certificates,
        policy,
        limits,
        wake,
        settled,
        tasks,
        streams,
        watchers,
        reader,
    });
    Ok(Component {
        name: "notification",
        http: None,
        grpc: Some(Routes::new(AlertFeedServer::new(feed).max_decoding_message_size(LARGEST_REQUEST))),
        grpc_services: vec![SERVICE_NAME],
        ready: Box::new(move || ready.readiness()),
    })
}
