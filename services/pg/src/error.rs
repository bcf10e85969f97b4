//! What can go wrong with the database, and whether to try again.

use std::time::Duration;

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
    /// The connection was lost while the answer to COMMIT was awaited: the caller must read whether it happened.
    #[error("transaction `{transaction}` may or may not have been committed")]
    CommitUnknown {
        /// Its name.
        transaction: &'static str,
        /// How the connection was lost.
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
    /// The configuration cannot be used.
    #[error("database configuration: {0}")]
    Config(String),
    /// No connection could be had.
    #[error("no connection to the database of schema `{schema}`")]
    Connect {
        /// The schema.
        schema: &'static str,
        /// Why.
        source: sqlx::Error,
    },
    /// The database is older or newer than this program.
    #[error(
        "schema `{schema}` is at version {found}, this program was built for version {known}: {}",
        if found < known { "run `homeroom migrate`" } else { "run a newer program" }
    )]
    SchemaVersion {
        /// The schema.
        schema: &'static str,
        /// The version in the database that this program does not know, or the last one there; 0 when there is none.
        found: i64,
        /// The last version that this program knows.
        known: i64,
    },
    /// A migration that was applied is no longer what it was.
    #[error("migration {version} of schema `{schema}` was changed after it was applied; write a new one instead")]
    MigrationChanged {
        /// The schema.
        schema: &'static str,
        /// The migration.
        version: i64,
    },
    /// A migration failed; those before it are kept.
    #[error("migration {version} of schema `{schema}` failed")]
    Migration {
        /// The schema.
        schema: &'static str,
        /// The migration; 0 for the schema and role themselves.
        version: i64,
        /// Why.
        source: sqlx::Error,
    },
}

impl From<sqlx::Error> for Error {
    /// For `?` inside a transaction's body; [`Database::run`](crate::Database::run) fills in the name.
    fn from(source: sqlx::Error) -> Self {
        Self::Statement { transaction: "", source }
    }
}

impl Error {
    /// Whether the same call may succeed later without any change.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Statement { source, .. } | Self::Connect { source, .. } => {
                may_run_again(source) || waited_in_vain(source)
            }
            _ => false,
        }
    }

    /// Whether somebody else held a row for longer than it was waited for.
    pub fn is_held(&self) -> bool {
        let Self::Statement { source, .. } = self else { return false };
        source.as_database_error().and_then(sqlx::error::DatabaseError::code).as_deref() == Some("55P03")
    }

    /// Whether the database is away, for whoever asks next too.
    pub fn is_away(&self) -> bool {
        let source = match self {
            Self::Connect { .. } => return true,
            Self::Statement { source, .. } => source,
            _ => return false,
        };
        // No connection, no resources, an operator who intervenes.
        let code = source.as_database_error().and_then(sqlx::error::DatabaseError::code);
        code.is_some_and(|code| ["08", "53", "57P"].iter().any(|class| code.starts_with(class)))
            || matches!(source, sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed)
    }

    /// Whether a row with the same key is there already.
    pub fn is_unique_violation(&self) -> bool {
        self.constraint_of("23505").is_some()
    }

    /// The name of the unique constraint that was broken, to tell one key from another.
    pub fn unique_constraint(&self) -> Option<&str> {
        self.constraint_of("23505").filter(|name| !name.is_empty())
    }

    /// Whether the transaction had no effect and may be run again at once.
    pub(crate) fn may_run_again(&self) -> bool {
        matches!(self, Self::Statement { source, .. } if may_run_again(source))
    }

    /// The same error with the transaction's name.
    pub(crate) fn named(self, transaction: &'static str) -> Self {
        match self {
            Self::Statement { transaction: "", source } => Self::Statement { transaction, source },
            other => other,
        }
    }

    fn constraint_of(&self, code: &str) -> Option<&str> {
        let (Self::Statement { source, .. } | Self::Migration { source, .. }) = self else { return None };
        let error = source.as_database_error()?;
        (error.code().as_deref() == Some(code)).then(|| error.constraint().unwrap_or_default())
    }
}

/// Before commit only: the server has forgotten the transaction, so running it again cannot do it twice.
pub(crate) fn may_run_again(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(error) => error.code().is_some_and(|code| {
            matches!(
                &*code,
                // serialization failure, deadlock, lock timeout
                "40001" | "40P01" | "55P03"
                // idle in transaction for too long, shut down, crashed, starting up
                | "25P03" | "57P01" | "57P02" | "57P03"
                // too many connections
                | "53300"
            ) || code.starts_with("08")
        }),
        _ => false,
    }
}

/// These have waited for their whole time limit already; an immediate repeat would only add to the load.
fn waited_in_vain(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::PoolTimedOut => true,
        sqlx::Error::Database(error) => {
            // statement timeout or cancel, disk full, out of memory
            error.code().is_some_and(|code| matches!(&*code, "57014" | "53100" | "53200"))
        }
        _ => false,
    }
}

/// The pause before attempt `attempt + 1`: doubles from 20 ms and is shortened by chance to half, so that two that collided
/// do not collide again.
pub(crate) fn backoff(attempt: u32, chance: u8) -> Duration {
    let longest = Duration::from_millis(20).saturating_mul(1 << attempt.min(6).saturating_sub(1));
    longest / 2 + longest / 2 * u32::from(chance) / 255
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_grows_and_stays_between_half_and_whole() {
        assert_eq!(backoff(1, 255), Duration::from_millis(20));
        assert_eq!(backoff(1, 0), Duration::from_millis(10));
        assert_eq!(backoff(4, 255), Duration::from_millis(160));
        assert_eq!(backoff(60, 255), backoff(6, 255));
    }

    #[test]
    fn an_old_schema_asks_for_migration_and_a_new_one_for_a_new_program() {
        let old = Error::SchemaVersion { schema: "rules", found: 0, known: 3 };
        assert!(old.to_string().contains("homeroom migrate"), "{old}");
        let new = Error::SchemaVersion { schema: "rules", found: 4, known: 3 };
        assert!(new.to_string().contains("newer program"), "{new}");
    }

    #[test]
    fn a_lost_connection_is_tried_again_but_a_lost_answer_to_commit_is_not() {
        let lost = || sqlx::Error::Io(std::io::ErrorKind::BrokenPipe.into());
        assert!(Error::from(lost()).may_run_again());
        assert!(!Error::CommitUnknown { transaction: "x", source: lost() }.is_transient());
    }
}
