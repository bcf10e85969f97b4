//! The pool, and transactions that have a name, see the districts they say, and are retried in one place.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use homeroom_domain::id::DistrictId;
use homeroom_domain::mutant::{Mutant, planted};
use secrecy::ExposeSecret;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool, Postgres, SqlSafeStr, Transaction};
use tracing::Instrument;

use crate::config::Config;
use crate::error::{Error, backoff};
use crate::listen::Listener;
use crate::migrate::{Schema, check};

/// How long transactions take, in seconds, with the label `transaction`.
pub const TRANSACTION_SECONDS: &str = "homeroom_pg_transaction_seconds";
/// How often a transaction was run again, with the label `transaction`.
pub const TRANSACTION_RETRIES: &str = "homeroom_pg_transaction_retries_total";

/// How long a transaction waits for a connection of the pool, in seconds, with the label `schema`: what does not come at once comes
/// when another gives its own back.
pub const POOL_WAIT_SECONDS: &str = "homeroom_pg_pool_wait_seconds";
/// Connections of this process, by `schema` and `state`: `busy`, `idle`, and the `most` that there may be.
pub const CONNECTIONS: &str = "homeroom_pg_connections";

/// The most times that a transaction is run.
const ATTEMPTS: u32 = 5;
/// A connection that rested for longer is asked whether it still lives, before it is used.
const RESTED: Duration = Duration::from_secs(1);

/// A service's database. Clones share the pool.
#[derive(Clone)]
pub struct Database {
    pool: PgPool,
    connect: Arc<PgConnectOptions>,
    connect_timeout: Duration,
    schema: &'static str,
}

impl fmt::Debug for Database {
    // The connect options hold the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").field("schema", &self.schema).field("pool", &self.pool).finish_non_exhaustive()
    }
}

/// The districts whose rows a transaction may see; row-level security hides all others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Districts(String);

impl Districts {
    /// No district: only tables without a district column.
    pub fn none() -> Self {
        Self::default()
    }

    /// One district.
    pub fn one(district: &DistrictId) -> Self {
        Self(district.as_str().to_owned())
    }

    /// Several, as a batch of one partition may need; one that is given again, as for each row of a batch, counts once: the
    /// policies of row-level security take the list apart for every row that is looked up.
    pub fn of<'a>(districts: impl IntoIterator<Item = &'a DistrictId>) -> Self {
        let once: BTreeSet<&str> = districts.into_iter().map(DistrictId::as_str).collect();
        // A district id holds no comma: lower-case letters, digits and hyphens only.
        Self(once.into_iter().collect::<Vec<_>>().join(","))
    }

    /// BEGIN and the districts in one round trip. Nothing is escaped because nothing can need it, see [`Self::of`].
    fn begin(&self) -> String {
        if planted(Mutant::KeepDistricts) {
            let all = format!("concat(current_setting('homeroom.districts', true), ',{}')", self.0);
            return format!("begin; select set_config('homeroom.districts', {all}, false)");
        }
        format!("begin; set local homeroom.districts = '{}'", self.0)
    }
}

impl Database {
    /// Connects as the schema's role and refuses a schema that this program does not know.
    pub async fn connect(config: &Config, schema: &Schema) -> Result<Self, Error> {
        let options = connect_options(config, schema)?;
        let pool = PgPoolOptions::new()
            .max_connections(config.max_connections)
            .acquire_timeout(config.connect_timeout())
            // A round trip before every transaction would double the latency of small ones; a dead connection is
            // found by its first use, and the transaction is run again.
            .test_before_acquire(false)
            .before_acquire(|connection, meta| {
                Box::pin(async move {
                    if meta.idle_for > RESTED {
                        connection.ping().await?;
                    }
                    Ok(true)
                })
            })
            .connect_with(options.clone())
            .await
            .map_err(|source| Error::Connect { schema: schema.name, source })?;
        let database =
            Self { pool, connect: Arc::new(options), connect_timeout: config.connect_timeout(), schema: schema.name };
        database.check_schema(schema).await?;
        Ok(database)
    }

    /// Runs a transaction; runs it again after a serialization failure, deadlock, lock timeout or lost connection before
    /// commit, at most 5 times with jitter.
    ///
    /// The body may run more than once, so it takes what it needs by reference or clone. It must not swallow the error of a
    /// statement: PostgreSQL has then given up the transaction and rolls back instead of committing. When the answer to
    /// COMMIT is lost the error is [`Error::CommitUnknown`].
    pub async fn run<T, F>(&self, name: &'static str, districts: &Districts, mut body: F) -> Result<T, Error>
    where
        T: Send,
        F: for<'c> FnMut(&'c mut PgConnection) -> BoxFuture<'c, Result<T, Error>> + Send,
    {
        let started = Instant::now();
        let begin = districts.begin();
        let span = tracing::debug_span!("pg.transaction", transaction = name);
        let result = async {
            let mut attempt = 1;
            loop {
                match self.attempt(name, &begin, &mut body).await {
                    Err(error) if error.may_run_again() && attempt < ATTEMPTS => {
                        tracing::debug!(attempt, error = %error, "running the transaction again");
                        metrics::counter!(TRANSACTION_RETRIES, "transaction" => name).increment(1);
                        tokio::time::sleep(backoff(attempt, chance())).await;
                        attempt += 1;
                    }
                    result => return result,
                }
            }
        }
        .instrument(span)
        .await;
        metrics::histogram!(TRANSACTION_SECONDS, "transaction" => name).record(started.elapsed().as_secs_f64());
        result
    }

    /// Listens on a channel, with a connection of its own.
    pub async fn listen(&self, channel: &str) -> Result<Listener, Error> {
        Listener::connect((*self.connect).clone(), self.connect_timeout, channel).await
    }

    /// The pool, for single reads that need no district.
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// The schema that it was opened for.
    pub const fn schema(&self) -> &'static str {
        self.schema
    }

    /// Closes every connection; transactions that run are waited for.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    async fn attempt<T, F>(&self, name: &'static str, begin: &str, body: &mut F) -> Result<T, Error>
    where
        T: Send,
        F: for<'c> FnMut(&'c mut PgConnection) -> BoxFuture<'c, Result<T, Error>> + Send,
    {
        let statement = |source| Error::Statement { transaction: name, source };
        let mut transaction = self.begin(begin).await.map_err(statement)?;
        let value = body(&mut transaction).await.map_err(|error| error.named(name))?;
        match transaction.commit().await {
            Ok(()) => Ok(value),
            // The server said no: a deferred constraint, a serialization failure.
            Err(source @ sqlx::Error::Database(_)) if !ended_by_shutdown(&source) => Err(statement(source)),
            Err(source) => Err(Error::CommitUnknown { transaction: name, source }),
        }
    }

    /// Begins a transaction, and shows how busy the pool is.
    async fn begin(&self, begin: &str) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
        let started = Instant::now();
        let acquired = self.pool.acquire().await;
        // Also of who waited in vain: those are the longest waits.
        metrics::histogram!(POOL_WAIT_SECONDS, "schema" => self.schema).record(started.elapsed().as_secs_f64());
        let connection = acquired?;
        let idle = u32::try_from(self.pool.num_idle()).unwrap_or(u32::MAX);
        let most = self.pool.options().get_max_connections();
        let busy = self.pool.size().saturating_sub(idle);
        for (state, connections) in [("busy", busy), ("idle", idle), ("most", most)] {
            metrics::gauge!(CONNECTIONS, "schema" => self.schema, "state" => state).set(f64::from(connections));
        }
        Transaction::begin(connection, Some(AssertSqlSafe(begin.to_owned()).into_sql_str())).await
    }

    async fn check_schema(&self, schema: &Schema) -> Result<(), Error> {
        let mut connection =
            self.pool.acquire().await.map_err(|source| Error::Connect { schema: schema.name, source })?;
        check(&mut connection, schema).await
    }
}

/// An administrator's shutdown can cut the connection after the commit was written but before it was told.
fn ended_by_shutdown(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| matches!(&*code, "57P01" | "57P02"))
}

/// A byte of chance for the pause between attempts, where quality does not matter.
fn chance() -> u8 {
    uuid::Uuid::new_v4().as_bytes()[0]
}

fn connect_options(config: &Config, schema: &Schema) -> Result<PgConnectOptions, Error> {
    let url = config.load_url()?;
    let options: PgConnectOptions = url
        .expose_secret()
        .parse()
        // The parser's own words may repeat parts of the URL, and so the password.
        .map_err(|_: sqlx::Error| Error::Config("`url` is not a PostgreSQL URL".into()))?;
    Ok(options.application_name(&format!("homeroom-{}", schema.name)).options([
        ("search_path", schema.name.to_owned()),
        // A plan that looks dear starts the JIT compiler for every batch.
        ("jit", "off".to_owned()),
        // Each statement has an index to go by, row by row. A connection keeps a prepared statement's plan, and one that was made while
        // its tables were all but empty would read them whole for each batch when they have grown.
        ("enable_seqscan", "off".to_owned()),
        ("enable_hashjoin", "off".to_owned()),
        ("enable_mergejoin", "off".to_owned()),
        ("statement_timeout", format!("{}ms", config.statement_timeout_ms)),
        ("lock_timeout", format!("{}ms", config.lock_timeout_ms)),
        ("idle_in_transaction_session_timeout", format!("{}ms", config.idle_in_transaction_timeout_ms)),
        // So that the server lets go of a machine that vanished; without effect on a unix socket.
        ("tcp_keepalives_idle", "5".to_owned()),
        ("tcp_keepalives_interval", "2".to_owned()),
        ("tcp_keepalives_count", "3".to_owned()),
    ]))
}
