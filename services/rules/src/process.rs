//! What takes partitions and works on them, over whichever store, log and clock.

use std::sync::Arc;
use std::time::Duration;

use homeroom_bus::{Error, Log, Topic};
use homeroom_chassis::TaskGroup;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

use crate::config::Limits;
use crate::owner::Owner;
use crate::ready::Ready;
use crate::reference::{self, Snapshot};
use crate::roll::Rolls;
use crate::store::Store;
use crate::worker::{Clock, Shared, Traffic};

/// Readers of the topic of alerts at the same time.
const READERS: usize = 8;
/// How long to wait before a log that is away is asked again.
const BACKOFF: Duration = Duration::from_millis(500);

/// The parts of a process that takes partitions.
pub struct Process {
    /// Where state is kept.
    pub store: Arc<dyn Store>,
    /// Where records come from and messages go.
    pub log: Arc<dyn Log>,
    /// What tells the time.
    pub clock: Clock,
    /// What bounds memory and delay; of students in memory it is the share of the whole process.
    pub limits: Limits,
    /// Runs the workers, publishers and the reader of reference records.
    pub tasks: TaskGroup,
    /// Names the process in the rows of its partitions, for people.
    pub name: String,
}

impl Process {
    /// Takes partitions until the process stops. While the log is away it waits, and is not ready.
    pub(crate) async fn run(
        self,
        group: String,
        snapshots: watch::Receiver<Arc<Snapshot>>,
        ready: Ready,
        rolls: Arc<Rolls>,
    ) -> Result<(), Error> {
        let (log, stopping) = (Arc::clone(&self.log), self.tasks.stopping());
        match self.owner_with(snapshots, rolls).await {
            Ok(owner) => {
                let stands = |standing| ready.stands(standing);
                homeroom_bus::stay(&*log, Topic::Events, &group, Arc::new(owner), stopping, stands).await
            }
            Err(_) if stopping.is_cancelled() => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Follows the reference topic: snapshots come as soon as what was in force at start is read.
    pub(crate) fn follow_reference(&self) -> watch::Receiver<Arc<Snapshot>> {
        let (sender, snapshots) = watch::channel(Arc::default());
        self.tasks.spawn("rules.reference", reference::follow(Arc::clone(&self.log), sender, self.tasks.stopping()));
        snapshots
    }

    /// What can be given partitions, as soon as there is a snapshot, or the process stops: nothing is taken before.
    pub(crate) async fn owner_with(
        self,
        snapshots: watch::Receiver<Arc<Snapshot>>,
        rolls: Arc<Rolls>,
    ) -> Result<Owner, Error> {
        let stopping = self.tasks.stopping();
        let mut loaded = snapshots.clone();
        tokio::select! {
            biased;
            () = stopping.cancelled() => {}
            changed = loaded.changed() => if changed.is_err() {
                return Err(Error::Unavailable("the reference topic cannot be read".to_owned()));
            },
        }
        let of_events = partitions(&*self.log, Topic::Events, &stopping).await?;
        let of_alerts = partitions(&*self.log, Topic::Alerts, &stopping).await?;
        if of_alerts != of_events {
            return Err(Error::Topic {
                topic: Topic::Alerts.name().to_owned(),
                problem: format!(
                    "has {of_alerts} partitions and `{}` has {of_events}; they must have as many, so that the owner of a student's events finds there what was told of the student",
                    Topic::Events
                ),
            });
        }
        let shared = Arc::new(Shared {
            store: self.store,
            clock: self.clock,
            limits: self.limits.share(usize::try_from(of_events).unwrap_or(1)),
            log: self.log,
            snapshots,
            reading: Semaphore::new(READERS),
            traffic: Traffic::default(),
            rolls,
            stopping,
        });
        Ok(Owner { shared, tasks: self.tasks, name: self.name })
    }
}

/// How many partitions a topic has, however long the log is away.
async fn partitions(log: &dyn Log, topic: Topic, stopping: &CancellationToken) -> Result<i32, Error> {
    loop {
        match log.partitions(topic).await {
            Err(error @ Error::Unavailable(_)) if !stopping.is_cancelled() => {
                tracing::warn!(error = %error, "the log does not answer now; asking again");
                stopping.run_until_cancelled(tokio::time::sleep(BACKOFF)).await;
            }
            answer => return answer,
        }
    }
}
