//! A storm: marks of past days in great number at a steady rate, as when a whole district's corrections come at once.

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
#[derive(Debug, Clone, Copy)]
pub struct Blown {
    /// Marks acknowledged.
    pub marks: usize,
    /// Until the last of them was.
    pub time: Duration,
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
            loop {
                let batch = next.fetch_add(1, Ordering::Relaxed);
                if batch >= batches {
                    return anyhow::Ok(());
                }
                sleep_until(began + between * u32::try_from(batch)?).await;
                let records: Vec<Value> = (batch * BATCH..(batch + 1) * BATCH).map(|at| mark(&students, at)).collect();
                sender.keep(&records).await?;
            }
        });
    }
    while let Some(ended) = senders.join_next().await {
        ended?.context("the storm")?;
    }
    Ok(Blown { marks: batches * BATCH, time: began.elapsed() })
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
