//! Writing students who are ahead of their rows, oldest first, so that `state_offset` follows.
//!
//! Why readers are answered from the tables all the same, and not from memory: they ask whichever process they reach, which
//! need not be the partition's owner, and what is only in memory is never news: a student whose alerts changed is always
//! written with the batch that changed them. So an answer is old by `unwritten_seconds` at worst, and only while the worker
//! lags, when the events it lacks would not have been folded yet anyway; after a takeover, by the outage as well.

use homeroom_domain::mutant::{Mutant, planted};
use tokio::time::Instant;

use crate::metric;
use crate::store::{self, Effects, Key, Lease, StudentChange};
use crate::worker::patience::chain;
use crate::worker::take::Write;
use crate::worker::{Error, Hold, Worker};

/// The most students of one transaction: a larger one may not end in the time that a statement has.
pub(super) const STUDENTS: usize = 5_000;

impl Worker {
    /// Whether some row lacks events that were folded.
    pub(super) fn is_behind_rows(&self) -> bool {
        !self.memory.all_written() || self.lease.state_offset < self.position
    }

    /// Writes as much as the limits ask for.
    pub(super) async fn checkpoint_when_due(&mut self) -> Result<Hold, Error> {
        while self.memory.is_due(&self.shared.limits, Instant::now()) {
            if self.checkpoint_part().await? == Hold::Lost {
                return Ok(Hold::Lost);
            }
        }
        Ok(Hold::Kept)
    }

    /// Writes a part, when there is something to write.
    pub(super) async fn checkpoint_some(&mut self) -> Result<Hold, Error> {
        if self.is_behind_rows() { self.checkpoint_part().await } else { Ok(Hold::Kept) }
    }

    /// Writes everything.
    pub(super) async fn checkpoint(&mut self) -> Result<Hold, Error> {
        while self.is_behind_rows() {
            if self.checkpoint_part().await? == Hold::Lost {
                return Ok(Hold::Lost);
            }
        }
        Ok(Hold::Kept)
    }

    /// Writes the oldest students. One whom the database refuses is mended alone and stops no other.
    pub(super) async fn checkpoint_part(&mut self) -> Result<Hold, Error> {
        let page = self.memory.page(STUDENTS.min(self.shared.limits.batch_events));
        let keys: Vec<Key> = page.iter().map(|change| (change.district.clone(), change.student)).collect();
        match self.write(page).await {
            Err(error) if error.refused() => {
                tracing::warn!(partition = self.lease.partition, students = keys.len(), error = %chain(&error), "the database refuses a checkpoint; writing student by student");
            }
            result => return Ok(result?),
        }
        for key in keys {
            match self.write(self.memory.change(&key).into_iter().collect()).await {
                Ok(Hold::Kept) => {}
                Ok(Hold::Lost) => return Ok(Hold::Lost),
                Err(error) if error.refused() => {
                    if self.mend(&key).await? == Hold::Lost {
                        return Ok(Hold::Lost);
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Hold::Kept)
    }

    /// The offset below which every row includes every event, when these students are written and nothing from `position` on.
    pub(super) fn rows_reach(&self, writing: &[StudentChange], position: i64) -> i64 {
        let unwritten = self.memory.unwritten_since(writing).filter(|_| !planted(Mutant::ForgetUnwritten)).into_iter();
        unwritten.chain(self.mending).fold(position, i64::min)
    }

    async fn write(&mut self, students: Vec<StudentChange>) -> Result<Hold, store::Error> {
        metrics::counter!(metric::CHECKPOINTED).increment(students.len() as u64);
        let to = Lease { state_offset: self.rows_reach(&students, self.position), ..self.lease };
        self.commit(to, Effects { students, ..Effects::default() }).await
    }

    /// A student whom the database refuses is read from its row again, and its events since from the log, which are written one
    /// by one if need be: so the one that is refused is found, and becomes a dead letter.
    async fn mend(&mut self, key: &Key) -> Result<Hold, Error> {
        self.mending = Some(self.lease.state_offset);
        let events = self.events_of(key, self.lease.state_offset..self.position).await?;
        self.memory.forget(key);
        if self.take(events, Write::Through).await? == Hold::Lost {
            return Ok(Hold::Lost);
        }
        self.mending = None;
        self.load(vec![key.clone()]).await?;
        match self.memory.get(key) {
            // What was folded in silence is evaluated when all of it is there.
            Some(student) if self.is_recovered() && student.evaluated.is_none() => {
                let found = vec![(key.clone(), (**student).clone())];
                self.look_again(&found).await
            }
            _ => Ok(Hold::Kept),
        }
    }
}
