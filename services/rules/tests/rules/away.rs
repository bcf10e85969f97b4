//! A log that is away: when the service starts, and later for longer than its membership lasts.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use homeroom_bus::{Appended, Error, Joined, Log, NewRecord, Offset, Partition, PartitionOwner, Record, Tail, Topic};
use homeroom_chassis::TaskGroup;
use homeroom_chassis::component::Readiness;
use homeroom_rules::build;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::district::{day, student};
use crate::fault::TestLog;
use crate::world::{World, access, until};

/// A log that answers only while it is there, and else drops its readers and members.
struct Distant {
    inner: TestLog,
    there: watch::Sender<bool>,
}

fn away() -> Error {
    Error::Unavailable("on order".to_owned())
}

impl Distant {
    fn reach(&self) -> Result<&TestLog, Error> {
        if *self.there.borrow() { Ok(&self.inner) } else { Err(away()) }
    }
}

#[async_trait]
impl Log for Distant {
    async fn append(&self, topic: Topic, records: Vec<NewRecord>) -> Vec<Result<Appended, Error>> {
        match self.reach() {
            Ok(log) => log.append(topic, records).await,
            Err(_) => records.iter().map(|_| Err(away())).collect(),
        }
    }

    async fn partitions(&self, topic: Topic) -> Result<i32, Error> {
        self.reach()?.partitions(topic).await
    }

    async fn end_offsets(&self, topic: Topic) -> Result<Vec<Offset>, Error> {
        self.reach()?.end_offsets(topic).await
    }

    async fn extent(&self, topic: Topic, partition: Partition) -> Result<Range<Offset>, Error> {
        self.reach()?.extent(topic, partition).await
    }

    async fn tail(&self, topic: Topic, partition: Partition, from: Offset) -> Result<Box<dyn Tail>, Error> {
        let tail = self.reach()?.tail(topic, partition, from).await?;
        Ok(Box::new(Passing { tail, there: self.there.subscribe() }))
    }

    async fn join(
        &self,
        topic: Topic,
        group: &str,
        owner: Arc<dyn PartitionOwner>,
        leave: CancellationToken,
    ) -> Result<Joined, Error> {
        let dropped = leave.child_token();
        let mut joined = self.reach()?.join(topic, group, owner, dropped.clone()).await?;
        let mut there = self.there.subscribe();
        #[expect(clippy::disallowed_methods, reason = "the service awaits it through the handle")]
        let left = tokio::spawn(async move {
            tokio::select! {
                left = &mut joined.left => return left.unwrap(),
                _ = there.wait_for(|there| !there) => dropped.cancel(),
            }
            joined.left.await.unwrap().and_then(|()| Err(away()))
        });
        Ok(Joined { left })
    }

    async fn create_topics(&self, partitions: i32) -> Result<(), Error> {
        self.reach()?.create_topics(partitions).await
    }

    async fn check_topics(&self) -> Result<(), Error> {
        self.reach()?.check_topics().await
    }
}

/// A reader that ends for good when the log goes.
struct Passing {
    tail: Box<dyn Tail>,
    there: watch::Receiver<bool>,
}

#[async_trait]
impl Tail for Passing {
    async fn next(&mut self, max: usize, wait: Duration) -> Result<Vec<Record>, Error> {
        tokio::select! {
            records = self.tail.next(max, wait) => records,
            _ = self.there.wait_for(|there| !there) => Err(away()),
        }
    }
}

#[tokio::test]
async fn the_service_waits_for_a_log_that_is_away_at_its_start_or_later_and_is_not_ready_meanwhile() {
    let world = World::new().await;
    let log = Arc::new(Distant { inner: world.log.clone(), there: watch::Sender::new(false) });
    let tasks = TaskGroup::default();
    let component = build(&world.config, log.clone(), access(), &tasks).await.unwrap();
    let ready = || matches!((component.ready)(), Readiness::Ready);
    let waits = || matches!((component.ready)(), Readiness::NotReady(why) if why.contains("log"));
    for name in ["ada", "bea"] {
        assert!(waits());
        world.home.attends(student(name), "1").await;
        world.home.absent(student(name), day(12)).await;
        log.there.send_replace(true);
        until("it is ready", async || ready()).await;
        until("the absence has its effect", async || !world.told(student(name)).await.is_empty()).await;
        log.there.send_replace(false);
        until("it is not ready", async || waits()).await;
    }
    assert_eq!(tasks.failure(), None);
    tasks.stop();
    tokio::time::timeout(crate::world::SOON, tasks.drained()).await.expect("it stops without the log");
    assert_eq!(tasks.failure(), None);
}
