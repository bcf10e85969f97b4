//! Appends canonical records to the log and puts the others in quarantine, within bounds, and says what became of each.
//!
//! What can go wrong: the log is slow or away. Then requests beyond the bounds are refused before their body is read, and
//! records whose append failed are for their sender to send again. When the database is away, so are those that are not
//! understood, and their neighbours are none the worse. Nothing waits here longer than [`Limits::append`].

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::{join, join_all};
use homeroom_bus::{Log, NewRecord, Topic};
use homeroom_chassis::telemetry::trace;
use homeroom_domain::mutant::{Mutant, planted};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::normalise::Context;
use super::{Canonical, Problem, Receipt};
use crate::hearing::Hearing;
use crate::quarantine::Quarantine;

/// How long appending a request's records took.
pub const APPEND_SECONDS: &str = "homeroom_ingestion_append_seconds";
/// Records, by door and by what became of them.
pub const RECORDS: &str = "homeroom_ingestion_records_total";

/// What bounds the memory and patience of the native doors.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The most requests at a time.
    pub requests: usize,
    /// The most bytes of their bodies.
    pub bytes: usize,
    /// The longest that the log, or the quarantine, is waited for.
    pub append: Duration,
}

/// As many requests, or bytes, are in flight as can be. Try again after a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many records are on their way to the log")]
pub struct Overloaded;

impl Overloaded {
    /// When it is worth trying again.
    pub const RETRY_AFTER: Duration = Duration::from_secs(1);
}

/// A record as it came, and what it was understood to be.
#[derive(Debug)]
pub struct Item<'a> {
    /// As it came, for quarantine.
    pub raw: &'a [u8],
    /// The canonical record, or what is wrong.
    pub record: Result<Canonical, Problem>,
}

/// What became of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is kept in the log.
    Accepted(Receipt),
    /// It is not understood, and kept in quarantine.
    Quarantined(Problem),
    /// It is not kept: send it again later. With a problem it would then go to quarantine.
    Retry(Option<Problem>),
}

impl Outcome {
    const NAMES: [&str; 3] = ["accepted", "quarantined", "retry"];

    /// Its name in answers and metrics.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Accepted(_) => "accepted",
            Self::Quarantined(_) => "quarantined",
            Self::Retry(_) => "retry",
        }
    }
}

/// The way to the log. Clones share its bounds.
#[derive(Clone)]
pub struct Publisher {
    log: Arc<dyn Log>,
    quarantine: Quarantine,
    hearing: Arc<Hearing>,
    requests: Arc<Semaphore>,
    kibibytes: Arc<Semaphore>,
    limits: Limits,
}

/// Leave to take a request of some size; held until it is answered.
#[derive(Debug)]
#[must_use = "the bounds count what is held"]
pub struct Admission {
    _request: OwnedSemaphorePermit,
    _kibibytes: OwnedSemaphorePermit,
}

impl Publisher {
    /// A publisher to this log and quarantine.
    pub(crate) fn new(log: Arc<dyn Log>, quarantine: Quarantine, hearing: Arc<Hearing>, limits: Limits) -> Self {
        let kibibytes = limits.bytes.div_ceil(1024).clamp(1, u32::MAX as usize >> 3);
        Self {
            log,
            quarantine,
            hearing,
            requests: Arc::new(Semaphore::new(limits.requests)),
            kibibytes: Arc::new(Semaphore::new(kibibytes)),
            limits,
        }
    }

    /// Leave to take a request of at most so many bytes.
    pub fn admit(&self, bytes: usize) -> Result<Admission, Overloaded> {
        let kibibytes = u32::try_from(bytes.div_ceil(1024).max(1)).map_err(|_| Overloaded)?;
        let request = Arc::clone(&self.requests).try_acquire_owned().map_err(|_| Overloaded)?;
        let kibibytes = Arc::clone(&self.kibibytes).try_acquire_many_owned(kibibytes).map_err(|_| Overloaded)?;
        Ok(Admission { _request: request, _kibibytes: kibibytes })
    }

    /// Keeps the records of an admitted request, and answers when each is kept, or known not to be: one outcome for each
    /// item, in order.
    pub async fn publish(
        &self,
        door: &'static str,
        sender: &Context<'_>,
        items: Vec<Item<'_>>,
        _admitted: &Admission,
    ) -> Vec<Outcome> {
        let started = Instant::now();
        let mut kept = vec![true; items.len()];
        let (items, batches) = part(items);
        let appends = batches.into_iter().map(|batch| self.append(batch));
        let (lost, not_quarantined) = join(join_all(appends), self.set_aside(door, sender, &items)).await;
        for item in lost.into_iter().flatten().chain(not_quarantined) {
            kept[item] = planted(Mutant::AckFirst);
        }
        metrics::histogram!(APPEND_SECONDS, "door" => door).record(started.elapsed().as_secs_f64());
        let outcomes: Vec<Outcome> = items.into_iter().zip(kept).map(|(item, kept)| item.outcome(kept)).collect();
        count(door, &outcomes);
        if outcomes.iter().any(|outcome| matches!(outcome, Outcome::Accepted(_))) {
            self.hearing.note(sender.pseudonym.district(), sender.source, sender.received_at);
        }
        outcomes
    }

    /// Puts what is not understood in quarantine; the items that are not known to be kept there.
    async fn set_aside(&self, door: &'static str, sender: &Context<'_>, items: &[Parted<'_>]) -> Vec<usize> {
        let bad = items.iter().enumerate();
        let bad = bad.filter_map(|(number, item)| Some((number, (item.raw, item.receipt.as_ref().err()?))));
        let (numbers, records): (Vec<_>, Vec<_>) = bad.unzip();
        let keep = tokio::time::timeout(self.limits.append, self.quarantine.keep(door, sender, &records));
        match keep.await {
            Ok(Ok(())) => return Vec::new(),
            Ok(Err(error)) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::warn!(records = records.len(), error = %error, cause, "records were not kept in quarantine");
            }
            Err(_) => tracing::warn!(records = records.len(), "the quarantine did not answer in time"),
        }
        numbers
    }

    /// Appends a batch; the items that are not known to be kept.
    async fn append(&self, batch: Batch) -> Vec<usize> {
        let Batch { topic, items, records } = batch;
        let append = tokio::time::timeout(self.limits.append, self.log.append(topic, records));
        let Ok(results) = append.await else {
            tracing::warn!(topic = topic.name(), records = items.len(), "the log did not answer in time");
            return items;
        };
        let mut results = results.into_iter();
        let mut lost = Vec::new();
        let mut first = None;
        for item in items {
            match results.next() {
                Some(Ok(_)) => {}
                other => {
                    lost.push(item);
                    first = first.or(other.and_then(Result::err));
                }
            }
        }
        if !lost.is_empty() {
            let error = first.as_ref().map(ToString::to_string);
            tracing::warn!(topic = topic.name(), records = lost.len(), error, "the log did not keep records");
        }
        lost
    }
}

/// Counts records that are to be sent again without having been published.
pub(crate) fn count_retries(door: &'static str, records: usize) {
    metrics::counter!(RECORDS, "door" => door, "outcome" => Outcome::Retry(None).as_str()).increment(records as u64);
}

/// One look-up for each name rather than for each record.
fn count(door: &'static str, outcomes: &[Outcome]) {
    for name in Outcome::NAMES {
        let records = outcomes.iter().filter(|outcome| outcome.as_str() == name).count();
        if records > 0 {
            metrics::counter!(RECORDS, "door" => door, "outcome" => name).increment(records as u64);
        }
    }
}

/// The records of one topic, and which item each belongs to.
struct Batch {
    topic: Topic,
    items: Vec<usize>,
    records: Vec<NewRecord>,
}

/// What is left of an item whose records are on their way.
struct Parted<'a> {
    raw: &'a [u8],
    receipt: Result<Receipt, Problem>,
}

impl Parted<'_> {
    fn outcome(self, kept: bool) -> Outcome {
        match (self.receipt, kept) {
            (Ok(receipt), true) => Outcome::Accepted(receipt),
            (Err(problem), true) => Outcome::Quarantined(problem),
            (receipt, false) => Outcome::Retry(receipt.err()),
        }
    }
}

/// Takes the records out of the items, so that the log gets them without a copy.
fn part<'a>(items: Vec<Item<'a>>) -> (Vec<Parted<'a>>, Vec<Batch>) {
    let traceparent = trace::current_traceparent().map(Bytes::from);
    let mut batches: Vec<Batch> = Vec::new();
    let all = items.len();
    let mut add = |item: usize, topic: Topic, mut record: NewRecord| {
        if let Some(traceparent) = &traceparent {
            record.headers.push((trace::TRACEPARENT.to_owned(), traceparent.clone()));
        }
        let at = batches.iter().position(|batch| batch.topic == topic).unwrap_or_else(|| {
            let (items, records) = (Vec::with_capacity(all - item), Vec::with_capacity(all - item));
            batches.push(Batch { topic, items, records });
            batches.len() - 1
        });
        batches[at].items.push(item);
        batches[at].records.push(record);
    };
    let part = |(number, item): (usize, Item<'a>)| {
        let receipt = item.record.map(|canonical| {
            let receipt = canonical.receipt();
            canonical.into_records().for_each(|(topic, record)| add(number, topic, record));
            receipt
        });
        Parted { raw: item.raw, receipt }
    };
    let parted = items.into_iter().enumerate().map(part).collect();
    (parted, batches)
}
