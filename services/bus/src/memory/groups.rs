//! Members and claims in memory. A member of this process that ends without leaving is dropped by its lease all the same.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use tokio::sync::watch;
use tokio::time::Instant;
use uuid::Uuid;

use super::Inner;
use crate::group::{LEASE, Plan, Registry, Standing, plan};
use crate::log::{Error, Tail};
use crate::topic::{Offset, Partition, Topic};

#[derive(Default)]
pub(super) struct Groups {
    by_name: Mutex<HashMap<(Topic, String), Group>>,
    pub(super) changed: watch::Sender<u64>,
    joined: AtomicU64,
}

impl Groups {
    /// Counted, not drawn: the same joins in the same order share in the same way.
    pub(super) fn new_member(&self) -> Uuid {
        Uuid::from_u64_pair(0, self.joined.fetch_add(1, Ordering::Relaxed))
    }
}

#[derive(Default)]
struct Group {
    members: BTreeMap<Uuid, Instant>,
    claims: BTreeMap<Partition, Uuid>,
}

pub(super) struct MemoryRegistry {
    pub(super) inner: Arc<Inner>,
    pub(super) topic: Topic,
    pub(super) group: String,
}

impl MemoryRegistry {
    fn change<T>(&self, body: impl FnOnce(&mut Group) -> (bool, T)) -> T {
        let groups = &self.inner.groups;
        let (changed, value) = {
            let mut all = groups.by_name.lock().unwrap_or_else(PoisonError::into_inner);
            body(all.entry((self.topic, self.group.clone())).or_default())
        };
        if changed {
            groups.changed.send_modify(|changes| *changes += 1);
        }
        value
    }
}

impl Group {
    fn forget(&mut self, gone: impl Fn(&Uuid, Instant) -> bool) -> bool {
        let before = self.members.len();
        self.members.retain(|member, until| !gone(member, *until));
        let members = &self.members;
        self.claims.retain(|_, owner| members.contains_key(owner));
        self.members.len() != before
    }

    fn beat(&mut self, member: Uuid, released: &[Partition], partitions: i32) -> (bool, Standing) {
        let now = Instant::now();
        let joined = self.members.insert(member, now + LEASE).is_none();
        let lost = self.forget(|_, until| until <= now);
        self.claims.retain(|partition, owner| *owner != member || !released.contains(partition));
        let members: BTreeSet<Uuid> = self.members.keys().copied().collect();
        let Plan { take, release } = plan(member, &members, &self.claims, partitions);
        self.claims.extend(take.iter().map(|partition| (*partition, member)));
        let held = self.claims.iter().filter(|(_, owner)| **owner == member).map(|(partition, _)| *partition).collect();
        (joined || lost || !released.is_empty(), Standing { held, surplus: release })
    }
}

#[async_trait]
impl Registry for MemoryRegistry {
    async fn beat(&self, member: Uuid, released: &[Partition]) -> Result<Standing, Error> {
        let partitions = self.inner.partition_count(self.topic)?;
        Ok(self.change(|group| group.beat(member, released, partitions)))
    }

    async fn leave(&self, member: Uuid) -> Result<(), Error> {
        self.change(|group| (group.forget(|other, _| *other == member), ()));
        Ok(())
    }

    async fn tail(&self, partition: Partition, from: Offset) -> Result<Box<dyn Tail>, Error> {
        self.inner.open(self.topic, partition, from)
    }
}
