//! A storm: marks of past days in great number at a steady rate, as when a whole district's corrections come at once.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use homeroom_journeys::district::DAYS_BEFORE;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::Sender;
use crate::sender::Student;

/// Marks in one request.
const BATCH: usize = 500;
/// Requests at the same time.
const SENDERS: usize = 4;

/// How a storm went.
#[derive(Debug)]
pub struct Blown {
    /// Marks acknowledged.
    pub marks: usize,
    /// Until the last of them was.
    pub time: Duration,
    /// How long each request took to be acknowledged from when it was due, however late it went.
    pub acknowledged: Latencies,
}

/// How long things took.
#[derive(Debug, Clone, Default)]
pub struct Latencies(Vec<Duration>);

impl Latencies {
    /// Adds one.
    pub fn add(&mut self, latency: Duration) {
        self.0.push(latency);
    }

    /// The longest, if there is any.
    pub fn longest(&self) -> Option<Duration> {
        self.0.iter().max().copied()
    }

    /// Of so many percent of them none took longer.
    fn percentile(&self, percent: usize) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let at = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
        sorted.get(at).copied().unwrap_or_default()
    }
}

impl fmt::Display for Latencies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [half, most, all] = [50, 99, 100].map(|percent| self.percentile(percent).as_secs_f64());
        write!(f, "median {half:.3} s, 99% {most:.3} s, slowest {all:.3} s, of {}", self.0.len())
    }
}

/// Sends so many marks, at most so many a second: each student's past days, again and again with higher revisions. No rule
/// minds a tardy arrival, so no alert comes of them.
pub async fn blow(sender: &Arc<Sender>, students: &[Student], marks: usize, per_second: usize) -> Result<Blown> {
    let (began, next) = (Instant::now(), Arc::new(AtomicUsize::new(0)));
    let students = Arc::new(students.to_vec());
    let batches = marks.div_ceil(BATCH);
    let between = Duration::from_secs(1) * u32::try_from(BATCH)? / u32::try_from(per_second)?;
    let mut senders = JoinSet::new();
    for _ in 0..SENDERS {
        let (sender, students, next) = (Arc::clone(sender), Arc::clone(&students), Arc::clone(&next));
        senders.spawn(async move {
            let mut acknowledged = Latencies::default();
            loop {
                let batch = next.fetch_add(1, Ordering::Relaxed);
                if batch >= batches {
                    return anyhow::Ok(acknowledged);
                }
                let due = began + between * u32::try_from(batch)?;
                sleep_until(due).await;
                let records: Vec<Value> = (batch * BATCH..(batch + 1) * BATCH).map(|at| mark(&students, at)).collect();
                sender.keep(&records).await?;
                acknowledged.add(due.elapsed());
            }
        });
    }
    let mut acknowledged = Latencies::default();
    while let Some(ended) = senders.join_next().await {
        acknowledged.0.extend(ended?.context("the storm")?.0);
    }
    Ok(Blown { marks: batches * BATCH, time: began.elapsed(), acknowledged })
}

/// The mark at a place of the storm: all students on one day, then on the next, then all of it again with a higher revision.
fn mark(students: &[Student], at: usize) -> Value {
    let student = &students[at % students.len()];
    let day = at / students.len();
    let revision = 1 + day / DAYS_BEFORE.len();
    json!({"kind": "attendance", "revision": revision, "data": {
        "student": student.id, "school": student.school.to_string(),
        "date": DAYS_BEFORE[day % DAYS_BEFORE.len()], "code": "Tardy",
    }})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_hundred_the_slowest_but_one_is_the_99th_percentile() {
        let latencies = Latencies((1..=100).rev().map(Duration::from_millis).collect());
        assert_eq!(latencies.to_string(), "median 0.050 s, 99% 0.099 s, slowest 0.100 s, of 100");
        assert_eq!(Latencies::default().to_string(), "median 0.000 s, 99% 0.000 s, slowest 0.000 s, of 0");
    }
}
