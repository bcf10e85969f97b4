//! Whether the service can work now: it reads the alerts topic, and its database answers.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

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
    member: Arc<AtomicBool>,
    reachable: Arc<AtomicBool>,
}

impl Ready {
    /// Joined, with a database that has just answered.
    pub(crate) fn new() -> Self {
        Self { member: Arc::new(AtomicBool::new(true)), reachable: Arc::new(AtomicBool::new(true)) }
    }

    /// The topic is no longer read.
    pub(crate) fn left(&self) {
        self.member.store(false, Ordering::Relaxed);
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
        if !self.member.load(Ordering::Relaxed) {
            Readiness::NotReady("the alerts topic is no longer read".to_owned())
        } else if !self.reachable.load(Ordering::Relaxed) {
            Readiness::NotReady("the database does not answer".to_owned())
        } else {
            Readiness::Ready
        }
    }
}
