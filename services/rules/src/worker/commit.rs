//! Making effects durable: one transaction each, which begins with the fence.

use std::sync::Arc;

use homeroom_bus::Topic;
use homeroom_domain::mutant::{Mutant, planted};

use crate::publish;
use crate::store::{self, Committed, Effects, Lease, Store};
use crate::worker::patience::patiently;
use crate::worker::{Hold, Worker};

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
        self.lease = to;
        for (district, now) in &effects.dates {
            self.dates.insert(district.clone(), *now);
        }
        for change in &effects.students {
            self.memory.written(change);
        }
        self.shared.store.tell(to.partition, &effects);
        if rows > 0 {
            self.publisher.published_up_to(to.next_seq, &effects.outbox).await;
        }
        Ok(Hold::Kept)
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
