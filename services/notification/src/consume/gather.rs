//! Small batches of several partitions in one transaction.
//!
//! While alerts come in one by one, each partition's worker has one or two records, and a transaction of its own for each would
//! cost more than all its rows. So workers hand small batches to one task, which commits together whatever has come while its last
//! transaction was under way, or shortly after it began: the more there is to do, the less each record costs. What comes alone does
//! not wait. If the transaction is refused, each worker applies its batch on its own, and learns what is wrong with it.

use std::sync::Arc;
use std::time::Duration;

use homeroom_pg::{Error, Locks};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::routing::Source;
use crate::store::{Batch, Step, Store, Turn};

/// Records from which a batch has its transaction for itself, beside others: it gains little by company, and those of today in it would
/// wait for what a calendar edit tells.
const ALONE_FROM: usize = 24;

/// Batches of one transaction, and that may wait for the next: a worker has one at a time.
const MOST_TOGETHER: usize = 64;

/// How often the task lets workers run before it commits what it has.
const YIELDS: usize = 2;

/// The least time from one transaction's begin to the next one's. A transaction, and the look of live screens that it causes, costs
/// about as much as ten records, so at a thousand alerts a second this saves most of it; what comes more seldom never waits.
const PACE: Duration = Duration::from_millis(3);

struct Request {
    turn: Turn,
    batch: Arc<Batch>,
    answer: oneshot::Sender<Result<Step, Error>>,
}

/// Applies batches. Clones share the task.
#[derive(Debug, Clone)]
pub(crate) struct Gather {
    store: Store,
    routing: Source,
    requests: mpsc::Sender<Request>,
}

/// The task.
#[derive(Debug)]
pub(crate) struct Gatherer {
    store: Store,
    routing: Source,
    requests: mpsc::Receiver<Request>,
}

/// Both sides.
pub(crate) fn gather(store: Store, routing: Source) -> (Gather, Gatherer) {
    let (sender, requests) = mpsc::channel(MOST_TOGETHER);
    (Gather { store: store.clone(), routing: routing.clone(), requests: sender }, Gatherer { store, routing, requests })
}

impl Gather {
    /// Applies a batch, with others if it is small.
    pub(super) async fn apply(&self, turn: Turn, batch: Arc<Batch>) -> Result<Step, Error> {
        if batch.incoming.len() + batch.dead.len() >= ALONE_FROM {
            return self.store.apply(turn, &batch, &self.routing.current()).await;
        }
        let (answer, answered) = oneshot::channel();
        let request = Request { turn, batch: Arc::clone(&batch), answer };
        if self.requests.send(request).await.is_ok()
            && let Ok(result) = answered.await
        {
            return result;
        }
        // It cannot be told, or the task has ended with the process: whether it was committed, the partition's row says.
        self.store.apply(turn, &batch, &self.routing.current()).await
    }
}

impl Gatherer {
    /// Commits what workers hand over until `stop`.
    pub(crate) async fn run(mut self, stop: CancellationToken) -> Result<(), std::convert::Infallible> {
        let mut requests = Vec::with_capacity(MOST_TOGETHER);
        let mut next = Instant::now();
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                taken = self.requests.recv_many(&mut requests, MOST_TOGETHER) => if taken == 0 { return Ok(()) },
            }
            // Also when the process stops: who has handed over a batch waits for its answer.
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

    async fn commit(&self, requests: Vec<Request>) {
        let routing = self.routing.current();
        let batches: Vec<_> = requests.iter().map(|one| (one.turn, Arc::clone(&one.batch))).collect();
        match self.store.apply_together(&batches, &routing, Locks::WaitedForBriefly).await {
            Ok(outcome) => {
                // What was done is counted once.
                let mut outcome = Some(outcome);
                for request in requests {
                    request.answer.send(Ok(Step::Applied(outcome.take().unwrap_or_default()))).ok();
                }
            }
            Err(error) if error.is_away() => {
                tracing::warn!(%error, batches = requests.len(), "batches of alert changes could not be applied together");
                // The database is away for each of them, and each would wait for it in turn.
                for request in requests {
                    request.answer.send(Err(Error::Abandoned("apply-batch"))).ok();
                }
            }
            // One of the batches may be why, as when somebody holds a row of it, or nobody knows whether they were applied. A worker
            // without an answer applies its batch itself, beside the others.
            Err(_) => {}
        }
    }
}
