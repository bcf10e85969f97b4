//! Puts committed alert changes and dead letters on their topics, each topic's in the order of their numbers. Each has a loop
//! of its own, so that a flood of dead letters, or a topic that refuses them, holds no alert back until so much has been
//! committed behind the oldest row that waits that the worker waits too: the outbox stays bounded.
//!
//! A reconciler: woken with the number that is committed, it publishes from where it stands: what the worker hands over with its
//! commit, and what it did not hand over from the outbox, which has everything. A row that was published and not yet deleted
//! when the process died is published again; readers drop the repeat by alert and number.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use homeroom_bus::{Appended, Error, Log, NewRecord, Topic};
use homeroom_chassis::TaskGroup;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::store::{Lease, OutboxRow, Store};

/// Tells a partition's publisher how far the outbox is committed.
pub(crate) struct Publisher {
    committed: watch::Sender<i64>,
    /// Spares publishers a look at the table. Whoever has no room reads it there.
    handed: [mpsc::Sender<Handed>; 2],
    published: [watch::Receiver<i64>; 2],
    /// The offset after the last alert change that was published.
    appended: Arc<AtomicI64>,
    /// The same of what was on the topic when the owner began; none before it was read.
    known: Option<i64>,
    /// Rows that may wait before the worker waits too.
    most_behind: i64,
}

/// What a commit has put into the outbox.
struct Handed {
    /// The numbers of its rows.
    seqs: Range<i64>,
    /// Those of one topic, numbered.
    rows: Vec<(i64, OutboxRow)>,
}

/// Rows read at once, and about how many are published at once. A commit with more is not handed over.
const BATCH: usize = 1_000;
/// Each is published by itself.
const TOPICS: [Topic; 2] = [Topic::Alerts, Topic::DeadLetters];
/// Commits handed over that wait.
const HANDED: usize = 16;
/// How often, at most, rows that are published are deleted: a transaction for each commit would cost more than many rows of one.
const TIDY: Duration = Duration::from_millis(200);
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
            let (hand, handed) = mpsc::channel(HANDED);
            let run = Run {
                store: Arc::clone(store),
                log: Arc::clone(log),
                partition: lease.partition,
                topic,
                commits: commits.clone(),
                handed,
                progress,
                appended: Arc::clone(&appended),
                undeleted: None,
                tidied_at: Instant::now(),
                stopping: tasks.stopping(),
            };
            tasks.spawn("rules.publisher", async move {
                run.run().await;
                Ok::<(), std::convert::Infallible>(())
            });
            (hand, published)
        };
        let [(alerts, alerts_out), (letters, letters_out)] = TOPICS.map(start);
        let (handed, published) = ([alerts, letters], [alerts_out, letters_out]);
        Self { committed, handed, published, appended, known: None, most_behind }
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

    /// Everything below this number is committed, last of all these rows. Waits while too many numbers lie behind the oldest
    /// unpublished row of either topic, so that the outbox stays bounded.
    pub(crate) async fn published_up_to(&mut self, next_seq: i64, outbox: &[OutboxRow]) {
        let begin = next_seq - i64::try_from(outbox.len()).unwrap_or(next_seq);
        for (topic, hand) in TOPICS.iter().zip(&self.handed).filter(|_| outbox.len() <= BATCH) {
            let ours = (begin..next_seq).zip(outbox).filter(|(_, row)| row.topic == *topic);
            let rows = ours.map(|(seq, row)| (seq, row.clone())).collect();
            // Without room, or anybody to take it, it is in the table all the same.
            hand.try_send(Handed { seqs: begin..next_seq, rows }).ok();
        }
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
    handed: mpsc::Receiver<Handed>,
    progress: watch::Sender<i64>,
    appended: Arc<AtomicI64>,
    /// The number of the last row that is published, when rows up to it may still be in the table.
    undeleted: Option<i64>,
    tidied_at: Instant,
    stopping: CancellationToken,
}

impl Run {
    async fn run(mut self) {
        let mut next = 0;
        loop {
            // Read before the rows are: a commit in between then wakes the loop again.
            let committed = *self.commits.borrow_and_update();
            match self.publish(next, committed).await {
                Ok(reached) => {
                    next = reached;
                    self.progress.send_replace(next);
                    self.tidy_when_due().await;
                    // The worker ends when the process stops; what it committed last is published still.
                    if next >= committed && self.wait().await.is_err() {
                        self.tidy().await;
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

    /// Waits for more to publish, and meanwhile deletes what is published.
    async fn wait(&mut self) -> Result<(), watch::error::RecvError> {
        while self.undeleted.is_some() {
            tokio::select! {
                biased;
                changed = self.commits.changed() => return changed,
                () = tokio::time::sleep_until(self.tidied_at + TIDY) => self.tidy().await,
            }
        }
        self.commits.changed().await
    }

    async fn tidy_when_due(&mut self) {
        if self.tidied_at.elapsed() >= TIDY {
            self.tidy().await;
        }
    }

    /// Deletes what is published. When it fails the rows stay for the next time, and are published again by the next owner at worst.
    async fn tidy(&mut self) {
        let Some(last) = self.undeleted else { return };
        self.tidied_at = Instant::now();
        match self.store.delete_outbox(self.partition, self.topic, last).await {
            Ok(()) => self.undeleted = None,
            Err(error) => {
                tracing::warn!(partition = self.partition, topic = %self.topic, %error, "published messages are not deleted yet");
            }
        }
    }

    /// Publishes rows from a number on, of which those below another are committed. Answers how far it has come.
    async fn publish(&mut self, from: i64, below: i64) -> Result<i64, String> {
        let (rows, reached) = match self.at_hand(from) {
            (_, reached) if reached <= from && from >= below => return Ok(from),
            (_, reached) if reached <= from => self.list(from, below).await?,
            found => found,
        };
        // What is below the first row that waits is out, whoever published it: so the distance to it counts, not that to 0.
        let Some((first, _)) = rows.first() else { return Ok(reached) };
        self.progress.send_replace(*first);
        let (seqs, rows): (Vec<i64>, Vec<OutboxRow>) = rows.into_iter().unzip();
        let results = self.log.append(self.topic, rows.into_iter().map(record).collect()).await;
        self.note(&results);
        let kept = results.iter().take_while(|result| result.is_ok()).count();
        let last = kept.checked_sub(1).and_then(|at| seqs.get(at)).copied();
        self.undeleted = last.or(self.undeleted);
        match (last, results.into_iter().find_map(Result::err)) {
            (_, None) => Ok(reached),
            (Some(last), Some(_)) => Ok(last + 1),
            (None, Some(error)) => Err(error.to_string()),
        }
    }

    /// The topic's rows among those handed over, and the number up to which they are all there are: the given one when what
    /// comes next was not handed over.
    fn at_hand(&mut self, from: i64) -> (Vec<(i64, OutboxRow)>, i64) {
        let (mut rows, mut reached) = (Vec::new(), from);
        while rows.len() < BATCH {
            match self.handed.try_recv() {
                Ok(handed) if handed.seqs.start <= reached => {
                    rows.extend(handed.rows.into_iter().filter(|(seq, _)| *seq >= reached));
                    reached = reached.max(handed.seqs.end);
                }
                // One before it had no room, and is read from the table with this one.
                Ok(_) | Err(_) => break,
            }
        }
        (rows, reached)
    }

    /// The topic's rows of these numbers in the table, and how far those are all.
    async fn list(&self, from: i64, below: i64) -> Result<(Vec<(i64, OutboxRow)>, i64), String> {
        let limit = i64::try_from(BATCH).unwrap_or(i64::MAX);
        let listed = self.store.list_outbox(self.partition, self.topic, from..below, limit).await;
        let rows = listed.map_err(|error| error.to_string())?;
        let reached = if rows.len() < BATCH { below } else { rows.last().map_or(below, |(last, _)| last + 1) };
        Ok((rows, reached))
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
