//! Commits of several partitions in one transaction.
//!
//! While marks come in one by one, each partition's worker has one or two, and a transaction of its own for each costs several
//! times what its rows do: round trips, statements, a wait for the disk. So workers hand small commits to one task, which commits
//! together whatever has come while its last transaction was under way, or shortly after it began. What comes alone does not wait.
//! A worker has its answer when all is on disk. When the transaction is refused, one of the partitions is another's, or somebody
//! holds a row of one, each worker commits on its own, and learns what is wrong with it.

use std::sync::Arc;
use std::time::Duration;

use homeroom_pg::{Database, Locks};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::store::postgres::commit::{self, Commit};
use crate::store::{Cause, Committed, Error};

/// Rows from which a commit has its transaction for itself, beside others: it gains little by company, and a mark of today in it would
/// wait for a sweep's step, which has more than these.
const ALONE_FROM: usize = 24;
/// Commits of one transaction, and that may wait for the next: a worker has one at a time.
const MOST_TOGETHER: usize = 64;
/// How often the task lets workers run before it commits what it has: what was read together is folded together.
const YIELDS: usize = 2;
/// The least time from one transaction's begin to the next one's. What comes more seldom never waits.
const PACE: Duration = Duration::from_millis(3);

struct Request {
    commit: Commit,
    answer: oneshot::Sender<Result<Committed, Error>>,
}

/// Commits. Clones share the task.
#[derive(Clone)]
pub(crate) struct Gather {
    database: Database,
    requests: mpsc::Sender<Request>,
}

/// The task.
pub(crate) struct Gatherer {
    database: Database,
    requests: mpsc::Receiver<Request>,
}

/// Both sides.
pub(crate) fn gather(database: Database) -> (Gather, Gatherer) {
    let (sender, requests) = mpsc::channel(MOST_TOGETHER);
    (Gather { database: database.clone(), requests: sender }, Gatherer { database, requests })
}

impl Gather {
    /// Commits, with others if it is small.
    pub(super) async fn commit(&self, commit: Commit) -> Result<Committed, Error> {
        let rows = commit.effects.students.len() + commit.effects.outbox.len();
        if rows < ALONE_FROM {
            let (answer, answered) = oneshot::channel();
            let request = Request { commit: commit.clone(), answer };
            if self.requests.send(request).await.is_ok()
                && let Ok(result) = answered.await
            {
                return result;
            }
        }
        // Also when the task has ended with the process: whether it was committed before, the partition's row says.
        Ok(commit::commit(&self.database, [commit].into(), Locks::WaitedFor).await?)
    }
}

impl Gatherer {
    /// Commits what workers hand over until `stop`.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let mut requests = Vec::with_capacity(MOST_TOGETHER);
        let mut next = Instant::now();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                taken = self.requests.recv_many(&mut requests, MOST_TOGETHER) => if taken == 0 { return },
            }
            sleep_until(next).await;
            for _ in 0..YIELDS {
                tokio::task::yield_now().await;
                while requests.len() < MOST_TOGETHER
                    && let Ok(request) = self.requests.try_recv()
                {
                    requests.push(request);
                }
            }
            next = Instant::now() + PACE;
            self.commit(std::mem::take(&mut requests)).await;
        }
    }

    async fn commit(&self, mut requests: Vec<Request>) {
        // So that two processes that both take partitions for theirs wait for each other's rows in the same order.
        requests.sort_by_key(|request| request.commit.from.partition);
        let commits: Arc<[Commit]> = requests.iter().map(|request| request.commit.clone()).collect();
        match commit::commit(&self.database, commits, Locks::WaitedForBriefly).await {
            Ok(Committed::Yes) => {
                for request in requests {
                    request.answer.send(Ok(Committed::Yes)).ok();
                }
            }
            // For each of them.
            Err(error) if error.is_away() => tell_all(requests, error.into(), Error::Away),
            // None of them knows whether it has happened.
            Err(error @ homeroom_pg::Error::CommitUnknown { .. }) => {
                tell_all(requests, error.into(), Error::CommitUnknown);
            }
            // One of them is why. A worker without an answer commits on its own.
            Ok(Committed::Fenced) | Err(_) => {}
        }
    }
}

fn tell_all(requests: Vec<Request>, cause: Cause, error: fn(Cause) -> Error) {
    let cause: Arc<dyn std::error::Error + Send + Sync> = cause.into();
    for request in requests {
        request.answer.send(Err(error(Box::new(Arc::clone(&cause))))).ok();
    }
}
