//! PostgreSQL: pool, named transactions with retry, migrations, roles, row-level security, and a private cluster for one machine.
//!
//! Who is who: an administrator runs [`migrate`](migrate::migrate), which owns every table; a service connects as the role
//! `homeroom_<schema>`, which owns nothing, may not create anything, and sees of a table with a `district` column only the
//! districts that its transaction names. That is the second wall; the first is the service's own check of the caller's grant.

pub mod config;
pub mod database;
pub mod error;
pub mod listen;
pub mod local;
pub mod locks;
pub mod migrate;
pub mod size;

pub use config::Config;
pub use database::{Database, Districts};
pub use error::Error;
pub use listen::{Listener, Wake};
pub use local::LocalCluster;
pub use locks::Locks;
pub use migrate::{Applied, Migration, RolePasswords, Schema, migrate};
