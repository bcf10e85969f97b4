//! What simulation needs of the service: the real owner, workers and publishers over a store, a log and a clock of its own.
//!
//! For tests only (feature `simulation`); it opens what is private otherwise and changes nothing. Under a paused clock and a
//! runtime of one thread everything here is deterministic: no time, chance or order of threads is looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use homeroom_bus::{Log, PartitionOwner, Record};
use homeroom_domain::counting;
use homeroom_domain::id::DistrictId;
use homeroom_domain::settings::Now;

pub use crate::config::Limits;
pub use crate::evaluate::{Row, Student, Written};
pub use crate::process::Process;
pub use crate::reference::{Concerned, District, Snapshot};
pub use crate::store::{
    Cause, Committed, DeadLetter, Effects, Error, Found, Key, Lease, OutboxRow, Store, StudentChange, SweepTurn,
    SweepTurns, Tally, Wanted,
};
pub use crate::worker::Clock;

use crate::verify::Difference;
use crate::verify::compare::{self, Recomputed};

impl Process {
    /// Follows the reference topic and, when what was in force is read, answers with what takes partitions; hand it to
    /// [`Log::join`], or call it directly.
    pub async fn owner(self) -> Result<Arc<dyn PartitionOwner>, homeroom_bus::Error> {
        let snapshots = self.follow_reference();
        Ok(Arc::new(self.owner_with(snapshots, Arc::default()).await?))
    }
}

/// The reference records in the log now.
pub async fn reference(log: &dyn Log) -> Result<Arc<Snapshot>, homeroom_bus::Error> {
    let end = crate::reference::end(log).await?;
    crate::reference::read_until(log, end).await
}

/// Whether a student is one that [`Store::behind`] answers with, its key aside.
pub fn is_behind(student: &Student, wanted: &Wanted) -> bool {
    let Some(evaluated) = student.evaluated else { return true };
    let late = wanted.dates_moved && (evaluated.as_of < wanted.now.as_of || evaluated.today < wanted.now.today);
    let recount = wanted.recount && student.counting < counting::VERSION;
    late || recount || is_concerned(student, wanted)
}

fn is_concerned(student: &Student, wanted: &Wanted) -> bool {
    let concerned = &wanted.concerned;
    let leans = || concerned.schools.iter().any(|school| student.written.leans_on.contains(school));
    student.evaluated_reference < wanted.reference_offset
        && (concerned.everyone || (student.waiting && concerned.waiting) || leans())
}

/// A partition's committed state, for [`differences`].
#[derive(Debug, Default)]
pub struct Stored {
    /// Its students.
    pub students: BTreeMap<Key, Student>,
    /// The dates in force, by district.
    pub dates: BTreeMap<DistrictId, Now>,
    /// Offsets of its dead letters.
    pub given_up: BTreeSet<i64>,
}

/// What `homeroom verify` would find: each student whose stored state is not what the partition's records, all those below its
/// `next_offset`, come to. Wants a state that has caught up.
pub fn differences(records: impl IntoIterator<Item = Record>, stored: &Stored, snapshot: &Snapshot) -> Vec<Difference> {
    let mut recomputed = Recomputed::default();
    for record in records {
        recomputed.take(record, &stored.given_up);
    }
    let mut expected = recomputed.students;
    let mut differences = Vec::new();
    let mut note = |key: &Key, what: Option<&'static str>| {
        if let Some(what) = what {
            differences.push(Difference { district: key.0.clone(), student: Some(key.1), what });
        }
    };
    for (key, student) in &stored.students {
        let what = match expected.remove(key) {
            Some(expected) => compare::difference(key, student, expected, stored.dates.get(&key.0).copied(), snapshot),
            None => Some("unknown to the log"),
        };
        note(key, what);
    }
    for key in expected.keys() {
        note(key, Some("missing"));
    }
    differences
}
