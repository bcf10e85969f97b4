//! A group's member: one thread owns the consumer, polls it, answers rebalances and routes records; it does nothing else.
//!
//! Exactness does not come from the group: the owner raises the partition's epoch in its database when it is assigned one, and
//! says where to start. So this thread never asks Kafka where to resume, and never trusts Kafka to say that an assignment was
//! lost. What is committed to the group says how far records have been handed over, for lag metrics and autoscaling alone.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, stream};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{ClientContext, TopicPartitionList};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::client::{self, Verdict, copy, judge, unavailable, weight};
use super::route::Routes;
use crate::log::{Error, PartitionOwner};
use crate::topic::{Offset, Partition, Topic};

/// How long a poll waits for a record before the thread looks after everything else.
const POLL: Duration = Duration::from_millis(50);
/// The same while records wait for an inbox.
const POLL_HOLDING: Duration = Duration::from_millis(5);
/// How many records are taken in one go before they are delivered.
const GULP: usize = 1_000;
const GULP_BYTES: usize = 1024 * 1024;
/// How long the thread waits for room in an inbox that holds everything up.
const ROOM: Duration = Duration::from_millis(2);
/// How many partitions are claimed at the same time.
const CLAIMS: usize = 8;
/// How often the group is told how far records were handed over.
const LAG_INTERVAL: Duration = Duration::from_secs(1);
/// How long the search for a partition's ends may take, after an offset was refused.
const ENDS_TIMEOUT: Duration = Duration::from_secs(5);

/// What the thread and the library's callbacks share. Both run on the same thread: callbacks run inside `poll`.
pub(super) struct Context {
    topic: Topic,
    name: String,
    owner: Arc<dyn PartitionOwner>,
    runtime: Handle,
    shared: Mutex<Shared>,
}

#[derive(Default)]
struct Shared {
    routes: Routes,
    failure: Option<Error>,
    /// Set when the runtime has gone, and the owner with it: neither may be called any more.
    orphaned: bool,
}

impl Context {
    pub(super) fn new(topic: Topic, name: String, owner: Arc<dyn PartitionOwner>, runtime: Handle) -> Self {
        Self { topic, name, owner, runtime, shared: Mutex::default() }
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fail(&self, error: Error) {
        self.shared().failure.get_or_insert(error);
    }

    /// Claims the partitions, then assigns all of them at once with the offsets that the owner gave.
    fn assign(&self, consumer: &BaseConsumer<Self>, partitions: &[Partition]) {
        let claim = |partition: Partition| async move { (partition, self.owner.assign(partition).await) };
        let claims = stream::iter(partitions.iter().copied().map(claim)).buffer_unordered(CLAIMS);
        let orphaned = self.shared().orphaned;
        let claimed: Vec<_> = if orphaned { Vec::new() } else { self.runtime.block_on(claims.collect()) };
        let mut assignment = TopicPartitionList::new();
        for (partition, claim) in claimed {
            let added = claim.and_then(|(from, inbox)| {
                assignment
                    .add_partition_offset(&self.name, partition.0, rdkafka::Offset::Offset(from.0))
                    .map_err(|error| unavailable(&error))?;
                self.shared().routes.open(partition, from, inbox);
                Ok(())
            });
            if let Err(error) = added {
                self.fail(error);
            }
        }
        // Also when nothing was claimed: the library waits for the answer.
        if let Err(error) = consumer.incremental_assign(&assignment) {
            self.fail(unavailable(&error));
        }
    }

    /// Stops routing, unassigns, then tells the owner.
    fn revoke(&self, consumer: &BaseConsumer<Self>, list: &TopicPartitionList, partitions: &[Partition]) {
        let mut ours = Vec::new();
        for partition in partitions {
            if self.shared().routes.close(*partition) {
                ours.push(*partition);
            }
        }
        // A pause would outlive the assignment, and hold up the next one.
        if let Err(error) = consumer.resume(list).and_then(|()| consumer.incremental_unassign(list)) {
            self.fail(unavailable(&error));
        }
        self.tell_revoked(ours);
    }

    fn tell_revoked(&self, partitions: Vec<Partition>) {
        if self.shared().orphaned {
            return;
        }
        let tell = |partition| self.owner.revoke(partition);
        self.runtime.block_on(stream::iter(partitions).for_each_concurrent(CLAIMS, tell));
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, fac: &str, log_message: &str) {
        client::log(level, fac, log_message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        client::log_error(&error, reason);
    }
}

impl ConsumerContext for Context {
    /// Overridden whole: the default assigns once by itself, with offsets that are not ours, and hides errors.
    fn rebalance(&self, consumer: &BaseConsumer<Self>, err: RDKafkaRespErr, tpl: &mut TopicPartitionList) {
        let elements = tpl.elements_for_topic(&self.name);
        let partitions: Vec<_> = elements.iter().map(|element| Partition(element.partition())).collect();
        tracing::info!(topic = %self.topic, ?partitions, ?err, "rebalance");
        match err {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => self.assign(consumer, &partitions),
            _ => self.revoke(consumer, tpl, &partitions),
        }
    }

    fn commit_callback(&self, result: KafkaResult<()>, _: &TopicPartitionList) {
        if let Err(error) = result {
            tracing::debug!(topic = %self.topic, %error, "the lag of a group was not told");
        }
    }
}

/// The consumer and when it does what.
pub(super) struct Member {
    consumer: BaseConsumer<Context>,
    lag_at: Instant,
    /// How long a partition may have no owner here.
    grace: Duration,
}

impl Member {
    /// Takes a consumer that has subscribed.
    pub(super) fn new(consumer: BaseConsumer<Context>, grace: Duration) -> Self {
        Self { consumer, lag_at: Instant::now(), grace }
    }

    /// Polls until told to leave, until nobody waits for the end, or until the log gives up; then leaves the group. Blocks.
    pub(super) fn run(mut self, leave: &CancellationToken, unwatched: impl Fn() -> bool) -> Result<(), Error> {
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
    fn turn(&mut self) -> Result<(), Error> {
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
        }
        let mut shared = self.shared();
        if let Some(partition) = shared.routes.abandoned(now, self.grace) {
            return Err(Error::Fenced(partition.0, self.consumer.context().topic));
        }
        shared.failure.take().map_or(Ok(()), Err)
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

    /// Waits for a record, then takes what is there already, up to a gulp.
    fn poll(&self) -> Result<(), Error> {
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

    fn look_at(&self, error: &KafkaError) -> Result<(), Error> {
        let topic = self.consumer.context().topic;
        match judge(error) {
            Verdict::Passing => Ok(()),
            Verdict::OutOfRange => Err(self.out_of_range()),
            Verdict::NoTopic => {
                Err(Error::Topic { topic: topic.name().to_owned(), problem: "is not there".to_owned() })
            }
            Verdict::Over => Err(unavailable(error)),
        }
    }

    /// The library does not say which partition's offset was refused, so it is looked for.
    fn out_of_range(&self) -> Error {
        let context = self.consumer.context();
        let positions = context.shared().routes.positions();
        for (partition, offset) in positions {
            match self.consumer.fetch_watermarks(&context.name, partition.0, ENDS_TIMEOUT) {
                Ok((low, high)) if (low..=high).contains(&offset.0) => {}
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
