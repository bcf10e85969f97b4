//! Which log: Apache Kafka in production, PostgreSQL on one machine.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use homeroom_bus::Log;
use homeroom_bus::kafka::{self, KafkaLog};
use homeroom_bus::postgres::{self, PostgresLog};
use homeroom_chassis::config::env;
use homeroom_chassis::lifecycle::TaskGroup;
use homeroom_pg::Database;
use serde::Deserialize;

use super::{ConfigArgs, complete, refusal};
use crate::failure::BadConfig;

/// Table `log` of the configuration.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(crate) struct Config {
    /// Which log; Kafka when `KAFKA_BOOTSTRAP_SERVERS` is set.
    kind: Kind,
    /// How to reach Kafka.
    kafka: kafka::Config,
    /// The bounds of the log in PostgreSQL.
    postgres: postgres::Config,
    /// Where its tables are.
    database: homeroom_pg::Config,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    Kafka,
    #[default]
    Postgres,
}

impl Config {
    /// Reads it, with the variables that many programs agree on.
    pub(crate) fn load(args: &ConfigArgs) -> Result<Self, BadConfig> {
        let mut config: Self = args.load("log")?;
        if let Some(servers) = env("KAFKA_BOOTSTRAP_SERVERS").map_err(|e| refusal(&e))? {
            config.kind = Kind::Kafka;
            config.kafka.bootstrap_servers = servers;
        }
        Ok(config)
    }

    /// Whether it is Kafka.
    pub(crate) fn is_kafka(&self) -> bool {
        self.kind == Kind::Kafka
    }

    /// Whether it says itself in which database its tables are.
    pub(crate) fn names_database(&self) -> bool {
        self.database.url.is_some() || self.database.url_file.is_some()
    }

    /// What it is called.
    pub(crate) fn name(&self) -> &'static str {
        if self.is_kafka() { "Apache Kafka" } else { "PostgreSQL" }
    }

    /// The same as a file says it, with a log in PostgreSQL in the database at this URL.
    pub(crate) fn to_toml(&self, database: &str) -> String {
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        if self.is_kafka() {
            let (servers, prefix) = (quoted(&self.kafka.bootstrap_servers), quoted(&self.kafka.topic_prefix));
            format!("[log]\nkind = \"kafka\"\n\n[log.kafka]\nbootstrap-servers = {servers}\ntopic-prefix = {prefix}\n")
        } else {
            format!("[log]\nkind = \"postgres\"\n\n[log.database]\nurl = {}\n", quoted(database))
        }
    }

    /// Opens the log; one in PostgreSQL is in the database that its settings or `DATABASE_URL` name.
    pub(crate) async fn open(&self) -> Result<Arc<dyn Log>> {
        let mut database = self.database.clone();
        if !self.is_kafka() {
            complete(&mut database)?;
        }
        self.open_in(database).await
    }

    /// The same, for a process that runs on: certificates and passwords for Kafka are taken up again whenever they change.
    pub(crate) async fn open_for(&self, tasks: &TaskGroup) -> Result<Arc<dyn Log>> {
        match self.kind {
            Kind::Kafka => Ok(Arc::new(KafkaLog::follow(&self.kafka, tasks).map_err(|e| refusal(&e))?)),
            Kind::Postgres => self.open().await,
        }
    }

    /// Opens the log; one in PostgreSQL is in this database.
    pub(crate) async fn open_in(&self, database: homeroom_pg::Config) -> Result<Arc<dyn Log>> {
        match self.kind {
            Kind::Kafka => Ok(Arc::new(KafkaLog::new(&self.kafka).map_err(|e| refusal(&e))?)),
            Kind::Postgres => {
                let database = Database::connect(&database, &postgres::SCHEMA).await.context("the log's database")?;
                Ok(Arc::new(
                    PostgresLog::open(database, &self.postgres)
                        .await
                        .context("the log in PostgreSQL cannot be opened")?,
                ))
            }
        }
    }
}
