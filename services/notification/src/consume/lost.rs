//! A database that went back in time under a process that goes on, as when a server takes over that had not received everything.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use homeroom_bus::{Offset, Partition};

use super::{End, FIRST_PAUSE, Worker, with_source};
use crate::store::Holds;

/// How long nothing may come before the partition's row is looked at.
pub(super) const UNCONFIRMED: Duration = Duration::from_secs(5);

/// How far each partition that this process has or had was read, and told of.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reached(Arc<Mutex<BTreeMap<Partition, Offset>>>);

impl Reached {
    pub(super) fn note(&self, partition: Partition, next: Offset) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(partition, next);
    }

    fn all(&self) -> BTreeMap<Partition, Offset> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The database does not have what it had committed, as when a server takes over that had not received everything. Whoever follows the
/// changes, has a lease or reads a topic here goes by what is gone, so the process begins again.
#[derive(Debug, thiserror::Error)]
#[error(
    "the database has lost changes of partition {partition} that it had committed; the log has them, and they are read again"
)]
pub(crate) struct Lost {
    partition: i32,
}

impl Worker {
    /// Looks whether the partition's row is as it was left, when nothing has come for a while: until something comes, nobody would hear of
    /// what is lost.
    pub(super) async fn confirm(&self) -> Result<(), End> {
        match self.work.store.holds(self.turn).await {
            Ok(Holds::At(_)) => Ok(()),
            Ok(Holds::Another) => Err(End::Fenced),
            Ok(Holds::Lost) => Err(self.lost().await),
            Err(error) => {
                tracing::debug!(partition = self.turn.partition.0, error = %with_source(&error), "the next look follows");
                Ok(())
            }
        }
    }

    /// What was read here before may have been told, and is read again by whoever has the partitions next.
    pub(super) async fn lost(&self) -> End {
        let lost = Lost { partition: self.turn.partition.0 };
        let mut pause = FIRST_PAUSE;
        while let Err(error) = self.work.store.restored(self.work.reached.all()).await {
            match self.rest(pause, &error).await {
                Ok(longer) => pause = longer,
                Err(end) => return end,
            }
        }
        End::Lost(lost)
    }
}
