//! Builds the service. The only reader of the configuration.

use std::sync::Arc;

use homeroom_bus::Log;
use homeroom_chassis::access::Access;
use homeroom_chassis::component::{Component, Readiness};
use homeroom_chassis::lifecycle::TaskGroup;
use homeroom_pg::{Database, Migration, Schema};
use tokio::sync::Semaphore;
use tonic::service::Routes;
use uuid::Uuid;

use crate::config::{Config, Limits};
use crate::district::{self, Known};
use crate::edfi::{self, Door};
use crate::grpc::Ingest;
use crate::hearing::Hearing;
use crate::intake::{Arrivals, Publisher};
use crate::merge::{self, Follower, Merges, Mover};
use crate::native::{self, Native};
use crate::pseudonym::{self, Pseudonyms};
use crate::quarantine::{self, Quarantine};
use crate::rule::RuleAdmin;

/// What the service keeps.
pub const SCHEMA: Schema = Schema {
    name: "ingestion",
    migrations: &[
        Migration {
            version: 20_261_125_120_000,
            name: "documents_and_outbox",
            sql: include_str!("../migrations/20261125120000_documents_and_outbox.sql"),
        },
        Migration {
            version: 20_261_125_130_000,
            name: "settings",
            sql: include_str!("../migrations/20261125130000_settings.sql"),
        },
        Migration {
            version: 20_261_125_140_000,
            name: "quarantine",
            sql: include_str!("../migrations/20261125140000_quarantine.sql"),
        },
        Migration {
            version: 20_261_125_150_000,
            name: "deletes_are_forgotten",
            sql: include_str!("../migrations/20261125150000_deletes_are_forgotten.sql"),
        },
        Migration {
            version: 20_261_125_190_000,
            name: "look_ups_begin_with_what_is_distinct",
            sql: include_str!("../migrations/20261125190000_look_ups_begin_with_what_is_distinct.sql"),
        },
        Migration {
            version: 20_261_125_214_500,
            name: "standing_after_a_restore",
            sql: include_str!("../migrations/20261125214500_standing_after_a_restore.sql"),
        },
        Migration {
            version: 20_261_126_034_800,
            name: "student_merges",
            sql: include_str!("../migrations/20261126034800_student_merges.sql"),
        },
        Migration {
            version: 20_261_126_035_900,
            name: "key_changes",
            sql: include_str!("../migrations/20261126035900_key_changes.sql"),
        },
        Migration {
            version: 20_261_126_051_500,
            name: "key_changes_are_followed_together",
            sql: include_str!("../migrations/20261126051500_key_changes_are_followed_together.sql"),
        },
        Migration {
            version: 20_261_126_065_100,
            name: "rule_activations",
            sql: include_str!("../migrations/20261126065100_rule_activations.sql"),
        },
        Migration {
            version: 20_261_126_070_100,
            name: "document_references",
            sql: include_str!("../migrations/20261126070100_document_references.sql"),
        },
        Migration {
            version: 20_261_126_070_300,
            name: "moves_that_are_set_aside",
            sql: include_str!("../migrations/20261126070300_moves_that_are_set_aside.sql"),
        },
        Migration {
            version: 20_261_126_102_100,
            name: "sources",
            sql: include_str!("../migrations/20261126102100_sources.sql"),
        },
    ],
};

/// What every door needs. Clones share it.
#[derive(Clone)]
pub struct State {
    /// Documents and the outbox.
    pub database: Database,
    /// Where events go.
    pub log: Arc<dyn Log>,
    /// Who may do what.
    pub access: Access,
    /// The districts' secrets.
    pub pseudonyms: Arc<Pseudonyms>,
    /// Which students are one.
    pub merges: Merges,
    /// Who was heard from.
    pub(crate) hearing: Arc<Hearing>,
    /// What bounds memory and delay.
    pub limits: Arc<Limits>,
    /// What clients call us, without a slash at its end; none to believe each request's `Host`.
    pub public_url: Option<Arc<str>>,
}

/// Why the service cannot start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A setting that cannot work.
    #[error("ingestion: {0}")]
    Config(String),
    /// A district's secret.
    #[error(transparent)]
    Pseudonym(#[from] pseudonym::Error),
    /// The database.
    #[error("the database of the ingestion service is not usable")]
    Database(#[from] homeroom_pg::Error),
}

/// Whether the configuration can work, as far as can be told before anything is opened: its limits, and the districts' secrets.
pub fn check(config: &Config) -> Result<(), Error> {
    config.limits.check().map_err(Error::Config)?;
    Pseudonyms::load(&config.pseudonym_keys)?;
    Ok(())
}

/// Says that the database was restored from an older backup than the log: a document that is sent again is then published again,
/// also when it is what the backup has. To be called once, before any process of the service runs again.
pub async fn restored(config: &Config) -> Result<(), Error> {
    let database = Database::connect(&config.database, &SCHEMA).await?;
    Ok(edfi::restored::mark(&database).await?)
}

/// Connects, starts the background work on the task group, and returns what to serve.
pub async fn build(config: &Config, log: Arc<dyn Log>, access: Access, tasks: &TaskGroup) -> Result<Component, Error> {
    config.limits.check().map_err(Error::Config)?;
    let state = State {
        database: Database::connect(&config.database, &SCHEMA).await?,
        log,
        access,
        pseudonyms: Arc::new(Pseudonyms::load(&config.pseudonym_keys)?),
        merges: Merges::default(),
        hearing: Arc::default(),
        limits: Arc::new(config.limits.clone()),
        public_url: config.public_url.as_deref().map(|url| url.trim_end_matches('/').into()),
    };
    let known = district::register(&state.database, &state.pseudonyms).await?;
    follow_merges(&state, &known, tasks).await?;
    let door = edfi::start(&state, &known, tasks);
    let (hearing, access) = (Arc::clone(&state.hearing), state.access.clone());
    hearing.start(state.database.clone(), known.all.clone(), access, tasks);
    quarantine::sweep::start(state.database.clone(), known.all.clone(), &state.limits, tasks);
    let (native, ingest) = native_doors(&state, &door);
    let rules = RuleAdmin { database: state.database.clone(), access: state.access.clone() };
    let asked = door.clone();
    Ok(Component {
        name: "ingestion",
        http: Some(edfi::router(door).merge(native::router(native))),
        grpc: Some(Routes::new(ingest.server()).add_service(rules.server())),
        grpc_services: vec![Ingest::NAME, RuleAdmin::NAME],
        ready: Box::new(move || readiness(&asked)),
    })
}

/// Before a record is taken, so that none goes by less than what is merged.
async fn follow_merges(state: &State, known: &Known, tasks: &TaskGroup) -> Result<(), homeroom_pg::Error> {
    let (database, districts) = (state.database.clone(), known.with_key.clone());
    // Chance is enough: it names this process among the replicas.
    let reader = Uuid::new_v4();
    let merges = state.merges.clone();
    let all = known.all.clone();
    Follower { database: database.clone(), districts: districts.clone(), all, merges, reader }.start(tasks).await?;
    let log = Arc::clone(&state.log);
    let most_records = merge::MAX_RECORDS;
    Mover { database, districts, log, owner: reader, settle: merge::SETTLE, most_records }.start(tasks);
    Ok(())
}

fn readiness(door: &Door) -> Readiness {
    match door.stranded() {
        _ if !door.is_reachable() => Readiness::NotReady("the database does not answer".to_owned()),
        0 => Readiness::Ready,
        // Which district it is stands in the log: the probe is open to everybody.
        rows => Readiness::NotReady(format!("{rows} records wait that are not published: a pseudonym key is gone")),
    }
}

/// The doors that append to the log directly, with one bound for both.
fn native_doors(state: &State, door: &Door) -> (Native, Ingest) {
    let quarantine = Quarantine { database: state.database.clone(), backlog: Arc::clone(door.backlog()) };
    let hearing = Arc::clone(&state.hearing);
    let publisher = Publisher::new(Arc::clone(&state.log), quarantine, hearing, state.limits.native());
    let arrivals = Arc::new(Arrivals::default());
    let (access, pseudonyms) = (state.access.clone(), Arc::clone(&state.pseudonyms));
    let ingest = Ingest {
        publisher: publisher.clone(),
        access: access.clone(),
        pseudonyms: Arc::clone(&pseudonyms),
        merges: state.merges.clone(),
        arrivals: Arc::clone(&arrivals),
        streams: Arc::new(Semaphore::new(state.limits.native_streams)),
    };
    let merges = state.merges.clone();
    (Native { publisher, database: state.database.clone(), access, pseudonyms, merges, arrivals }, ingest)
}
