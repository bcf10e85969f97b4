//! What an adapter has: the deliveries under its leases, as its stream counts them against its limits.

use std::collections::HashMap;

use uuid::Uuid;

use crate::store::{Claimed, Lease};

/// The deliveries that a stream has out. A lease that runs out is over in the table, where the stream looks for it.
#[derive(Debug, Default)]
pub(super) struct Held {
    deliveries: HashMap<Uuid, Delivery>,
    /// Of all of them.
    bytes: u64,
}

#[derive(Debug)]
struct Delivery {
    token: Vec<u8>,
    bytes: u64,
}

impl Held {
    pub(super) fn is_empty(&self) -> bool {
        self.deliveries.is_empty()
    }

    pub(super) fn count(&self) -> u32 {
        u32::try_from(self.deliveries.len()).unwrap_or(u32::MAX)
    }

    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn take(&mut self, claimed: &Claimed) {
        let bytes = claimed.bytes();
        let delivery = Delivery { token: claimed.token.clone(), bytes };
        self.bytes += bytes;
        // An earlier lease of the same delivery is over.
        if let Some(before) = self.deliveries.insert(claimed.delivery_id, delivery) {
            self.bytes -= before.bytes;
        }
    }

    /// Gives back what was under this lease; false when it was not here, or is here under a later one.
    pub(super) fn release(&mut self, lease: &Lease) -> bool {
        let ours = self.deliveries.get(&lease.delivery_id).is_some_and(|delivery| delivery.token == lease.token);
        let released = if ours { self.deliveries.remove(&lease.delivery_id) } else { None };
        self.bytes -= released.as_ref().map_or(0, |delivery| delivery.bytes);
        released.is_some()
    }

    /// Every lease.
    pub(super) fn leases(&self) -> Vec<Lease> {
        let lease = |(&delivery_id, delivery): (&Uuid, &Delivery)| Lease { delivery_id, token: delivery.token.clone() };
        self.deliveries.iter().map(lease).collect()
    }
}
