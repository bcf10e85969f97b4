//! How long it takes until a new mark again becomes an alert, and somebody hears of it. With a file in `HOMEROOM_RECOVERIES`
//! each time is a line of it, from which `tests/run` makes its table: fault, of what, seconds until the alert, seconds until
//! somebody was told, the machine's load.

use std::fs::{File, read_to_string};
use std::io::Write as _;
use std::time::Duration;

use anyhow::{Context as _, Result};
use homeroom_proto::wire::alert::Kind;
use tokio::time::{Instant, sleep, timeout};

use crate::outside::Outside;
use crate::sender::{Door, Student};
use crate::story::{Story, Told};
use crate::{Feed, PATIENCE, POLL, Sender, World};

/// The time from `since` until the alert of a mark that is posted now.
#[derive(Debug, Clone, Copy)]
pub struct Recovery {
    /// Until it was on the feed.
    pub alert: Duration,
    /// Until the webhook was told.
    pub told: Duration,
}

/// What was recovered from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// One thing that was killed: a role, a broker, the database.
    Kill,
    /// Anything else.
    Other,
}

impl Recovery {
    /// Adds a line to the file of recoveries, where there is one.
    pub(crate) fn record(&self, fault: Fault, test: &str, what: &str) -> Result<()> {
        let Some(file) = std::env::var_os("HOMEROOM_RECOVERIES") else { return Ok(()) };
        let load = read_to_string("/proc/loadavg").unwrap_or_default();
        let load = load.split(' ').next().unwrap_or_default();
        let fault = if fault == Fault::Kill { "kill" } else { "other" };
        let (alert, told) = (self.alert.as_secs_f64(), self.told.as_secs_f64());
        let line = format!("{fault}\t{test}, {what}\t{alert:.2}\t{told:.2}\t{load}\n");
        let mut file = File::options().create(true).append(true).open(file).context("the file of recoveries")?;
        // In one piece: tests of full disks are processes of their own.
        file.write_all(line.as_bytes()).context("the file of recoveries")
    }
}

/// Posts a mark of each student, waits for their alerts on the feed and at the sink, and prints how long that took since the
/// fault. Several students, since a fault may concern some partitions only.
pub async fn measure(
    what: &str,
    since: Instant,
    world: &World,
    sender: &Sender,
    feed: &Feed,
    students: &[Student],
) -> Result<(Recovery, Vec<Told>)> {
    let (story, door) = (Story::Absent, Door::Native);
    for student in students {
        story.tell(student, door, sender, feed).await.with_context(|| format!("{what}: no mark is taken"))?;
    }
    for student in students {
        let opened = feed.wait_for(&student.key, &[Kind::Opened], PATIENCE).await;
        opened.with_context(|| format!("{what}: no alert comes"))?;
    }
    let alert = since.elapsed();
    let changes: Vec<_> =
        feed.changes().into_iter().filter(|change| students.iter().any(|s| s.key == change.student)).collect();
    let told = async {
        loop {
            let outside = Outside::read(&world.sink)?;
            if changes.iter().all(|change| outside.has(&change.school, &change.alert_id, 1, "opened")) {
                return anyhow::Ok(());
            }
            sleep(POLL).await;
        }
    };
    timeout(PATIENCE, told).await.with_context(|| format!("{what}: nobody is told"))??;
    let told = since.elapsed();
    let (alerted, heard) = (alert.as_secs_f64(), told.as_secs_f64());
    println!("{what}: new marks were alerts after {alerted:.2} s, and told after {heard:.2} s");
    let stories = students.iter().map(|student| Told { student: student.clone(), story, door }).collect();
    Ok((Recovery { alert, told }, stories))
}
