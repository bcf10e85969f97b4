//! Making effects durable: one transaction each, which begins with the fence.

use std::sync::Arc;
use std::time::Duration;

use homeroom_bus::Topic;
use homeroom_domain::mutant::{Mutant, planted};
use tokio::time::Instant;

use crate::publish;
use crate::store::{self, Committed, Effects, Lease, Store};
use crate::worker::patience::{may_pass, patiently};
use crate::worker::{Hold, Worker};

/// How long an owner that commits nothing goes without looking whether it is the owner still. A look is one row by its key.
const UNCONFIRMED: Duration = Duration::from_secs(5);

impl Worker {
    /// Commits, then publishes and remembers. While the database is away it waits; a lost answer is looked up.
    pub(super) async fn commit(&mut self, to: Lease, effects: Effects) -> Result<Hold, store::Error> {
        let mut effects = effects;
        if planted(Mutant::OffsetFirst) && !effects.students.is_empty() {
            Box::pin(self.commit(to, Effects::default())).await?;
        }
        if planted(Mutant::PublishFirst) {
            let rows = effects.outbox.iter().filter(|row| row.topic == Topic::Alerts);
            self.shared.log.append(Topic::Alerts, rows.cloned().map(publish::record).collect()).await;
        }
        if planted(Mutant::LoseOutboxRow) {
            effects.outbox.pop();
        }
        let effects = Arc::new(effects);
        let rows = i64::try_from(effects.outbox.len()).unwrap_or(i64::MAX);
        let to = Lease {
            commits: self.lease.commits + 1,
            next_seq: self.lease.next_seq + rows,
            // Not the higher of both: a topic that was made anew is read from its beginning.
            alerts_offset: self.publisher.known().unwrap_or(to.alerts_offset),
            ..to
        };
        let (store, from) = (&*self.shared.store, self.lease);
        let committed = patiently(&self.shared.stopping, || settle(store, from, to, Arc::clone(&effects))).await?;
        if committed == Committed::Fenced {
            return Ok(Hold::Lost);
        }
        (self.lease, self.confirmed_at) = (to, Instant::now());
        for (district, now) in &effects.dates {
            self.dates.insert(district.clone(), *now);
        }
        for change in &effects.students {
            self.memory.written(change);
            if let Some(sweep) = &mut self.sweep {
                sweep.overtake(&(change.district.clone(), change.student));
            }
        }
        self.shared.store.tell(to.partition, &effects);
        if rows > 0 {
            self.publisher.published_up_to(to.next_seq, &effects.outbox).await;
        }
        Ok(Hold::Kept)
    }

    /// Looks whether this is the owner still, when nothing was committed for a while.
    ///
    /// A claim may come late: of a process that stood still on its way to the database while it was given the partition and
    /// lost it again. It fences an owner whom the log tells nothing, since for the log nothing has changed. What that process
    /// committed before it noticed (a date that has moved, and not yet everyone whom it concerns) waits for the owner to go on
    /// with it; and one that has nothing to commit itself would not meet the fence until something happens.
    pub(super) async fn confirm(&mut self) -> Result<Hold, store::Error> {
        if self.confirmed_at.elapsed() < UNCONFIRMED {
            return Ok(Hold::Kept);
        }
        match self.shared.store.reread(self.lease.partition).await {
            Ok(Some(row)) if row == self.lease => {
                self.confirmed_at = Instant::now();
                Ok(Hold::Kept)
            }
            Ok(_) => Ok(Hold::Lost),
            // Whoever takes the partition needs the database as well: the next look is early enough.
            Err(error) if may_pass(&error) => Ok(Hold::Kept),
            Err(error) => Err(error),
        }
    }
}

/// Commits, and looks up whether it happened when that cannot be told from the answer. May be repeated after any error.
async fn settle(store: &dyn Store, from: Lease, to: Lease, effects: Arc<Effects>) -> Result<Committed, store::Error> {
    let (mut from, mut to) = (from, to);
    if planted(Mutant::SkipFence) {
        from = store.reread(from.partition).await?.unwrap_or(from);
        to = Lease { epoch: from.epoch, commits: from.commits + 1, ..to };
    }
    match store.commit(from, to, effects).await {
        Err(error @ store::Error::CommitUnknown(_)) => match store.reread(from.partition).await? {
            Some(now) if now == to => Ok(Committed::Yes),
            Some(now) if now == from => Err(error),
            _ => Ok(Committed::Fenced),
        },
        // An attempt before may have happened without an answer, and the look-up after it have failed.
        Ok(Committed::Fenced) if store.reread(from.partition).await? == Some(to) => Ok(Committed::Yes),
        other => other,
    }
}
