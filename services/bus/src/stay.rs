//! Being a member of a group for as long as a process runs, however long the log is away meanwhile.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::log::{Error, Log, PartitionOwner};
use crate::topic::Topic;

/// The first wait for a log that is away; it doubles up to the longest.
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// A member for so long has found the log well: the next wait is a first one.
const LASTING: Duration = Duration::from_mins(1);

/// How a process stands to its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The log is away, or was not asked yet.
    Waiting,
    /// It gets its share of the partitions.
    Member,
    /// It has left for good.
    Left,
}

/// Is a member until `leave` is cancelled, and tells how it stands. When the log cannot be reached, or has dropped the member, it
/// joins again: a restart of the process could do no more. Ends with any other error, such as a topic that is missing.
pub async fn stay(
    log: &dyn Log,
    topic: Topic,
    group: &str,
    owner: Arc<dyn PartitionOwner>,
    leave: CancellationToken,
    tell: impl Fn(Standing) + Send + Sync,
) -> Result<(), Error> {
    let mut wait = FIRST_WAIT;
    let outcome = loop {
        let since = Instant::now();
        match turn(log, topic, group, &owner, &leave, &tell).await {
            Err(Error::Unavailable(problem)) if !leave.is_cancelled() => {
                tell(Standing::Waiting);
                tracing::warn!(%topic, group, problem, "not a member of the group while the log is away; joining again");
            }
            Err(_) if leave.is_cancelled() => break Ok(()),
            outcome => break outcome,
        }
        wait = if since.elapsed() >= LASTING { FIRST_WAIT } else { wait };
        leave.run_until_cancelled(sleep(wait)).await;
        wait = (wait * 2).min(LONGEST_WAIT);
    };
    tell(Standing::Left);
    outcome
}

/// Joins, and is a member until it leaves or the log drops it.
async fn turn(
    log: &dyn Log,
    topic: Topic,
    group: &str,
    owner: &Arc<dyn PartitionOwner>,
    leave: &CancellationToken,
    tell: &(impl Fn(Standing) + Send + Sync),
) -> Result<(), Error> {
    let joining = log.join(topic, group, Arc::clone(owner), leave.clone());
    let Some(joined) = leave.run_until_cancelled(joining).await else { return Ok(()) };
    let left = joined?.left;
    tell(Standing::Member);
    left.await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
}
