//! Telling watchers which students have changed: after the commit, not in it.
//!
//! A transaction that notifies takes a lock of the whole cluster when it commits and keeps it until it is on disk, so all that
//! notify commit one by one, each with a wait for the disk of its own. A notification alone changes no table and waits for no
//! disk. What is lost when a process ends in between is made up for: the next owner of the partition, and whoever could not
//! tell, say that something may have been [missed](MISSED).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use homeroom_domain::id::DistrictId;
use homeroom_pg::Database;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::store::StudentChange;

/// The channel on which watchers hear of changed students.
pub(crate) const CHANNEL: &str = "rules_student";
/// The payload that says that changes may have been missed.
pub(crate) const MISSED: &str = "";
/// Students in one payload: 100 x (district and 33 characters) stays below the 8,000 bytes that PostgreSQL allows.
const NOTIFIED: usize = 100;
/// Commits whose students wait to be told of.
const QUEUE: usize = 64;
/// How long to wait when the database is away.
const BACKOFF: Duration = Duration::from_millis(250);

/// Takes what is to be told. Clones share the queue.
#[derive(Clone)]
pub(crate) struct Watchers {
    queue: mpsc::Sender<Vec<String>>,
    missed: Arc<AtomicBool>,
}

/// Tells it; ends when no [`Watchers`] is left, or at a stop with a database that is away.
pub(crate) struct Telling {
    database: Database,
    queue: mpsc::Receiver<Vec<String>>,
    missed: Arc<AtomicBool>,
    stopping: CancellationToken,
}

impl Watchers {
    pub(crate) fn new(database: Database, stopping: CancellationToken) -> (Self, Telling) {
        let (sender, queue) = mpsc::channel(QUEUE);
        let missed = Arc::<AtomicBool>::default();
        (Self { queue: sender, missed: Arc::clone(&missed) }, Telling { database, queue, missed, stopping })
    }

    /// Tells whose rows of measures have changed. Without room, that something was missed is told instead.
    pub(super) fn tell(&self, changes: &[StudentChange]) {
        let payloads = payloads(changes);
        if !payloads.is_empty() && self.queue.try_send(payloads).is_err() {
            self.missed.store(true, Ordering::Relaxed);
            // All that was queued may have gone out in between; this wakes whoever tells. Without room something is queued.
            self.queue.try_send(Vec::new()).ok();
        }
    }
}

impl Telling {
    pub(crate) async fn run(mut self) {
        while let Some(mut payloads) = self.queue.recv().await {
            while let Ok(more) = self.queue.try_recv() {
                payloads.extend(more);
            }
            while let Err(error) = self.send(payloads).await {
                tracing::warn!(error = %error, "watchers cannot be told of changes now");
                self.missed.store(true, Ordering::Relaxed);
                payloads = Vec::new();
                tokio::select! {
                    biased;
                    () = self.stopping.cancelled() => return,
                    () = tokio::time::sleep(BACKOFF) => {}
                }
            }
        }
    }

    async fn send(&self, payloads: Vec<String>) -> Result<(), sqlx::Error> {
        let missed = self.missed.swap(false, Ordering::Relaxed);
        let payloads = if missed { vec![MISSED.to_owned()] } else { payloads };
        let notify = sqlx::query("select pg_notify($1, payload) from unnest($2::text[]) as payload");
        notify.bind(CHANNEL).bind(payloads).execute(self.database.pool()).await?;
        Ok(())
    }
}

/// One district a payload: `district student student …`.
fn payloads(changes: &[StudentChange]) -> Vec<String> {
    let mut by_district: BTreeMap<&DistrictId, Vec<String>> = BTreeMap::new();
    let moved = |change: &&StudentChange| change.moves_tables() && change.before.rows != change.after.written.rows;
    for change in changes.iter().filter(moved) {
        by_district.entry(&change.district).or_default().push(change.student.to_string());
    }
    let of_district = |(district, students): (&DistrictId, Vec<String>)| -> Vec<String> {
        students.chunks(NOTIFIED).map(|chunk| format!("{district} {}", chunk.join(" "))).collect()
    };
    by_district.into_iter().flat_map(of_district).collect()
}
