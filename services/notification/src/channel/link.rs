//! Whether an adapter is in touch with the feed: for its readiness, and as a metric.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::metric;

/// The adapter's link to the feed. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Link(Arc<AtomicBool>);

impl Link {
    /// Whether the feed has welcomed the adapter on a stream that is still there.
    pub fn is_up(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn set(&self, channel: &'static str, up: bool) {
        self.0.store(up, Ordering::Relaxed);
        metrics::gauge!(metric::CHANNEL_LINKED, "channel" => channel).set(f64::from(u8::from(up)));
    }
}
