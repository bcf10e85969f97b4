//! Telling watchers which students have changed: after the commit, not in it.
//!
//! A transaction that notifies takes a lock of the whole cluster when it commits and keeps it until it is on disk, so all that
//! notify commit one by one, each with a wait for the disk of its own. A notification alone changes no table and waits for no
//! disk. What is lost when a process ends in between is made up for: the next owner of the partition, and whoever could not
//! tell, say of which partition something [may have been missed](Heard::Missed), and watchers look at its rows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use homeroom_domain::id::{DistrictId, StudentKey};
use homeroom_pg::Database;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::store::StudentChange;

/// The channel on which watchers hear of changed students.
pub(crate) const CHANNEL: &str = "rules_student";
/// Begins the payload that names a partition; no district is called so.
const MISSED: &str = "!";
/// Students in one payload: 100 x (district and 33 characters) stays below the 8,000 bytes that PostgreSQL allows.
const NOTIFIED: usize = 100;
/// Commits whose students wait to be told of.
const QUEUE: usize = 64;
/// How long to wait when the database is away.
const BACKOFF: Duration = Duration::from_millis(250);

/// What a payload says to those who watch a district.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// These of its students have changed.
    Changed(Vec<StudentKey>),
    /// Any student of this partition may have.
    Missed(i32),
}

impl Heard {
    /// Reads a payload; none when it concerns other districts only.
    pub(crate) fn parse(payload: &str, district: &DistrictId) -> Option<Self> {
        let (about, rest) = payload.split_once(' ')?;
        if about == MISSED {
            return rest.parse().ok().map(Self::Missed);
        }
        let students = || rest.split(' ').filter_map(|word| word.parse().ok()).collect();
        (about == district.as_str()).then(|| Self::Changed(students()))
    }
}

/// The payload that says of a partition that changes of it may have been missed.
pub(super) fn missed(partition: i32) -> String {
    format!("{MISSED} {partition}")
}

/// Takes what is to be told. Clones share the queue.
#[derive(Clone)]
pub(crate) struct Watchers {
    queue: mpsc::Sender<Vec<Told>>,
    missed: Arc<Missed>,
}

/// Tells it; ends when no [`Watchers`] is left, or at a stop with a database that is away.
pub(crate) struct Telling {
    database: Database,
    queue: mpsc::Receiver<Vec<Told>>,
    missed: Arc<Missed>,
    stopping: CancellationToken,
}

/// A payload, and the partition whose students it names.
struct Told {
    partition: i32,
    payload: String,
}

/// Partitions of which something was not told.
#[derive(Default)]
struct Missed(Mutex<BTreeSet<i32>>);

impl Missed {
    fn add(&self, partitions: impl IntoIterator<Item = i32>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(partitions);
    }

    fn take(&self) -> BTreeSet<i32> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Watchers {
    pub(crate) fn new(database: Database, stopping: CancellationToken) -> (Self, Telling) {
        let (sender, queue) = mpsc::channel(QUEUE);
        let missed = Arc::<Missed>::default();
        (Self { queue: sender, missed: Arc::clone(&missed) }, Telling { database, queue, missed, stopping })
    }

    /// Tells whose rows of measures have changed. Without room, that something was missed is told instead.
    pub(super) fn tell(&self, partition: i32, changes: &[StudentChange]) {
        let told: Vec<Told> = payloads(changes).into_iter().map(|payload| Told { partition, payload }).collect();
        if !told.is_empty() && self.queue.try_send(told).is_err() {
            self.missed.add([partition]);
            // All that was queued may have gone out in between; this wakes whoever tells. Without room something is queued.
            self.queue.try_send(Vec::new()).ok();
        }
    }
}

impl Telling {
    pub(crate) async fn run(mut self) {
        while let Some(mut told) = self.queue.recv().await {
            while let Ok(more) = self.queue.try_recv() {
                told.extend(more);
            }
            while let Err(error) = self.send(&told).await {
                tracing::warn!(error = %error, "watchers cannot be told of changes now");
                self.missed.add(told.drain(..).map(|told| told.partition));
                tokio::select! {
                    biased;
                    () = self.stopping.cancelled() => return,
                    () = tokio::time::sleep(BACKOFF) => {}
                }
            }
        }
    }

    async fn send(&self, told: &[Told]) -> Result<(), sqlx::Error> {
        let missing = self.missed.take();
        // Who looks at a whole partition need not hear of single students of it.
        let named = told.iter().filter(|told| !missing.contains(&told.partition)).map(|told| told.payload.clone());
        let payloads: Vec<String> = missing.iter().copied().map(missed).chain(named).collect();
        let notify = sqlx::query("select pg_notify($1, payload) from unnest($2::text[]) as payload");
        let sent = notify.bind(CHANNEL).bind(payloads).execute(self.database.pool()).await;
        if sent.is_err() {
            self.missed.add(missing);
        }
        sent.map(drop)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_read_by_those_whom_it_concerns() {
        let (home, other) = (DistrictId::parse("home").unwrap(), DistrictId::parse("other").unwrap());
        let students = vec![StudentKey::new([1; 16]), StudentKey::new([2; 16])];
        let payload = format!("home {} {}", students[0], students[1]);
        assert_eq!(Heard::parse(&payload, &home), Some(Heard::Changed(students)));
        assert_eq!(Heard::parse(&payload, &other), None);
        for district in [home, other] {
            assert_eq!(Heard::parse(&missed(7), &district), Some(Heard::Missed(7)));
        }
    }

    #[test]
    fn no_district_has_the_name_of_what_was_missed() {
        assert!(DistrictId::parse(MISSED).is_err());
    }
}
