//! PostgreSQL: pool, named transactions with retry, migrations, roles, row-level security, and a private cluster for one machine.

pub mod database;
pub mod migrate;

pub use database::{Database, Districts, Error};
pub use migrate::{Migration, Schema};
