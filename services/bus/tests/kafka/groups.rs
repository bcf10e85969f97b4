//! Members come, go and stall; each record is taken once, in order.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use homeroom_bus::kafka::{Config, KafkaLog};
use homeroom_bus::{Error, Joined, Log as _, Offset, Partition, PartitionOwner, Record, Topic};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::owner::{Ledger, Owner};
use crate::{DEADLINE, append_all, cluster, records};

async fn join(log: &KafkaLog, owner: &Arc<Owner>) -> (Joined, CancellationToken) {
    let leave = CancellationToken::new();
    let owner = Arc::clone(owner);
    (log.join(Topic::Events, "rules", owner, leave.clone()).await.unwrap(), leave)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_member_takes_over_part_and_then_all_of_the_work() {
    let (config, log) = cluster(8).await;
    let ledger = Ledger::new();
    let (first, second) = (Owner::new(&ledger), Owner::new(&ledger));
    let (left, leave) = join(&log, &first).await;
    first.wait_for_partitions(8, DEADLINE).await;
    append_all(&log, Topic::Events, records(0..5_000)).await;

    let other = KafkaLog::new(&config).unwrap();
    let (second_left, second_leave) = join(&other, &second).await;
    append_all(&log, Topic::Events, records(0..5_000)).await;
    second.wait_for_partitions(4, DEADLINE).await;
    first.wait_for_partitions(4, DEADLINE).await;
    append_all(&log, Topic::Events, records(0..5_000)).await;

    leave.cancel();
    left.left.await.unwrap().unwrap();
    first.wait_for_partitions(0, DEADLINE).await;
    second.wait_for_partitions(8, DEADLINE).await;
    append_all(&log, Topic::Events, records(0..5_000)).await;
    ledger.wait_for(20_000, DEADLINE).await;
    ledger.assert_exact(20_000);
    second_leave.cancel();
    second_left.left.await.unwrap().unwrap();
    second.wait_for_partitions(0, DEADLINE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_stalls_past_the_patience_loses_no_record_and_no_order() {
    let (_, log) = cluster(2).await;
    let ledger = Ledger::new();
    let owner = Owner::new(&ledger);
    let (left, leave) = join(&log, &owner).await;
    owner.wait_for_partitions(2, DEADLINE).await;
    owner.working.send_replace(false);
    for _ in 0..8 {
        append_all(&log, Topic::Events, records(0..4_000)).await;
    }
    // More than the second after which the partitions are paused: the member must not take its worker's silence for an end.
    let stalled = tokio::time::timeout(Duration::from_secs(2), left.left);
    tokio::pin!(stalled);
    assert!(stalled.as_mut().await.is_err(), "the member ended while its worker stalled");
    owner.working.send_replace(true);
    ledger.wait_for(32_000, DEADLINE).await;
    ledger.assert_exact(32_000);
    leave.cancel();
    owner.wait_for_partitions(0, DEADLINE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_whose_name_was_taken_joins_again() {
    let (config, _) = cluster(4).await;
    let named = || KafkaLog::new(&Config { instance_id: Some("rules-0".to_owned()), ..config.clone() }).unwrap();
    let (log, other) = (named(), named());
    let ledger = Ledger::new();
    let (first, second) = (Owner::new(&ledger), Owner::new(&ledger));
    let (left, leave) = join(&log, &first).await;
    first.wait_for_partitions(4, DEADLINE).await;
    append_all(&log, Topic::Events, records(0..1_000)).await;

    let (second_left, second_leave) = join(&other, &second).await;
    second.wait_for_partitions(4, DEADLINE).await;
    first.wait_for_partitions(0, DEADLINE).await;
    // A member with a name does not say that it leaves: only by taking the name back can the first have all again at once.
    second_leave.cancel();
    second_left.left.await.unwrap().unwrap();
    first.wait_for_partitions(4, DEADLINE).await;
    append_all(&log, Topic::Events, records(0..1_000)).await;
    ledger.wait_for(2_000, DEADLINE).await;
    ledger.assert_exact(2_000);
    leave.cancel();
    left.left.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_with_one_name_do_not_take_it_from_each_other_for_ever() {
    let (config, _) = cluster(1).await;
    // Each learns at a heartbeat that its name was taken, so that a short session shortens the test.
    let named = Config { instance_id: Some("rules-0".to_owned()), session_timeout_ms: 2_000, ..config };
    let (log, other) = (KafkaLog::new(&named).unwrap(), KafkaLog::new(&named).unwrap());
    let ledger = Ledger::new();
    let (owner, second) = (Owner::new(&ledger), Owner::new(&ledger));
    let ((left, leave), (second_left, second_leave)) = (join(&log, &owner).await, join(&other, &second).await);
    let (mut left, mut second_left) = (left.left, second_left.left);
    let ended = async {
        tokio::select! { ended = &mut left => ended, ended = &mut second_left => ended }
    };
    let outcome = tokio::time::timeout(DEADLINE, ended).await.unwrap().unwrap();
    assert!(matches!(&outcome, Err(Error::Unavailable(why)) if why.contains("FencedInstanceId")), "{outcome:?}");
    leave.cancel();
    second_leave.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_that_asks_for_an_offset_that_is_not_there_ends_the_member() {
    let (_, log) = cluster(1).await;
    let (inbox, _open) = mpsc::channel(1);
    let joined = log
        .join(Topic::Events, "rules", Arc::new(Fixed { from: Offset(1_000), inbox }), CancellationToken::new())
        .await
        .unwrap();
    let outcome = tokio::time::timeout(DEADLINE, joined.left).await.unwrap().unwrap();
    assert!(matches!(outcome, Err(Error::OffsetOutOfRange { partition: 0, offset: 1_000, .. })), "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_whose_owner_closes_its_inbox_is_not_left_to_nobody() {
    let (_, log) = cluster(1).await;
    let (inbox, closed) = mpsc::channel(1);
    drop(closed);
    let owner = Arc::new(Fixed { from: Offset(0), inbox });
    let joined = log.join(Topic::Events, "rules", owner, CancellationToken::new()).await.unwrap();
    let outcome = tokio::time::timeout(DEADLINE, joined.left).await.unwrap().unwrap();
    assert!(matches!(outcome, Err(Error::Fenced(0, Topic::Events))), "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_that_cannot_take_a_partition_is_asked_again() {
    let (_, log) = cluster(1).await;
    append_all(&log, Topic::Events, records(0..10)).await;
    let (inbox, mut taken) = mpsc::channel(1);
    let owner = Arc::new(Hesitant { asked: AtomicUsize::new(0), inbox });
    let leave = CancellationToken::new();
    let joined = log.join(Topic::Events, "rules", owner, leave.clone()).await.unwrap();
    let batch = tokio::time::timeout(DEADLINE, taken.recv()).await.unwrap().unwrap();
    assert_eq!(batch[0].offset, Offset(0));
    leave.cancel();
    joined.left.await.unwrap().unwrap();
}

/// Can take a partition only at the third time of asking.
struct Hesitant {
    asked: AtomicUsize,
    inbox: mpsc::Sender<Vec<Record>>,
}

#[async_trait]
impl PartitionOwner for Hesitant {
    async fn assign(&self, _: Partition) -> Result<(Offset, mpsc::Sender<Vec<Record>>), Error> {
        match self.asked.fetch_add(1, Ordering::Relaxed) {
            0 | 1 => Err(Error::Unavailable("not now".to_owned())),
            _ => Ok((Offset(0), self.inbox.clone())),
        }
    }

    async fn revoke(&self, _: Partition) {}
}

/// Starts each partition at an offset, into one inbox.
struct Fixed {
    from: Offset,
    inbox: mpsc::Sender<Vec<Record>>,
}

#[async_trait]
impl PartitionOwner for Fixed {
    async fn assign(&self, _: Partition) -> Result<(Offset, mpsc::Sender<Vec<Record>>), Error> {
        Ok((self.from, self.inbox.clone()))
    }

    async fn revoke(&self, _: Partition) {}
}
