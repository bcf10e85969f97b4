//! `homeroom migrate`: brings the database to the schema that this version knows.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use homeroom_chassis::config::SecretFile;
use homeroom_pg::RolePasswords;
use serde::Deserialize;

use crate::process::{ConfigArgs, SCHEMAS, complete, refusal};

/// Bring the database to the schema that this version knows. Safe to run twice, and at the same time.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    config: ConfigArgs,
}

/// Table `migrate` of the configuration.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct Config {
    /// The database, as the user who owns everything in it.
    database: homeroom_pg::Config,
    /// Files with the passwords of the services' roles, by schema; a role without one may not log in with a password.
    passwords: BTreeMap<String, SecretFile>,
}

pub(crate) async fn run(args: Args) -> Result<()> {
    let mut config: Config = args.config.load("migrate")?;
    complete(&mut config.database)?;
    let mut passwords = RolePasswords::none();
    for (schema, file) in &config.passwords {
        passwords = passwords.with(schema, file.read().map_err(|e| refusal(&e))?);
    }
    let url = config.database.load_url()?;
    let applied =
        homeroom_pg::migrate(&url, &SCHEMAS, &passwords).await.context("the database could not be migrated")?;
    for step in &applied {
        println!("{} {} {}", step.schema, step.version, step.name);
    }
    println!("{} migrations applied", applied.len());
    Ok(())
}
