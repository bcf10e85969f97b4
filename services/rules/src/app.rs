//! Builds the service. The only reader of the configuration.

use std::sync::Arc;

use homeroom_bus::lag::show_lag;
use homeroom_bus::{Log, Topic};
use homeroom_chassis::TaskGroup;
use homeroom_chassis::access::{Access, Scope};
use homeroom_chassis::clock;
use homeroom_chassis::component::Component;
use homeroom_pg::{Database, Migration, Schema};
use homeroom_proto::wire::risk::risk_explanation_server::RiskExplanationServer;
use homeroom_proto::wire::risk::risk_query_server::RiskQueryServer;
use tokio::sync::Semaphore;
use tonic::service::Routes;
use tonic::service::interceptor::InterceptedService;

use crate::config::Config;
use crate::grpc::{PREVIEWS, Risk, WATCHERS};
use crate::process::Process;
use crate::ready::Ready;
use crate::roll::{self, Rolls};
use crate::store::Store;
use crate::store::postgres::PostgresStore;
use crate::store::postgres::gather::gather;
use crate::store::postgres::reached::reached;
use crate::store::postgres::watchers::Watchers;

/// What the service keeps.
pub const SCHEMA: Schema = Schema {
    name: "rules",
    migrations: &[
        Migration {
            version: 20_261_125_120_000,
            name: "state",
            sql: include_str!("../migrations/20261125120000_state.sql"),
        },
        Migration {
            version: 20_261_125_180_000,
            name: "commits",
            sql: include_str!("../migrations/20261125180000_commits.sql"),
        },
        Migration {
            version: 20_261_125_213_000,
            name: "failures",
            sql: include_str!("../migrations/20261125213000_failures.sql"),
        },
        Migration {
            version: 20_261_126_033_500,
            name: "waiting",
            sql: include_str!("../migrations/20261126033500_waiting.sql"),
        },
        Migration {
            version: 20_261_126_051_600,
            name: "live",
            sql: include_str!("../migrations/20261126051600_live.sql"),
        },
        Migration {
            version: 20_261_126_070_200,
            name: "counting",
            sql: include_str!("../migrations/20261126070200_counting.sql"),
        },
        Migration {
            version: 20_261_126_150_100,
            name: "rolls",
            sql: include_str!("../migrations/20261126150100_rolls.sql"),
        },
        Migration {
            version: 20_261_127_041_500,
            name: "school-partitions",
            sql: include_str!("../migrations/20261127041500_school_partitions.sql"),
        },
    ],
};

/// Why the service cannot start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A setting that cannot work.
    #[error("rules: {0}")]
    Config(String),
    /// The database.
    #[error("the database of the rules service is not usable")]
    Database(#[from] homeroom_pg::Error),
    /// The log.
    #[error("the log is not usable")]
    Log(#[from] homeroom_bus::Error),
}

/// Whether the configuration can work, as far as can be told before anything is opened: its limits.
pub fn check(config: &Config) -> Result<(), Error> {
    config.limits.problem().map_or(Ok(()), |problem| Err(Error::Config(problem)))
}

/// Connects, starts the background work on the task group, and returns what to serve. The log need not be there yet: until it is,
/// the service is not ready.
pub async fn build(config: &Config, log: Arc<dyn Log>, access: Access, tasks: &TaskGroup) -> Result<Component, Error> {
    check(config)?;
    let database = Database::connect(&config.database, &SCHEMA).await?;
    let (watchers, telling) = Watchers::new(database.clone(), tasks.stopping());
    tasks.spawn("rules.watchers", async move {
        telling.run().await;
        Ok::<(), std::convert::Infallible>(())
    });
    let (gather, gatherer) = gather(database.clone());
    let stopping = tasks.stopping();
    tasks.spawn("rules.commits", async move {
        gatherer.run(stopping).await;
        Ok::<(), std::convert::Infallible>(())
    });
    let store: Arc<dyn Store> = Arc::new(PostgresStore::new(database.clone(), watchers, gather));
    let process = Process {
        store: Arc::clone(&store),
        log: Arc::clone(&log),
        clock: Arc::new(clock::now),
        limits: config.limits,
        tasks: tasks.clone(),
        name: format!("process {}", std::process::id()),
    };
    let (snapshots, ready, rolls) = (process.follow_reference(), Ready::new(), Arc::<Rolls>::default());
    tasks
        .spawn("rules.member", process.run(config.group.clone(), snapshots.clone(), ready.clone(), Arc::clone(&rolls)));
    let shown = roll::show(rolls, database.clone(), snapshots.clone(), Arc::new(clock::now), tasks.stopping());
    tasks.spawn("rules.rolls", shown);
    let (taking, lagging) = (database.clone(), Arc::clone(&log));
    let taken = move || {
        let database = taking.clone();
        async move { reached(&database).await }
    };
    tasks.spawn("rules.lag", show_lag(lagging, Topic::Events, config.group.clone(), taken, tasks.stopping()));
    let watching = ready.clone().watch(store, tasks.stopping());
    tasks.spawn("rules.readiness", async move {
        watching.await;
        Ok::<(), std::convert::Infallible>(())
    });
    let watchers = Arc::new(Semaphore::new(WATCHERS));
    let previews = Arc::new(Semaphore::new(PREVIEWS));
    let reading = Arc::new(Semaphore::new(1));
    // Every question but that of a replay is far smaller; the bound is one for all of a service.
    // So whoever asks is looked at first, and no message of a stranger is read.
    let door = access.clone();
    let expected = move |request: tonic::Request<()>| {
        door.is_expected(request.metadata(), &[Scope::Read, Scope::Admin]).map(|()| request)
    };
    let service = |risk| {
        let server = RiskQueryServer::new(risk).max_decoding_message_size(homeroom_replay::REQUEST_BYTES);
        InterceptedService::new(server, expected)
    };
    let risk = Risk { database, log, access, snapshots, stopping: tasks.stopping(), watchers, previews, reading };
    Ok(Component {
        name: "rules",
        http: None,
        grpc: Some(Routes::new(service(risk.clone())).add_service(RiskExplanationServer::new(risk))),
        grpc_services: vec!["homeroom.risk.v1.RiskQuery", "homeroom.risk.v1.RiskExplanation"],
        ready: Box::new(move || ready.readiness()),
    })
}
