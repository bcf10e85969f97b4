//! Whether the service can work now: it is a member of its group, and its database answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use homeroom_chassis::component::Readiness;
use tokio_util::sync::CancellationToken;

use crate::store::Store;

/// How often the database is asked, and how long its answer may take.
const EVERY: Duration = Duration::from_secs(1);

/// What is known of both. Clones share it.
#[derive(Clone)]
pub(crate) struct Ready {
    member: Arc<AtomicBool>,
    reachable: Arc<AtomicBool>,
}

impl Ready {
    /// Joined, with a database that has just answered.
    pub(crate) fn new() -> Self {
        Self { member: Arc::new(AtomicBool::new(true)), reachable: Arc::new(AtomicBool::new(true)) }
    }

    /// The group has been left.
    pub(crate) fn left(&self) {
        self.member.store(false, Ordering::Relaxed);
    }

    /// Asks the database until the process stops.
    pub(crate) async fn watch(self, store: Arc<dyn Store>, stopping: CancellationToken) {
        loop {
            let answer = tokio::time::timeout(EVERY, store.reread(0)).await;
            self.reachable.store(matches!(answer, Ok(Ok(_))), Ordering::Relaxed);
            tokio::select! {
                () = stopping.cancelled() => return,
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    }

    /// The answer to a probe.
    pub(crate) fn readiness(&self) -> Readiness {
        if !self.member.load(Ordering::Relaxed) {
            Readiness::NotReady("it has left its group".to_owned())
        } else if !self.reachable.load(Ordering::Relaxed) {
            Readiness::NotReady("the database does not answer".to_owned())
        } else {
            Readiness::Ready
        }
    }
}
