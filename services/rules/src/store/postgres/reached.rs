//! How far each partition of the events is taken, whoever owns it.

use homeroom_pg::{Database, Districts, Error};

/// By partition, the offset below which every event has had its effect.
pub(crate) async fn reached(database: &Database) -> Result<Vec<(i32, i64)>, Error> {
    database
        .run("rules.partitions.reached", &Districts::none(), |connection| {
            Box::pin(async move {
                let rows = sqlx::query_as("select partition, next_offset from partitions");
                Ok(rows.fetch_all(connection).await?)
            })
        })
        .await
}
