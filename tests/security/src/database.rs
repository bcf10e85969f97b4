//! The database of a running Homeroom, as its owner and as each service's role.

use anyhow::{Context as _, Result};
use homeroom_harness::homeroom::Homeroom;
use homeroom_pg::local::ADMIN;
use secrecy::SecretString;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _};

use crate::world::read;

/// The database's address.
#[derive(Debug, Clone)]
pub struct Database(PgConnectOptions);

/// A table that is ours.
#[derive(Debug, Clone)]
pub struct Table {
    /// The service's schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// Whether its rows belong to districts.
    pub has_district: bool,
}

impl Table {
    /// As SQL names it.
    pub fn path(&self) -> String {
        format!("\"{}\".\"{}\"", self.schema, self.name)
    }
}

impl Database {
    /// Where the running instance keeps everything: a socket in its data directory.
    pub fn of(homeroom: &Homeroom) -> Result<Self> {
        let config = read(homeroom.data(), "homeroom.toml")?;
        let (_, table) = config.split_once("[rules.database]").context("homeroom.toml names no database")?;
        let url = table.lines().find_map(|line| line.strip_prefix("url = ")).context("the database has no URL")?;
        // What we write as a JSON string is a TOML string too.
        Ok(Self(serde_json::from_str::<String>(url)?.parse()?))
    }

    /// The owner's URL.
    pub fn admin_url(&self) -> SecretString {
        SecretString::from(sqlx::ConnectOptions::to_url_lossy(&self.0.clone().username(ADMIN)).to_string())
    }

    /// A connection as a role.
    pub async fn connect(&self, role: &str) -> Result<PgConnection> {
        PgConnection::connect_with(&self.0.clone().username(role)).await.with_context(|| format!("as {role}"))
    }

    /// A connection as the owner of everything, whom no policy binds.
    pub async fn admin(&self) -> Result<PgConnection> {
        self.connect(ADMIN).await
    }

    /// The services' roles.
    pub async fn roles(&self) -> Result<Vec<String>> {
        let select = "select rolname::text from pg_roles where rolname like 'homeroom\\_%' order by 1";
        Ok(sqlx::query_scalar(select).fetch_all(&mut self.admin().await?).await?)
    }

    /// Every table of every service.
    pub async fn tables(&self) -> Result<Vec<Table>> {
        let select = "
            select n.nspname::text, c.relname::text, exists (select from pg_attribute a
                where a.attrelid = c.oid and a.attname = 'district' and not a.attisdropped)
            from pg_class c join pg_namespace n on n.oid = c.relnamespace
            where c.relkind in ('r', 'p', 'm', 'f') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
            order by 1, 2";
        let rows = sqlx::query(select).fetch_all(&mut self.admin().await?).await?;
        Ok(rows.iter().map(|row| Table { schema: row.get(0), name: row.get(1), has_district: row.get(2) }).collect())
    }
}

/// The first column of a query's only row.
pub async fn count(connection: &mut PgConnection, sql: &str) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(connection).await
}

/// Runs a statement; how many rows it touched.
pub async fn execute(connection: &mut PgConnection, sql: &str) -> Result<u64, sqlx::Error> {
    Ok(sqlx::query(AssertSqlSafe(sql.to_owned())).execute(connection).await?.rows_affected())
}

/// The SQLSTATE of a refusal by the server, and its words.
pub fn refusal(error: &sqlx::Error) -> (String, String) {
    let found = error.as_database_error();
    let code = found.and_then(sqlx::error::DatabaseError::code).map(std::borrow::Cow::into_owned);
    (code.unwrap_or_default(), error.to_string())
}
