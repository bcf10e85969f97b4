//! What only the log in PostgreSQL does: leases of members that died, bounded queues, shared commits, sweeping.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod failure;
mod member;
mod sweeping;

use std::sync::Arc;
use std::time::Duration;

use homeroom_bus::postgres::{Config, PostgresLog, SCHEMA};
use homeroom_bus::{Log as _, NewRecord};
use homeroom_harness::{TestDatabase, test_database};

/// How long anything may take on a loaded machine.
const DEADLINE: Duration = Duration::from_mins(1);

async fn database() -> TestDatabase {
    test_database(&[SCHEMA]).await
}

/// A log as one process has it.
async fn open(test: &TestDatabase, config: &Config) -> Arc<PostgresLog> {
    let log = PostgresLog::open(test.connect(&SCHEMA).await, config).await.unwrap();
    log.create_topics(4).await.unwrap();
    Arc::new(log)
}

fn record(key: &str, value: Option<&str>) -> NewRecord {
    NewRecord { key: key.to_owned().into(), value: value.map(|value| value.to_owned().into()), headers: Vec::new() }
}
