//! The worker of one partition: folds batches, moves students when the date or reference records move, and commits.
//!
//! It is the only writer of its partition's students while its epoch stands. Between two commits it holds nothing that cannot
//! be read again, so it may stop at any point.

mod cache;
mod date;
mod fold;
mod patience;
mod quarantine;
mod sweep;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use homeroom_bus::Record;
use homeroom_chassis::telemetry::trace;
use homeroom_domain::id::DistrictId;
use homeroom_domain::settings::Now;
use jiff::Timestamp;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::config::Limits;
use crate::metric;
use crate::publish::Publisher;
use crate::reference::Snapshot;
use crate::store::{self, Committed, Effects, Lease, Store};
use cache::Cache;
use fold::{Incoming, Parsed};
use patience::{chain, may_pass, patiently};
use sweep::Sweep;

/// What tells the time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What every worker of the process shares.
pub(crate) struct Shared {
    pub store: Arc<dyn Store>,
    pub clock: Clock,
    pub limits: Limits,
    pub snapshots: watch::Receiver<Arc<Snapshot>>,
    pub stopping: CancellationToken,
}

/// Why a worker ends.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The database fails for a reason that is no event's and that waiting does not mend.
    #[error("{}", chain(.0))]
    Store(#[from] store::Error),
}

/// How often the districts' clocks are looked at. The date moves twice a day.
const TICK: Duration = Duration::from_secs(1);
/// The most traces that a batch's span is linked to; OpenTelemetry's default limit.
const MOST_LINKS: usize = 128;

/// Still the owner, or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hold {
    Kept,
    Lost,
}

pub(crate) struct Worker {
    shared: Arc<Shared>,
    lease: Lease,
    snapshot: Arc<Snapshot>,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    /// The reference offset that nothing may be evaluated below.
    needed_reference: i64,
    dates: BTreeMap<DistrictId, Now>,
    /// Districts whose dates were looked for in the database.
    looked_up: BTreeSet<DistrictId>,
    cache: Cache,
    sweep: Option<Sweep>,
    /// The dates that the last finished sweep reached.
    swept: Arc<BTreeMap<DistrictId, Now>>,
    publisher: Publisher,
}

impl Worker {
    /// `needed_reference` is at least the offset of what the owner before has evaluated with.
    pub(crate) fn new(shared: Arc<Shared>, lease: Lease, needed_reference: i64, publisher: Publisher) -> Self {
        let snapshots = shared.snapshots.clone();
        let cache = Cache::new(shared.limits.cached_students);
        Self {
            shared,
            lease,
            snapshot: Arc::default(),
            snapshots,
            needed_reference,
            dates: BTreeMap::new(),
            looked_up: BTreeSet::new(),
            cache,
            sweep: None,
            swept: Arc::default(),
            publisher,
        }
    }

    /// Works until the inbox closes, the process stops, or another process owns the partition.
    pub(crate) async fn run(mut self, inbox: mpsc::Receiver<Vec<Record>>) -> Result<(), Error> {
        match self.work(inbox).await {
            Ok(Hold::Kept) => {}
            Ok(Hold::Lost) => {
                metrics::counter!(metric::FENCED).increment(1);
                tracing::info!(partition = self.lease.partition, "another process owns the partition now");
            }
            // What was not committed has not happened; the next owner does it.
            Err(Error::Store(error)) if self.shared.stopping.is_cancelled() && may_pass(&error) => {
                tracing::info!(partition = self.lease.partition, error = %chain(&error), "stopping without the database");
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    async fn work(&mut self, mut inbox: mpsc::Receiver<Vec<Record>>) -> Result<Hold, Error> {
        if !self.wait_for_reference().await {
            return Ok(Hold::Kept);
        }
        let mut hold = self.look_at_clocks().await?;
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let stopping = self.shared.stopping.clone();
        while hold == Hold::Kept {
            tokio::select! {
                biased;
                () = stopping.cancelled() => break,
                // Both are rare, and before the inbox, which may never be empty on a busy day.
                changed = self.snapshots.changed() => {
                    if changed.is_err() {
                        break;
                    }
                    self.snapshot = self.snapshots.borrow_and_update().clone();
                    hold = self.look_at_clocks().await?;
                }
                _ = tick.tick() => hold = self.look_at_clocks().await?,
                batch = inbox.recv() => match batch {
                    Some(batch) => hold = self.take_and_sweep(batch, &mut inbox).await?,
                    None => break,
                },
                () = std::future::ready(()), if self.sweep.is_some() => hold = self.sweep_part().await?,
            }
        }
        Ok(hold)
    }

    /// A part of the sweep after each batch, so that a busy day does not starve it.
    async fn take_and_sweep(
        &mut self,
        batch: Vec<Record>,
        inbox: &mut mpsc::Receiver<Vec<Record>>,
    ) -> Result<Hold, Error> {
        let batch = self.coalesce(batch, inbox);
        match self.take(batch).await? {
            Hold::Kept if self.sweep.is_some() => self.sweep_part().await,
            hold => Ok(hold),
        }
    }

    /// Evaluating with fewer reference records than the partition was evaluated with would recall what still holds.
    async fn wait_for_reference(&mut self) -> bool {
        let needed = self.needed_reference;
        let stopping = self.shared.stopping.clone();
        let ready = self.snapshots.wait_for(|snapshot| snapshot.offset >= needed);
        tokio::select! {
            biased;
            () = stopping.cancelled() => false,
            ready = ready => match ready {
                Ok(snapshot) => {
                    self.snapshot = snapshot.clone();
                    true
                }
                Err(_) => false,
            },
        }
    }

    /// Takes what else has arrived, so that a worker that is behind writes each student once.
    fn coalesce(&self, mut batch: Vec<Record>, inbox: &mut mpsc::Receiver<Vec<Record>>) -> Vec<Record> {
        while batch.len() < self.shared.limits.batch_events {
            match inbox.try_recv() {
                Ok(more) => batch.extend(more),
                Err(_) => break,
            }
        }
        batch
    }

    /// Folds a batch and commits it, however long the database is away. A batch that the database refuses is halved until the one
    /// event that it refuses is alone, which becomes a dead letter.
    async fn take(&mut self, batch: Vec<Record>) -> Result<Hold, Error> {
        let mut parts = vec![fold::incoming(batch, self.lease.next_offset)];
        while let Some(part) = parts.pop() {
            if part.is_empty() {
                continue;
            }
            match self.fold(&part).await {
                Ok(Hold::Kept) => {}
                Ok(Hold::Lost) => return Ok(Hold::Lost),
                Err(error) if !error.refused() => return Err(error.into()),
                Err(error) if part.len() > 1 => {
                    tracing::warn!(partition = self.lease.partition, events = part.len(), error = %chain(&error), "halving a batch that the database refuses");
                    let mut first = part;
                    let second = first.split_off(first.len() / 2);
                    parts.push(second);
                    parts.push(first);
                }
                Err(error) => {
                    let only: Vec<Incoming> =
                        part.into_iter().map(|incoming| incoming.refused(&chain(&error))).collect();
                    if self.fold(&only).await? == Hold::Lost {
                        return Ok(Hold::Lost);
                    }
                }
            }
        }
        Ok(Hold::Kept)
    }

    async fn fold(&mut self, part: &[Incoming]) -> Result<Hold, store::Error> {
        let span = tracing::info_span!("rules.batch.fold", partition = self.lease.partition, events = part.len());
        for traceparent in part.iter().filter_map(|incoming| incoming.traceparent.as_deref()).take(MOST_LINKS) {
            trace::link(&span, traceparent);
        }
        self.fold_traced(part).instrument(span).await
    }

    async fn fold_traced(&mut self, part: &[Incoming]) -> Result<Hold, store::Error> {
        self.cache.turn();
        let keys: BTreeSet<_> = part.iter().filter_map(Incoming::student).collect();
        let districts: BTreeSet<&DistrictId> = keys.iter().map(|(district, _)| district).collect();
        for district in districts {
            self.load_date(district).await?;
        }
        let missing: Vec<_> = keys.iter().filter(|key| !self.cache.contains(key)).cloned().collect();
        let store = &self.shared.store;
        for (key, student) in patiently(&self.shared.stopping, || store.students(missing.clone())).await? {
            self.cache.insert(key, Arc::new(student));
        }
        let at = (self.shared.clock)();
        let desk = fold::Desk {
            snapshot: &self.snapshot,
            dates: &self.dates,
            cache: &self.cache,
            at,
            partition: self.lease.partition,
        };
        let effects = desk.fold(part);
        let last = part.last().map_or(self.lease.next_offset, |incoming| incoming.offset + 1);
        let to = Lease { next_offset: last, state_offset: last, ..self.lease };
        let hold = self.commit(to, effects).await?;
        if hold == Hold::Kept {
            metrics::counter!(metric::EVENTS).increment(part.len() as u64);
            record_age(part, at);
        }
        Ok(hold)
    }

    /// Commits, then publishes and remembers. While the database is away it waits; a lost answer is looked up.
    async fn commit(&mut self, to: Lease, effects: Effects) -> Result<Hold, store::Error> {
        let effects = Arc::new(effects);
        let rows = i64::try_from(effects.outbox.len()).unwrap_or(i64::MAX);
        let to = Lease { commits: self.lease.commits + 1, next_seq: self.lease.next_seq + rows, ..to };
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
            self.cache.insert((change.district.clone(), change.student), Arc::clone(&change.after));
        }
        if rows > 0 {
            self.publisher.published_up_to(to.next_seq).await;
        }
        Ok(Hold::Kept)
    }
}

/// Commits, and looks up whether it happened when that cannot be told from the answer. May be repeated after any error.
async fn settle(store: &dyn Store, from: Lease, to: Lease, effects: Arc<Effects>) -> Result<Committed, store::Error> {
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

fn record_age(part: &[Incoming], at: Timestamp) {
    let received = part.iter().filter_map(|incoming| {
        if let Parsed::Event(event) = &incoming.parsed { Some(event.received_at) } else { None }
    });
    if let Some(oldest) = received.min() {
        metrics::histogram!(metric::EVENT_AGE).record(at.duration_since(oldest).as_secs_f64().max(0.0));
    }
}
