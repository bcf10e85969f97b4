//! Tasks that live as long as the process, and its two-step shutdown.
//!
//! The first signal cancels `stopping`: intake ends and work in flight drains. A second signal, or the deadline, cuts.
//! A task that ends by itself with an error, or panics, stops the process with a failure code.

use std::fmt::Display;
use std::future::Future;
use std::sync::{Arc, Mutex};

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The tasks of a process. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct TaskGroup {
    stopping: CancellationToken,
    tracker: TaskTracker,
    failed: Arc<Mutex<Option<String>>>,
}

impl TaskGroup {
    /// Cancelled when intake must end and work in flight drains.
    pub fn stopping(&self) -> CancellationToken {
        self.stopping.clone()
    }

    /// Runs a task until it ends; the group waits for it at shutdown, and stops when it fails.
    #[expect(clippy::disallowed_methods, reason = "this is the task group that the ban points to")]
    pub fn spawn<F, E>(&self, name: &'static str, task: F)
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Display + Send + 'static,
    {
        let group = self.clone();
        // The inner task turns a panic into a value that the outer one can tell of.
        let inner = self.tracker.spawn(task);
        self.tracker.spawn(async move {
            match inner.await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => group.fail(format!("{name}: {error}")),
                Err(panic) => group.fail(format!("{name}: {panic}")),
            }
        });
    }

    /// Begins the shutdown with a failure.
    pub fn fail(&self, why: String) {
        tracing::error!(why, "a task has failed; stopping");
        let mut failed = self.failed.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        failed.get_or_insert(why);
        self.stopping.cancel();
    }

    /// Why the process stops, when not by a signal.
    pub fn failure(&self) -> Option<String> {
        self.failed.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    /// Begins the shutdown.
    pub fn stop(&self) {
        self.stopping.cancel();
    }

    /// Completes when the group is stopping and every task has ended.
    pub async fn drained(&self) {
        self.stopping.cancelled().await;
        self.tracker.close();
        self.tracker.wait().await;
    }
}
