//! A membership outlives its consumers: one that loses its name in the group is followed by another, and so is one whose
//! certificate or password has changed.
//!
//! A member with a name (`instance-id`) gets a new id at each join. When the broker that keeps the group dies, the answer with
//! the new id may be lost: its successor knows that id, the member shows the one before, and is told that somebody else has
//! taken its name. The library calls this fatal, rightly for the consumer, for it never shows another id; but nobody else has
//! the name, so another consumer takes it back. That is safe whoever is right: what is owned is decided by epochs.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use homeroom_chassis::tls::Followed;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::client::unavailable;
use super::config::Clients;
use super::member::{End, Member};
use super::rebalance::Context;
use crate::log::{Error, PartitionOwner};
use crate::topic::Topic;

/// How long to wait before the name is taken back, twice as long each time. Two processes with one name in earnest take it
/// from each other without end, with these pauses ever more slowly;
const FIRST_WAIT: Duration = Duration::from_millis(200);
/// after so many times in a row one of them ends, and its error says why.
const MOST_TIMES: u32 = 5;
/// A consumer that had its name for so long begins a new row.
const LASTING: Duration = Duration::from_mins(1);
/// How often a wait looks whether it is still wanted.
const LOOK: Duration = Duration::from_millis(50);

/// What is needed to join, any number of times.
pub(super) struct Membership {
    pub(super) clients: Followed<Clients>,
    pub(super) topic: Topic,
    /// The topic's name in this cluster.
    pub(super) name: String,
    pub(super) group: String,
    pub(super) owner: Arc<dyn PartitionOwner>,
    pub(super) runtime: Handle,
    pub(super) leave: CancellationToken,
}

/// A consumer that has subscribed, and what it was made with.
pub(super) struct Client {
    pub(super) consumer: BaseConsumer<Context>,
    pub(super) made_with: Arc<Clients>,
}

impl Membership {
    /// Makes a consumer and subscribes it.
    pub(super) fn client(&self) -> Result<Client, Error> {
        let made_with = self.clients.current();
        // Half the time that Kafka allows for it; the rest is for what comes after.
        let patience = made_with.poll_interval() / 2;
        let (owner, runtime, leave) = (Arc::clone(&self.owner), self.runtime.clone(), self.leave.clone());
        let context = Context::new(self.topic, self.name.clone(), owner, runtime, patience, leave);
        let consumer: BaseConsumer<Context> =
            made_with.member(&self.group).create_with_context(context).map_err(|error| unavailable(&error))?;
        consumer.subscribe(&[&self.name]).map_err(|error| unavailable(&error))?;
        Ok(Client { consumer, made_with })
    }

    /// Is a member, with this client at first, until told to leave, until nobody waits for the end, or until the log gives
    /// up. Blocks.
    pub(super) fn run(&self, mut client: Client, unwatched: impl Fn() -> bool) -> Result<(), Error> {
        let mut times = 0;
        loop {
            let since = Instant::now();
            let replaced = match Member::new(client, self.clients.clone()).run(&self.leave, &unwatched) {
                Ok(()) => return Ok(()),
                Err(End::Renewed) => {
                    tracing::info!(topic = %self.topic, "joining again with changed certificates or passwords");
                    client = self.client()?;
                    continue;
                }
                Err(End::Failed(error)) => return Err(error),
                Err(End::Replaced(error)) => error,
            };
            times = if since.elapsed() >= LASTING { 0 } else { times };
            if times == MOST_TIMES {
                return Err(replaced);
            }
            tracing::warn!(topic = %self.topic, error = %replaced, times, "the group gave our name away: joining again");
            self.rest(FIRST_WAIT * 2_u32.pow(times), &unwatched);
            if self.leave.is_cancelled() || unwatched() {
                return Ok(());
            }
            times += 1;
            client = self.client()?;
        }
    }

    /// Waits, but no longer than the membership is wanted. A thread's sleep: the runtime may have gone, and its timers with it.
    fn rest(&self, time: Duration, unwatched: impl Fn() -> bool) {
        let end = Instant::now() + time;
        while Instant::now() < end && !self.leave.is_cancelled() && !unwatched() {
            thread::sleep(LOOK.min(time));
        }
    }
}
