//! The tables of schema `rules`: claims, loads, commits and sweeps. Knows the database and the domain, decides nothing.

pub(crate) mod claim;
pub(crate) mod commit;
pub(crate) mod load;
pub(crate) mod outbox;
pub(crate) mod sweep;

use homeroom_pg::Error;

/// A stored value that its type cannot hold.
pub(crate) fn bad_row(table: &'static str, column: &'static str, problem: &impl ToString) -> Error {
    Error::Row { table, column, problem: problem.to_string() }
}

/// Whether the database refuses what is written itself (or what is stored cannot be read), so that trying again is in vain and
/// one record or student may be to blame. Anything else is the machinery's fault, and no record may suffer for it.
pub(crate) fn refused(error: &Error) -> bool {
    match error {
        Error::Row { .. } | Error::Statement { source: sqlx::Error::Encode(_), .. } => true,
        Error::Statement { source: sqlx::Error::Database(error), .. } => {
            // Data exception, integrity violation, program limit, raised by a trigger.
            error.code().is_some_and(|code| ["22", "23", "54", "P0"].iter().any(|class| code.starts_with(class)))
        }
        _ => false,
    }
}
