//! The alerts topic's partitions: who owns them, how far they were read, and the one transaction per batch.
//!
//! An owner raises the partition's epoch. The first statement of a batch moves the offset only where partition, epoch and old
//! offset are as this owner left them, so a paused or superseded owner can commit nothing.

use std::cmp::Ordering;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use homeroom_bus::{Offset, Partition};
use homeroom_domain::id::DistrictId;
use homeroom_pg::{Districts, Error, Locks};
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
    /// The database does not have what it had committed; nothing was kept.
    Lost,
}

/// Whether an owner may go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holds {
    /// The partition's row is as it left it, or further.
    At(Offset),
    /// Another has it.
    Another,
    /// The row is as it was before: another server took over that had not received everything, or an older backup is in its place.
    Lost,
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
        match self.apply_together(&[(turn, Arc::clone(batch))], routing, Locks::WaitedFor).await {
            Ok(outcome) => Ok(Step::Applied(outcome)),
            // Given up, or nobody knows: the row does.
            Err(Error::Abandoned(_) | Error::CommitUnknown { .. }) => match self.holds(turn).await? {
                Holds::Another => Ok(Step::Fenced),
                Holds::Lost => Ok(Step::Lost),
                Holds::At(next) if next == batch.next => {
                    self.wakes.wake();
                    Ok(Step::Applied(Outcome::default()))
                }
                Holds::At(_) => Err(Error::Abandoned("apply-batch")),
            },
            Err(error) => Err(error),
        }
    }

    /// Looks whether the partition's row is still an owner's.
    pub(crate) async fn holds(&self, turn: Turn) -> Result<Holds, Error> {
        let row: Option<(i64, i64)> = sqlx::query_as("select next_offset, epoch from inbox where partition = $1")
            .bind(turn.partition.0)
            .fetch_optional(self.database.pool())
            .await?;
        let (next, epoch) = row.unwrap_or_default();
        // Both only ever rise.
        Ok(match epoch.cmp(&turn.epoch) {
            Ordering::Greater => Holds::Another,
            Ordering::Equal if next >= turn.next.0 => Holds::At(Offset(next)),
            Ordering::Equal | Ordering::Less => Holds::Lost,
        })
    }

    /// Applies a batch of each of several partitions, all of them or nothing: [`Error::Abandoned`] when one partition is another's,
    /// or somebody holds a row for longer than is waited for.
    pub(crate) async fn apply_together(
        &self,
        batches: &[(Turn, Arc<Batch>)],
        routing: &Arc<Routing>,
        locks: Locks,
    ) -> Result<Outcome, Error> {
        let incoming = batches.iter().flat_map(|(_, batch)| &batch.incoming);
        let mut districts: Vec<&DistrictId> = incoming.map(|incoming| &incoming.change.district).collect();
        districts.sort_unstable();
        districts.dedup();
        let districts = Districts::of(districts);
        let outcome = self
            .database
            .run("apply-batch", &districts, |connection| {
                let (batches, routing) = (batches.to_vec(), Arc::clone(routing));
                Box::pin(async move {
                    match write(connection, &batches, &routing, locks).await {
                        // Not tried again, as others are: all partitions would wait for who holds the row of one.
                        Err(error) if locks == Locks::WaitedForBriefly && error.is_held() => {
                            Err(Error::Abandoned("apply-batch"))
                        }
                        written => written,
                    }
                })
            })
            .await?;
        if !outcome.changes.is_empty() || outcome.canary > 0 || outcome.late > 0 {
            self.wakes.wake();
        }
        Ok(outcome)
    }
}

async fn write(
    connection: &mut PgConnection,
    batches: &[(Turn, Arc<Batch>)],
    routing: &Routing,
    locks: Locks,
) -> Result<Outcome, Error> {
    let Some(now) = advance(connection, batches, locks).await? else {
        return Err(Error::Abandoned("apply-batch"));
    };
    for (turn, batch) in batches {
        bury(connection, turn.partition, batch).await?;
    }
    batch::apply(connection, batches, routing, now).await
}

/// Moves the offsets, and says when that was; nothing when a partition is another's.
async fn advance(
    connection: &mut PgConnection,
    batches: &[(Turn, Arc<Batch>)],
    locks: Locks,
) -> Result<Option<Timestamp>, Error> {
    // With the statement that must come first, the setting costs no round trip. It is in force before a row is locked, since the
    // rows to lock come of a join with it.
    let moved: Vec<(i64,)> = sqlx::query_as(
        "with waits as materialized (select set_config('lock_timeout', coalesce($5, current_setting('lock_timeout')), true) as timeout)
         update inbox i set next_offset = n.next
         from unnest($1::int[], $2::bigint[], $3::bigint[], $4::bigint[]) as n (\"partition\", epoch, was, next), waits
         where waits.timeout is not null and i.partition = n.partition and i.epoch = n.epoch and i.next_offset = n.was
         returning microseconds(clock())",
    )
    .bind(batches.iter().map(|(turn, _)| turn.partition.0).collect::<Vec<_>>())
    .bind(batches.iter().map(|(turn, _)| turn.epoch).collect::<Vec<_>>())
    .bind(batches.iter().map(|(turn, _)| turn.next.0).collect::<Vec<_>>())
    .bind(batches.iter().map(|(_, batch)| batch.next.0).collect::<Vec<_>>())
    .bind(locks.timeout())
    .fetch_all(connection)
    .await?;
    let all = moved.len() == batches.len();
    moved.first().filter(|_| all).map(|(now,)| moment("inbox", "now", *now)).transpose()
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
