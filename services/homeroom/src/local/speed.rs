//! How fast marks became alerts: what the feed brings, against the moment when the mark that caused it was accepted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use homeroom_chassis::clock;
use homeroom_proto::wire::alert::{AlertChange, Kind};
use homeroom_proto::wire::notification::WatchAlertsRequest;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::client::{Connection, grpc};

/// Enough for any sample; later alerts are still counted.
const MAX_TIMES: usize = 1_000_000;
const RECONNECT_AFTER: Duration = Duration::from_millis(200);

/// What came over the feed.
#[derive(Debug, Clone, Default)]
struct Seen {
    cursor: String,
    opened: BTreeMap<String, u64>,
    alerts: BTreeSet<String>,
    milliseconds: Vec<u64>,
}

/// Follows the feed from the first change kept, until it is dropped.
pub(crate) struct Watcher {
    seen: Arc<Mutex<Seen>>,
    _running: DropGuard,
}

/// How fast marks became alerts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Speed {
    /// Alerts opened by a mark, whose times these are.
    pub(crate) alerts: usize,
    /// Half were faster.
    pub(crate) median_ms: u64,
    /// None was slower.
    pub(crate) slowest_ms: u64,
}

impl Watcher {
    /// Begins to follow.
    pub(crate) fn start(connection: &Connection, tasks: &homeroom_chassis::TaskGroup) -> Result<Self> {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let running = CancellationToken::new();
        let feed = grpc::feed(connection)?;
        let (kept, ended, stopping) = (Arc::clone(&seen), running.clone(), tasks.stopping());
        tasks.spawn("watch the feed", async move {
            tokio::select! {
                () = follow(feed, &kept) => {}
                () = ended.cancelled() => {}
                () = stopping.cancelled() => {}
            }
            Ok::<(), std::convert::Infallible>(())
        });
        Ok(Self { seen, _running: running.drop_guard() })
    }

    /// How many alerts of each rule were opened.
    pub(crate) fn opened(&self) -> BTreeMap<String, u64> {
        lock(&self.seen).opened.clone()
    }

    /// How fast they were.
    pub(crate) fn speed(&self) -> Speed {
        speed(lock(&self.seen).milliseconds.clone())
    }
}

/// Takes what the feed brings, for ever; a feed that ends or is not there yet is asked again, from the cursor on.
async fn follow(mut feed: grpc::Feed, seen: &Mutex<Seen>) {
    loop {
        let cursor = lock(seen).cursor.clone();
        let from_start = cursor.is_empty();
        let request = WatchAlertsRequest { cursor, from_start, school: String::new() };
        if let Ok(stream) = feed.watch_alerts(request).await {
            let mut stream = stream.into_inner();
            while let Ok(Some(response)) = stream.message().await {
                let arrived = clock::now();
                let mut seen = lock(seen);
                seen.cursor = response.cursor;
                if let Some(change) = response.change {
                    seen.take(&change, arrived);
                }
            }
        }
        tokio::time::sleep(RECONNECT_AFTER).await;
    }
}

impl Seen {
    fn take(&mut self, change: &AlertChange, arrived: Timestamp) {
        if change.kind() != Kind::Opened || !self.alerts.insert(change.alert_id.clone()) {
            return;
        }
        *self.opened.entry(change.rule.clone()).or_default() += 1;
        let caused_at = change.caused_at.and_then(|at| Timestamp::new(at.seconds, at.nanos).ok());
        if let Some(caused_at) = caused_at.filter(|_| self.milliseconds.len() < MAX_TIMES) {
            self.milliseconds.push(u64::try_from(arrived.duration_since(caused_at).as_millis()).unwrap_or(0));
        }
    }
}

fn lock(seen: &Mutex<Seen>) -> std::sync::MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

fn speed(mut milliseconds: Vec<u64>) -> Speed {
    milliseconds.sort_unstable();
    let at = |index: usize| milliseconds.get(index).copied().unwrap_or(0);
    let alerts = milliseconds.len();
    Speed { alerts, median_ms: at(alerts / 2), slowest_ms: at(alerts.saturating_sub(1)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_and_the_slowest_are_of_opened_alerts_that_a_record_caused() {
        let mut seen = Seen::default();
        let caused = Timestamp::from_second(1_000).expect("a time");
        let wire = |at: Timestamp| prost_types::Timestamp { seconds: at.as_second(), nanos: at.subsec_nanosecond() };
        for (id, milliseconds, kind) in
            [("a", 5, Kind::Opened), ("b", 90, Kind::Opened), ("c", 10, Kind::Opened), ("c", 900, Kind::Amended)]
        {
            let change = AlertChange {
                alert_id: id.to_owned(),
                rule: "tier".to_owned(),
                kind: kind.into(),
                caused_at: Some(wire(caused)),
                ..AlertChange::default()
            };
            seen.take(&change, caused + Duration::from_millis(milliseconds));
            seen.take(&change, caused + Duration::from_hours(1));
        }
        seen.take(
            &AlertChange {
                alert_id: "d".to_owned(),
                rule: "tier".to_owned(),
                kind: Kind::Opened.into(),
                ..AlertChange::default()
            },
            caused,
        );
        assert_eq!(seen.opened["tier"], 4);
        assert_eq!(speed(seen.milliseconds), Speed { alerts: 3, median_ms: 10, slowest_ms: 90 });
        assert_eq!(speed(Vec::new()), Speed::default());
    }
}
