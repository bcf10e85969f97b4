//! Where a mark's time goes: when it was answered, when it stood on the events topic, and when its alert stood on the alerts
//! topic, each after the moment at which the mark was due. Read by readers of our own, which cost some of the machine.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Result;
use homeroom_bus::{Partition, Tail, Topic};
use homeroom_proto::key;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::latencies::Latencies;
use crate::report::Report;
use crate::world::World;

/// How many records are taken at once.
const BATCH: usize = 1_000;
const WAIT: Duration = Duration::from_secs(1);

/// The first moment at which each student was seen on a topic.
type Seen = Arc<Mutex<HashMap<String, Instant>>>;

/// Readers of both topics; they end when this is dropped.
pub(crate) struct Stages {
    topics: Vec<(&'static str, Seen)>,
    _readers: JoinSet<()>,
}

impl Stages {
    /// Starts reading at the ends.
    pub(crate) async fn start(world: &World) -> Result<Self> {
        let log = world.log()?;
        let (mut readers, mut topics) = (JoinSet::new(), Vec::new());
        for (name, topic) in [("event on the topic", Topic::Events), ("alert on the topic", Topic::Alerts)] {
            let seen = Seen::default();
            for (partition, end) in (0..).zip(log.end_offsets(topic).await?) {
                let tail = log.tail(topic, Partition(partition), end).await?;
                readers.spawn(read(tail, Arc::clone(&seen)));
            }
            topics.push((name, seen));
        }
        Ok(Self { topics, _readers: readers })
    }

    /// Adds the stages to the report; `due` holds the moment of each student's mark.
    pub(crate) fn report(&self, due: &HashMap<String, Instant>, report: &mut Report) {
        for (name, seen) in &self.topics {
            let seen = lock(seen);
            let mut latencies = Latencies::default();
            for (student, moment) in due {
                if let Some(arrived) = seen.get(student) {
                    latencies.record(arrived.saturating_duration_since(*moment));
                }
            }
            latencies.sort();
            report.figure(format!("until {name} p50"), latencies.quantile(500), "ms");
            report.figure(format!("until {name} p99"), latencies.quantile(990), "ms");
        }
    }
}

async fn read(mut tail: Box<dyn Tail>, seen: Seen) {
    while let Ok(records) = tail.next(BATCH, WAIT).await {
        let now = Instant::now();
        for record in records {
            if let Some((_, student)) = key::parse_student(&record.key) {
                lock(&seen).entry(student.to_string()).or_insert(now);
            }
        }
    }
}

fn lock(seen: &Seen) -> MutexGuard<'_, HashMap<String, Instant>> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}
