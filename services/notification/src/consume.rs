//! Reads the alerts topic: a worker per partition that we own, a transaction per batch, which small batches share.
//!
//! The log routes each partition's records into a bounded inbox. The worker cuts them to what is not yet applied, decodes, and
//! applies. A record that cannot be understood, or that the database refuses for what it holds, becomes a dead letter in the
//! same transaction, and nothing else is held up by it. When the database is away the worker tries again until it is back. A
//! worker whose epoch is no longer the highest stops without a trace, and one whose database went back in time ends the process.

mod gather;
mod lost;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use homeroom_bus::{Offset, Partition, PartitionOwner, Record};
use homeroom_chassis::TaskGroup;
use homeroom_chassis::telemetry::trace;
use homeroom_domain::alert::ChangeKind;
use homeroom_pg::Error;
use metrics::{counter, histogram};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::message::kind_name;
use crate::metric;
use crate::store::{Batch, DeadLetter, Incoming, Outcome, Step, Store, Turn, is_refusal};

pub(crate) use gather::{Gather, gather};
pub(crate) use lost::{Lost, Reached};

/// Batches of records that wait for a worker.
const INBOX: usize = 2;

/// The most records of one batch. Small batches of several partitions may share a transaction.
const LARGEST_BATCH: usize = 500;

/// The first pause after a failure; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// The longest pause between tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// The longest trace context that is kept, in bytes; that of today's version has 55.
const LONGEST_TRACEPARENT: usize = 128;

/// The most records that a batch's span links to.
const MOST_LINKS: usize = 32;

/// What workers share.
#[derive(Debug, Clone)]
pub(crate) struct Work {
    pub(crate) store: Store,
    pub(crate) gather: Gather,
    /// How long a delivery is worth sending after it is due.
    pub(crate) worth: Duration,
    pub(crate) reached: Reached,
}

/// The owner of this process's partitions.
pub(crate) struct Owner {
    work: Work,
    tasks: TaskGroup,
    workers: Mutex<HashMap<Partition, CancellationToken>>,
}

impl Owner {
    pub(crate) fn new(work: Work, tasks: TaskGroup) -> Self {
        Self { work, tasks, workers: Mutex::default() }
    }
}

#[async_trait]
impl PartitionOwner for Owner {
    async fn assign(&self, partition: Partition) -> Result<(Offset, mpsc::Sender<Vec<Record>>), homeroom_bus::Error> {
        let turn = self
            .work
            .store
            .take(partition)
            .await
            .map_err(|error| homeroom_bus::Error::Unavailable(error.to_string()))?;
        // The owner before may have told of what is below.
        self.work.reached.note(partition, turn.next);
        let (sender, inbox) = mpsc::channel(INBOX);
        let stop = self.tasks.stopping().child_token();
        let before = self.workers.lock().unwrap_or_else(PoisonError::into_inner).insert(partition, stop.clone());
        if let Some(before) = before {
            before.cancel();
        }
        let worker = Worker { work: self.work.clone(), turn, stop };
        self.tasks.spawn("alert inbox", async move { worker.run(inbox).await });
        Ok((turn.next, sender))
    }

    async fn revoke(&self, partition: Partition) {
        let worker = self.workers.lock().unwrap_or_else(PoisonError::into_inner).remove(&partition);
        if let Some(worker) = worker {
            worker.cancel();
        }
    }
}

struct Worker {
    work: Work,
    turn: Turn,
    stop: CancellationToken,
}

/// Why a worker ends before its inbox does.
enum End {
    /// The partition is another's, or the process stops.
    Fenced,
    Lost(Lost),
}

impl Worker {
    /// Works until the inbox closes, the process stops, or the partition is another's.
    async fn run(mut self, inbox: mpsc::Receiver<Vec<Record>>) -> Result<(), Lost> {
        match self.work_on(inbox).await {
            Ok(()) => Ok(()),
            Err(End::Fenced) => {
                tracing::info!(partition = self.turn.partition.0, "the partition has another owner");
                Ok(())
            }
            Err(End::Lost(lost)) => Err(lost),
        }
    }

    async fn work_on(&mut self, mut inbox: mpsc::Receiver<Vec<Record>>) -> Result<(), End> {
        loop {
            let records = tokio::select! {
                () = self.stop.cancelled() => return Ok(()),
                records = inbox.recv() => records,
                () = tokio::time::sleep(lost::UNCONFIRMED) => {
                    self.confirm().await?;
                    continue;
                }
            };
            let Some(mut records) = records else { return Ok(()) };
            // What came while the batch before was applied is one batch.
            while records.len() < LARGEST_BATCH
                && let Ok(more) = inbox.try_recv()
            {
                records.extend(more);
            }
            while !records.is_empty() {
                let rest = records.split_off(records.len().min(LARGEST_BATCH));
                let batch = std::mem::replace(&mut records, rest);
                self.apply(&batch).await?;
                if self.stop.is_cancelled() {
                    return Ok(());
                }
            }
        }
    }

    /// Applies the records until it succeeds, splitting off what the database refuses.
    async fn apply(&mut self, records: &[Record]) -> Result<(), End> {
        // Prefetched leftovers of an earlier assignment may come once more.
        let fresh: Vec<&Record> = records.iter().filter(|record| record.offset >= self.turn.next).collect();
        let mut parts = vec![&fresh[..]];
        let mut pause = FIRST_PAUSE;
        while let Some(part) = parts.pop() {
            let Some(last) = part.last() else { continue };
            let next = Offset(last.offset.0 + 1);
            match self.try_apply(part, next, None).await {
                Ok(step) => self.took(step, next).await?,
                Err(error) if is_refusal(&error) && part.len() == 1 => {
                    let refused = self.try_apply(part, next, Some(&error)).await;
                    match refused {
                        Ok(step) => self.took(step, next).await?,
                        Err(error) => {
                            parts.push(part);
                            pause = self.rest(pause, &error).await?;
                        }
                    }
                }
                Err(error) if is_refusal(&error) => {
                    let (first, second) = part.split_at(part.len() / 2);
                    parts.extend([second, first]);
                }
                Err(error) => {
                    parts.push(part);
                    pause = self.rest(pause, &error).await?;
                }
            }
        }
        Ok(())
    }

    async fn try_apply(&self, part: &[&Record], next: Offset, refusal: Option<&Error>) -> Result<Step, Error> {
        let mut batch = Batch { next, incoming: Vec::new(), dead: Vec::new(), worth: self.work.worth };
        for record in part {
            let decoded = match refusal {
                Some(error) => Err(format!("the database refuses it: {}", with_source(error))),
                None => decode(record, record.offset < self.turn.told_below),
            };
            match decoded {
                Ok(incoming) => batch.incoming.push(incoming),
                Err(reason) => {
                    batch.dead.push(DeadLetter { offset: record.offset, reason, value: record.value.clone() });
                }
            }
        }
        let span =
            tracing::info_span!("notification.alert.apply", partition = self.turn.partition.0, records = part.len());
        for incoming in batch.incoming.iter().filter(|incoming| !incoming.traceparent.is_empty()).take(MOST_LINKS) {
            trace::link(&span, &incoming.traceparent);
        }
        self.work.gather.apply(self.turn, Arc::new(batch)).instrument(span).await
    }

    async fn took(&mut self, step: Step, next: Offset) -> Result<(), End> {
        match step {
            Step::Fenced => Err(End::Fenced),
            Step::Lost => Err(self.lost().await),
            Step::Applied(outcome) => {
                self.turn.next = next;
                self.work.reached.note(self.turn.partition, next);
                count(&outcome);
                Ok(())
            }
        }
    }

    async fn rest(&self, pause: Duration, error: &Error) -> Result<Duration, End> {
        tracing::warn!(partition = self.turn.partition.0, error = %with_source(error), "alert changes wait for the database");
        tokio::select! {
            // Ours no longer, or the process stops: the next owner reads on from what is committed.
            () = self.stop.cancelled() => Err(End::Fenced),
            () = tokio::time::sleep(pause) => Ok((pause * 2).min(LONGEST_PAUSE)),
        }
    }
}

fn decode(record: &Record, maybe_told: bool) -> Result<Incoming, String> {
    let encoded = record.value.clone().ok_or("it has no value")?;
    let told = homeroom_proto::alert::decode_told(&encoded).map_err(|error| with_source(&error))?;
    let (change, moved_to) = (told.change, told.derivation.and_then(|derivation| derivation.moved_to));
    if change.number == 0 || i32::try_from(change.number).is_err() {
        return Err(format!("`AlertChange.number` is {}, and changes count from 1 to {}", change.number, i32::MAX));
    }
    let header = record.headers.iter().find(|(name, _)| name == "traceparent");
    // What is no trace context is no reason to lose an alert.
    let traceparent = header.and_then(|(_, value)| std::str::from_utf8(value).ok());
    let traceparent =
        traceparent.filter(|text| text.len() <= LONGEST_TRACEPARENT && text.chars().all(|c| c.is_ascii_graphic()));
    let traceparent = traceparent.unwrap_or_default().to_owned();
    Ok(Incoming { change, moved_to, encoded, traceparent, maybe_told })
}

fn with_source(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

fn count(outcome: &Outcome) {
    let kinds =
        [ChangeKind::Opened, ChangeKind::Amended, ChangeKind::Escalated, ChangeKind::Cleared, ChangeKind::Recalled];
    for kind in kinds {
        let changes = outcome.changes.iter().filter(|&&change| change == kind).count();
        counter!(metric::CHANGES, "kind" => kind_name(kind)).increment(changes as u64);
    }
    for age in &outcome.ages {
        histogram!(metric::ALERT_AGE).record(*age);
    }
    counter!(metric::REPEATS).increment(outcome.repeats);
    counter!(metric::CONTRADICTIONS).increment(outcome.contradictions);
    counter!(metric::GAPS).increment(outcome.gaps);
    counter!(metric::LATE).increment(outcome.late);
    counter!(metric::UNROUTED).increment(outcome.unrouted);
    counter!(metric::DEAD_LETTERS).increment(outcome.dead);
}
