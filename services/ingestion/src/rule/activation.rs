//! Putting rules in force: checks, word to the log and history in one transaction, one district's after another.

use std::sync::Arc;

use homeroom_chassis::telemetry::trace;
use homeroom_domain::id::DistrictId;
use homeroom_domain::reference::Entry;
use homeroom_domain::rule::succession::{self, Retired};
use homeroom_domain::rule::{Pack, again};
use homeroom_pg::{Database, Districts, Error};
use homeroom_proto::reference::Kind;
use jiff::Timestamp;
use serde_json::Value;
use sqlx::PgConnection;

use super::history::{self, Activation};
use crate::native::store::{self, RETIRED_RULES};

/// What is to be in force.
#[derive(Debug, Clone)]
pub enum Text {
    /// A document that was checked.
    Written {
        /// YAML.
        yaml: String,
        /// What it says.
        pack: Pack,
        /// Whether its version has to be above every version before.
        grows: bool,
    },
    /// The text of an earlier version.
    Again(u32),
}

/// What is wanted, by whom and why.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// What.
    pub text: Text,
    /// The name of the key.
    pub by: String,
    /// Why; may be empty.
    pub reason: String,
    /// The version that has to be in force, 0 for none.
    pub expected: Option<u32>,
}

/// Why rules cannot be put in force.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Somebody else was faster.
    #[error("version {found} is in force, and not version {expected}: look at what it changed, and try again")]
    Changed {
        /// In force.
        found: u32,
        /// What the caller knew of.
        expected: u32,
    },
    /// A version says one thing for ever.
    #[error("the version is {version}, and has to be above {highest}, the highest that was in force")]
    NotGrown {
        /// Of the document.
        version: u32,
        /// That was in force.
        highest: u32,
    },
    /// A version that never was.
    #[error("version {0} was never in force")]
    Unknown(u32),
    /// Of a rule.
    #[error(transparent)]
    Succession(#[from] succession::Error),
    /// An earlier text that cannot simply be taken again.
    #[error(transparent)]
    Again(#[from] again::Error),
}

/// Puts rules in force; the refusal says why not. What is in force afterwards is handed back, with its text.
pub async fn activate(
    database: &Database,
    district: &DistrictId,
    now: Timestamp,
    wanted: Wanted,
) -> Result<Result<(Activation, String), Refusal>, Error> {
    let (district, wanted) = (district.clone(), Arc::new(wanted));
    let traceparent = trace::current_traceparent();
    database
        .run("ingestion.rules.activate", &Districts::one(&district.clone()), move |connection| {
            let (district, wanted, traceparent) = (district.clone(), Arc::clone(&wanted), traceparent.clone());
            Box::pin(async move {
                let mut turn = Turn::begin(connection, &district, now).await?;
                let (yaml, pack, retired) = match turn.decide(&wanted).await? {
                    Ok(decided) => decided,
                    Err(refusal) => return Ok(Err(refusal)),
                };
                let activation = turn.keep(&wanted, &yaml, &pack, retired, traceparent).await?;
                Ok(Ok((activation, yaml)))
            })
        })
        .await
}

/// Why a document could not be put in force now, if it could not.
pub async fn obstacle(database: &Database, district: &DistrictId, pack: Pack) -> Result<Option<Refusal>, Error> {
    let (district, pack) = (district.clone(), Arc::new(pack));
    database
        .run("ingestion.rules.check", &Districts::one(&district.clone()), move |connection| {
            let (district, pack) = (district.clone(), Arc::clone(&pack));
            Box::pin(async move {
                let mut turn = Turn::read(connection, &district, Timestamp::UNIX_EPOCH).await?;
                Ok(turn.follows(&pack, true).await?.err())
            })
        })
        .await
}

/// One activation's look at what is in force.
struct Turn<'c> {
    connection: &'c mut PgConnection,
    district: &'c DistrictId,
    now: Timestamp,
    /// The text in force.
    current: Option<String>,
    /// The revision of the last word on it.
    revision: i64,
    /// What it says; none of one that a program before took and this one does not: it was never in force here.
    before: Option<Pack>,
    last: Option<Activation>,
}

impl<'c> Turn<'c> {
    /// Waits for other changes of the district's settings, and notes a text that is in force and not in the history: of before there
    /// was one, or from a process of an earlier version that knows of none and runs beside this one.
    async fn begin(connection: &'c mut PgConnection, district: &'c DistrictId, now: Timestamp) -> Result<Self, Error> {
        store::lock(connection, district).await?;
        let mut turn = Self::read(connection, district, now).await?;
        let Some(yaml) = &turn.current else { return Ok(turn) };
        if history::last_document(turn.connection, district).await?.as_ref() != Some(yaml) {
            let activation = Activation {
                number: turn.next_number(),
                version: turn.before.as_ref().map_or(0, |before| before.version),
                // A revision is the moment in microseconds, or a little more.
                activated_at: Timestamp::from_microsecond(turn.revision).unwrap_or(now),
                activated_by: String::new(),
                reason: String::new(),
                again: None,
            };
            history::insert(turn.connection, district, &activation, yaml).await?;
            turn.last = Some(activation);
        }
        Ok(turn)
    }

    async fn read(connection: &'c mut PgConnection, district: &'c DistrictId, now: Timestamp) -> Result<Self, Error> {
        let current = store::select(connection, district, Kind::RulePack.as_str()).await?;
        let revision = current.as_ref().map_or(0, |(_, revision)| *revision);
        let current = current.and_then(|(body, _)| body.as_str().map(str::to_owned));
        let before = current.as_deref().and_then(|yaml| Pack::parse(yaml).ok());
        let last = history::last(connection, district).await?;
        Ok(Self { connection, district, now, current, revision, before, last })
    }

    /// The text to put in force, and which rules are then out of it.
    async fn decide(&mut self, wanted: &Wanted) -> Result<Result<(String, Pack, Retired), Refusal>, Error> {
        let found = self.before.as_ref().map_or(0, |before| before.version);
        if let Some(expected) = wanted.expected.filter(|expected| *expected != found) {
            return Ok(Err(Refusal::Changed { found, expected }));
        }
        let (yaml, pack, grows) = match &wanted.text {
            Text::Written { yaml, pack, grows } => (yaml.clone(), pack.clone(), *grows),
            Text::Again(version) => match self.again(*version).await? {
                Ok((yaml, pack)) => (yaml, pack, true),
                Err(refusal) => return Ok(Err(refusal)),
            },
        };
        Ok(self.follows(&pack, grows).await?.map(|retired| (yaml, pack, retired)))
    }

    async fn again(&mut self, version: u32) -> Result<Result<(String, Pack), Refusal>, Error> {
        let Some(yaml) = history::find_document(self.connection, self.district, version).await? else {
            return Ok(Err(Refusal::Unknown(version)));
        };
        let next = self.highest().await?.saturating_add(1);
        let retired = store::find_retired(self.connection, self.district).await?;
        Ok(again::again(&yaml, next, self.before.as_ref(), &retired).map_err(Refusal::from))
    }

    /// Which rules are out of force after this one; a refusal when it cannot follow.
    async fn follows(&mut self, pack: &Pack, grows: bool) -> Result<Result<Retired, Refusal>, Error> {
        let highest = self.highest().await?;
        if grows && pack.version <= highest {
            return Ok(Err(Refusal::NotGrown { version: pack.version, highest }));
        }
        let retired = store::find_retired(self.connection, self.district).await?;
        Ok(pack.follow(self.before.as_ref(), retired).map_err(Refusal::from))
    }

    /// The highest version that was in force; 0 when nothing was.
    async fn highest(&mut self) -> Result<u32, Error> {
        let kept = history::highest_version(self.connection, self.district).await?;
        Ok(self.before.as_ref().map_or(kept, |before| kept.max(before.version)))
    }

    fn next_number(&self) -> i64 {
        self.last.as_ref().map_or(1, |last| last.number + 1)
    }

    async fn keep(
        &mut self,
        wanted: &Wanted,
        yaml: &str,
        pack: &Pack,
        retired: Retired,
        traceparent: Option<String>,
    ) -> Result<Activation, Error> {
        let change = store::published(self.district, Entry::RulePack(yaml.to_owned()), self.now, self.revision);
        store::keep(self.connection, &Value::from(yaml), &change, traceparent).await?;
        let retired = serde_json::to_value(retired).map_err(|error| store::unreadable(&error.to_string()))?;
        store::upsert(self.connection, self.district, RETIRED_RULES, &retired, change.origin.revision).await?;
        let same = self.current.as_deref() == Some(yaml);
        if let Some(last) = self.last.as_ref().filter(|_| same) {
            // As from a program that puts its text at each start: it is said again, and nothing has happened.
            return Ok(last.clone());
        }
        let activation = Activation {
            number: self.next_number(),
            version: pack.version,
            activated_at: self.now,
            activated_by: wanted.by.clone(),
            reason: wanted.reason.clone(),
            again: if let Text::Again(version) = wanted.text { Some(version) } else { None },
        };
        history::insert(self.connection, self.district, &activation, yaml).await?;
        Ok(activation)
    }
}

/// An author wants all of it: which rule, which field, and where in its condition.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
