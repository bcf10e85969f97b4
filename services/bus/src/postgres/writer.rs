//! The one writer of a process: it takes all appends that wait, up to a limit, and commits them together.
//!
//! It locks the rows of their partitions first, in order, so that two processes never wait for each other in a circle, and
//! holds them until the commit: an offset is seen by readers only after all lower ones, and none is left out.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use homeroom_pg::Districts;
use sqlx::{PgConnection, Row};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio::time::{Instant, sleep};

use super::copy::{self, Rows};
use super::{Shared, copied, unavailable, wake};
use crate::log::{Appended, Error, NewRecord};
use crate::topic::{Offset, Partition, Topic};

/// How many records one commit holds.
const BATCH_RECORDS: &str = "homeroom_bus_append_batch_records";

/// The most of one commit, so that those who wait for it do not wait long.
const MAX_RECORDS: usize = 20_000;
const MAX_BYTES: usize = 16 * 1024 * 1024;
/// How long the fate of a commit whose answer was lost is asked for.
const FATE_DEADLINE: Duration = Duration::from_secs(10);

/// Records of one caller.
pub(super) struct Append {
    pub(super) topic: Topic,
    pub(super) topic_id: i16,
    pub(super) records: Vec<(Partition, NewRecord)>,
    pub(super) bytes: usize,
    pub(super) answer: oneshot::Sender<Result<Vec<Appended>, Error>>,
    /// Given back when the append is answered.
    pub(super) _room: OwnedSemaphorePermit,
}

/// A partition of a topic, as the tables number it.
type Place = (i16, i32);

pub(super) struct Writer {
    shared: Arc<Shared>,
    appends: mpsc::Receiver<Append>,
}

/// What is committed together. Records are shared with the transaction's body, which may run more than once.
struct Batch {
    records: Vec<(Place, NewRecord)>,
    counts: BTreeMap<Place, i64>,
    bytes: usize,
}

/// Where a batch stands if it was committed.
#[derive(Clone)]
struct Written {
    first_offsets: BTreeMap<Place, i64>,
    /// To ask for its fate.
    transaction_id: String,
}

impl Writer {
    pub(super) fn new(shared: Arc<Shared>, appends: mpsc::Receiver<Append>) -> Self {
        Self { shared, appends }
    }

    pub(super) async fn run(mut self) {
        while let Some(first) = self.appends.recv().await {
            let appends = self.gather(first);
            self.write(appends).await;
        }
    }

    /// What waits already, and nothing more: an idle log answers at once, a busy one fills its commits.
    fn gather(&mut self, first: Append) -> Vec<Append> {
        let (mut records, mut bytes) = (first.records.len(), first.bytes);
        let mut appends = vec![first];
        while records < MAX_RECORDS && bytes < MAX_BYTES {
            let Ok(next) = self.appends.try_recv() else { break };
            records += next.records.len();
            bytes += next.bytes;
            appends.push(next);
        }
        appends
    }

    async fn write(&self, mut appends: Vec<Append>) {
        let batch = Arc::new(Batch::of(&mut appends));
        metrics::histogram!(BATCH_RECORDS).record(u32::try_from(batch.records.len()).unwrap_or(u32::MAX));
        let shapes = appends;
        match self.commit(&batch).await {
            Ok(written) => {
                for (topic_id, partition) in batch.counts.keys() {
                    // Readers of this process need not wait for the notification.
                    self.shared.wakes.wake_partition(*topic_id, *partition);
                }
                answer(shapes, &batch, written.first_offsets);
                self.notify(&batch).await;
            }
            Err(error) => {
                for append in shapes {
                    drop(append.answer.send(Err(copied(&error))));
                }
            }
        }
    }

    /// Wakes the readers of other processes. After the commit, since a transaction that notifies takes a lock of the whole cluster
    /// when it commits, and keeps it until it is on disk. They look by themselves when this is lost.
    async fn notify(&self, batch: &Batch) {
        let notify = sqlx::query("select pg_notify($1, payload) from unnest($2::text[]) payload")
            .bind(wake::CHANNEL)
            .bind(payloads(batch))
            .execute(self.shared.database.pool());
        if let Err(error) = notify.await {
            tracing::debug!(%error, "readers of other processes were not told of records");
        }
    }

    async fn commit(&self, batch: &Arc<Batch>) -> Result<Written, Error> {
        let seen: Arc<std::sync::Mutex<Option<Written>>> = Arc::default();
        let (shared, kept) = (Arc::clone(batch), Arc::clone(&seen));
        let result = self
            .shared
            .database
            .run("bus append", &Districts::none(), move |connection| {
                let (batch, seen) = (Arc::clone(&shared), Arc::clone(&kept));
                Box::pin(async move {
                    let written = insert(connection, &batch).await?;
                    *seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(written.clone());
                    Ok(written)
                })
            })
            .await;
        match result {
            Err(error @ homeroom_pg::Error::CommitUnknown { .. }) => {
                let last = seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
                let written = last.ok_or_else(|| unavailable(&error))?;
                self.find_fate(written).await
            }
            other => other.map_err(|error| unavailable(&error)),
        }
    }

    /// Asks whether a transaction was committed whose answer was lost, until the server can say.
    async fn find_fate(&self, written: Written) -> Result<Written, Error> {
        let deadline = Instant::now() + FATE_DEADLINE;
        while Instant::now() < deadline {
            let status: Result<Option<String>, sqlx::Error> =
                sqlx::query_scalar("select pg_xact_status($1::text::xid8)")
                    .bind(&written.transaction_id)
                    .fetch_one(self.shared.database.pool())
                    .await;
            match status.ok().flatten().as_deref() {
                Some("committed") => return Ok(written),
                Some("aborted") => return Err(Error::Unavailable("the append was rolled back".to_owned())),
                _ => sleep(Duration::from_millis(50)).await,
            }
        }
        Err(Error::Unavailable("it is not known whether the append was kept".to_owned()))
    }
}

impl Batch {
    /// Takes the records out of the appends, in order, and leaves how many each had and where they go.
    fn of(appends: &mut [Append]) -> Self {
        let mut batch = Self { records: Vec::new(), counts: BTreeMap::new(), bytes: 0 };
        for append in appends {
            batch.bytes += append.bytes;
            for (partition, record) in &mut append.records {
                let place = (append.topic_id, partition.0);
                *batch.counts.entry(place).or_default() += 1;
                let empty = NewRecord { key: bytes::Bytes::new(), value: None, headers: Vec::new() };
                batch.records.push((place, std::mem::replace(record, empty)));
            }
        }
        batch
    }

    fn rows(&self, mut next: BTreeMap<Place, i64>) -> Vec<u8> {
        // A row's columns take 46 bytes besides what the record holds.
        let mut rows = Rows::with_capacity(self.bytes + self.records.len() * 64 + 32);
        for (place, record) in &self.records {
            let offset = next.entry(*place).or_default();
            rows.push(place.0, place.1, *offset, record);
            *offset += 1;
        }
        rows.finish()
    }
}

async fn insert(connection: &mut PgConnection, batch: &Batch) -> Result<Written, homeroom_pg::Error> {
    let topic_ids: Vec<i16> = batch.counts.keys().map(|place| place.0).collect();
    let partitions: Vec<i32> = batch.counts.keys().map(|place| place.1).collect();
    let counts: Vec<i64> = batch.counts.values().copied().collect();
    if batch.counts.len() > 1 {
        let lock = "select 1 from partitions p join unnest($1::smallint[], $2::integer[]) w(topic_id, partition) using (topic_id, partition)
                    order by topic_id, partition for update of p";
        sqlx::query(lock).bind(&topic_ids).bind(&partitions).execute(&mut *connection).await?;
    }
    let update = "update partitions p set next_offset = p.next_offset + w.count
                  from unnest($1::smallint[], $2::integer[], $3::bigint[]) w(topic_id, partition, count)
                  where p.topic_id = w.topic_id and p.partition = w.partition
                  returning p.topic_id, p.partition, p.next_offset - w.count, pg_current_xact_id()::text";
    let rows = sqlx::query(update).bind(&topic_ids).bind(&partitions).bind(&counts).fetch_all(&mut *connection).await?;
    if rows.len() != batch.counts.len() {
        return Err(homeroom_pg::Error::Row {
            table: "partitions",
            column: "partition",
            problem: "a partition's row is missing".to_owned(),
        });
    }
    let mut written = Written { first_offsets: BTreeMap::new(), transaction_id: String::new() };
    for row in rows {
        written.first_offsets.insert((row.try_get(0)?, row.try_get(1)?), row.try_get(2)?);
        written.transaction_id = row.try_get(3)?;
    }
    let mut copy = connection.copy_in_raw(copy::STATEMENT).await?;
    copy.send(batch.rows(written.first_offsets.clone())).await?;
    copy.finish().await?;
    Ok(written)
}

/// What is notified of a batch.
fn payloads(batch: &Batch) -> Vec<String> {
    let mut topics: BTreeMap<i16, Vec<i32>> = BTreeMap::new();
    for (topic_id, partition) in batch.counts.keys() {
        topics.entry(*topic_id).or_default().push(*partition);
    }
    topics.into_iter().map(|(topic_id, partitions)| wake::payload(topic_id, partitions.into_iter())).collect()
}

/// Tells each caller the places of its records, counting as [`Batch::rows`] did.
fn answer(appends: Vec<Append>, batch: &Batch, mut next: BTreeMap<Place, i64>) {
    let mut places = batch.records.iter().map(|(place, _)| {
        let offset = next.entry(*place).or_default();
        *offset += 1;
        Appended { partition: Partition(place.1), offset: Offset(*offset - 1) }
    });
    for append in appends {
        let answers = places.by_ref().take(append.records.len()).collect();
        if append.answer.send(Ok(answers)).is_err() {
            tracing::debug!(topic = %append.topic, "the caller of an append went away; its records are kept");
        }
    }
}
