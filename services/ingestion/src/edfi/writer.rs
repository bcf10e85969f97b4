//! The writer: one task that collects concurrent requests and commits them together, so that a sender of single records is not
//! slowed to one commit each.
//!
//! It takes what waits, up to a bound, lets other tasks run once more to add what is on its way, and commits; while it does,
//! the next batch gathers. There is no timer: tokio's has a tick of a millisecond, longer than most commits.
//! A request is answered after its commit. If a commit fails by what one of its documents holds, its requests are committed
//! one by one, so that only that one fails.

use std::collections::BTreeSet;
use std::sync::Arc;

use homeroom_chassis::clock;
use homeroom_chassis::lifecycle::TaskGroup;
use homeroom_domain::mutant::{Mutant, planted};
use homeroom_pg::{Database, Districts, Error};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::backlog::Backlog;
use super::batch::Batch;
use super::command::{Action, Collection, Command, Outcome};
use super::store;
use crate::app::State;
use crate::hearing::Hearing;
use crate::merge::Merges;
use crate::pseudonym::Pseudonyms;

/// How often the writer lets others run before it commits what it has.
const YIELDS: usize = 3;

/// How long senders are told to wait when the writer cannot take more, seconds.
const RETRY_AFTER_S: u32 = 1;

/// How long senders are told to wait when the database fails or the outbox is full, seconds.
const RETRY_AFTER_OUTAGE_S: u32 = 5;

/// Gives requests to the writer. Clones share it.
#[derive(Clone)]
pub(crate) struct Writer {
    queue: mpsc::Sender<Request>,
    bytes: Arc<Semaphore>,
    backlog: Arc<Backlog>,
}

/// Why a request was not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// It was not taken, and may be sent again.
    #[error("{reason}")]
    Busy {
        /// Why, for the sender.
        reason: &'static str,
        /// When to send it again, seconds.
        retry_after_s: u32,
    },
    /// The database refuses what it holds: a fault of ours, for the validator should have told.
    #[error("the record cannot be kept because of what it holds")]
    Unkeepable,
}

struct Request {
    command: Command,
    answer: oneshot::Sender<Result<Outcome, Refusal>>,
    /// Its body's share of the bytes that may wait.
    room: OwnedSemaphorePermit,
}

impl Request {
    /// Whether somebody waits for the answer. Nobody does where the door has answered too early, which is to be seen as that alone.
    fn is_waited_for(&self) -> bool {
        planted(Mutant::AckFirst) || !self.answer.is_closed()
    }
}

/// What the task owns.
struct Task {
    database: Database,
    pseudonyms: Arc<Pseudonyms>,
    merges: Merges,
    backlog: Arc<Backlog>,
    hearing: Arc<Hearing>,
    /// Wakes whoever has documents follow a changed key.
    key_changed: Arc<Notify>,
    batch_requests: usize,
}

const OUTAGE: Refusal =
    Refusal::Busy { reason: "The records cannot be kept at the moment.", retry_after_s: RETRY_AFTER_OUTAGE_S };

impl Writer {
    /// Starts the task.
    pub(crate) fn start(state: &State, backlog: Arc<Backlog>, key_changed: Arc<Notify>, tasks: &TaskGroup) -> Self {
        let limits = &state.limits;
        let (queue, requests) = mpsc::channel(limits.queue_requests);
        let task = Task {
            database: state.database.clone(),
            pseudonyms: Arc::clone(&state.pseudonyms),
            merges: state.merges.clone(),
            backlog: Arc::clone(&backlog),
            hearing: Arc::clone(&state.hearing),
            key_changed,
            batch_requests: limits.batch_requests,
        };
        tasks.spawn("ingestion writer", task.run(requests, tasks.stopping()));
        Self { queue, bytes: Arc::new(Semaphore::new(limits.queue_bytes)), backlog }
    }

    /// Has a command decided and committed. `bytes` is the size of its body.
    pub(crate) async fn apply(&self, command: Command, bytes: usize) -> Result<Outcome, Refusal> {
        if let Some(reason) = self.backlog.refusal() {
            return Err(Refusal::Busy { reason, retry_after_s: RETRY_AFTER_OUTAGE_S });
        }
        let full = Refusal::Busy { reason: "Too many requests wait to be kept.", retry_after_s: RETRY_AFTER_S };
        let bytes = u32::try_from(bytes).map_err(|_| full)?;
        let room = Arc::clone(&self.bytes).try_acquire_many_owned(bytes).map_err(|_| full)?;
        let (answer, answered) = oneshot::channel();
        let hoped = hoped(&command);
        self.queue.try_send(Request { command, answer, room }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => full,
            mpsc::error::TrySendError::Closed(_) => {
                Refusal::Busy { reason: "The service is stopping.", retry_after_s: RETRY_AFTER_S }
            }
        })?;
        if let Some(outcome) = hoped {
            return Ok(outcome);
        }
        // Dropped without an answer only when the process is being cut.
        answered.await.unwrap_or(Err(OUTAGE))
    }
}

impl Task {
    async fn run(
        self,
        mut requests: mpsc::Receiver<Request>,
        stopping: CancellationToken,
    ) -> Result<(), std::convert::Infallible> {
        loop {
            let first = tokio::select! {
                request = requests.recv() => request,
                () = stopping.cancelled(), if !requests.is_closed() => {
                    // Takes no more, and answers all that wait.
                    requests.close();
                    continue;
                }
            };
            let Some(first) = first else { return Ok(()) };
            let batch = self.gather(first, &mut requests).await;
            self.commit(batch).await;
        }
    }

    async fn gather(&self, first: Request, requests: &mut mpsc::Receiver<Request>) -> Vec<Request> {
        let mut batch = vec![first];
        for _ in 0..YIELDS {
            while batch.len() < self.batch_requests
                && let Ok(request) = requests.try_recv()
            {
                batch.push(request);
            }
            tokio::task::yield_now().await;
        }
        batch
    }

    /// Whoever has gone before its turn, or was told that it took too long, sends again, perhaps through another process. Its
    /// request is passed over: carried out later, it could undo what has come since.
    async fn commit(&self, mut batch: Vec<Request>) {
        batch.retain(Request::is_waited_for);
        if batch.is_empty() {
            return;
        }
        let (commands, (answers, _rooms)): (Vec<_>, (Vec<_>, Vec<_>)) =
            batch.into_iter().map(|request| (request.command, (request.answer, request.room))).unzip();
        metrics::histogram!(crate::edfi::BATCH_REQUESTS)
            .record(f64::from(u32::try_from(commands.len()).unwrap_or(u32::MAX)));
        let commands = Arc::new(commands);
        let outcomes = match self.transaction(&commands).await {
            Ok(outcomes) => outcomes.into_iter().map(Ok).collect(),
            Err(error) if commands.len() > 1 && is_of_the_data(&error) => self.one_by_one(&commands).await,
            Err(error) => vec![Err(refusal(&error)); commands.len()],
        };
        for (answer, outcome) in answers.into_iter().zip(outcomes) {
            // A client that went away gets no answer; its record is kept all the same.
            drop(answer.send(outcome));
        }
    }

    async fn one_by_one(&self, commands: &[Command]) -> Vec<Result<Outcome, Refusal>> {
        let mut outcomes = Vec::with_capacity(commands.len());
        for command in commands {
            let result = self.transaction(&Arc::new(vec![command.clone()])).await;
            let outcome = result.map(|mut outcomes| outcomes.pop().unwrap_or(Outcome::NotFound));
            outcomes.push(outcome.map_err(|error| refusal(&error)));
        }
        outcomes
    }

    async fn transaction(&self, commands: &Arc<Vec<Command>>) -> Result<Vec<Outcome>, Error> {
        let now = clock::now();
        // Each once: the policy reads the list for every row.
        let districts: BTreeSet<_> = commands.iter().map(|command| &command.collection.district).collect();
        let districts = Districts::of(districts);
        let known = self.merges.current();
        let (outcomes, appended, key_changes) = self
            .database
            .run("ingestion.documents.write", &districts, |connection| {
                let (commands, pseudonyms, known) =
                    (Arc::clone(commands), Arc::clone(&self.pseudonyms), Arc::clone(&known));
                Box::pin(async move {
                    let versions = store::reserve_versions(connection, &commands, now).await?;
                    let crosswalks = store::load_crosswalks(connection, &versions, &known).await?;
                    let loaded = store::load(connection, &commands).await?;
                    let mut batch = Batch::new(&pseudonyms, crosswalks, now, versions, loaded);
                    let outcomes: Vec<_> = commands.iter().map(|command| batch.decide(command)).collect();
                    let writes = batch.finish();
                    store::write(connection, &writes, now).await?;
                    Ok((outcomes, writes.outbox.len(), writes.key_changes.len()))
                })
            })
            .await?;
        self.backlog.appended(appended);
        for Collection { district, source, .. } in commands.iter().map(|command| &command.collection) {
            self.hearing.note(district, source, now);
        }
        if key_changes > 0 {
            self.key_changed.notify_one();
        }
        Ok(outcomes)
    }
}

/// What a door that answers too early would say; nothing unless that fault is planted.
fn hoped(command: &Command) -> Option<Outcome> {
    match &command.action {
        Action::Upsert(draft) if planted(Mutant::AckFirst) => Some(Outcome::Created(draft.id, draft.etag.clone())),
        _ => None,
    }
}

/// Whether it may be what one document holds, and not the state of the database.
fn is_of_the_data(error: &Error) -> bool {
    let Error::Statement { source, .. } = error else { return false };
    let code = source.as_database_error().and_then(sqlx::error::DatabaseError::code);
    // Data exceptions, broken constraints, program limits (a text too long for its index).
    code.is_some_and(|code| ["22", "23", "54"].iter().any(|class| code.starts_with(class)))
}

/// Tells operators, and chooses what to tell the sender.
fn refusal(error: &Error) -> Refusal {
    let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    tracing::error!(error = %error, cause, "documents were not kept");
    if is_of_the_data(error) { Refusal::Unkeepable } else { OUTAGE }
}
