//! What is kept for a time only is looked through every few minutes, and what is too old is deleted a batch at a time.
//!
//! A sweep is a reconciler: it takes no input and looks at what is there, so any number of processes may run it.

use std::convert::Infallible;
use std::future::Future;
use std::time::Duration;

use homeroom_chassis::lifecycle::TaskGroup;
use homeroom_pg::Error;

/// How often a table is looked through; a row too many for a while does not matter.
const EVERY: Duration = Duration::from_mins(10);

/// The most rows of one transaction.
pub(crate) const BATCH: i64 = 1_000;

/// Starts a task that calls `delete` every few minutes, again and again until it has deleted nothing. `name` is the task's; the
/// number of rows is counted under `metric`.
pub(crate) fn start<D, F>(name: &'static str, metric: &'static str, tasks: &TaskGroup, delete: D)
where
    D: Fn() -> F + Send + Sync + 'static,
    F: Future<Output = Result<u64, Error>> + Send,
{
    let stopping = tasks.stopping();
    tasks.spawn(name, async move {
        let mut every = tokio::time::interval(EVERY);
        loop {
            tokio::select! {
                _ = every.tick() => {}
                () = stopping.cancelled() => return Ok::<_, Infallible>(()),
            }
            tokio::select! {
                result = run(name, metric, &delete) => if let Err(error) = result {
                    tracing::warn!(sweep = name, error = %error, "a table cannot be swept; trying again later");
                },
                () = stopping.cancelled() => return Ok(()),
            }
        }
    });
}

async fn run<F>(name: &'static str, metric: &'static str, delete: &impl Fn() -> F) -> Result<(), Error>
where
    F: Future<Output = Result<u64, Error>>,
{
    loop {
        match delete().await? {
            0 => return Ok(()),
            deleted => {
                metrics::counter!(metric).increment(deleted);
                tracing::info!(sweep = name, rows = deleted, "old rows were deleted");
            }
        }
    }
}
