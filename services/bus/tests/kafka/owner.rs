//! An owner that keeps its offsets as a service does: in one place, moved with what it has taken.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use homeroom_bus::{Error, Offset, Partition, PartitionOwner, Record};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

/// What all members share, as they would a database.
#[derive(Debug)]
pub(crate) struct Ledger {
    state: Mutex<State>,
    seen: watch::Sender<usize>,
}

#[derive(Debug, Default)]
struct State {
    epochs: BTreeMap<Partition, (u64, Offset)>,
    taken: Vec<(Partition, Offset)>,
}

impl Ledger {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), seen: watch::Sender::new(0) })
    }

    fn claim(&self, partition: Partition) -> (u64, Offset) {
        let mut state = self.state.lock().unwrap();
        let entry = state.epochs.entry(partition).or_insert((0, Offset(0)));
        entry.0 += 1;
        *entry
    }

    /// Takes a batch unless the epoch has moved on. Says whether it did.
    fn commit(&self, epoch: u64, batch: &[Record]) -> bool {
        let mut state = self.state.lock().unwrap();
        let (partition, last) = (batch[0].partition, batch[batch.len() - 1].offset);
        let entry = state.epochs.get_mut(&partition).unwrap();
        if entry.0 != epoch {
            return false;
        }
        entry.1 = Offset(last.0 + 1);
        state.taken.extend(batch.iter().map(|record| (record.partition, record.offset)));
        let taken = state.taken.len();
        drop(state);
        // Another worker may have been quicker from the lock to here.
        self.seen.send_modify(|seen| *seen = taken.max(*seen));
        true
    }

    pub(crate) async fn wait_for(&self, count: usize, within: Duration) {
        let mut seen = self.seen.subscribe();
        let outcome = tokio::time::timeout(within, seen.wait_for(|taken| *taken >= count)).await;
        assert!(outcome.is_ok(), "{} of {count} records were taken{}", *self.seen.borrow(), self.gaps());
    }

    /// Where records are missing, for a failed test's text.
    fn gaps(&self) -> String {
        let state = self.state.lock().unwrap();
        let taken: BTreeSet<_> = state.taken.iter().collect();
        let gap = |(partition, (epoch, next)): (&Partition, &(u64, Offset))| {
            let missing: Vec<_> = (0..next.0).filter(|at| !taken.contains(&(*partition, Offset(*at)))).collect();
            format!("; {}: epoch {epoch}, next {}, missing {missing:?}", partition.0, next.0)
        };
        state.epochs.iter().map(gap).collect()
    }

    /// Fails when a record was taken twice or out of order.
    pub(crate) fn assert_exact(&self, count: usize) {
        let state = self.state.lock().unwrap();
        assert_eq!(state.taken.len(), count);
        assert_eq!(state.taken.iter().collect::<BTreeSet<_>>().len(), count, "a record was taken twice");
        let mut next: BTreeMap<Partition, i64> = BTreeMap::new();
        for (partition, offset) in &state.taken {
            let expected = next.entry(*partition).or_default();
            assert_eq!(offset.0, *expected, "out of order in {partition:?}");
            *expected += 1;
        }
    }
}

/// One process's owner.
pub(crate) struct Owner {
    ledger: Arc<Ledger>,
    workers: Mutex<JoinSet<()>>,
    /// Which partitions are assigned now.
    pub(crate) held: watch::Sender<BTreeSet<Partition>>,
    /// Workers take nothing while this is false.
    pub(crate) working: watch::Sender<bool>,
}

impl Owner {
    pub(crate) fn new(ledger: &Arc<Ledger>) -> Arc<Self> {
        Arc::new(Self {
            ledger: Arc::clone(ledger),
            workers: Mutex::default(),
            held: watch::Sender::default(),
            working: watch::Sender::new(true),
        })
    }

    pub(crate) async fn wait_for_partitions(&self, count: usize, within: Duration) {
        let mut held = self.held.subscribe();
        let outcome = tokio::time::timeout(within, held.wait_for(|held| held.len() == count)).await;
        assert!(outcome.is_ok(), "{:?} are assigned, not {count}", *self.held.borrow());
    }
}

#[async_trait]
impl PartitionOwner for Owner {
    async fn assign(&self, partition: Partition) -> Result<(Offset, mpsc::Sender<Vec<Record>>), Error> {
        let (epoch, from) = self.ledger.claim(partition);
        let (inbox, mut batches) = mpsc::channel::<Vec<Record>>(2);
        let ledger = Arc::clone(&self.ledger);
        let mut working = self.working.subscribe();
        self.workers.lock().unwrap().spawn(async move {
            while let Some(batch) = batches.recv().await {
                working.wait_for(|working| *working).await.unwrap();
                if !ledger.commit(epoch, &batch) {
                    return;
                }
            }
        });
        self.held.send_modify(|held| assert!(held.insert(partition), "assigned twice"));
        Ok((from, inbox))
    }

    async fn revoke(&self, partition: Partition) {
        self.held.send_modify(|held| assert!(held.remove(&partition), "revoked without an assignment"));
    }
}
