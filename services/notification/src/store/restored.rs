//! After a restore from a backup: what may have been told by the database that was lost.

use homeroom_bus::Offset;
use homeroom_pg::{Districts, Error};

use super::Store;

impl Store {
    /// Takes all deliveries that are not settled, and those that will be planned of records before `ends` (by partition), for
    /// perhaps sent.
    pub(crate) async fn restored(&self, ends: Vec<Offset>) -> Result<(), Error> {
        let districts = self.districts().await?;
        self.database
            .run("mark-restored", &Districts::of(&districts), |connection| {
                let ends: Vec<i64> = ends.iter().map(|end| end.0).collect();
                Box::pin(async move {
                    sqlx::query(
                        "insert into inbox (partition, next_offset, epoch, told_below)
                         select at - 1, 0, 0, told_below from unnest($1::bigint[]) with ordinality as n (told_below, at)
                         on conflict (partition) do update set told_below = excluded.told_below",
                    )
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
