//! Puts committed alert changes and dead letters on their topics, each topic's in the order of their numbers. Each has a loop
//! of its own, so that a flood of dead letters, or a topic that refuses them, holds no alert back until so much has been
//! committed behind the oldest row that waits that the worker waits too: the outbox stays bounded.
//!
//! A reconciler: woken with the number that is committed, it reads the outbox from where it stands. A row that was published
//! and not yet deleted when the process died is published again; readers drop the repeat by alert and number.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use homeroom_bus::{Appended, Error, Log, NewRecord, Topic};
use homeroom_chassis::TaskGroup;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::store::{Lease, OutboxRow, Store};

/// Tells a partition's publisher how far the outbox is committed.
pub(crate) struct Publisher {
    committed: watch::Sender<i64>,
    published: [watch::Receiver<i64>; 2],
    /// The offset after the last alert change that was published.
    appended: Arc<AtomicI64>,
    /// The same of what was on the topic when the owner began; none before it was read.
    known: Option<i64>,
    /// Rows that may wait before the worker waits too.
    most_behind: i64,
}

/// Rows published at once.
const BATCH: i64 = 1_000;
/// How long to wait when the log or the database is away.
const BACKOFF: Duration = Duration::from_millis(250);

impl Publisher {
    /// Starts publishing what the outbox of a partition that was just claimed holds. Ends when the worker is gone and all that it
    /// committed is published: what the next owner commits is not ours. While the process stops it does not wait for the log.
    pub(crate) fn start(
        store: &Arc<dyn Store>,
        log: &Arc<dyn Log>,
        tasks: &TaskGroup,
        lease: &Lease,
        most_behind: i64,
    ) -> Self {
        let (committed, commits) = watch::channel(lease.next_seq);
        let appended = Arc::new(AtomicI64::new(0));
        let start = |topic| {
            let (progress, published) = watch::channel(0);
            let run = Run {
                store: Arc::clone(store),
                log: Arc::clone(log),
                partition: lease.partition,
                topic,
                commits: commits.clone(),
                progress,
                appended: Arc::clone(&appended),
                stopping: tasks.stopping(),
            };
            tasks.spawn("rules.publisher", async move {
                run.run().await;
                Ok::<(), std::convert::Infallible>(())
            });
            published
        };
        let published = [start(Topic::Alerts), start(Topic::DeadLetters)];
        Self { committed, published, appended, known: None, most_behind }
    }

    /// The topic of alerts holds nothing below this offset that the rows do not.
    pub(crate) fn known_up_to(&mut self, offset: i64) {
        self.known = Some(offset);
    }

    /// Up to which offset the topic of alerts holds nothing that the rows do not: what was there was read, and only what was
    /// committed has come since. None before.
    pub(crate) fn known(&self) -> Option<i64> {
        self.known.map(|known| known.max(self.appended.load(Ordering::Relaxed)))
    }

    /// Everything below this number is committed. Waits while too many numbers lie behind the oldest unpublished row of either
    /// topic, so that the outbox stays bounded.
    pub(crate) async fn published_up_to(&mut self, next_seq: i64) {
        self.committed.send_replace(next_seq);
        let enough = next_seq.saturating_sub(self.most_behind);
        // An error means that the publisher has ended, with the process.
        for published in &mut self.published {
            if published.wait_for(|published| *published >= enough).await.is_err() {
                tracing::debug!("a publisher has ended");
            }
        }
    }
}

struct Run {
    store: Arc<dyn Store>,
    log: Arc<dyn Log>,
    partition: i32,
    topic: Topic,
    commits: watch::Receiver<i64>,
    progress: watch::Sender<i64>,
    appended: Arc<AtomicI64>,
    stopping: CancellationToken,
}

impl Run {
    async fn run(mut self) {
        let mut next = 0;
        loop {
            // Read before the outbox is: a commit in between then wakes the loop again.
            let committed = *self.commits.borrow_and_update();
            match self.publish(next, committed).await {
                Ok(Some(last)) => {
                    next = last + 1;
                    self.progress.send_replace(next);
                }
                Ok(None) => {
                    next = committed;
                    self.progress.send_replace(next);
                    // The worker ends when the process stops; what it committed last is published still.
                    if self.commits.changed().await.is_err() {
                        return;
                    }
                }
                Err(problem) => {
                    tracing::warn!(partition = self.partition, topic = %self.topic, problem, "committed messages wait to be published");
                    tokio::select! {
                        biased;
                        () = self.stopping.cancelled() => return,
                        () = tokio::time::sleep(BACKOFF) => {}
                    }
                }
            }
        }
    }

    /// Publishes a batch of the rows from a number on, below another; the last number published, or none when there was nothing.
    async fn publish(&self, from: i64, below: i64) -> Result<Option<i64>, String> {
        let rows = self
            .store
            .list_outbox(self.partition, self.topic, from..below, BATCH)
            .await
            .map_err(|error| error.to_string())?;
        if rows.is_empty() {
            return Ok(None);
        }
        let (seqs, rows): (Vec<i64>, Vec<OutboxRow>) = rows.into_iter().unzip();
        // What is below the first row that waits is out, whoever published it: so the distance to it counts, not that to 0.
        if let Some(first) = seqs.first() {
            self.progress.send_replace(*first);
        }
        let results = self.log.append(self.topic, rows.into_iter().map(record).collect()).await;
        self.note(&results);
        let kept = results.iter().take_while(|result| result.is_ok()).count();
        let last = kept.checked_sub(1).and_then(|at| seqs.get(at)).copied();
        if let Some(last) = last {
            self.store.delete_outbox(self.partition, self.topic, last).await.map_err(|error| error.to_string())?;
        }
        match (last, results.into_iter().find_map(Result::err)) {
            (None, Some(error)) => Err(error.to_string()),
            (last, _) => Ok(last),
        }
    }

    /// Remembers how far the topic of alerts has come. A student's alerts are in the partition of its events' number.
    fn note(&self, results: &[Result<Appended, Error>]) {
        let here =
            results.iter().flatten().filter(|it| self.topic == Topic::Alerts && it.partition.0 == self.partition);
        if let Some(last) = here.map(|it| it.offset.0 + 1).max() {
            self.appended.fetch_max(last, Ordering::Relaxed);
        }
    }
}

pub(crate) fn record(row: OutboxRow) -> NewRecord {
    let headers = row.traceparent.map(|traceparent| ("traceparent".to_owned(), Bytes::from(traceparent)));
    NewRecord { key: row.key.into(), value: Some(row.value.into()), headers: headers.into_iter().collect() }
}
