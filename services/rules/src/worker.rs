//! The worker of one partition: folds batches, moves students when the date or reference records move, and commits.
//!
//! It is the only writer of its partition's students while its epoch stands. What it holds can be read again, from the tables
//! or from the log, so it may stop at any point.
//!
//! While it keeps up, a batch is one transaction: the offset, alert changes, every student. When it lags, only students whose
//! alerts changed are written with their batch; the others stay in `memory` and are written together in a `checkpoint`, so
//! that a student is written once for many events. `recover` reads again what an owner left unwritten, after `adopt` has taken
//! up what was told of and lost.

mod adopt;
mod checkpoint;
mod commit;
mod date;
pub(crate) mod fold;
mod memory;
mod page;
mod patience;
mod quarantine;
mod reading;
mod recover;
mod sweep;
mod take;
mod traffic;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use homeroom_bus::{Log, Record};
use homeroom_domain::id::DistrictId;
use homeroom_domain::mutant::{Mutant, planted};
use homeroom_domain::settings::Now;
use jiff::Timestamp;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::config::Limits;
use crate::metric;
use crate::publish::Publisher;
use crate::reference::Snapshot;
use crate::roll::Rolls;
use crate::store::{self, Lease, Store};
use fold::Incoming;
use memory::Memory;
use page::Stride;
use patience::{chain, may_pass};
use sweep::Sweep;
use take::Write;
pub(crate) use traffic::Traffic;

/// What tells the time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What every worker of the process shares.
pub(crate) struct Shared {
    pub store: Arc<dyn Store>,
    pub log: Arc<dyn Log>,
    pub clock: Clock,
    pub limits: Limits,
    pub snapshots: watch::Receiver<Arc<Snapshot>>,
    /// Room to read the topic of alerts, which takes a reader of its own for each partition.
    pub reading: Semaphore,
    /// For whose sake it rests.
    pub traffic: Traffic,
    /// Whose attendance of the day has come.
    pub rolls: Arc<Rolls>,
    pub stopping: CancellationToken,
}

/// Why a worker ends.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The database fails for a reason that is no event's and that waiting does not mend.
    #[error("{}", chain(.0))]
    Store(#[from] store::Error),
    /// The log lacks records that are needed.
    #[error("the log fails: {}", chain(.0))]
    Log(#[from] homeroom_bus::Error),
    /// The process stops in the middle of what is then left to the next owner.
    #[error("the process stops")]
    Stopping,
}

/// How often the districts' clocks are looked at. The date moves twice a day.
const TICK: Duration = Duration::from_secs(1);

/// Still the owner, or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hold {
    Kept,
    Lost,
}

pub(crate) struct Worker {
    shared: Arc<Shared>,
    lease: Lease,
    /// When the partition's row was last found as the lease says.
    confirmed_at: Instant,
    snapshot: Arc<Snapshot>,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    /// The reference offset that nothing may be evaluated below.
    needed_reference: i64,
    dates: BTreeMap<DistrictId, Now>,
    /// Districts whose dates were looked for in the database.
    looked_up: BTreeSet<DistrictId>,
    memory: Memory,
    /// The offset after the last event that was folded; below the lease's `next_offset` while what an owner left is read again.
    position: i64,
    /// Offsets of events that had their effect as dead letters, of those that are read again.
    given_up: BTreeSet<i64>,
    /// While a student is mended: the offset that `state_offset` must not pass.
    mending: Option<i64>,
    sweep: Option<Sweep>,
    /// How many students a step of it has.
    stride: Stride,
    /// The dates that the last finished sweep reached.
    swept: Arc<BTreeMap<DistrictId, Now>>,
    publisher: Publisher,
}

impl Worker {
    /// `needed_reference` is at least the offset of what the owner before has evaluated with.
    pub(crate) fn new(shared: Arc<Shared>, lease: Lease, needed_reference: i64, publisher: Publisher) -> Self {
        let snapshots = shared.snapshots.clone();
        let memory = Memory::new(shared.limits.cached_students);
        Self {
            shared,
            lease,
            confirmed_at: Instant::now(),
            snapshot: Arc::default(),
            snapshots,
            needed_reference,
            dates: BTreeMap::new(),
            looked_up: BTreeSet::new(),
            memory,
            position: lease.state_offset,
            given_up: BTreeSet::new(),
            mending: None,
            sweep: None,
            stride: Stride::first(),
            swept: Arc::default(),
            publisher,
        }
    }

    /// Works until the inbox closes, the process stops, or another process owns the partition.
    pub(crate) async fn run(mut self, inbox: mpsc::Receiver<Vec<Record>>) -> Result<(), Error> {
        match self.work(inbox).await {
            // When it stops in the middle of something, the next owner does what is left.
            Ok(Hold::Kept) | Err(Error::Stopping) => {}
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
        if self.adopt().await? == Hold::Lost {
            return Ok(Hold::Lost);
        }
        let (hold, fresh) = self.recover(&mut inbox).await?;
        let Some(fresh) = fresh else { return Ok(hold) };
        // The dates first: what the owner before told may be of a date that this process has not seen yet.
        let steps = self.look_at_clocks().await? == Hold::Kept
            && self.evaluate_recovered().await? == Hold::Kept
            && self.take(fresh, Write::Through).await? == Hold::Kept;
        if !steps || self.work_on(&mut inbox).await? == Hold::Lost {
            return Ok(Hold::Lost);
        }
        self.checkpoint().await
    }

    /// The work of an owner that has read what is in force and what has had its effect.
    async fn work_on(&mut self, inbox: &mut mpsc::Receiver<Vec<Record>>) -> Result<Hold, Error> {
        let mut hold = Hold::Kept;
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let shared = Arc::clone(&self.shared);
        let (stopping, limit) = (shared.stopping.clone(), shared.limits.sweep_students);
        while hold == Hold::Kept {
            tokio::select! {
                biased;
                () = stopping.cancelled() => break,
                // Both are rare, and before the inbox, which may never be empty on a busy day.
                changed = self.snapshots.changed() => {
                    if changed.is_err() {
                        break;
                    }
                    hold = self.renew_reference().await?;
                }
                _ = tick.tick() => hold = self.look_around().await?,
                // Only takes the page in hand.
                come = sweep::page_comes(&mut self.sweep, limit), if self.sweep.as_ref().is_some_and(Sweep::is_waiting) => come?,
                batch = inbox.recv() => match batch {
                    Some(batch) => hold = self.take_and_tidy(batch, inbox).await?,
                    None => break,
                },
                () = std::future::ready(()), if self.is_behind_rows() => hold = self.checkpoint_part().await?,
                () = shared.traffic.rested(), if self.can_sweep() => hold = self.sweep_part().await?,
            }
        }
        Ok(hold)
    }

    /// Whether a sweep has something to do now.
    fn can_sweep(&self) -> bool {
        self.sweep.as_ref().is_some_and(|sweep| !sweep.is_waiting())
    }

    /// What nobody comes to tell: that another owns the partition now, and that the date has moved.
    async fn look_around(&mut self) -> Result<Hold, Error> {
        if self.confirm().await? == Hold::Lost {
            return Ok(Hold::Lost);
        }
        self.look_at_clocks().await
    }

    /// Evaluates with the newest reference records from here on. Everything is written before, so that the sweep that follows
    /// finds in the tables whom they concern.
    async fn renew_reference(&mut self) -> Result<Hold, Error> {
        if self.checkpoint().await? == Hold::Lost {
            return Ok(Hold::Lost);
        }
        self.snapshot = self.snapshots.borrow_and_update().clone();
        self.look_at_clocks().await
    }

    /// A batch, and after each a part of what else is to be done, so that a busy day starves nothing.
    async fn take_and_tidy(
        &mut self,
        batch: Vec<Record>,
        inbox: &mut mpsc::Receiver<Vec<Record>>,
    ) -> Result<Hold, Error> {
        self.shared.traffic.came(Instant::now());
        let batch = self.coalesce(batch, inbox);
        let behind = batch.len() >= self.shared.limits.behind_events;
        let batch = self.incoming(batch);
        let taken = self.take(batch, if behind { Write::Behind } else { Write::Through }).await?;
        // A batch of a backlog may last longer than what is recent.
        self.shared.traffic.came(Instant::now());
        if taken == Hold::Lost {
            return Ok(Hold::Lost);
        }
        let tidied = if behind { self.checkpoint_when_due().await? } else { self.checkpoint_some().await? };
        match tidied {
            Hold::Kept if self.can_sweep() && self.shared.traffic.has_rested(Instant::now()) => self.sweep_part().await,
            hold => Ok(hold),
        }
    }

    /// Evaluating with fewer reference records than the partition was evaluated with would recall what still holds.
    async fn wait_for_reference(&mut self) -> bool {
        let needed = if planted(Mutant::ReferenceLate) { 0 } else { self.needed_reference };
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

    /// Parses a batch, without records that were taken already: prefetched ones, and those that a log which went back gives again.
    fn incoming(&self, batch: Vec<Record>) -> Vec<Incoming> {
        fold::incoming(batch, self.position, &self.snapshot)
    }
}
