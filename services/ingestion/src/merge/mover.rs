//! The job that brings over what was sent before two students were merged, or while they were one.
//!
//! A reconciler: it looks at what stands in the log and says what should. So a crash anywhere costs a repeat, and a repeat finds
//! less to do. It holds one student's records at a time, and reads one partition of the events topic from its beginning for the first
//! look of each merge or split, one after the other for all districts: with years of records, minutes each.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use homeroom_bus::partitioner::partition_of;
use homeroom_bus::{Log, NewRecord, Offset, Topic, log};
use homeroom_chassis::lifecycle::TaskGroup;
use homeroom_pg::{Database, Districts, Error as DatabaseError};
use homeroom_proto::event::Sent;
use homeroom_proto::key;
use tokio::time::Instant;
use uuid::Uuid;

use super::plan::{self, Moving, TooMany, Words};
use super::queue::{self, Job, LEASE};
use super::{MOVED_TOTAL, directory};
use crate::intake::canonical::EncodedEvent;

/// Records read at once.
pub(super) const READ_RECORDS: usize = 1_000;

/// Records moved at once: nearly every student's are fewer, and are then evaluated together.
const CHUNK: usize = 1_000;

/// How long a partition's next record may take: below its end there is one.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often to look for work without being told.
const IDLE: Duration = Duration::from_secs(2);

/// How often to look while one that is due may not begin yet: nobody tells when the last document of before is published, and whoever
/// asked for the merge waits for it.
const SOON: Duration = Duration::from_millis(200);

/// How long to leave alone what failed.
const PAUSE: Duration = Duration::from_secs(2);

/// How long what cannot succeed is left alone, the first time and at most. Each try reads a partition from its beginning, and only
/// another version of this program or fewer records help.
const LONG_PAUSES: (Duration, Duration) = (Duration::from_mins(10), Duration::from_hours(24));

/// What the task owns.
pub(crate) struct Mover {
    pub(crate) database: Database,
    /// Whose records it may move.
    pub(crate) districts: Districts,
    pub(crate) log: Arc<dyn Log>,
    /// This process to the lease.
    pub(crate) owner: Uuid,
    /// How long after the first look the second one is.
    pub(crate) settle: Duration,
    /// The most records of one student that are held.
    pub(crate) most_records: usize,
}

/// Why a look did not come to its end.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// The log does not take or give records.
    #[error("the log: {0}")]
    Log(#[from] log::Error),
    /// The partition gives less than it says it has.
    #[error("the log does not give what it has")]
    Cut,
    /// The tables cannot be read or written.
    #[error("the database: {0}")]
    Database(#[from] DatabaseError),
    /// More than can be held.
    #[error(transparent)]
    TooMany(#[from] TooMany),
    /// Another process moves records now.
    #[error("another process moves records")]
    Elsewhere,
}

impl Error {
    /// Whether trying again is in vain as things are. Those after it need not wait for that.
    fn is_lasting(&self) -> bool {
        matches!(self, Self::TooMany(_) | Self::Log(log::Error::TooLarge { .. }))
    }
}

impl Mover {
    /// Starts the task.
    pub(crate) fn start(self, tasks: &TaskGroup) {
        let stopping = tasks.stopping();
        tasks.spawn("ingestion mover", async move {
            tokio::select! {
                () = self.run() => {}
                () = stopping.cancelled() => self.release().await,
            }
            Ok::<_, Infallible>(())
        });
    }

    async fn run(&self) {
        let mut listener = None;
        loop {
            match self.turn().await {
                Ok(true) => {}
                Ok(false) => {
                    let at_most = if self.is_held_up().await { SOON } else { IDLE };
                    super::wait(&self.database, &mut listener, at_most).await;
                }
                Err(error) => {
                    tracing::warn!(error = %error, "students' records cannot be moved; trying again");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    /// Looks once, if something is to be looked at; whether it was.
    pub(super) async fn turn(&self) -> Result<bool, Error> {
        let Some(job) = queue::claim(&self.database, &self.districts, self.owner).await? else { return Ok(false) };
        match self.look(&job).await {
            Ok(()) => Ok(true),
            Err(Error::Elsewhere) => Ok(false),
            Err(error) => {
                let set_aside = error.is_lasting();
                let pauses = if set_aside { LONG_PAUSES } else { (PAUSE, PAUSE) };
                tracing::warn!(district = %job.district, version = job.version, set_aside, error = %error, "a student's records were not moved");
                queue::put_off(&self.database, &job, error.to_string(), set_aside, pauses).await?;
                Ok(true)
            }
        }
    }

    async fn is_held_up(&self) -> bool {
        // Who cannot tell waits as if there were nothing.
        queue::is_any_due(&self.database, &self.districts).await.unwrap_or(false)
    }

    async fn look(&self, job: &Job) -> Result<(), Error> {
        let (words, end) = self.read(job).await?;
        let moving = words.moving(&job.crosswalk, job.requested_at);
        for chunk in moving.chunks(CHUNK) {
            self.carry(chunk).await?;
            metrics::counter!(MOVED_TOTAL).increment(chunk.len() as u64);
            self.go_on(job, chunk.len()).await?;
        }
        for (student, same_as) in plan::profiles(&job.crosswalk, job.from) {
            directory::mark(&*self.log, &job.district, student, same_as).await?;
        }
        queue::finish(&self.database, job, end.0, self.settle).await?;
        tracing::info!(district = %job.district, version = job.version, records = moving.len(), "a student's records were looked through");
        Ok(())
    }

    /// The last words of the student's records, of those that were not looked at before, and where the partition ended.
    async fn read(&self, job: &Job) -> Result<(Words, Offset), Error> {
        let key = key::events(&job.district, &job.student);
        let partition = partition_of(&key, self.log.partitions(Topic::Events).await?);
        let end = self.log.end_offset(Topic::Events, partition).await?;
        let mut tail = self.log.tail(Topic::Events, partition, Offset(job.looked_to)).await?;
        let (mut words, mut at, mut renewed) = (Words::of_at_most(self.most_records), job.looked_to, Instant::now());
        while at < end.0 {
            let records = tail.next(READ_RECORDS, PATIENCE).await?;
            at = records.last().ok_or(Error::Cut)?.offset.0 + 1;
            for record in records.into_iter().filter(|record| record.key == key) {
                // What nobody can read counts for nobody.
                if let Some(Ok(sent)) = record.value.as_deref().map(Sent::decode) {
                    words.take(record.offset.0, sent)?;
                }
            }
            if renewed.elapsed() > LEASE / 3 {
                renewed = Instant::now();
                self.go_on(job, 0).await?;
            }
        }
        Ok((words, end))
    }

    /// Says records again where they belong, and once that is kept, that they have left where they stood.
    async fn carry(&self, moving: &[Moving]) -> Result<(), Error> {
        self.append(moving.iter().map(|it| &it.there)).await?;
        self.append(moving.iter().map(|it| &it.here)).await
    }

    async fn append(&self, sent: impl Iterator<Item = &Sent>) -> Result<(), Error> {
        let records: Vec<NewRecord> = sent.map(|it| EncodedEvent::new(it).into_record()).collect();
        let results = self.log.append(Topic::Events, records).await;
        results.into_iter().collect::<Result<Vec<_>, _>>()?;
        Ok(())
    }

    async fn go_on(&self, job: &Job, records: usize) -> Result<(), Error> {
        let ours = queue::go_on(&self.database, job, self.owner, records).await?;
        if ours { Ok(()) } else { Err(Error::Elsewhere) }
    }

    async fn release(&self) {
        if let Err(error) = queue::release(&self.database, self.owner).await {
            tracing::debug!(error = %error, "the lease was not released");
        }
    }
}

#[cfg(test)]
mod tests;
