//! Two ids of one student: from a merge on, what is sent as the one counts for the other.
//!
//! The log stays the truth, and whoever counts learns nothing new. Which students are one is kept here, in pseudonyms alone
//! ([`crosswalk`]). Every door asks it where it makes a student's key, so what comes later stands under the right key. What was in
//! the log before is said again under that key, by a job that looks a student's records through (`mover`, `plan`): each record's
//! last word with its own revision, and its end where it stood. An event remembers as whom it was sent, so that a split, which is
//! the same job the other way round, takes back exactly what was sent as the student, also what came in between.
//!
//! How nothing is left behind while records are on their way:
//! - A batch of Ed-Fi documents and a merge lock the same row of their district. A batch that commits after it knows of it; the
//!   outbox rows of those that committed before are published before the job looks (`queue`).
//! - The native doors write to the log alone. Each process says up to which version it knows what is merged, once the requests that
//!   knew less are answered (`follow`), and no job looks while a process that lives knows less.
//! - What an append that was given up, a second relay or a process that was away for longer still brings, a second look finds
//!   ([`SETTLE`]); a process that comes back, or is found dead, asks for another one.
//!
//! A process of a version that knows nothing of merges is not waited for: nobody is to be merged before a rolling upgrade has ended.
//!
//! In between, a record counts for both, or an alert opens of half a student's records: it is recalled when the rest has come.

pub mod crosswalk;
mod directory;
mod follow;
mod mover;
mod plan;
mod queue;
mod store;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use homeroom_domain::id::DistrictId;
use homeroom_pg::{Database, Districts, Error, Listener, Wake};

pub use self::crosswalk::{Crosswalk, Refusal};
pub(crate) use self::follow::Follower;
pub(crate) use self::mover::Mover;
pub(crate) use self::plan::MAX_RECORDS;
pub use self::store::{Merge, Split, State};
pub(crate) use self::store::{find_in, list, merge, split};

/// Records that were moved from one student to another.
pub const MOVED_TOTAL: &str = "homeroom_ingestion_records_moved_total";

/// How long after the first look the second one is: longer than an append that its door gave up may still take, and than any pause
/// of a process that is not found out by its own clock.
pub const SETTLE: Duration = Duration::from_mins(2);

/// The channel on which processes are told that something was merged, split or learnt.
pub(crate) const CHANNEL: &str = "homeroom_merges";

/// What is merged, as of one version.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// The last change that is in it.
    version: i64,
    districts: HashMap<DistrictId, Arc<Crosswalk>>,
}

impl Snapshot {
    /// A district's crosswalk; none when nobody is merged there.
    fn find(&self, district: &DistrictId) -> Option<&Arc<Crosswalk>> {
        self.districts.get(district)
    }

    /// A district's crosswalk.
    pub(crate) fn of(&self, district: &DistrictId) -> Arc<Crosswalk> {
        self.find(district).cloned().unwrap_or_default()
    }

    /// Whether it has everything up to a version.
    pub(crate) fn knows(&self, version: i64) -> bool {
        version <= self.version
    }
}

/// What this process knows of what is merged. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Merges {
    known: Arc<Mutex<Known>>,
}

#[derive(Debug, Default)]
struct Known {
    current: Arc<Snapshot>,
    /// Those before it that requests may still go by.
    before: Vec<Weak<Snapshot>>,
}

impl Merges {
    /// What a request goes by. It keeps this until its records are in the log: by that it is known to be on its way.
    pub fn current(&self) -> Arc<Snapshot> {
        Arc::clone(&self.lock().current)
    }

    /// Reads what is merged in these districts, when that has changed.
    pub(crate) async fn refresh(&self, database: &Database, districts: &Districts) -> Result<(), Error> {
        // Nearly always it has not, and all merges of all districts are many.
        if store::last_version(database).await? <= self.lock().current.version {
            return Ok(());
        }
        let read = store::load(database, districts).await?;
        self.replace(read);
        Ok(())
    }

    fn replace(&self, read: Snapshot) {
        let mut known = self.lock();
        if read.version > known.current.version {
            let before = std::mem::replace(&mut known.current, Arc::new(read));
            let before = Arc::downgrade(&before);
            known.before.push(before);
        }
    }

    /// The version that every request of this process goes by; none while one may go by less.
    fn settled(&self) -> Option<i64> {
        let mut known = self.lock();
        known.before.retain(|snapshot| snapshot.strong_count() > 0);
        known.before.is_empty().then_some(known.current.version)
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits to be told of a change, at most this long. What came before it listened it was not told of, so it does not wait then.
async fn wait(database: &Database, listener: &mut Option<Listener>, at_most: Duration) {
    if let Some(listening) = listener {
        drop::<Wake>(listening.wait(at_most).await);
        return;
    }
    match database.listen(CHANNEL).await {
        Ok(listening) => *listener = Some(listening),
        Err(error) => {
            tracing::warn!(%error, "nobody tells of merged students; they are looked for by the clock");
            tokio::time::sleep(at_most).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_known_once_no_request_goes_by_less() {
        let merges = Merges::default();
        let request = merges.current();
        merges.replace(Snapshot { version: 2, districts: HashMap::new() });
        let later = merges.current();
        assert!(later.knows(2) && !request.knows(1));
        assert_eq!(merges.settled(), None);
        drop(request);
        assert_eq!(merges.settled(), Some(2));
        // What is read late and is older changes nothing.
        merges.replace(Snapshot { version: 1, districts: HashMap::new() });
        assert_eq!(merges.settled(), Some(2));
    }
}
