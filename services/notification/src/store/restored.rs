//! After a restore from a backup, or a server that took over and had not received everything: what may have been told by the database
//! that was lost.

use homeroom_bus::{Offset, Partition};
use homeroom_pg::{Districts, Error};

use super::Store;

impl Store {
    /// Takes all deliveries that are not settled, and those that will be planned of records before `ends` (by partition), for
    /// perhaps sent.
    pub(crate) async fn restored(&self, ends: impl IntoIterator<Item = (Partition, Offset)>) -> Result<(), Error> {
        let districts = self.districts().await?;
        let (partitions, ends): (Vec<i32>, Vec<i64>) =
            ends.into_iter().map(|(partition, end)| (partition.0, end.0)).unzip();
        self.database
            .run("mark-restored", &Districts::of(&districts), |connection| {
                let (partitions, ends) = (partitions.clone(), ends.clone());
                Box::pin(async move {
                    sqlx::query(
                        "insert into inbox (partition, next_offset, epoch, told_below)
                         select n.partition, 0, 0, told_below from unnest($1::int[], $2::bigint[]) as n (partition, told_below)
                         on conflict (partition) do update
                             set told_below = greatest(inbox.told_below, excluded.told_below)",
                    )
                    .bind(partitions)
                    .bind(ends)
                    .execute(&mut *connection)
                    .await?;
                    sqlx::query("update deliveries set maybe_sent = true where state in ('waiting', 'leased')")
                        .execute(connection)
                        .await?;
                    Ok(())
                })
            })
            .await
    }
}
