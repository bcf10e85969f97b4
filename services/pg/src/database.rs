//! The pool, and transactions that have a name, see the districts they say, and are retried in one place.

use futures_util::future::BoxFuture;
use homeroom_domain::id::DistrictId;
use sqlx::{PgConnection, PgPool};

/// A service's database. Clones share the pool.
#[derive(Debug, Clone)]
pub struct Database {
    pool: PgPool,
}

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The statement failed.
    #[error("transaction `{transaction}` failed")]
    Statement {
        /// Its name.
        transaction: &'static str,
        /// Why.
        source: sqlx::Error,
    },
    /// A row holds what its type cannot.
    #[error("table `{table}`, column `{column}`: {problem}")]
    Row {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// The caller gave up the transaction: nothing of it is kept.
    #[error("transaction `{0}` was given up")]
    Abandoned(&'static str),
}

impl From<sqlx::Error> for Error {
    /// For `?` inside a transaction's body; [`Database::run`] fills in the name.
    fn from(source: sqlx::Error) -> Self {
        Self::Statement { transaction: "", source }
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

    /// Several, as a batch of one partition may need.
    pub fn of<'a>(districts: impl IntoIterator<Item = &'a DistrictId>) -> Self {
        // A district id holds no comma: lower-case letters, digits and hyphens only.
        Self(districts.into_iter().map(DistrictId::as_str).collect::<Vec<_>>().join(","))
    }
}

impl Database {
    /// Runs a transaction; runs it again after a serialization failure, deadlock or lost connection before commit, at most 5 times with jitter.
    ///
    /// The body may run more than once, so it takes what it needs by reference or clone.
    pub async fn run<T, F>(&self, name: &'static str, districts: &Districts, mut body: F) -> Result<T, Error>
    where
        T: Send,
        F: for<'c> FnMut(&'c mut PgConnection) -> BoxFuture<'c, Result<T, Error>> + Send,
    {
        let mut transaction = self.pool.begin().await?;
        sqlx::query("select set_config('homeroom.districts', $1, true)").bind(&districts.0).execute(&mut *transaction).await?;
        let value = body(&mut transaction).await.map_err(|error| named(error, name))?;
        transaction.commit().await?;
        Ok(value)
    }

    /// The pool, for `LISTEN`.
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }
}

fn named(error: Error, name: &'static str) -> Error {
    match error {
        Error::Statement { source, .. } => Error::Statement { transaction: name, source },
        other => other,
    }
}
