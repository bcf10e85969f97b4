//! Tasks of a log itself, which end with it and so belong to no service's task group.

use std::future::Future;

use tokio::task::JoinHandle;

/// Starts a task whose handle the log keeps, or hands out as [`Joined`](crate::log::Joined).
#[expect(clippy::disallowed_methods, reason = "the handle is awaited, or aborted when the log is dropped")]
pub(crate) fn spawn<T: Send + 'static>(task: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    tokio::spawn(task)
}
