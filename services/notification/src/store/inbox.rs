//! The alerts topic's partitions: who owns them, how far they were read, and the one transaction per batch.
//!
//! An owner raises the partition's epoch. The first statement of a batch moves the offset only where partition, epoch and old
//! offset are as this owner left them, so a paused or superseded owner can commit nothing.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use homeroom_bus::{Offset, Partition};
use homeroom_domain::id::DistrictId;
use homeroom_pg::{Districts, Error};
use jiff::Timestamp;
use sqlx::PgConnection;

use super::{Incoming, Outcome, Store, batch, moment};
use crate::routing::Routing;

/// Our ownership of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Turn {
    /// Which.
    pub(crate) partition: Partition,
    /// Higher than any owner's before.
    pub(crate) epoch: i64,
    /// Where to read on.
    pub(crate) next: Offset,
    /// Records before it may have been told of by a database that was lost.
    pub(crate) told_below: Offset,
}

/// Records of one partition, in order, understood or not.
#[derive(Debug)]
pub(crate) struct Batch {
    /// The offset after the last record.
    pub(crate) next: Offset,
    /// Those understood.
    pub(crate) incoming: Vec<Incoming>,
    /// Those not.
    pub(crate) dead: Vec<DeadLetter>,
    /// How long a delivery is worth sending after it is due.
    pub(crate) worth: Duration,
}

/// A record that was not understood.
#[derive(Debug)]
pub(crate) struct DeadLetter {
    /// Where it stands.
    pub(crate) offset: Offset,
    /// What is wrong with it.
    pub(crate) reason: String,
    /// As it came.
    pub(crate) value: Option<Bytes>,
}

/// What became of a batch.
#[derive(Debug)]
pub(crate) enum Step {
    /// It is in the tables.
    Applied(Outcome),
    /// The partition is another's now; nothing was kept.
    Fenced,
}

impl Store {
    /// Takes the partition from whoever has it.
    pub(crate) async fn take(&self, partition: Partition) -> Result<Turn, Error> {
        self.database
            .run("take-partition", &Districts::none(), move |connection| {
                Box::pin(async move {
                    let (next, epoch, told_below): (i64, i64, i64) = sqlx::query_as(
                        "insert into inbox (partition, next_offset, epoch) values ($1, 0, 1)
                     on conflict (partition) do update set epoch = inbox.epoch + 1
                     returning next_offset, epoch, told_below",
                    )
                    .bind(partition.0)
                    .fetch_one(connection)
                    .await?;
                    Ok(Turn { partition, epoch, next: Offset(next), told_below: Offset(told_below) })
                })
            })
            .await
    }

    /// Applies a batch that begins at `turn.next`, all of it or nothing.
    pub(crate) async fn apply(&self, turn: Turn, batch: &Arc<Batch>, routing: &Arc<Routing>) -> Result<Step, Error> {
        let mut districts: Vec<&DistrictId> = batch.incoming.iter().map(|incoming| &incoming.change.district).collect();
        districts.sort_unstable();
        districts.dedup();
        let districts = Districts::of(districts);
        let result = self
            .database
            .run("apply-batch", &districts, |connection| {
                let (batch, routing) = (Arc::clone(batch), Arc::clone(routing));
                Box::pin(async move {
                    let Some(now) = advance(connection, turn, batch.next).await? else {
                        return Err(Error::Abandoned("apply-batch"));
                    };
                    bury(connection, turn.partition, &batch).await?;
                    batch::apply(connection, &batch, &routing, now).await
                })
            })
            .await;
        match result {
            Ok(outcome) => Ok(Step::Applied(outcome)),
            // Given up, or nobody knows: the row does.
            Err(Error::Abandoned(_) | Error::CommitUnknown { .. }) => {
                let (next, epoch): (i64, i64) =
                    sqlx::query_as("select next_offset, epoch from inbox where partition = $1")
                        .bind(turn.partition.0)
                        .fetch_one(self.database.pool())
                        .await?;
                if epoch != turn.epoch {
                    Ok(Step::Fenced)
                } else if next == batch.next.0 {
                    Ok(Step::Applied(Outcome::default()))
                } else {
                    Err(Error::Abandoned("apply-batch"))
                }
            }
            Err(error) => Err(error),
        }
    }
}

/// Moves the offset, and says when that was; nothing when the partition is another's.
async fn advance(connection: &mut PgConnection, turn: Turn, next: Offset) -> Result<Option<Timestamp>, Error> {
    let now: Option<i64> = sqlx::query_scalar(
        "update inbox set next_offset = $1 where partition = $2 and epoch = $3 and next_offset = $4
         returning microseconds(clock())",
    )
    .bind(next.0)
    .bind(turn.partition.0)
    .bind(turn.epoch)
    .bind(turn.next.0)
    .fetch_optional(connection)
    .await?;
    now.map(|now| moment("inbox", "now", now)).transpose()
}

async fn bury(connection: &mut PgConnection, partition: Partition, batch: &Batch) -> Result<(), Error> {
    for letter in &batch.dead {
        sqlx::query(
            "insert into dead_letters (partition, \"offset\", reason, value, recorded_at) values ($1, $2, $3, $4, clock())
             on conflict do nothing",
        )
        .bind(partition.0)
        .bind(letter.offset.0)
        // PostgreSQL's text holds every character but this one.
        .bind(letter.reason.replace('\0', " "))
        .bind(letter.value.as_deref())
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}
