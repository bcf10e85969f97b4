//! Sharing a topic's partitions.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use homeroom_bus::{Error, Joined, Log, Offset, Partition, PartitionOwner, Record, Standing, Topic, stay};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::owner::{Ledger, Owner};
use crate::{DEADLINE, Logs, append, records, with_topics};

/// [`crate::PARTITIONS`], as owners count them.
const ALL: usize = 4;
/// How soon a dead member's partitions move: Kafka's session of six seconds here, or the lease of four; the rest is for a busy
/// machine. Less than the 45 s of a session of which nothing was said.
const HANDOVER: Duration = Duration::from_secs(40);

struct Membership {
    joined: Joined,
    leave: CancellationToken,
}

async fn join(log: &Arc<dyn Log>, group: &str, owner: &Arc<Owner>) -> Membership {
    let leave = CancellationToken::new();
    let owner = Arc::clone(owner);
    Membership { joined: log.join(Topic::Events, group, owner, leave.clone()).await.unwrap(), leave }
}

impl Membership {
    async fn leave(self) {
        self.leave.cancel();
        tokio::time::timeout(DEADLINE, self.joined.left).await.expect("it leaves in time").unwrap().unwrap();
    }
}

pub(crate) async fn a_lone_member_has_every_partition_and_is_asked_once_for_each(logs: Logs) {
    let logs = with_topics(logs).await;
    let ledger = Ledger::new();
    let owner = Owner::new(&ledger);
    append(&logs.one, Topic::Events, records(500)).await;
    // The owner fails when it is asked twice for one assignment.
    let membership = join(&logs.one, "rules", &owner).await;
    owner.wait_for_partitions(ALL, DEADLINE).await;
    append(&logs.one, Topic::Events, records(500)).await;
    ledger.wait_for(1_000, DEADLINE).await;
    ledger.assert_exact(1_000);
    membership.leave().await;
    owner.wait_for_partitions(0, DEADLINE).await;
}

pub(crate) async fn two_members_share_and_a_leaver_hands_over_with_nothing_lost_or_repeated(logs: Logs) {
    let logs = with_topics(logs).await;
    let ledger = Ledger::new();
    let (first, second) = (Owner::new(&ledger), Owner::new(&ledger));
    let one = join(&logs.one, "rules", &first).await;
    first.wait_for_partitions(ALL, DEADLINE).await;
    append(&logs.one, Topic::Events, records(2_000)).await;

    let two = join(&logs.two, "rules", &second).await;
    append(&logs.one, Topic::Events, records(2_000)).await;
    second.wait_for_partitions(ALL / 2, DEADLINE).await;
    first.wait_for_partitions(ALL / 2, DEADLINE).await;
    append(&logs.two, Topic::Events, records(2_000)).await;

    one.leave().await;
    first.wait_for_partitions(0, DEADLINE).await;
    append(&logs.two, Topic::Events, records(2_000)).await;
    second.wait_for_partitions(ALL, DEADLINE).await;
    ledger.wait_for(8_000, DEADLINE).await;
    ledger.assert_exact(8_000);
    two.leave().await;
}

pub(crate) async fn the_partitions_of_a_member_that_dies_move_with_nothing_lost_or_repeated(logs: Logs) {
    let logs = with_topics(logs).await;
    let ledger = Ledger::new();
    let (dying, heir) = (Owner::new(&ledger), Owner::new(&ledger));
    let doomed = join(&logs.mortal(), "rules", &dying).await;
    dying.wait_for_partitions(ALL, DEADLINE).await;
    let two = join(&logs.two, "rules", &heir).await;
    append(&logs.two, Topic::Events, records(2_000)).await;
    heir.wait_for_partitions(ALL / 2, DEADLINE).await;
    dying.wait_for_partitions(ALL / 2, DEADLINE).await;

    // As a killed process: no word to anybody.
    doomed.joined.left.abort();
    let died = Instant::now();
    append(&logs.two, Topic::Events, records(2_000)).await;
    heir.wait_for_partitions(ALL, HANDOVER).await;
    ledger.wait_for(4_000, DEADLINE).await;
    ledger.assert_exact(4_000);
    println!("handed over after {:?}", died.elapsed());
    two.leave().await;
}

pub(crate) async fn a_slow_worker_loses_no_record_and_no_order(logs: Logs) {
    let logs = with_topics(logs).await;
    let ledger = Ledger::new();
    let owner = Owner::new(&ledger);
    let membership = join(&logs.one, "rules", &owner).await;
    owner.wait_for_partitions(ALL, DEADLINE).await;
    owner.working.send_replace(false);
    for _ in 0..10 {
        append(&logs.one, Topic::Events, records(3_000)).await;
    }
    owner.working.send_replace(true);
    ledger.wait_for(30_000, DEADLINE).await;
    ledger.assert_exact(30_000);
    membership.leave().await;
}

pub(crate) async fn a_member_starts_at_the_offset_that_its_owner_says(logs: Logs) {
    let logs = with_topics(logs).await;
    let ledger = Ledger::new();
    append(&logs.one, Topic::Events, records(1_000)).await;
    let owner = Owner::new(&ledger);
    let membership = join(&logs.one, "rules", &owner).await;
    ledger.wait_for(1_000, DEADLINE).await;
    membership.leave().await;
    // The ledger knows where it was, the log need not.
    append(&logs.one, Topic::Events, records(1_000)).await;
    let again = Owner::new(&ledger);
    let membership = join(&logs.two, "rules-renamed", &again).await;
    ledger.wait_for(2_000, DEADLINE).await;
    ledger.assert_exact(2_000);
    membership.leave().await;
    let ends = logs.one.end_offsets(Topic::Events).await.unwrap();
    assert_eq!(ends.iter().map(|Offset(end)| end).sum::<i64>(), 2_000);
}

pub(crate) async fn groups_do_not_disturb_each_other(logs: Logs) {
    let logs = with_topics(logs).await;
    let (one, two) = (Ledger::new(), Ledger::new());
    let (first, second) = (Owner::new(&one), Owner::new(&two));
    let memberships = [join(&logs.one, "rules", &first).await, join(&logs.one, "notification", &second).await];
    first.wait_for_partitions(ALL, DEADLINE).await;
    second.wait_for_partitions(ALL, DEADLINE).await;
    append(&logs.two, Topic::Events, records(300)).await;
    for ledger in [one, two] {
        ledger.wait_for(300, DEADLINE).await;
        ledger.assert_exact(300);
    }
    for membership in memberships {
        membership.leave().await;
    }
}

/// An owner with a fault of its own.
struct Faulty;

#[async_trait]
impl PartitionOwner for Faulty {
    async fn assign(&self, partition: Partition) -> Result<(Offset, mpsc::Sender<Vec<Record>>), Error> {
        panic!("planted: partition {} cannot be owned", partition.0)
    }

    async fn revoke(&self, _: Partition) {}
}

pub(crate) async fn a_member_that_dies_of_its_own_fault_ends_for_good_and_leaves_its_partitions_to_others(logs: Logs) {
    let logs = with_topics(logs).await;
    append(&logs.one, Topic::Events, records(500)).await;
    let standings = std::sync::Mutex::new(Vec::new());
    let tell = |standing| standings.lock().unwrap().push(standing);
    let staying = stay(&*logs.one, Topic::Events, "rules", Arc::new(Faulty), CancellationToken::new(), tell);
    let ended = tokio::time::timeout(DEADLINE, staying).await.expect("it ends");
    // A process that went on would look well and count nothing: so its part ends, and the process with it.
    assert!(matches!(ended, Err(Error::Died(_))), "{ended:?}");
    assert_eq!(standings.into_inner().unwrap(), [Standing::Member, Standing::Left], "it does not join again");
    let ledger = Ledger::new();
    let heir = Owner::new(&ledger);
    let membership = join(&logs.two, "rules", &heir).await;
    heir.wait_for_partitions(ALL, DEADLINE).await;
    ledger.wait_for(500, DEADLINE).await;
    ledger.assert_exact(500);
    membership.leave().await;
}
