//! The log in PostgreSQL, for one machine without a broker.
//!
//! Appends of many callers share a transaction, see `writer`. A commit notifies; readers look when they are woken, and by
//! themselves every second. Groups keep leases in rows, see `registry`. What is superseded or too old is swept, see `sweep`.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use homeroom_pg::{Database, Migration, Schema};
use serde::Deserialize;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

use crate::group::Member;
use crate::log::{Appended, Error, Joined, Log, MAX_RECORD_BYTES, NewRecord, PartitionOwner, Tail};
use crate::partitioner::partition_of;
use crate::task::spawn;
use crate::topic::{ALERTS_DAYS, DEAD_LETTERS_DAYS, Offset, Partition, Topic};

use registry::PostgresRegistry;
use tail::PostgresTail;
use wake::Wakes;
use writer::{Append, Writer};

mod compaction;
mod copy;
mod headers;
mod registry;
mod sweep;
mod tail;
mod topics;
mod wake;
mod writer;

/// The tables.
pub const SCHEMA: Schema = Schema {
    name: "bus",
    migrations: &[
        Migration {
            version: 20_260_105_090_000,
            name: "log",
            sql: include_str!("../migrations/20260105090000_log.sql"),
        },
        Migration {
            version: 20_261_125_170_000,
            name: "sweeps",
            sql: include_str!("../migrations/20261125170000_sweeps.sql"),
        },
    ],
};

/// The limits that keep memory bounded.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Config {
    /// How much may wait to be written, in KiB; beyond it appends are answered with [`Error::Full`].
    pub buffer_kib: u32,
    /// How many appends may wait to be written.
    pub buffer_appends: usize,
    /// How often superseded records of compacted topics, and those that are too old, are swept, in seconds.
    pub compaction_seconds: u64,
    /// For how long a record must have been superseded, in seconds, so that a slow reader still sees each change.
    pub compaction_age_seconds: u64,
    /// For how many days alert changes are kept.
    pub alerts_days: u32,
    /// The same for dead letters.
    pub dead_letters_days: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            buffer_kib: 64 * 1024,
            buffer_appends: 10_000,
            compaction_seconds: 600,
            compaction_age_seconds: 3_600,
            alerts_days: ALERTS_DAYS,
            dead_letters_days: DEAD_LETTERS_DAYS,
        }
    }
}

/// A log in the tables of a database.
pub struct PostgresLog {
    shared: Arc<Shared>,
    appends: mpsc::Sender<Append>,
    /// One permit for each KiB that waits.
    room: Arc<Semaphore>,
    room_kib: u32,
    /// The writer, the listener and the sweeper end with the log.
    _tasks: [AbortOnDropHandle<()>; 3],
}

/// What readers and members need after the log's handle is gone.
struct Shared {
    database: Database,
    wakes: Wakes,
    topics: RwLock<HashMap<Topic, TopicRow>>,
}

/// A topic as the tables know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct TopicRow {
    topic_id: i16,
    partitions: i32,
}

impl fmt::Debug for PostgresLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresLog").field("database", &self.shared.database).finish_non_exhaustive()
    }
}

impl PostgresLog {
    /// A log over a database of [`SCHEMA`]. Its topics need not be there yet.
    pub async fn open(database: Database, config: &Config) -> Result<Self, Error> {
        let shared = Arc::new(Shared { database, wakes: Wakes::default(), topics: RwLock::default() });
        let (appends, waiting) = mpsc::channel(config.buffer_appends.max(1));
        let listener = shared.database.listen(wake::CHANNEL).await.map_err(|error| unavailable(&error))?;
        let ages = sweep::Ages::of(config);
        let pause = Duration::from_secs(config.compaction_seconds.max(1));
        let tasks = [
            spawn(Writer::new(Arc::clone(&shared), waiting).run()),
            spawn(wake::listen(Arc::clone(&shared), listener)),
            spawn(sweep::sweep_regularly(Arc::clone(&shared), pause, ages)),
        ];
        Ok(Self {
            shared,
            appends,
            room: Arc::new(Semaphore::new(config.buffer_kib as usize)),
            room_kib: config.buffer_kib,
            _tasks: tasks.map(AbortOnDropHandle::new),
        })
    }

    /// Sweeps compacted topics now, and says how many records went. Regularly it happens by itself.
    pub async fn compact(&self, age: Duration) -> Result<u64, Error> {
        sweep::sweep(&self.shared, Topic::compacted, age).await
    }

    /// Deletes what is older than `age` in the topics that expire, and says how many records went. Regularly it happens by
    /// itself.
    pub async fn expire(&self, age: Duration) -> Result<u64, Error> {
        sweep::sweep(&self.shared, Topic::expires, age).await
    }

    /// Hands records to the writer and waits for their places.
    async fn write(&self, row: TopicRow, topic: Topic, records: Vec<NewRecord>) -> Result<Vec<Appended>, Error> {
        let bytes: usize = records.iter().map(NewRecord::bytes).sum();
        // One more per record for what it takes besides its bytes; a single append of more than all of it may still pass.
        let kib = u32::try_from(bytes / 1024 + records.len() / 8 + 1).unwrap_or(u32::MAX).min(self.room_kib);
        let room = Arc::clone(&self.room).try_acquire_many_owned(kib).map_err(|_| Error::Full)?;
        let records = records.into_iter().map(|record| (partition_of(&record.key, row.partitions), record)).collect();
        let (answer, answered) = oneshot::channel();
        let append = Append { topic, topic_id: row.topic_id, records, bytes, answer, _room: room };
        self.appends.try_send(append).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Error::Full,
            mpsc::error::TrySendError::Closed(_) => Error::Unavailable("the writer has ended".to_owned()),
        })?;
        answered.await.unwrap_or_else(|_| Err(Error::Unavailable("the writer has ended".to_owned())))
    }
}

impl Shared {
    /// The topic's row, from memory once it is known: topics never change.
    async fn topic(&self, topic: Topic) -> Result<TopicRow, Error> {
        let known = self.topics.read().unwrap_or_else(PoisonError::into_inner).get(&topic).copied();
        if let Some(row) = known {
            return Ok(row);
        }
        let row = topics::find(&self.database, topic).await?.ok_or_else(|| topics::missing(topic))?;
        self.topics.write().unwrap_or_else(PoisonError::into_inner).insert(topic, row);
        Ok(row)
    }
}

#[async_trait]
impl Log for PostgresLog {
    async fn append(&self, topic: Topic, records: Vec<NewRecord>) -> Vec<Result<Appended, Error>> {
        let mut answers: Vec<Option<Error>> =
            records.iter().map(|record| record.check_size(MAX_RECORD_BYTES).err()).collect();
        let fitting: Vec<NewRecord> = records
            .into_iter()
            .zip(&answers)
            .filter(|(_, refused)| refused.is_none())
            .map(|(record, _)| record)
            .collect();
        if fitting.is_empty() {
            return answers.into_iter().flatten().map(Err).collect();
        }
        let written = match self.shared.topic(topic).await {
            Ok(row) => self.write(row, topic, fitting).await,
            Err(error) => Err(error),
        };
        match written {
            Ok(places) => {
                let mut places = places.into_iter();
                let lost = || Error::Unavailable("the writer lost a record".to_owned());
                answers
                    .iter_mut()
                    .map(|refused| refused.take().map_or_else(|| places.next().ok_or_else(lost), Err))
                    .collect()
            }
            Err(error) => answers.into_iter().map(|refused| Err(refused.unwrap_or_else(|| copied(&error)))).collect(),
        }
    }

    async fn partitions(&self, topic: Topic) -> Result<i32, Error> {
        Ok(self.shared.topic(topic).await?.partitions)
    }

    async fn end_offsets(&self, topic: Topic) -> Result<Vec<Offset>, Error> {
        let row = self.shared.topic(topic).await?;
        topics::end_offsets(&self.shared.database, row).await
    }

    async fn extent(&self, topic: Topic, partition: Partition) -> Result<Range<Offset>, Error> {
        topics::extent(&self.shared, topic, partition).await.map(|(_, extent)| extent)
    }

    async fn tail(&self, topic: Topic, partition: Partition, from: Offset) -> Result<Box<dyn Tail>, Error> {
        Ok(Box::new(PostgresTail::open(Arc::clone(&self.shared), topic, partition, from).await?))
    }

    async fn join(
        &self,
        topic: Topic,
        group: &str,
        owner: Arc<dyn PartitionOwner>,
        leave: CancellationToken,
    ) -> Result<Joined, Error> {
        let row = self.shared.topic(topic).await?;
        let changed = self.shared.wakes.groups();
        let registry = PostgresRegistry::new(Arc::clone(&self.shared), topic, row, group);
        let member = Member::new(topic, Uuid::new_v4(), Arc::new(registry), owner);
        Ok(Joined { left: spawn(member.run(leave, changed)) })
    }

    async fn create_topics(&self, partitions: i32) -> Result<(), Error> {
        topics::create(&self.shared.database, partitions).await
    }

    async fn check_topics(&self) -> Result<(), Error> {
        topics::check(&self.shared.database).await
    }
}

/// The error with its causes: the first line alone says little.
fn unavailable(error: &homeroom_pg::Error) -> Error {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    Error::Unavailable(text)
}

/// The same error for each record of an append, or each append of a batch.
fn copied(error: &Error) -> Error {
    match error {
        Error::Full => Error::Full,
        Error::Topic { topic, problem } => Error::Topic { topic: topic.clone(), problem: problem.clone() },
        Error::Unavailable(why) => Error::Unavailable(why.clone()),
        other => Error::Unavailable(other.to_string()),
    }
}
