//! The second baseline: what the database takes for a delivery whatever is built on it. Rows as large as ours, on as many
//! connections as there are adapters, in commits as large as a claim: each row is taken by its key and read, and settled later.

use anyhow::{Context as _, Result};
use sqlx::PgConnection;
use tokio::task::JoinSet;
use tokio::time::Instant;
use uuid::Uuid;

use super::Args;
use crate::world::World;

/// Rows of one commit.
const BATCH: usize = 250;

/// What was measured.
#[derive(Debug, Clone, Copy)]
pub(super) struct Measured {
    /// Rows taken and settled a second.
    pub(super) rate: f64,
    /// Microseconds of CPU of PostgreSQL for each.
    pub(super) postgres_us: f64,
}

/// Takes and settles as many rows as a turn has deliveries.
pub(super) async fn measure(world: &World, args: &Args) -> Result<Measured> {
    let mut database = world.database().await?;
    sqlx::raw_sql(
        "drop table if exists load_rows;
         create table load_rows (id uuid primary key, state text not null, words text not null, token uuid, until timestamptz)",
    )
    .execute(&mut database)
    .await?;
    // Of our words, and what a delivery has beside them.
    let insert =
        "insert into load_rows select gen_random_uuid(), 'waiting', repeat('x', 950) from generate_series(1, $1)
                  returning id";
    let count = i32::try_from(args.deliveries)?;
    let ids: Vec<Uuid> = sqlx::query_scalar(insert).bind(count).fetch_all(&mut database).await?;
    sqlx::raw_sql("vacuum analyze load_rows").execute(&mut database).await?;
    let mut connections = Vec::new();
    for part in ids.chunks(ids.len().div_ceil(args.adapters.max(1) as usize).max(1)) {
        connections.push((world.database().await?, part.to_vec()));
    }
    let before = world.postgres_usage();
    let began = Instant::now();
    let mut adapters = JoinSet::new();
    for (connection, ids) in connections {
        adapters.spawn(take_and_settle(connection, ids));
    }
    while let Some(done) = adapters.join_next().await {
        done.context("a connection panicked")??;
    }
    let deliveries = f64::from(args.deliveries);
    let rate = deliveries / began.elapsed().as_secs_f64();
    Ok(Measured { rate, postgres_us: world.postgres_usage().minus(before).cpu_seconds * 1e6 / deliveries })
}

async fn take_and_settle(mut connection: PgConnection, ids: Vec<Uuid>) -> Result<()> {
    for batch in ids.chunks(BATCH) {
        sqlx::query(
            "update load_rows set state = 'leased', token = gen_random_uuid(), until = now() + interval '1 minute'
             where id = any($1) returning *",
        )
        .bind(batch)
        .fetch_all(&mut connection)
        .await?;
        sqlx::query("update load_rows set state = 'accepted', token = null, until = null where id = any($1)")
            .bind(batch)
            .execute(&mut connection)
            .await?;
    }
    Ok(())
}
