//! Whether the service can work now: it reads the alerts topic, and its database answers.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use homeroom_bus::Standing;
use homeroom_chassis::component::Readiness;
use tokio_util::sync::CancellationToken;

use crate::store::Store;

/// How often the database is asked.
const EVERY: Duration = Duration::from_secs(1);

/// How long its answer may take: a pool whose connections are all at work lets the question wait.
const WITHIN: Duration = Duration::from_secs(5);

/// What is known of both. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Ready {
    standing: Arc<Mutex<Standing>>,
    reachable: Arc<AtomicBool>,
}

impl Ready {
    /// Not joined yet, with a database that has just answered.
    pub(crate) fn new() -> Self {
        Self { standing: Arc::new(Mutex::new(Standing::Waiting)), reachable: Arc::new(AtomicBool::new(true)) }
    }

    /// How it stands to the group that reads the topic from now on.
    pub(crate) fn stands(&self, standing: Standing) {
        *self.standing.lock().unwrap_or_else(PoisonError::into_inner) = standing;
    }

    /// Asks the database until the process stops.
    pub(crate) async fn watch(self, store: Store, stopping: CancellationToken) -> Result<(), Infallible> {
        loop {
            let answer = tokio::time::timeout(WITHIN, store.ping()).await;
            self.reachable.store(matches!(answer, Ok(Ok(()))), Ordering::Relaxed);
            tokio::select! {
                () = stopping.cancelled() => return Ok(()),
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    }

    /// The answer to a probe.
    pub(crate) fn readiness(&self) -> Readiness {
        match *self.standing.lock().unwrap_or_else(PoisonError::into_inner) {
            Standing::Waiting => Readiness::NotReady("it waits for the log".to_owned()),
            Standing::Left => Readiness::NotReady("the alerts topic is no longer read".to_owned()),
            Standing::Member if !self.reachable.load(Ordering::Relaxed) => {
                Readiness::NotReady("the database does not answer".to_owned())
            }
            Standing::Member => Readiness::Ready,
        }
    }
}
