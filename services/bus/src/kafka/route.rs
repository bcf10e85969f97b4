//! Where a member's records go: one route per assigned partition, each with a bounded inbox at its end.
//!
//! Pure bookkeeping; `member` does what it says. A route waits for a full inbox with its records in hand. Only after
//! [`PATIENCE`] is its partition paused, because pausing throws away what the library has fetched ahead.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::client::weight;
use crate::log::Record;
use crate::topic::{Offset, Partition};

/// How long an inbox may stay full before its partition is paused.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);
/// How much a route holds while its inbox is full, before the member stops polling for a moment: in records and bytes.
const HELD_RECORDS: usize = 2_000;
const HELD_BYTES: usize = 2 * 1024 * 1024;

/// The routes of the partitions assigned.
#[derive(Debug, Default)]
pub(super) struct Routes(BTreeMap<Partition, Route>);

#[derive(Debug)]
struct Route {
    inbox: mpsc::Sender<Vec<Record>>,
    /// The next offset to route: below it, records were routed already, or are before the place where the owner starts.
    next: Offset,
    held: Vec<Record>,
    held_bytes: usize,
    /// The offset after the last record that the inbox has taken, and what of it was told to the group.
    accepted: Offset,
    told: Offset,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Flowing,
    /// The inbox has been full since.
    Full(Instant),
    /// Its partition is paused until the inbox takes what is held.
    Paused,
    /// The owner has closed the inbox; the partition waits for a new assignment.
    Closed(Instant),
}

/// What is to be done with partitions after a delivery.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub(super) pause: Vec<Partition>,
    pub(super) resume: Vec<Partition>,
}

impl Routes {
    pub(super) fn open(&mut self, partition: Partition, from: Offset, inbox: mpsc::Sender<Vec<Record>>) {
        let route = Route {
            inbox,
            next: from,
            held: Vec::new(),
            held_bytes: 0,
            accepted: from,
            told: from,
            state: State::Flowing,
        };
        self.0.insert(partition, route);
    }

    /// Ends a route; what it holds is dropped, for the next owner reads it again. Says whether there was one.
    pub(super) fn close(&mut self, partition: Partition) -> bool {
        self.0.remove(&partition).is_some()
    }

    /// The partitions that have a route.
    pub(super) fn partitions(&self) -> Vec<Partition> {
        self.0.keys().copied().collect()
    }

    /// The next offset of each route.
    pub(super) fn positions(&self) -> Vec<(Partition, Offset)> {
        self.0.iter().map(|(partition, route)| (*partition, route.next)).collect()
    }

    /// Takes a record, unless it was fetched before a revocation, was routed already, or lies before the owner's start.
    pub(super) fn take(&mut self, record: Record) {
        let Some(route) = self.0.get_mut(&record.partition) else { return };
        if record.offset < route.next || matches!(route.state, State::Closed(_)) {
            return;
        }
        route.next = Offset(record.offset.0 + 1);
        route.held_bytes += weight(&record);
        route.held.push(record);
    }

    /// Offers each inbox what is held for it.
    pub(super) fn deliver(&mut self, now: Instant) -> Changes {
        let mut changes = Changes::default();
        for (partition, route) in &mut self.0 {
            let before = route.state;
            route.deliver(now);
            match (before, route.state) {
                (State::Paused, State::Flowing) => changes.resume.push(*partition),
                (State::Full(_), State::Paused) | (State::Flowing | State::Full(_), State::Closed(_)) => {
                    changes.pause.push(*partition);
                }
                _ => {}
            }
        }
        changes
    }

    /// Whether an inbox must take something before more is polled.
    pub(super) fn blocked(&self) -> bool {
        self.0.values().any(|route| matches!(route.state, State::Full(_)) && route.laden())
    }

    /// Whether records wait for an inbox.
    pub(super) fn holding(&self) -> bool {
        self.0.values().any(|route| !route.held.is_empty())
    }

    /// A partition whose owner closed its inbox longer ago than `grace`, without a new assignment since.
    pub(super) fn abandoned(&self, now: Instant, grace: Duration) -> Option<Partition> {
        let gone = |route: &Route| matches!(route.state, State::Closed(at) if now.duration_since(at) > grace);
        self.0.iter().find(|(_, route)| gone(route)).map(|(partition, _)| *partition)
    }

    /// What the inboxes have accepted since this was last asked.
    pub(super) fn accepted(&mut self) -> Vec<(Partition, Offset)> {
        let mut moved = Vec::new();
        for (partition, route) in &mut self.0 {
            if route.accepted > route.told {
                route.told = route.accepted;
                moved.push((*partition, route.accepted));
            }
        }
        moved
    }
}

impl Route {
    fn laden(&self) -> bool {
        self.held.len() >= HELD_RECORDS || self.held_bytes >= HELD_BYTES
    }

    fn deliver(&mut self, now: Instant) {
        if matches!(self.state, State::Closed(_)) {
            return;
        }
        if self.inbox.is_closed() {
            self.held = Vec::new();
            self.state = State::Closed(now);
            return;
        }
        if self.held.is_empty() {
            return;
        }
        match self.inbox.try_send(std::mem::take(&mut self.held)) {
            Ok(()) => {
                self.held_bytes = 0;
                self.accepted = self.next;
                self.state = State::Flowing;
            }
            Err(TrySendError::Full(records)) => {
                self.held = records;
                self.state = match self.state {
                    State::Flowing => State::Full(now),
                    State::Full(since) if now.duration_since(since) >= PATIENCE => State::Paused,
                    other => other,
                };
            }
            Err(TrySendError::Closed(_)) => self.state = State::Closed(now),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn record(offset: i64) -> Record {
        Record {
            partition: Partition(0),
            offset: Offset(offset),
            key: Bytes::from_static(b"k"),
            value: None,
            headers: Vec::new(),
        }
    }

    fn offsets(records: &[Record]) -> Vec<i64> {
        records.iter().map(|record| record.offset.0).collect()
    }

    #[test]
    fn records_below_the_assigned_offset_or_seen_before_are_dropped() {
        let (inbox, mut taken) = mpsc::channel(4);
        let mut routes = Routes::default();
        routes.open(Partition(0), Offset(5), inbox);
        for offset in [3, 4, 5, 6, 5, 7] {
            routes.take(record(offset));
        }
        routes.deliver(Instant::now());
        assert_eq!(offsets(&taken.try_recv().unwrap()), [5, 6, 7]);
        assert_eq!(routes.accepted(), [(Partition(0), Offset(8))]);
        assert!(routes.accepted().is_empty());
    }

    #[test]
    fn a_full_inbox_pauses_its_partition_only_after_a_while_and_resumes_it_in_order() {
        let (inbox, mut taken) = mpsc::channel(1);
        let mut routes = Routes::default();
        routes.open(Partition(0), Offset(0), inbox);
        let start = Instant::now();
        routes.take(record(0));
        routes.deliver(start);
        routes.take(record(1));
        assert!(routes.deliver(start).pause.is_empty());
        assert!(routes.deliver(start + PATIENCE / 2).pause.is_empty());
        assert_eq!(routes.deliver(start + PATIENCE).pause, [Partition(0)]);
        assert_eq!(offsets(&taken.try_recv().unwrap()), [0]);
        assert_eq!(routes.deliver(start + PATIENCE).resume, [Partition(0)]);
        assert_eq!(offsets(&taken.try_recv().unwrap()), [1]);
    }

    #[test]
    fn a_closed_inbox_is_noticed_and_after_a_grace_given_up() {
        let (inbox, taken) = mpsc::channel(1);
        let mut routes = Routes::default();
        routes.open(Partition(0), Offset(0), inbox);
        drop(taken);
        let start = Instant::now();
        assert_eq!(routes.deliver(start).pause, [Partition(0)]);
        assert_eq!(routes.abandoned(start + PATIENCE, PATIENCE * 2), None);
        assert_eq!(routes.abandoned(start + PATIENCE * 3, PATIENCE * 2), Some(Partition(0)));
    }
}
