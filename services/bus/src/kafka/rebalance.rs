//! What happens when the group moves partitions: claims by the owner, one assignment with its offsets, and revocation.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, stream};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{ClientContext, TopicPartitionList};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::client::{self, start, unavailable};
use super::route::Routes;
use crate::log::{Error, PartitionOwner, Record};
use crate::topic::{Offset, Partition, Topic};

/// How many partitions are claimed at the same time.
const CLAIMS: usize = 8;
/// How long to wait before a claim that failed is tried again.
const CLAIM_AGAIN: Duration = Duration::from_millis(200);

/// What the thread and the library's callbacks share. Both run on the same thread: callbacks run inside `poll`.
pub(super) struct Context {
    pub(super) topic: Topic,
    /// Its name in this cluster.
    pub(super) name: String,
    owner: Arc<dyn PartitionOwner>,
    runtime: Handle,
    patience: Duration,
    leave: CancellationToken,
    shared: Mutex<Shared>,
}

/// What the owner answers: where to start, and where records go.
type Claim = Result<(Offset, mpsc::Sender<Vec<Record>>), Error>;

#[derive(Default)]
pub(super) struct Shared {
    pub(super) routes: Routes,
    /// What went wrong inside a callback, which cannot return it.
    pub(super) failure: Option<Error>,
    /// Set when the runtime has gone, and the owner with it: neither may be called any more.
    pub(super) orphaned: bool,
}

impl Context {
    /// Claims that fail are tried again for as long as `patience`, unless told to `leave`.
    pub(super) fn new(
        topic: Topic,
        name: String,
        owner: Arc<dyn PartitionOwner>,
        runtime: Handle,
        patience: Duration,
        leave: CancellationToken,
    ) -> Self {
        Self { topic, name, owner, runtime, patience, leave, shared: Mutex::default() }
    }

    pub(super) fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fail(&self, error: Error) {
        self.shared().failure.get_or_insert(error);
    }

    /// Claims the partitions, then assigns all of them at once with the offsets that the owner gave.
    fn assign(&self, consumer: &BaseConsumer<Self>, partitions: &[Partition]) {
        let claimed = if self.orphaned() { Vec::new() } else { self.claim(partitions) };
        let mut assignment = TopicPartitionList::new();
        for (partition, claim) in claimed {
            let added = claim.and_then(|(from, inbox)| {
                assignment
                    .add_partition_offset(&self.name, partition.0, start(self.topic, from))
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

    /// Asks the owner for each partition, again for those it cannot take now: a database that restarts must not end the member.
    fn claim(&self, partitions: &[Partition]) -> Vec<(Partition, Claim)> {
        let deadline = Instant::now() + self.patience;
        let mut claimed = Vec::with_capacity(partitions.len());
        let mut wanted = partitions.to_vec();
        loop {
            let claim = |partition: Partition| async move { (partition, self.owner.assign(partition).await) };
            let claims = stream::iter(wanted.into_iter().map(claim)).buffer_unordered(CLAIMS);
            let answers: Vec<(Partition, Claim)> = self.runtime.block_on(claims.collect());
            let last = self.leave.is_cancelled() || Instant::now() >= deadline;
            let (done, failed): (Vec<_>, Vec<_>) = answers.into_iter().partition(|(_, claim)| claim.is_ok() || last);
            claimed.extend(done);
            if failed.is_empty() {
                return claimed;
            }
            for (partition, claim) in &failed {
                let error = claim.as_ref().err().map(ToString::to_string);
                tracing::warn!(topic = %self.topic, partition = partition.0, error, "a partition cannot be taken now");
            }
            wanted = failed.into_iter().map(|(partition, _)| partition).collect();
            thread::sleep(CLAIM_AGAIN);
        }
    }

    /// Whether the owner may not be called any more, or the thread is already on its way down.
    fn orphaned(&self) -> bool {
        thread::panicking() || self.shared().orphaned
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

    pub(super) fn tell_revoked(&self, partitions: Vec<Partition>) {
        if self.orphaned() {
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
