//! Members that die without a word.

use std::sync::Arc;

use async_trait::async_trait;
use homeroom_bus::postgres::Config;
use homeroom_bus::{Error, Log as _, Offset, Partition, PartitionOwner, Record, Topic};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{DEADLINE, database, open};

/// How long a member that says nothing keeps its partitions.
const LEASE_S: f64 = 4.0;

/// Counts its partitions, and fails its first assignments on purpose.
struct Counter {
    held: watch::Sender<usize>,
    failures: watch::Sender<u32>,
}

impl Counter {
    fn new(failures: u32) -> Arc<Self> {
        Arc::new(Self { held: watch::Sender::new(0), failures: watch::Sender::new(failures) })
    }

    async fn wait_for(&self, count: usize) {
        let mut held = self.held.subscribe();
        let outcome = tokio::time::timeout(DEADLINE, held.wait_for(|held| *held == count)).await;
        assert!(outcome.is_ok(), "{} partitions, not {count}", *self.held.borrow());
    }
}

#[async_trait]
impl PartitionOwner for Counter {
    async fn assign(&self, _partition: Partition) -> Result<(Offset, mpsc::Sender<Vec<Record>>), Error> {
        if self.failures.send_if_modified(|left| std::mem::replace(left, left.saturating_sub(1)) > 0) {
            return Err(Error::Unavailable("on purpose".to_owned()));
        }
        self.held.send_modify(|held| *held += 1);
        // Nothing is appended in these tests, so the log does not notice that nobody reads.
        Ok((Offset(0), mpsc::channel(1).0))
    }

    async fn revoke(&self, _partition: Partition) {
        self.held.send_modify(|held| *held -= 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_partitions_of_a_dead_member_move_when_its_lease_ends() {
    let test = database().await;
    let (one, two) = (open(&test, &Config::default()).await, open(&test, &Config::default()).await);
    let (dying, heir) = (Counter::new(0), Counter::new(0));
    let doomed = one.join(Topic::Events, "rules", dying.clone(), CancellationToken::new()).await.unwrap();
    dying.wait_for(4).await;
    let mut admin = test.admin().await;
    let member: Uuid = sqlx::query_scalar("select member_id from bus.members").fetch_one(&mut admin).await.unwrap();
    let leave = CancellationToken::new();
    let kept = two.join(Topic::Events, "rules", heir.clone(), leave.clone()).await.unwrap();
    heir.wait_for(2).await;
    // As a killed process: no word to anybody.
    doomed.left.abort();
    let until = "select extract(epoch from expires_at)::float8, extract(epoch from clock_timestamp())::float8
                 from bus.members where member_id = $1";
    let until: Option<(f64, f64)> = sqlx::query_as(until).bind(member).fetch_optional(&mut admin).await.unwrap();
    heir.wait_for(4).await;
    let now = "select extract(epoch from clock_timestamp())::float8";
    let now: f64 = sqlx::query_scalar(now).fetch_one(&mut admin).await.unwrap();
    // None when the machine stood still until the lease was over.
    if let Some((ends, then)) = until {
        assert!(ends - then <= LEASE_S, "the lease runs for {} s more", ends - then);
        assert!(ends <= now, "they moved {} s before the lease ended", ends - now);
    }
    leave.cancel();
    kept.left.await.unwrap().unwrap();
    heir.wait_for(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_that_cannot_assign_is_asked_again() {
    let test = database().await;
    let log = open(&test, &Config::default()).await;
    let owner = Counter::new(6);
    let leave = CancellationToken::new();
    let joined = log.join(Topic::Events, "rules", owner.clone(), leave.clone()).await.unwrap();
    owner.wait_for(4).await;
    leave.cancel();
    joined.left.await.unwrap().unwrap();
}
