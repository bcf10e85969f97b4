//! Migrations: small, timestamped, run per schema under an advisory lock; one role per service that owns nothing but may use its schema.

use std::collections::{BTreeMap, HashMap};

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Row};

use crate::error::Error;

/// A schema of one service.
#[derive(Debug, Clone, Copy)]
pub struct Schema {
    /// Its name, such as `rules`; its role is `homeroom_<name>`.
    pub name: &'static str,
    /// In order of version.
    pub migrations: &'static [Migration],
}

/// One step of a schema.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// `YYYYMMDDhhmmss`.
    pub version: i64,
    /// What it does.
    pub name: &'static str,
    /// Statements, run in one transaction with `search_path` set to the schema.
    pub sql: &'static str,
}

/// A migration that was applied just now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The schema.
    pub schema: &'static str,
    /// The migration's version.
    pub version: i64,
    /// What it does.
    pub name: &'static str,
}

/// The passwords to give to roles, by the schema's name; a role without one is left as it is, which suits a cluster that knows
/// its users by their socket.
#[derive(Debug, Clone, Default)]
pub struct RolePasswords(HashMap<String, SecretString>);

impl Schema {
    /// The role that the service connects as.
    pub fn role(&self) -> String {
        format!("homeroom_{}", self.name)
    }

    /// The last version, 0 when there is none.
    pub fn version(&self) -> i64 {
        self.migrations.last().map_or(0, |migration| migration.version)
    }
}

impl Migration {
    fn checksum(&self) -> String {
        hex::encode(Sha256::digest(self.sql.as_bytes()))
    }
}

impl RolePasswords {
    /// No password for any role.
    pub fn none() -> Self {
        Self::default()
    }

    /// Also this one, for the role of the schema.
    #[must_use]
    pub fn with(mut self, schema: &str, password: SecretString) -> Self {
        self.0.insert(schema.to_owned(), password);
        self
    }
}

/// All migrations of a cluster take this lock, whatever the schema: "homeroom" in hexadecimal.
const LOCK: i64 = 0x686f_6d65_726f_6f6d;

/// Creates roles and schemas that are missing and applies the migrations that are, one transaction each; waits for another
/// process that does the same. The administrator must be allowed to create roles and schemas.
pub async fn migrate(
    admin: &SecretString,
    schemas: &[Schema],
    passwords: &RolePasswords,
) -> Result<Vec<Applied>, Error> {
    let options: PgConnectOptions = admin
        .expose_secret()
        .parse()
        .map_err(|_: sqlx::Error| Error::Config("the administrator's URL is not a PostgreSQL URL".into()))?;
    let options = options.application_name("homeroom-migrate");
    let mut connection =
        PgConnection::connect_with(&options).await.map_err(|source| Error::Connect { schema: "all", source })?;
    // Held until the connection ends, so also when this process dies.
    sqlx::query("select pg_advisory_lock($1)").bind(LOCK).execute(&mut connection).await?;
    let mut applied = Vec::new();
    for schema in schemas {
        prepare(&mut connection, schema, passwords.0.get(schema.name)).await.map_err(|source| Error::Migration {
            schema: schema.name,
            version: 0,
            source,
        })?;
        apply_missing(&mut connection, schema, &mut applied).await?;
    }
    connection.close().await?;
    Ok(applied)
}

/// Fails unless exactly the migrations that the program knows are applied, unchanged.
pub(crate) async fn check(connection: &mut PgConnection, schema: &Schema) -> Result<(), Error> {
    let known = schema.version();
    let found = match applied(connection, schema).await {
        Ok(found) => found,
        // No such schema or table.
        Err(error)
            if error.as_database_error().is_some_and(|e| matches!(e.code().as_deref(), Some("42P01" | "3F000"))) =>
        {
            return Err(Error::SchemaVersion { schema: schema.name, found: 0, known });
        }
        Err(source) => return Err(Error::Statement { transaction: "check schema", source }),
    };
    refuse_unknown(schema, &found)?;
    match schema.migrations.iter().find(|migration| !found.contains_key(&migration.version)) {
        Some(_) => {
            let found = found.keys().last().copied().unwrap_or(0);
            Err(Error::SchemaVersion { schema: schema.name, found: found.min(known - 1), known })
        }
        None => Ok(()),
    }
}

fn refuse_unknown(schema: &Schema, found: &BTreeMap<i64, String>) -> Result<(), Error> {
    for (version, checksum) in found {
        match schema.migrations.iter().find(|migration| migration.version == *version) {
            None => {
                return Err(Error::SchemaVersion { schema: schema.name, found: *version, known: schema.version() });
            }
            Some(migration) if migration.checksum() != *checksum => {
                return Err(Error::MigrationChanged { schema: schema.name, version: *version });
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// Versions and checksums of what is applied.
async fn applied(connection: &mut PgConnection, schema: &Schema) -> Result<BTreeMap<i64, String>, sqlx::Error> {
    let select = format!("select version, checksum from {}.migration", schema.name);
    let rows = sqlx::query(AssertSqlSafe(select)).fetch_all(connection).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

async fn apply_missing(connection: &mut PgConnection, schema: &Schema, done: &mut Vec<Applied>) -> Result<(), Error> {
    let found = applied(connection, schema).await?;
    refuse_unknown(schema, &found)?;
    for migration in schema.migrations.iter().filter(|migration| !found.contains_key(&migration.version)) {
        apply(connection, schema, migration).await.map_err(|source| Error::Migration {
            schema: schema.name,
            version: migration.version,
            source,
        })?;
        tracing::info!(schema = schema.name, version = migration.version, name = migration.name, "migration applied");
        done.push(Applied { schema: schema.name, version: migration.version, name: migration.name });
    }
    Ok(())
}

async fn apply(connection: &mut PgConnection, schema: &Schema, migration: &Migration) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin().await?;
    let path = format!("set local search_path to {}", schema.name);
    transaction.execute(AssertSqlSafe(path)).await?;
    transaction.execute(migration.sql).await?;
    let insert = format!("insert into {}.migration (version, name, checksum) values ($1, $2, $3)", schema.name);
    sqlx::query(AssertSqlSafe(insert))
        .bind(migration.version)
        .bind(migration.name)
        .bind(migration.checksum())
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await
}

/// Role, schema, grants. Everything here may be run again. Names are constants of our services, so they go into the text.
async fn prepare(
    connection: &mut PgConnection,
    schema: &Schema,
    password: Option<&SecretString>,
) -> Result<(), sqlx::Error> {
    let (name, role) = (schema.name, schema.role());
    let exists: bool = sqlx::query_scalar("select exists (select from pg_roles where rolname = $1)")
        .bind(&role)
        .fetch_one(&mut *connection)
        .await?;
    let mut transaction = connection.begin().await?;
    if !exists {
        let create = format!("create role {role} login nosuperuser nocreatedb nocreaterole nobypassrls");
        transaction.execute(AssertSqlSafe(create)).await?;
    }
    if let Some(password) = password {
        let alter: String = sqlx::query_scalar("select format('alter role %I password %L', $1::text, $2::text)")
            .bind(&role)
            .bind(password.expose_secret())
            .fetch_one(&mut *transaction)
            .await?;
        transaction.execute(AssertSqlSafe(alter)).await?;
    }
    let grants = format!(
        "create schema if not exists {name};
         revoke all on schema {name} from public;
         create table if not exists {name}.migration (
             version bigint primary key,
             name text not null,
             checksum text not null,
             applied_at timestamptz not null default now()
         );
         grant usage on schema {name} to {role};
         grant select, insert, update, delete on all tables in schema {name} to {role};
         grant usage, select on all sequences in schema {name} to {role};
         alter default privileges in schema {name} grant select, insert, update, delete on tables to {role};
         alter default privileges in schema {name} grant usage, select on sequences to {role};
         -- No service makes tables, not even temporary ones.
         do $$ begin execute format('revoke temporary on database %I from public', current_database()); end $$;
         -- What is applied is the administrator's word; a service only reads it.
         revoke insert, update, delete on {name}.migration from {role};"
    );
    transaction.execute(AssertSqlSafe(grants)).await?;
    transaction.commit().await
}
