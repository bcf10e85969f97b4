//! What takes partitions and works on them, over whichever store, log and clock.

use std::sync::Arc;

use homeroom_bus::{Error, Log, Topic};
use homeroom_chassis::TaskGroup;
use tokio::sync::{Semaphore, watch};

use crate::config::Limits;
use crate::owner::Owner;
use crate::reference::{self, Snapshot};
use crate::store::Store;
use crate::worker::{Clock, Shared};

/// Readers of the topic of alerts at the same time.
const READERS: usize = 8;

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

/// A process that has read the reference records and can be given partitions.
pub(crate) struct Started {
    pub(crate) owner: Owner,
    pub(crate) snapshots: watch::Receiver<Arc<Snapshot>>,
}

impl Process {
    /// Follows the reference topic, and answers when what was in force is read, or the process stops: nothing is taken before.
    pub(crate) async fn start(self) -> Result<Started, Error> {
        let (sender, snapshots) = watch::channel(Arc::default());
        let stopping = self.tasks.stopping();
        self.tasks.spawn("rules.reference", reference::follow(Arc::clone(&self.log), sender, self.tasks.stopping()));
        let mut loaded = snapshots.clone();
        tokio::select! {
            biased;
            () = stopping.cancelled() => {}
            changed = loaded.changed() => if changed.is_err() {
                return Err(Error::Unavailable("the reference topic cannot be read".to_owned()));
            },
        }
        let partitions = self.log.partitions(Topic::Events).await?;
        let of_alerts = self.log.partitions(Topic::Alerts).await?;
        if of_alerts != partitions {
            return Err(Error::Topic {
                topic: Topic::Alerts.name().to_owned(),
                problem: format!(
                    "has {of_alerts} partitions and `{}` has {partitions}; they must have as many, so that the owner of a student's events finds there what was told of the student",
                    Topic::Events
                ),
            });
        }
        let shared = Arc::new(Shared {
            store: self.store,
            clock: self.clock,
            limits: self.limits.share(usize::try_from(partitions).unwrap_or(1)),
            log: self.log,
            snapshots: snapshots.clone(),
            reading: Semaphore::new(READERS),
            stopping,
        });
        let owner = Owner { shared, tasks: self.tasks, name: self.name };
        Ok(Started { owner, snapshots })
    }
}
