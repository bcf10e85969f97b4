//! Taking a partition, and reading where it stands.

use homeroom_domain::counting;
use homeroom_pg::{Database, Districts, Error};

use crate::store::Lease;
use crate::store::postgres::watchers::{self, CHANNEL};

/// Epoch, commits, the five positions in the order of the lease's fields, and the way of counting.
type Row = (i64, i64, i64, i64, i64, i64, i64, i32);

fn lease(partition: i32, (epoch, commits, next, state, reference, alerts, next_seq, counting): Row) -> Lease {
    Lease {
        partition,
        epoch,
        commits,
        next_offset: next,
        state_offset: state,
        reference_offset: reference,
        alerts_offset: alerts,
        next_seq,
        counting,
    }
}

/// Raises the epoch and reads the row. The row lock makes this wait for a predecessor's open transaction to end, so what is read is final.
///
/// An owner that counts in an older way than the one before says so: while two versions run side by side a partition goes to and fro,
/// and whom the older one evaluates, the newer one must find again.
pub(crate) async fn claim(database: &Database, partition: i32, owner: &str) -> Result<Lease, Error> {
    let owner = owner.to_owned();
    database
        .run("rules.partition.claim", &Districts::none(), move |tx| {
            let owner = owner.clone();
            Box::pin(async move {
                let row = sqlx::query_as(
                    "insert into partitions (partition, epoch, owner, counting) values ($1, 1, $2, $3)
                     on conflict (partition) do update set epoch = partitions.epoch + 1, owner = excluded.owner,
                         counting = least(partitions.counting, excluded.counting)
                     returning epoch, commits, next_offset, state_offset, reference_offset, alerts_offset, next_seq, counting",
                )
                .bind(partition)
                .bind(owner)
                .bind(counting::VERSION)
                .fetch_one(&mut *tx)
                .await?;
                let lease = lease(partition, row);
                if lease.epoch > 1 {
                    // The owner before may have ended between a commit and telling of it.
                    let missed = watchers::missed(partition);
                    sqlx::query("select pg_notify($1, $2)").bind(CHANNEL).bind(missed).execute(tx).await?;
                }
                Ok(lease)
            })
        })
        .await
}

/// Reads a partition's row again, after a commit whose answer was lost.
pub(crate) async fn reread(database: &Database, partition: i32) -> Result<Option<Lease>, Error> {
    database
        .run("rules.partition.reread", &Districts::none(), move |tx| {
            Box::pin(async move {
                let row: Option<Row> = sqlx::query_as(
                    "select epoch, commits, next_offset, state_offset, reference_offset, alerts_offset, next_seq, counting
                     from partitions where partition = $1",
                )
                .bind(partition)
                .fetch_optional(tx)
                .await?;
                Ok(row.map(|row| lease(partition, row)))
            })
        })
        .await
}
