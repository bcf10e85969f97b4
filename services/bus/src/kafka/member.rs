//! A group's member: one thread owns the consumer, polls it, answers rebalances and routes records; it does nothing else.
//!
//! Exactness does not come from the group: the owner raises the partition's epoch in its database when it is assigned one, and
//! says where to start. So this thread never asks Kafka where to resume, and never trusts Kafka to say that an assignment was
//! lost. What is committed to the group says how far records have been handed over, for lag metrics and autoscaling alone.

use std::sync::{Arc, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use homeroom_chassis::tls::Followed;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::error::KafkaError;
use tokio_util::sync::CancellationToken;

use super::client::{Verdict, copy, judge, unavailable, weight};
use super::config::Clients;
use super::membership::Client;
use super::rebalance::{Context, Shared};
use crate::log::{Error, begins};
use crate::topic::{Offset, Partition};

/// How long a poll waits for a record before the thread looks after everything else.
const POLL: Duration = Duration::from_millis(50);
/// The same while records wait for an inbox.
const POLL_HOLDING: Duration = Duration::from_millis(5);
/// How many records are taken in one go before they are delivered.
const GULP: usize = 1_000;
const GULP_BYTES: usize = 1024 * 1024;
/// How long the thread waits for room in an inbox that holds everything up.
const ROOM: Duration = Duration::from_millis(2);
/// How often the group is told how far records were handed over.
const LAG_INTERVAL: Duration = Duration::from_secs(1);
/// How long the search for a partition's ends may take, after an offset was refused.
const ENDS_TIMEOUT: Duration = Duration::from_secs(5);

/// The consumer and when it does what.
pub(super) struct Member {
    consumer: BaseConsumer<Context>,
    made_with: Arc<Clients>,
    clients: Followed<Clients>,
    lag_at: Instant,
    /// How long a partition may have no owner here.
    grace: Duration,
    heartbeat: Duration,
    nudged_at: Instant,
}

/// Why a member's consumer ended, other than by leaving.
pub(super) enum End {
    /// Another client is to go on: files have changed that this one was made with.
    Renewed,
    /// Its name in the group is another's: see [`super::membership`].
    Replaced(Error),
    /// For good.
    Failed(Error),
}

impl From<Error> for End {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl Member {
    pub(super) fn new(client: Client, clients: Followed<Clients>) -> Self {
        let (now, Client { consumer, made_with }) = (Instant::now(), client);
        let (grace, heartbeat) = (made_with.session_timeout(), made_with.heartbeat());
        Self { consumer, made_with, clients, lag_at: now, grace, heartbeat, nudged_at: now }
    }

    /// Polls until told to leave, until nobody waits for the end, or until the log gives up; then leaves the group. Blocks.
    pub(super) fn run(mut self, leave: &CancellationToken, unwatched: impl Fn() -> bool) -> Result<(), End> {
        let mut outcome = Ok(());
        while outcome.is_ok() && !leave.is_cancelled() && !unwatched() {
            outcome = self.turn();
        }
        self.shared().orphaned = unwatched();
        self.tell_lag();
        let context = Arc::clone(self.consumer.context());
        // Leaves the group and revokes what is assigned, from within.
        drop(self.consumer);
        let left_over = {
            let mut shared = context.shared();
            let partitions = shared.routes.partitions();
            for partition in &partitions {
                shared.routes.close(*partition);
            }
            partitions
        };
        context.tell_revoked(left_over);
        outcome
    }

    /// Takes what there is, delivers it, and looks after pauses, lag and failures.
    fn turn(&mut self) -> Result<(), End> {
        let blocked = self.shared().routes.blocked();
        if blocked {
            thread::sleep(ROOM);
        } else {
            self.poll()?;
        }
        let now = Instant::now();
        let changes = self.shared().routes.deliver(now);
        if !changes.pause.is_empty() {
            tracing::debug!(partitions = ?changes.pause, "paused: inboxes are full or closed");
            self.consumer.pause(&self.list(&changes.pause)).map_err(|error| unavailable(&error))?;
        }
        if !changes.resume.is_empty() {
            self.consumer.resume(&self.list(&changes.resume)).map_err(|error| unavailable(&error))?;
        }
        if now.duration_since(self.lag_at) >= LAG_INTERVAL {
            self.lag_at = now;
            self.tell_lag();
            if !Arc::ptr_eq(&self.made_with, &self.clients.current()) {
                return Err(End::Renewed);
            }
        }
        if now.duration_since(self.nudged_at) >= self.heartbeat {
            self.nudged_at = now;
            self.nudge();
        }
        let mut shared = self.shared();
        if let Some(partition) = shared.routes.abandoned(now, self.grace) {
            return Err(Error::Fenced(partition.0, self.consumer.context().topic).into());
        }
        shared.failure.take().map_or(Ok(()), |error| Err(error.into()))
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.consumer.context().shared()
    }

    fn list(&self, partitions: &[Partition]) -> TopicPartitionList {
        let mut list = TopicPartitionList::with_capacity(partitions.len());
        for partition in partitions {
            list.add_partition(&self.consumer.context().name, partition.0);
        }
        list
    }

    /// Wakes the library's own thread with a question. That thread sleeps for up to a second when nobody asks it anything, and
    /// looks only when awake whether a heartbeat is due.
    fn nudge(&self) {
        self.consumer.rebalance_protocol();
    }

    /// Waits for a record, then takes what is there already, up to a gulp.
    fn poll(&self) -> Result<(), End> {
        let mut wait = if self.shared().routes.holding() { POLL_HOLDING } else { POLL };
        let mut bytes = 0;
        for _ in 0..GULP {
            // The lock is not held: callbacks that run inside take it.
            match self.consumer.poll(wait) {
                None => break,
                Some(Ok(message)) => {
                    let record = copy(&message);
                    drop(message);
                    bytes += weight(&record);
                    self.shared().routes.take(record);
                }
                Some(Err(error)) => self.look_at(&error)?,
            }
            if bytes >= GULP_BYTES {
                break;
            }
            wait = Duration::ZERO;
        }
        Ok(())
    }

    fn look_at(&self, error: &KafkaError) -> Result<(), End> {
        let topic = self.consumer.context().topic;
        match judge(error) {
            Verdict::Passing => Ok(()),
            Verdict::OutOfRange => Err(self.out_of_range().into()),
            Verdict::NoTopic => {
                Err(Error::Topic { topic: topic.name().to_owned(), problem: "is not there".to_owned() }.into())
            }
            Verdict::Replaced => Err(End::Replaced(unavailable(error))),
            Verdict::Over => Err(unavailable(error).into()),
        }
    }

    /// The library does not say which partition's offset was refused, so it is looked for.
    fn out_of_range(&self) -> Error {
        let context = self.consumer.context();
        let positions = context.shared().routes.positions();
        for (partition, offset) in positions {
            match self.consumer.fetch_watermarks(&context.name, partition.0, ENDS_TIMEOUT) {
                Ok((low, high)) if begins(context.topic, offset) || (low..=high).contains(&offset.0) => {}
                Ok(_) => {
                    return Error::OffsetOutOfRange { topic: context.topic, partition: partition.0, offset: offset.0 };
                }
                Err(error) => return unavailable(&error),
            }
        }
        Error::Unavailable(format!("an offset of `{}` was refused", context.topic))
    }

    /// Tells the group how far records were handed over; for lag alone, so a failure is only noted.
    fn tell_lag(&self) {
        let context = self.consumer.context();
        let accepted: Vec<(Partition, Offset)> = context.shared().routes.accepted();
        if accepted.is_empty() {
            return;
        }
        let mut list = TopicPartitionList::with_capacity(accepted.len());
        for (partition, offset) in accepted {
            if let Err(error) = list.add_partition_offset(&context.name, partition.0, rdkafka::Offset::Offset(offset.0))
            {
                tracing::debug!(%error, "an offset cannot be told");
            }
        }
        if let Err(error) = self.consumer.commit(&list, CommitMode::Async) {
            tracing::debug!(%error, "the lag of a group was not told");
        }
    }
}
