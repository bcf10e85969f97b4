//! A look at a running system from outside: [`Facts`] are gathered, each within its time, and [`judge()`] says what they mean.

mod certificate;
mod judge;
mod log;
mod service;

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use homeroom_chassis::access::{Grant, Keys, Scope};
use homeroom_chassis::config::{self, Setting};
use homeroom_domain::id::{DistrictId, SourceId};
use serde::Serialize;
use tokio::time::timeout;

use crate::client::ConnectionArgs;
use crate::failure::BadConfig;
use crate::process::{AccessConfig, ConfigArgs, ServerConfig, complete, refusal};

pub(crate) use certificate::Certificate;
pub(crate) use judge::{Limits, behind, consistent, judge};
pub(crate) use log::LogFacts;
pub(crate) use service::Service;

/// The longest that a database's, or the log's, answers may take all together. Three times this passes when nothing answers, since
/// databases are asked before the rules service's, whose districts they tell, and that before the log: `doctor` promises a minute.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long a server may take to let somebody in.
const CONNECT_MS: u64 = 4_000;
/// How long one statement may take: counts are bounded, so a longer one waits for something.
const STATEMENT_MS: u64 = 8_000;

/// Where to look.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Places {
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    connection: ConnectionArgs,
    /// Also ask the service at this address, such as `https://homeroom-rules:8080`, how it is. May be given several times.
    #[arg(long, value_name = "URL")]
    service: Vec<String>,
}

/// What is known of one thing.
#[derive(Debug, Clone)]
pub(crate) enum Asked<T> {
    /// Nothing here says where it is.
    NotConfigured(String),
    /// It answered.
    Answered(T),
    /// It did not, or what it said is of no use.
    Failed(Failure),
}

/// Why something did not answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The configuration is wrong.
    Config(String),
    /// The schema is not this program's: found and known.
    Schema {
        /// The version there, or the one that this program does not know.
        found: i64,
        /// This program's.
        known: i64,
    },
    /// Anything else.
    Away(String),
}

/// Everything that was found out.
pub(crate) struct Facts {
    /// The configuration that was used, for whoever has to describe it.
    pub(crate) outline: Vec<(String, Setting)>,
    /// The senders that have a key, when this configuration says who has one.
    pub(crate) senders: Asked<Vec<Sender>>,
    /// The ingestion service's tables.
    pub(crate) ingestion: Asked<homeroom_ingestion::Survey>,
    /// The districts that have a pseudonym key, when the ingestion service's configuration is here.
    pub(crate) pseudonyms: Asked<BTreeSet<DistrictId>>,
    /// The rules service's tables.
    pub(crate) rules: Asked<homeroom_rules::Survey>,
    /// The notification service's tables.
    pub(crate) notification: Asked<homeroom_notification::Survey>,
    /// The log.
    pub(crate) log: Asked<LogFacts>,
    /// Services that were asked how they are.
    pub(crate) services: Vec<Service>,
    /// Certificates that the configuration names.
    pub(crate) certificates: Vec<Certificate>,
}

/// Who may send.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Sender {
    /// The institution.
    pub(crate) district: DistrictId,
    /// The source that its records are kept under.
    pub(crate) source: SourceId,
}

impl fmt::Display for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.district, self.source)
    }
}

impl<T> Asked<T> {
    /// The answer.
    pub(crate) fn answer(&self) -> Option<&T> {
        match self {
            Self::Answered(answer) => Some(answer),
            _ => None,
        }
    }

    fn of(outcome: Result<T, Failure>) -> Self {
        outcome.map_or_else(Self::Failed, Self::Answered)
    }
}

impl Places {
    /// The configuration that says where to look.
    pub(crate) fn config(&self) -> Result<ConfigArgs, BadConfig> {
        Ok(self.config.clone().or(self.connection.config()?))
    }

    /// Finds out everything; what does not answer within its time is said not to. Fails only when it is not said where to look, or
    /// when the configuration cannot be read at all.
    pub(crate) async fn look(&self) -> Result<Facts, BadConfig> {
        let config = self.config()?;
        let outline = config.outline()?;
        let senders = senders(&config, &outline);
        let addresses = self.addresses(&config, &outline)?;
        let (ingestion, notification, services) =
            tokio::join!(ingestion(&config), notification(&config), service::ask(addresses));
        let districts = districts(&senders, &ingestion, &notification);
        let rules = rules(&config, &districts).await;
        let log = log::look(&config, rules.answer(), notification.answer()).await;
        let pseudonyms = pseudonyms(&config, &outline);
        let certificates = certificate::named(&outline);
        Ok(Facts { outline, senders, ingestion, pseudonyms, rules, notification, log, services, certificates })
    }

    /// Whom to ask how they are: those that were named, the one that clients know, and the process that this configuration is of.
    fn addresses(&self, config: &ConfigArgs, outline: &[(String, Setting)]) -> Result<BTreeSet<String>, BadConfig> {
        let mut addresses: BTreeSet<String> =
            self.service.iter().map(|url| url.trim_end_matches('/').to_owned()).collect();
        if self.connection.is_given() {
            addresses.insert(self.connection.load()?.url);
        } else if let Some(url) = config::env("HOMEROOM_URL").map_err(|e| refusal(&e))? {
            addresses.insert(url.trim_end_matches('/').to_owned());
        }
        if names(outline, "server") {
            addresses.insert(config.load::<ServerConfig>("server")?.own_address());
        }
        Ok(addresses)
    }
}

/// Whether anything of this component is set.
fn names(outline: &[(String, Setting)], component: &str) -> bool {
    outline.iter().any(|(key, _)| key.split('.').next() == Some(component))
}

/// The senders that have a key.
fn senders(config: &ConfigArgs, outline: &[(String, Setting)]) -> Asked<Vec<Sender>> {
    if !names(outline, "access") {
        return Asked::NotConfigured("no `[access]` is configured here".to_owned());
    }
    let load = || -> Result<Vec<Sender>, BadConfig> {
        let access: AccessConfig = config.load("access")?;
        let keys = Keys::load(access.keys()).map_err(|e| refusal(&e))?;
        // A canary that nobody lets sing is no fault, and one that falls silent has an alert of its own.
        let sends = |grant: &&Grant| grant.scopes.contains(&Scope::Ingest) && !grant.district.is_canary();
        let sends = keys.grants().filter(sends);
        let senders: BTreeSet<_> =
            sends.map(|it| Sender { district: it.district.clone(), source: it.source.clone() }).collect();
        Ok(senders.into_iter().collect())
    };
    Asked::of(load().map_err(|error| Failure::Config(error.to_string())))
}

/// The districts that have a pseudonym key.
fn pseudonyms(config: &ConfigArgs, outline: &[(String, Setting)]) -> Asked<BTreeSet<DistrictId>> {
    if !outline.iter().any(|(key, _)| key == "ingestion.pseudonym-keys") {
        return Asked::NotConfigured("no `pseudonym-keys` of `[ingestion]` are configured here".to_owned());
    }
    let load = || -> Result<BTreeSet<DistrictId>, BadConfig> {
        let config: homeroom_ingestion::Config = config.load("ingestion")?;
        let keys = homeroom_ingestion::pseudonym::Pseudonyms::load(&config.pseudonym_keys).map_err(|e| refusal(&e))?;
        Ok(keys.districts().cloned().collect())
    };
    Asked::of(load().map_err(|error| Failure::Config(error.to_string())))
}

/// Every district that anybody knows of.
fn districts(
    senders: &Asked<Vec<Sender>>,
    ingestion: &Asked<homeroom_ingestion::Survey>,
    notification: &Asked<homeroom_notification::Survey>,
) -> Vec<DistrictId> {
    let mut all: BTreeSet<DistrictId> = BTreeSet::new();
    all.extend(senders.answer().into_iter().flatten().map(|sender| sender.district.clone()));
    all.extend(ingestion.answer().into_iter().flat_map(|it| &it.districts).map(|it| it.district.clone()));
    all.extend(notification.answer().into_iter().flat_map(|it| &it.districts).map(|it| it.district.clone()));
    all.into_iter().collect()
}

async fn ingestion(config: &ConfigArgs) -> Asked<homeroom_ingestion::Survey> {
    let database = config.load("ingestion").map(|it: homeroom_ingestion::Config| it.database);
    ask(database, async |database| homeroom_ingestion::survey(&database).await.map_err(|e| failure(&e))).await
}

async fn notification(config: &ConfigArgs) -> Asked<homeroom_notification::Survey> {
    let database = config.load("notification").map(|it: homeroom_notification::Config| it.database);
    ask(database, async |database| homeroom_notification::survey(&database).await.map_err(|e| failure(&e))).await
}

async fn rules(config: &ConfigArgs, districts: &[DistrictId]) -> Asked<homeroom_rules::Survey> {
    let database = config.load("rules").map(|it: homeroom_rules::Config| it.database);
    ask(database, async |database| homeroom_rules::survey(&database, districts).await.map_err(|e| failure(&e))).await
}

/// Asks a database, when the configuration says where it is.
async fn ask<T>(
    database: Result<homeroom_pg::Config, BadConfig>,
    look: impl AsyncFnOnce(homeroom_pg::Config) -> Result<T, Failure>,
) -> Asked<T> {
    let mut database = match database {
        Ok(database) => database,
        Err(error) => return Asked::Failed(Failure::Config(error.to_string())),
    };
    let named = database.url.is_some() || database.url_file.is_some();
    match complete(&mut database) {
        Ok(()) => {}
        Err(error) if named => return Asked::Failed(Failure::Config(error.to_string())),
        Err(_) => return Asked::NotConfigured("this configuration names no database of it".to_owned()),
    }
    database.max_connections = 1;
    database.connect_timeout_ms = database.connect_timeout_ms.min(CONNECT_MS);
    database.statement_timeout_ms = database.statement_timeout_ms.min(STATEMENT_MS);
    within(look(database)).await
}

/// What comes of it within the time that it may take.
async fn within<T>(work: impl Future<Output = Result<T, Failure>>) -> Asked<T> {
    let late = || Failure::Away(format!("no answer within {} s", PATIENCE.as_secs()));
    Asked::of(timeout(PATIENCE, work).await.unwrap_or_else(|_| Err(late())))
}

/// What a service's error means: a schema of another version is told apart, since something else helps against it.
fn failure(error: &(dyn std::error::Error + 'static)) -> Failure {
    let mut cause = Some(error);
    while let Some(inner) = cause {
        match inner.downcast_ref() {
            Some(homeroom_pg::Error::SchemaVersion { found, known, .. }) => {
                return Failure::Schema { found: *found, known: *known };
            }
            Some(homeroom_pg::Error::Config(problem)) => return Failure::Config(problem.clone()),
            _ => cause = inner.source(),
        }
    }
    Failure::Away(refusal(error).to_string())
}

/// Where files are that the configuration names under such a key.
fn files<'a>(outline: &'a [(String, Setting)], ends: &'a [&str]) -> impl Iterator<Item = (&'a str, PathBuf)> {
    outline.iter().filter_map(move |(key, setting)| match setting {
        Setting::Text(path) if ends.iter().any(|end| key.ends_with(end)) => Some((key.as_str(), PathBuf::from(path))),
        _ => None,
    })
}
