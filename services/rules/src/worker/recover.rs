//! Reading again what the owner before has told of, and not written.
//!
//! Events from `state_offset` to `next_offset` had their effect: what they changed for anybody is in the outbox. They are folded
//! into the students whose rows lack them, in silence, and those students are evaluated once, when all of their facts are
//! there: an evaluation in between could open what the owner before, with other batches, never saw. That evaluation tells what
//! it finds like any other. It finds nothing when the same facts meet the same reference records and dates, for the owner before
//! has written every student whose alerts changed; what it does find has come since, as a sweep would have found it.
//!
//! No sweep runs meanwhile, and no date moves: they would judge students by rows that lack events.

use std::ops::Range;

use homeroom_bus::{Record, Topic};
use tokio::sync::mpsc;

use crate::metric;
use crate::store::{Found, Key};
use crate::worker::checkpoint::STUDENTS;
use crate::worker::fold::{Incoming, Parsed};
use crate::worker::patience::patiently;
use crate::worker::reading::Reading;
use crate::worker::take::Write;
use crate::worker::{Error, Hold, Worker};

impl Worker {
    /// Whether everything that had its effect is folded.
    pub(super) fn is_recovered(&self) -> bool {
        self.position >= self.lease.next_offset
    }

    /// Folds what had its effect. Answers with the events behind it that came along; none when there is no more to do.
    pub(super) async fn recover(
        &mut self,
        inbox: &mut mpsc::Receiver<Vec<Record>>,
    ) -> Result<(Hold, Option<Vec<Incoming>>), Error> {
        if self.is_recovered() {
            return Ok((Hold::Kept, Some(Vec::new())));
        }
        let offsets = self.lease.state_offset..self.lease.next_offset;
        let (store, partition) = (&self.shared.store, self.lease.partition);
        self.given_up = patiently(&self.shared.stopping, || store.given_up(partition, offsets.clone())).await?;
        let stopping = self.shared.stopping.clone();
        let mut fresh = Vec::new();
        while !self.is_recovered() {
            let batch = tokio::select! {
                biased;
                () = stopping.cancelled() => return Ok((Hold::Kept, None)),
                batch = inbox.recv() => batch,
            };
            let Some(batch) = batch else { return Ok((Hold::Kept, None)) };
            let mut told = self.incoming(batch);
            fresh = told.split_off(told.partition_point(|incoming| incoming.offset < self.lease.next_offset));
            metrics::counter!(metric::REFOLDED).increment(told.len() as u64);
            if self.take(told, Write::Behind).await? == Hold::Lost || self.checkpoint_when_due().await? == Hold::Lost {
                return Ok((Hold::Lost, None));
            }
        }
        Ok((Hold::Kept, Some(fresh)))
    }

    /// Evaluates those who were folded in silence and are unwritten still; the sweep that begins with an owner finds the others.
    pub(super) async fn evaluate_recovered(&mut self) -> Result<Hold, Error> {
        let waiting = self.memory.unwritten(|student| student.evaluated.is_none());
        for page in waiting.chunks(STUDENTS.min(self.shared.limits.batch_events)) {
            let folded = self.desk((self.shared.clock)()).look_again(&self.known(page));
            let told = folded.effects.students.len();
            if told > 0 {
                tracing::info!(
                    partition = self.lease.partition,
                    students = told,
                    "what came since has news of students"
                );
            }
            match self.apply(folded, self.position, Write::Behind).await {
                Ok(Hold::Kept) => {}
                Ok(Hold::Lost) => return Ok(Hold::Lost),
                // Written without an evaluation, which the sweep then tries for each student alone.
                Err(error) if error.refused() => return self.checkpoint().await,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Hold::Kept)
    }

    fn known(&self, keys: &[Key]) -> Vec<Found> {
        let known = |key: &Key| self.memory.get(key).map(|student| (key.clone(), (**student).clone()));
        keys.iter().filter_map(known).collect()
    }

    /// A student's events of a part of the log, read again.
    pub(super) async fn events_of(
        &mut self,
        key: &Key,
        Range { start, end }: Range<i64>,
    ) -> Result<Vec<Incoming>, Error> {
        let (store, partition) = (&self.shared.store, self.lease.partition);
        // Beside those of a recovery that may be under way.
        self.given_up.extend(patiently(&self.shared.stopping, || store.given_up(partition, start..end)).await?);
        let (mut events, mut reading) = (Vec::new(), Reading::new(Topic::Events, partition, start));
        while reading.at() < end {
            let records = self.read(&mut reading).await?;
            let of_student = records.into_iter().filter(|record| record.offset.0 < end).map(Incoming::parse);
            events.extend(of_student.filter(
                |incoming| matches!(&incoming.parsed, Parsed::Event(event) if (&event.district, &event.student) == (&key.0, &key.1)),
            ));
        }
        Ok(events)
    }
}
