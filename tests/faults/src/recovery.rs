//! How long it takes until a new mark again becomes an alert, and somebody hears of it.

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

/// Posts a mark, waits for its alert on the feed and at the sink, and prints how long that took since the fault.
pub async fn measure(
    what: &str,
    since: Instant,
    world: &World,
    sender: &Sender,
    feed: &Feed,
    student: &Student,
) -> Result<(Recovery, Told)> {
    let (story, door) = (Story::Absent, Door::Native);
    story.tell(student, door, sender, feed).await.with_context(|| format!("{what}: no mark is taken"))?;
    let opened = feed.wait_for(&student.key, &[Kind::Opened], PATIENCE).await;
    opened.with_context(|| format!("{what}: no alert comes"))?;
    let alert = since.elapsed();
    let changes = feed.changes();
    let change = changes.iter().find(|change| change.student == student.key).context("the alert is gone")?;
    let told = async {
        while !Outside::read(&world.sink)?.has(&change.school, &change.alert_id, 1, "opened") {
            sleep(POLL).await;
        }
        anyhow::Ok(())
    };
    timeout(PATIENCE, told).await.with_context(|| format!("{what}: nobody is told"))??;
    let told = since.elapsed();
    println!("{what}: a new mark was an alert after {:.2} s, and told after {:.2} s", alert.as_secs_f64(), told.as_secs_f64());
    Ok((Recovery { alert, told }, Told { student: student.clone(), story, door }))
}
