//! How large the tables of a schema are, for whoever has to say it without reading them.

use serde::Serialize;

use crate::database::Database;
use crate::error::Error;

/// A table, as the catalogue knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TableSize {
    /// The schema.
    pub schema: String,
    /// The table's name.
    pub table: String,
    /// Rows as of the last vacuum or analyze; -1 before the first.
    pub rows: i64,
    /// Bytes with indexes and what is stored out of line.
    pub bytes: i64,
}

/// A server, and how full it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Server {
    /// Such as `15.16`.
    pub version: String,
    /// Connections that are open, of everybody.
    pub connections: i64,
    /// How many there may be.
    pub most_connections: i64,
    /// Whether it only follows another one.
    pub is_standby: bool,
    /// Bytes of the database.
    pub bytes: i64,
}

const TABLES: &str = "select n.nspname, c.relname, c.reltuples::bigint, pg_total_relation_size(c.oid)
     from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = $1 and c.relkind = 'r' order by c.relname";

const SERVER: &str = "select current_setting('server_version'), (select count(*) from pg_stat_activity where backend_type = 'client backend'),
     current_setting('max_connections')::bigint, pg_is_in_recovery(), pg_database_size(current_database())";

impl Database {
    /// Its tables by name: what the catalogue knows, so that nothing is read for it.
    pub async fn table_sizes(&self) -> Result<Vec<TableSize>, Error> {
        let named = |source| Error::Statement { transaction: "table sizes", source };
        let rows: Vec<(String, String, i64, i64)> =
            sqlx::query_as(TABLES).bind(self.schema()).fetch_all(self.pool()).await.map_err(named)?;
        Ok(rows.into_iter().map(|(schema, table, rows, bytes)| TableSize { schema, table, rows, bytes }).collect())
    }

    /// The server that answers.
    pub async fn server(&self) -> Result<Server, Error> {
        let named = |source| Error::Statement { transaction: "server", source };
        let (version, connections, most_connections, is_standby, bytes): (String, i64, i64, bool, i64) =
            sqlx::query_as(SERVER).fetch_one(self.pool()).await.map_err(named)?;
        Ok(Server { version, connections, most_connections, is_standby, bytes })
    }
}
