//! Whether the service can work now: it is a member of its group, and its database answers.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use homeroom_bus::Standing;
use homeroom_chassis::component::Readiness;
use tokio_util::sync::CancellationToken;

use crate::store::Store;

/// How often the database is asked, and how long its answer may take.
const EVERY: Duration = Duration::from_secs(1);

/// What is known of both. Clones share it.
#[derive(Clone)]
pub(crate) struct Ready {
    standing: Arc<Mutex<Standing>>,
    reachable: Arc<AtomicBool>,
}

impl Ready {
    /// Not joined yet, with a database that has just answered.
    pub(crate) fn new() -> Self {
        Self { standing: Arc::new(Mutex::new(Standing::Waiting)), reachable: Arc::new(AtomicBool::new(true)) }
    }

    /// How it stands to its group from now on.
    pub(crate) fn stands(&self, standing: Standing) {
        *self.standing.lock().unwrap_or_else(PoisonError::into_inner) = standing;
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
        match *self.standing.lock().unwrap_or_else(PoisonError::into_inner) {
            Standing::Waiting => Readiness::NotReady("it waits for the log".to_owned()),
            Standing::Left => Readiness::NotReady("it has left its group".to_owned()),
            Standing::Member if !self.reachable.load(Ordering::Relaxed) => {
                Readiness::NotReady("the database does not answer".to_owned())
            }
            Standing::Member => Readiness::Ready,
        }
    }
}
