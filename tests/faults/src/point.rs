//! Kills at points rather than at times: before the n-th commit or append of a process reaches the database or the log, or after
//! it was kept and before the process hears of it. Proxies between them know the points, so the programs need no hook.

use anyhow::{Context as _, Result, bail};
use homeroom_harness::Proxy;
use homeroom_harness::proxy::{Message, Point};
use tokio::time::{Instant, timeout};

use crate::world::{Log, Role};
use crate::{PATIENCE, Scene};

/// Points are among the first so many of their kind.
const AMONG: u64 = 6;

/// What a process sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A commit, by a service with this schema.
    Commit(&'static str),
    /// The same, of a transaction that executed a statement with these words.
    CommitOf(&'static str, &'static str),
    /// An append to this topic.
    Append(&'static str),
    /// The adapter's word on how attempts ended, to the feed.
    Settlement,
}

/// How far it comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// It does not reach the server.
    Before,
    /// It was done, and the answer does not reach the process.
    After,
}

impl Scene {
    /// Waits for one of the next of these, stops everything there, kills the role and starts it again.
    pub async fn kill_at(&mut self, role: Role, place: Place, moment: Moment) -> Result<Instant> {
        self.stop_at(place, moment).await?;
        let since = Instant::now();
        self.world.kill(role)?;
        self.proxy(place)?.cut();
        self.world.start_role(role)?;
        Ok(since)
    }

    /// Waits for one of the next of these, and cuts the connections there: the process lives, and does not know what became of it.
    pub async fn cut_at(&mut self, place: Place, moment: Moment) -> Result<Instant> {
        self.stop_at(place, moment).await?;
        self.proxy(place)?.cut();
        Ok(Instant::now())
    }

    async fn stop_at(&mut self, place: Place, moment: Moment) -> Result<()> {
        let nth = 1 + self.dice.below(AMONG);
        let message = match place {
            Place::Commit(_) => Message::Commit,
            Place::CommitOf(_, words) => Message::CommitOf(words),
            Place::Settlement => Message::Settlement,
            Place::Append(topic) => Message::Produce(topic.to_owned()),
        };
        let point = Point { message, nth, answered: moment == Moment::After };
        let reached = self.proxy(place)?.stop_at(point);
        let reached = timeout(PATIENCE, reached).await;
        reached.with_context(|| format!("number {nth} of {place:?} does not come"))??;
        println!("{}: {moment:?} number {nth} of {place:?}", self.name());
        Ok(())
    }

    fn proxy(&self, place: Place) -> Result<&Proxy> {
        match (place, &self.world.log) {
            (Place::Commit(schema) | Place::CommitOf(schema, _), _) => self.world.proxy(schema),
            (Place::Settlement, _) => self.world.feed_proxy(),
            (Place::Append(_), Log::ProxiedKafka(_, proxy)) => Ok(proxy),
            (Place::Append(_), _) => bail!("the setup has no proxy before Kafka"),
        }
    }
}
