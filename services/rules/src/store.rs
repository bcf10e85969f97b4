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
