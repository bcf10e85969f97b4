//! What an adapter has: the deliveries under its leases, as its stream counts them against its limits.

use std::collections::HashMap;

use jiff::Timestamp;
use uuid::Uuid;

use crate::store::{Claimed, Lease};

/// The deliveries that a stream has out.
#[derive(Debug, Default)]
pub(super) struct Held {
    deliveries: HashMap<Uuid, Delivery>,
}

#[derive(Debug)]
struct Delivery {
    token: Vec<u8>,
    bytes: u64,
    until: Timestamp,
}

impl Held {
    pub(super) fn is_empty(&self) -> bool {
        self.deliveries.is_empty()
    }

    pub(super) fn count(&self) -> u32 {
        u32::try_from(self.deliveries.len()).unwrap_or(u32::MAX)
    }

    pub(super) fn bytes(&self) -> u64 {
        self.deliveries.values().map(|delivery| delivery.bytes).sum()
    }

    pub(super) fn take(&mut self, claimed: &Claimed) {
        let token = claimed.token.as_bytes().to_vec();
        let delivery = Delivery { token, bytes: claimed.bytes(), until: claimed.lease_until };
        self.deliveries.insert(claimed.delivery_id, delivery);
    }

    pub(super) fn extend(&mut self, id: Uuid, until: Timestamp) {
        if let Some(delivery) = self.deliveries.get_mut(&id) {
            delivery.until = until;
        }
    }

    /// Gives back what was under this lease; false when it was not here, or is here under a later one.
    pub(super) fn release(&mut self, lease: &Lease) -> bool {
        let ours = self.deliveries.get(&lease.delivery_id).is_some_and(|delivery| delivery.token == lease.token);
        ours && self.deliveries.remove(&lease.delivery_id).is_some()
    }

    /// What the adapter has let run out is no longer its.
    pub(super) fn release_run_out(&mut self, now: Timestamp) {
        self.deliveries.retain(|_, delivery| delivery.until >= now);
    }

    /// Every lease.
    pub(super) fn leases(&self) -> Vec<Lease> {
        let lease = |(&delivery_id, delivery): (&Uuid, &Delivery)| Lease { delivery_id, token: delivery.token.clone() };
        self.deliveries.iter().map(lease).collect()
    }
}
