//! Taking a partition, and reading where it stands.

use homeroom_pg::{Database, Districts, Error};

/// A worker's hold on a partition, as of its last commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lease {
    pub partition: i32,
    /// The fence: a commit with an older one matches no row.
    pub epoch: i64,
    pub next_offset: i64,
    pub reference_offset: i64,
    pub next_seq: i64,
}

/// Raises the epoch and reads the row. The row lock makes this wait for a predecessor's open transaction to end, so what is read is final.
pub(crate) async fn claim(database: &Database, partition: i32, owner: &str) -> Result<Lease, Error> {
    let owner = owner.to_owned();
    database
        .run("rules.partition.claim", &Districts::none(), move |tx| {
            let owner = owner.clone();
            Box::pin(async move {
                let (epoch, next_offset, reference_offset, next_seq) = sqlx::query_as(
                    "insert into partitions (partition, epoch, owner) values ($1, 1, $2)
                     on conflict (partition) do update set epoch = partitions.epoch + 1, owner = excluded.owner
                     returning epoch, next_offset, reference_offset, next_seq",
                )
                .bind(partition)
                .bind(owner)
                .fetch_one(tx)
                .await?;
                Ok(Lease { partition, epoch, next_offset, reference_offset, next_seq })
            })
        })
        .await
}

/// Reads a partition's row again, after a commit whose answer was lost.
pub(crate) async fn reread(database: &Database, partition: i32) -> Result<Option<Lease>, Error> {
    database
        .run("rules.partition.reread", &Districts::none(), move |tx| {
            Box::pin(async move {
                let row: Option<(i64, i64, i64, i64)> = sqlx::query_as(
                    "select epoch, next_offset, reference_offset, next_seq from partitions where partition = $1",
                )
                .bind(partition)
                .fetch_optional(tx)
                .await?;
                Ok(row.map(|(epoch, next_offset, reference_offset, next_seq)| Lease {
                    partition,
                    epoch,
                    next_offset,
                    reference_offset,
                    next_seq,
                }))
            })
        })
        .await
}
