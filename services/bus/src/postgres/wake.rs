//! Who waits for what, and the one listener that wakes them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use homeroom_pg::{Listener, Wake};
use tokio::sync::watch;

use super::Shared;

/// Payloads: `<topic_id>:<partition>,<partition>...` after an append, [`GROUP`] after a change of members. No partition means
/// all of the topic's.
pub(super) const CHANNEL: &str = "homeroom_bus";
pub(super) const GROUP: &str = "group";
/// A payload of 8,000 bytes or more would fail the append that sends it.
const MAX_BYTES: usize = 7_999;
/// How long the listener waits before it wakes everybody all the same.
const PATIENCE: Duration = Duration::from_secs(30);

/// A number that grows, for each partition that somebody reads.
#[derive(Default)]
pub(super) struct Wakes {
    partitions: Mutex<HashMap<(i16, i32), watch::Sender<u64>>>,
    groups: watch::Sender<u64>,
}

impl Wakes {
    /// Changes after each append to the partition.
    pub(super) fn partition(&self, topic_id: i16, partition: i32) -> watch::Receiver<u64> {
        let mut partitions = self.partitions.lock().unwrap_or_else(PoisonError::into_inner);
        partitions.entry((topic_id, partition)).or_default().subscribe()
    }

    /// Changes when a member of any group came, went or gave something back.
    pub(super) fn groups(&self) -> watch::Receiver<u64> {
        self.groups.subscribe()
    }

    pub(super) fn wake_partition(&self, topic_id: i16, partition: i32) {
        let partitions = self.partitions.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = partitions.get(&(topic_id, partition)) {
            sender.send_modify(|number| *number += 1);
        }
    }

    fn wake_topic(&self, topic_id: i16) {
        let partitions = self.partitions.lock().unwrap_or_else(PoisonError::into_inner);
        for (_, sender) in partitions.iter().filter(|((topic, _), _)| *topic == topic_id) {
            sender.send_modify(|number| *number += 1);
        }
    }

    fn wake_all(&self) {
        for sender in self.partitions.lock().unwrap_or_else(PoisonError::into_inner).values() {
            sender.send_modify(|number| *number += 1);
        }
        self.groups.send_modify(|number| *number += 1);
    }

    fn wake(&self, payload: &str) {
        if payload == GROUP {
            self.groups.send_modify(|number| *number += 1);
            return;
        }
        // What another version might say is understood as "look".
        let Some((topic_id, partitions)) = parse(payload) else { return self.wake_all() };
        if partitions.is_empty() {
            return self.wake_topic(topic_id);
        }
        for partition in partitions {
            self.wake_partition(topic_id, partition);
        }
    }
}

/// What to notify after an append to these partitions of a topic.
pub(super) fn payload(topic_id: i16, partitions: impl Iterator<Item = i32>) -> String {
    let partitions: Vec<String> = partitions.map(|partition| partition.to_string()).collect();
    let payload = format!("{topic_id}:{}", partitions.join(","));
    if payload.len() > MAX_BYTES { format!("{topic_id}:") } else { payload }
}

fn parse(payload: &str) -> Option<(i16, Vec<i32>)> {
    let (topic_id, partitions) = payload.split_once(':')?;
    let topic_id = topic_id.parse().ok()?;
    if partitions.is_empty() {
        return Some((topic_id, Vec::new()));
    }
    let partitions = partitions.split(',').map(|partition| partition.parse().ok()).collect::<Option<_>>()?;
    Some((topic_id, partitions))
}

/// Wakes those who wait until the log is dropped.
pub(super) async fn listen(shared: Arc<Shared>, mut listener: Listener) {
    loop {
        match listener.wait(PATIENCE).await {
            Wake::Notified(payload) => shared.wakes.wake(&payload),
            Wake::Reconnected | Wake::Elapsed => shared.wakes.wake_all(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_reads_back() {
        assert_eq!(parse(&payload(3, [0, 11].into_iter())), Some((3, vec![0, 11])));
        assert_eq!(parse("3:x"), None);
    }

    #[test]
    fn a_payload_that_would_be_too_long_means_all_partitions_of_the_topic() {
        assert_eq!(parse(&payload(3, 0..5_000)), Some((3, Vec::new())));
        let wakes = Wakes::default();
        let (mut hit, mut other) = (wakes.partition(3, 4_711), wakes.partition(4, 4_711));
        hit.mark_unchanged();
        other.mark_unchanged();
        wakes.wake("3:");
        assert!(hit.has_changed().unwrap());
        assert!(!other.has_changed().unwrap());
    }

    #[test]
    fn only_the_readers_of_the_partition_are_woken() {
        let wakes = Wakes::default();
        let (mut hit, mut other) = (wakes.partition(1, 4), wakes.partition(1, 5));
        hit.mark_unchanged();
        other.mark_unchanged();
        wakes.wake("1:4");
        assert!(hit.has_changed().unwrap());
        assert!(!other.has_changed().unwrap());
    }
}
