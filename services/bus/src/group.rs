//! Membership in a group, for the logs that have no broker to arrange it: memory and PostgreSQL.
//!
//! A member *beats* every second: it says that it lives, gives back what it has let go, and takes its fair share of what is
//! free. A partition is let go (its worker told, its reader ended) before another may take it; the partitions of a member
//! that stopped beating are free when its lease ends. The lease only saves work: that no record has its effect twice is the
//! owner's epoch, see [`PartitionOwner`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::log::{Error, PartitionOwner, Tail};
use crate::topic::{Offset, Partition, Topic};

pub(crate) use plan::{Plan, plan};

mod plan;

/// How often a member beats; sooner when it is told that something changed.
const BEAT: Duration = Duration::from_secs(1);
/// How long a member may be silent: with a beat, a dead one's partitions move within five seconds.
pub(crate) const LEASE: Duration = Duration::from_secs(4);
/// How long a partition rests after its owner or log failed.
const REST: Duration = Duration::from_millis(500);
/// Records that go to a partition's inbox at once, at most.
const BATCH: usize = 1_000;

/// Where a group's members and claims are kept.
#[async_trait]
pub(crate) trait Registry: Send + Sync + 'static {
    /// In one step: renews the member's lease, forgets members whose lease has ended, gives back `released`, and takes what
    /// [`plan`] says. Answers with what the member now has and what it should let go.
    async fn beat(&self, member: Uuid, released: &[Partition]) -> Result<Standing, Error>;

    /// Forgets the member and its claims.
    async fn leave(&self, member: Uuid) -> Result<(), Error>;

    /// Opens a partition.
    async fn tail(&self, partition: Partition, from: Offset) -> Result<Box<dyn Tail>, Error>;
}

/// Where a member stands after a beat.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) held: BTreeSet<Partition>,
    pub(crate) surplus: BTreeSet<Partition>,
}

/// One member of one group.
pub(crate) struct Member {
    topic: Topic,
    id: Uuid,
    registry: Arc<dyn Registry>,
    owner: Arc<dyn PartitionOwner>,
    /// Partitions with a running task, and how to end it.
    running: BTreeMap<Partition, CancellationToken>,
    tasks: JoinSet<(Partition, Result<(), Error>)>,
    /// Ended, and not given back yet.
    released: BTreeSet<Partition>,
    /// Failed, and not to be started again before then.
    resting: BTreeMap<Partition, Instant>,
}

impl Member {
    /// A member with an id that nobody else in the group has.
    pub(crate) fn new(topic: Topic, id: Uuid, registry: Arc<dyn Registry>, owner: Arc<dyn PartitionOwner>) -> Self {
        Self {
            topic,
            id,
            registry,
            owner,
            running: BTreeMap::new(),
            tasks: JoinSet::new(),
            released: BTreeSet::new(),
            resting: BTreeMap::new(),
        }
    }

    /// Takes part until `leave` is cancelled; `changed` says that members came or went.
    pub(crate) async fn run(
        mut self,
        leave: CancellationToken,
        mut changed: watch::Receiver<u64>,
    ) -> Result<(), Error> {
        let mut next_beat = Instant::now();
        let outcome = loop {
            tokio::select! {
                biased;
                () = leave.cancelled() => break Ok(()),
                Some(ended) = self.tasks.join_next() => match ended {
                    Ok((partition, result)) => {
                        if let Err(error) = self.settle(partition, result) {
                            break Err(error);
                        }
                        next_beat = Instant::now();
                    }
                    Err(panic) => break Err(Error::Died(format!("the owner of a partition of `{}`: {panic}", self.topic))),
                },
                () = sleep_until(next_beat) => {
                    changed.borrow_and_update();
                    self.beat().await;
                    next_beat = Instant::now() + BEAT;
                }
                Ok(()) = changed.changed() => next_beat = Instant::now(),
            }
        };
        self.end().await;
        outcome
    }

    async fn beat(&mut self) {
        let released: Vec<Partition> = self.released.iter().copied().collect();
        match self.registry.beat(self.id, &released).await {
            Ok(standing) => {
                for partition in released {
                    self.released.remove(&partition);
                }
                self.follow(&standing);
            }
            // The lease may end meanwhile and others take over; the owner's epoch keeps that harmless.
            Err(error) => tracing::warn!(topic = %self.topic, %error, "a group's member could not renew its lease"),
        }
    }

    /// Starts and ends tasks as the standing says.
    fn follow(&mut self, standing: &Standing) {
        let now = Instant::now();
        self.resting.retain(|_, until| *until > now);
        for (partition, stop) in &self.running {
            if !standing.held.contains(partition) || standing.surplus.contains(partition) {
                stop.cancel();
            }
        }
        for partition in standing.surplus.iter().filter(|partition| !self.running.contains_key(partition)) {
            // It rests after a failure, so no task has to end first.
            self.released.insert(*partition);
        }
        for partition in standing.held.difference(&standing.surplus) {
            let busy = self.running.contains_key(partition) || self.released.contains(partition);
            if !busy && !self.resting.contains_key(partition) {
                self.start(*partition);
            }
        }
    }

    fn start(&mut self, partition: Partition) {
        let stop = CancellationToken::new();
        self.running.insert(partition, stop.clone());
        let (registry, owner) = (Arc::clone(&self.registry), Arc::clone(&self.owner));
        self.tasks.spawn(async move {
            let result = own(partition, registry, owner, stop).await;
            (partition, result)
        });
    }

    /// A partition's task has ended. It is given back when it was to end, and rests when it failed, so that a failing owner is
    /// not asked again and again.
    fn settle(&mut self, partition: Partition, result: Result<(), Error>) -> Result<(), Error> {
        let asked = self.running.remove(&partition).is_some_and(|stop| stop.is_cancelled());
        match result {
            Ok(()) if asked => {
                self.released.insert(partition);
            }
            Ok(()) => {
                self.resting.insert(partition, Instant::now() + REST);
            }
            // Reading on from elsewhere would skip or repeat records: that is not ours to choose.
            Err(error @ Error::OffsetOutOfRange { .. }) => return Err(error),
            Err(error) => {
                tracing::warn!(topic = %self.topic, partition = partition.0, %error, "a partition's owner or reader failed; trying again");
                self.resting.insert(partition, Instant::now() + REST);
            }
        }
        Ok(())
    }

    async fn end(mut self) {
        for stop in self.running.values() {
            stop.cancel();
        }
        while self.tasks.join_next().await.is_some() {}
        if let Err(error) = self.registry.leave(self.id).await {
            tracing::warn!(topic = %self.topic, %error, "a group's member could not say that it leaves; its lease will end");
        }
    }
}

/// Owns one partition until told to stop, or until its inbox closes: assign, read and hand over, revoke.
async fn own(
    partition: Partition,
    registry: Arc<dyn Registry>,
    owner: Arc<dyn PartitionOwner>,
    stop: CancellationToken,
) -> Result<(), Error> {
    // Not cut short when told to stop: the owner may have raised its epoch already, and must then hear of the revocation.
    let (from, inbox) = owner.assign(partition).await?;
    let result = tokio::select! {
        biased;
        () = stop.cancelled() => Ok(()),
        result = forward(partition, from, &inbox, registry) => result,
    };
    drop(inbox);
    owner.revoke(partition).await;
    result
}

async fn forward(
    partition: Partition,
    from: Offset,
    inbox: &tokio::sync::mpsc::Sender<Vec<crate::log::Record>>,
    registry: Arc<dyn Registry>,
) -> Result<(), Error> {
    let mut tail = registry.tail(partition, from).await?;
    loop {
        // Room first: records that cannot be handed over are not read, so memory stays bounded.
        let Ok(room) = inbox.reserve().await else { return Ok(()) };
        match tail.next(BATCH, BEAT).await {
            Ok(records) if records.is_empty() => {}
            Ok(records) => room.send(records),
            Err(error @ Error::OffsetOutOfRange { .. }) => return Err(error),
            Err(error) => {
                tracing::warn!(partition = partition.0, %error, "reading failed; trying again");
                sleep(REST).await;
            }
        }
    }
}
