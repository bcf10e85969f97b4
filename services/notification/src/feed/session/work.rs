//! The transactions of one stream: at most one claim at a time, and as many settlements together as have come meanwhile.

use std::sync::Arc;
use std::time::Duration;

use homeroom_pg::Error;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::super::held::Held;
use crate::schedule::Policy;
use crate::store::{Claimed, Failed, LARGEST_CLAIM, Lease, Limits, Reach, Settlement, Standing, Store, Terms};

/// Settlements that may wait for their turn; beyond, the adapter's frames are not read.
const MOST_WAITING: usize = 1_000;

/// Settlements of one transaction.
const LARGEST_SETTLING: usize = 500;

/// Transactions of settlements at a time: one waits for the disk while the other computes.
const MOST_SETTLING: usize = 2;

/// The pauses between tries to give back what was never sent; each is twice the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// What a transaction has brought.
pub(super) enum Done {
    /// Deliveries under lease; `full` when there may be more.
    Claimed { claimed: Vec<Claimed>, full: bool },
    /// What became of settlements, by how they came; whether that made room for more.
    Settled { one_by_one: Vec<(Uuid, Standing)>, together: Vec<(Uuid, Standing)>, made_room: bool },
    /// The database did not answer as it should.
    Failed(Error),
}

/// A settlement, and whether it came in a frame with others.
struct Waiting {
    settlement: Settlement,
    together: bool,
}

enum Ended {
    Claim { asked: u32, claimed: Result<Vec<Claimed>, Failed> },
    Settling { batch: Arc<Vec<Settlement>>, together: Vec<bool>, standings: Result<Vec<Standing>, Error> },
}

/// The work of a stream.
pub(super) struct Work {
    store: Store,
    policy: Arc<Policy>,
    terms: Terms,
    reach: Reach,
    held: Held,
    waiting: Vec<Waiting>,
    running: JoinSet<Ended>,
    claiming: bool,
    settling: usize,
    /// Not to be sent: claimed when the adapter wanted no more, or by a transaction that may not have been committed.
    lost: Vec<Lease>,
}

impl Work {
    pub(super) fn new(store: Store, policy: Arc<Policy>, terms: Terms, reach: Reach) -> Self {
        let running = JoinSet::new();
        let (held, waiting, lost) = (Held::default(), Vec::new(), Vec::new());
        Self { store, policy, terms, reach, held, waiting, running, claiming: false, settling: 0, lost }
    }

    /// Nothing is out, and nothing under way.
    pub(super) fn is_idle(&self) -> bool {
        self.held.is_empty() && self.waiting.is_empty() && self.running.is_empty()
    }

    pub(super) const fn is_claiming(&self) -> bool {
        self.claiming
    }

    pub(super) const fn takes_settlements(&self) -> bool {
        self.waiting.len() < MOST_WAITING
    }

    /// What is left of the adapter's limits.
    pub(super) fn room(&self, limits: Limits) -> Limits {
        Limits {
            count: limits.count.saturating_sub(self.held.count()),
            bytes: limits.bytes.saturating_sub(self.held.bytes()),
        }
    }

    pub(super) fn leases(&self) -> Vec<Lease> {
        self.held.leases()
    }

    pub(super) fn release(&mut self, lease: &Lease) -> bool {
        self.held.release(lease)
    }

    pub(super) fn add(&mut self, settlement: Settlement, together: bool) {
        self.waiting.push(Waiting { settlement, together });
    }

    /// Begins to take deliveries.
    pub(super) fn claim(&mut self, limits: Limits) {
        self.claiming = true;
        let (store, terms) = (self.store.clone(), self.terms.clone());
        let asked = limits.count.min(LARGEST_CLAIM);
        self.running.spawn(async move { Ended::Claim { asked, claimed: store.claim(&terms, limits).await } });
    }

    /// Keeps claimed deliveries from the adapter; they are given back at the end.
    pub(super) fn keep_back(&mut self, claimed: &[Claimed]) {
        for lease in claimed.iter().map(Claimed::lease) {
            self.held.release(&lease);
            self.lost.push(lease);
        }
    }

    /// Begins to settle what waits for it.
    pub(super) fn settle(&mut self) {
        while self.settling < MOST_SETTLING && !self.waiting.is_empty() {
            let batch = self.waiting.drain(..self.waiting.len().min(LARGEST_SETTLING));
            let (batch, together): (Vec<_>, Vec<_>) = batch.map(|one| (one.settlement, one.together)).unzip();
            let (store, reach, policy) = (self.store.clone(), self.reach.clone(), Arc::clone(&self.policy));
            let batch = Arc::new(batch);
            self.settling += 1;
            self.running.spawn(async move {
                let standings = store.settle(&reach, &batch, &policy).await;
                Ended::Settling { batch, together, standings }
            });
        }
    }

    /// The next transaction that ends; none while none runs. May be dropped while it waits.
    pub(super) async fn next(&mut self) -> Option<Done> {
        let ended = self.running.join_next().await?;
        Some(self.end(ended))
    }

    fn end(&mut self, ended: Result<Ended, JoinError>) -> Done {
        match ended {
            Ok(Ended::Claim { asked, claimed }) => {
                self.claiming = false;
                match claimed {
                    Ok(claimed) => {
                        for delivery in &claimed {
                            self.held.take(delivery);
                        }
                        let full = claimed.len() >= asked as usize;
                        Done::Claimed { claimed, full }
                    }
                    Err(Failed { error, leases }) => {
                        self.lost.extend(leases);
                        Done::Failed(error)
                    }
                }
            }
            Ok(Ended::Settling { batch, together, standings }) => {
                self.settling -= 1;
                match standings {
                    Ok(standings) => self.settled(&batch, &together, standings),
                    Err(error) => Done::Failed(error),
                }
            }
            Err(panic) => {
                tracing::error!(%panic, "a transaction of the feed panicked");
                Done::Failed(Error::Abandoned("feed"))
            }
        }
    }

    fn settled(&mut self, batch: &[Settlement], together: &[bool], standings: Vec<Standing>) -> Done {
        let mut answers = (Vec::new(), Vec::new());
        let mut made_room = false;
        for ((settlement, together), standing) in batch.iter().zip(together).zip(standings) {
            made_room |= self.held.release(&settlement.lease());
            let answers = if *together { &mut answers.1 } else { &mut answers.0 };
            answers.push((settlement.delivery_id, standing));
        }
        Done::Settled { one_by_one: answers.0, together: answers.1, made_room }
    }

    /// Finishes: records the settlements that have come, and gives back deliveries that nobody was sent, which are these and
    /// what is still being claimed.
    pub(super) async fn close(mut self, mut unsent: Vec<Lease>) {
        loop {
            self.settle();
            let Some(ended) = self.running.join_next().await else { break };
            match self.end(ended) {
                Done::Claimed { claimed, .. } => unsent.extend(claimed.iter().map(Claimed::lease)),
                Done::Settled { .. } => {}
                Done::Failed(error) => {
                    // The adapter finds its settlements unanswered, and says them again.
                    tracing::warn!(%error, "the last transaction of a stream failed");
                }
            }
        }
        unsent.append(&mut self.lost);
        if !unsent.is_empty() {
            self.give_back(&Arc::new(unsent)).await;
        }
    }

    /// Tries for as long as the leases last; after that they end as unknown.
    async fn give_back(&self, leases: &Arc<Vec<Lease>>) {
        let until = Instant::now() + self.terms.lease;
        let mut pause = FIRST_PAUSE;
        while let Err(error) = self.store.release(&self.terms.district, leases, &self.policy).await {
            if Instant::now() + pause > until {
                tracing::warn!(%error, deliveries = leases.len(), "what was never sent could not be given back");
                return;
            }
            sleep(pause).await;
            pause *= 2;
        }
    }
}
