//! Tasks that live as long as the process, and its two-step shutdown.
//!
//! The first signal cancels `stopping`: intake ends and work in flight drains. A second signal, or the deadline, cuts.
//! A task that ends by itself with an error, or panics, stops the process with a failure code.

use std::fmt::Display;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::{Stream, StreamExt, stream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The tasks of a process. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct TaskGroup {
    stopping: CancellationToken,
    cutting: CancellationToken,
    tracker: TaskTracker,
    failed: Arc<Mutex<Option<String>>>,
}

impl TaskGroup {
    /// Cancelled when intake must end and work in flight drains.
    pub fn stopping(&self) -> CancellationToken {
        self.stopping.clone()
    }

    /// Cancelled when nothing is waited for any longer; every task of the group is dropped then.
    pub fn cutting(&self) -> CancellationToken {
        self.cutting.clone()
    }

    /// Runs a task until it ends; the group waits for it at shutdown, and stops when it fails.
    pub fn spawn<F, E>(&self, name: &'static str, task: F)
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Display + Send + 'static,
    {
        let group = self.clone();
        let cutting = self.cutting.clone();
        // The inner task turns a panic into a value that the outer one can tell of.
        let inner = self.tracker.spawn(async move { cutting.run_until_cancelled(task).await });
        self.tracker.spawn(async move {
            match inner.await {
                Ok(Some(Ok(()))) => {}
                Ok(Some(Err(error))) => group.fail(format!("{name}: {error}")),
                Ok(None) => tracing::warn!(task = name, "a task was cut"),
                Err(panic) => group.fail(format!("{name}: {panic}")),
            }
        });
    }

    /// Begins the shutdown with a failure.
    pub fn fail(&self, why: String) {
        tracing::error!(why, "a task has failed; stopping");
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.get_or_insert(why);
        self.stopping.cancel();
    }

    /// Why the process stops, when not by a signal.
    pub fn failure(&self) -> Option<String> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Begins the shutdown.
    pub fn stop(&self) {
        self.stopping.cancel();
    }

    /// Ends the shutdown: whatever still runs is dropped where it waits.
    pub fn cut(&self) {
        self.stopping.cancel();
        self.cutting.cancel();
    }

    /// Completes when the group is stopping and every task has ended.
    pub async fn drained(&self) {
        self.stopping.cancelled().await;
        self.tracker.close();
        self.tracker.wait().await;
    }

    /// As [`drained`](Self::drained), but cuts when the tasks take longer than `deadline` from the moment of stopping.
    /// Says whether all ended by themselves.
    pub async fn drained_within(&self, deadline: Duration) -> bool {
        self.stopping.cancelled().await;
        if tokio::time::timeout(deadline, self.drained()).await.is_err() {
            tracing::warn!(deadline_seconds = deadline.as_secs(), "work in flight takes too long; cutting");
            self.cut();
            self.drained().await;
        }
        !self.cutting.is_cancelled()
    }
}

/// Listens for SIGINT and SIGTERM from now on: the first stops the group, a second cuts it.
#[cfg(unix)]
pub fn signals(tasks: &TaskGroup) -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};

    let both = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let names = stream::unfold(both, async |(mut interrupt, mut terminate)| {
        let name = tokio::select! {
            _ = interrupt.recv() => "SIGINT",
            _ = terminate.recv() => "SIGTERM",
        };
        Some((name, (interrupt, terminate)))
    });
    listen(tasks.clone(), names);
    Ok(())
}

/// Listens for Ctrl-C from now on: the first stops the group, a second cuts it.
#[cfg(not(unix))]
pub fn signals(tasks: &TaskGroup) -> io::Result<()> {
    let names = stream::unfold(tokio::signal::windows::ctrl_c()?, async |mut interrupt| {
        interrupt.recv().await;
        Some(("Ctrl-C", interrupt))
    });
    listen(tasks.clone(), names);
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "it must outlive the group's tasks to hear the second signal")]
fn listen(tasks: TaskGroup, signals: impl Stream<Item = &'static str> + Send + 'static) {
    tokio::spawn(async move {
        let mut signals = pin!(signals);
        let Some(signal) = signals.next().await else { return };
        tracing::info!(signal, "stopping: work in flight is finished; signal again to cut it");
        tasks.stop();
        let Some(signal) = signals.next().await else { return };
        tracing::warn!(signal, "cutting");
        tasks.cut();
    });
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use tokio_stream::wrappers::ReceiverStream;

    use super::*;

    #[tokio::test]
    async fn a_panicking_task_stops_the_group_with_a_failure() {
        let tasks = TaskGroup::default();
        tasks.spawn("steady", {
            let stopping = tasks.stopping();
            async move {
                stopping.cancelled().await;
                Ok::<_, Infallible>(())
            }
        });
        tasks.spawn("fragile", async {
            assert!(std::hint::black_box(false), "out of order");
            Ok::<_, Infallible>(())
        });
        assert!(tasks.drained_within(Duration::from_mins(1)).await);
        let failure = tasks.failure().unwrap();
        assert!(failure.starts_with("fragile: ") && failure.contains("out of order"), "{failure}");
    }

    #[tokio::test]
    async fn a_task_that_ends_with_an_error_stops_the_group() {
        let tasks = TaskGroup::default();
        tasks.spawn("relay", async { Err("the log is gone") });
        tasks.drained().await;
        assert_eq!(tasks.failure().as_deref(), Some("relay: the log is gone"));
    }

    #[tokio::test]
    async fn work_that_takes_longer_than_the_deadline_is_cut() {
        let tasks = TaskGroup::default();
        tasks.spawn("endless", std::future::pending::<Result<(), Infallible>>());
        tasks.stop();
        assert!(!tasks.drained_within(Duration::ZERO).await);
        assert_eq!(tasks.failure(), None);
    }

    #[tokio::test]
    async fn the_first_signal_stops_and_the_second_cuts() {
        let tasks = TaskGroup::default();
        let (send, receive) = tokio::sync::mpsc::channel(2);
        listen(tasks.clone(), ReceiverStream::new(receive));
        tasks.spawn("endless", std::future::pending::<Result<(), Infallible>>());
        send.send("first").await.unwrap();
        tasks.stopping().cancelled().await;
        assert!(!tasks.cutting().is_cancelled());
        send.send("second").await.unwrap();
        tasks.drained().await;
        assert!(tasks.cutting().is_cancelled());
    }
}
