//! A pass over a partition's students after the date or reference records moved.
//!
//! A pass keeps the target that it began with; what moves meanwhile makes the next pass. So a stream of small reference
//! changes cannot keep a pass over a large district from ending.

use std::collections::HashMap;
use std::sync::Arc;

use homeroom_domain::id::{DistrictId, StudentKey};
use homeroom_domain::settings::Now;

use crate::evaluate::Student;
use crate::reference::{Concerned, Snapshot};
use crate::store::claim::Lease;
use crate::store::sweep::Wanted;

pub(crate) struct Sweep {
    target: i64,
    since: i64,
    /// Districts still to visit, the current one last.
    districts: Vec<DistrictId>,
    after: Vec<u8>,
    /// The dates that the last finished pass reached, so that an idle partition is not read again.
    done: Arc<HashMap<DistrictId, Now>>,
}

impl Sweep {
    /// A pass, when something moved since `since`, the partition's reference offset, or a date has moved since the pass before.
    pub(super) fn plan(
        snapshot: &Snapshot,
        dates: &HashMap<DistrictId, Now>,
        since: i64,
        done: &Arc<HashMap<DistrictId, Now>>,
    ) -> Option<Self> {
        let moved = |id: &DistrictId| dates.get(id).is_some_and(|now| done.get(id) != Some(now));
        if snapshot.offset <= since && !dates.keys().any(moved) {
            return None;
        }
        let concerned = |id: &DistrictId| {
            snapshot.districts.get(id).is_some_and(|district| district.concerned_since(since) != Concerned::default())
        };
        let districts = dates.keys().filter(|id| moved(id) || concerned(id)).cloned().collect();
        let done = Arc::new(dates.clone());
        Some(Self { target: snapshot.offset, since, districts, after: Vec::new(), done })
    }

    /// The reference offset that is in force for everyone when the pass ends.
    pub(super) fn target(&self) -> i64 {
        self.target
    }

    /// The dates that are in force for everyone when the pass ends.
    pub(super) fn done(&self) -> Arc<HashMap<DistrictId, Now>> {
        Arc::clone(&self.done)
    }

    /// The page to read next; none when the pass is over.
    pub(super) fn next_page(&self, snapshot: &Snapshot, lease: &Lease, limit: i64) -> Option<Wanted> {
        let district = self.districts.last()?;
        Some(Wanted {
            district: district.clone(),
            partition: lease.partition,
            now: *self.done.get(district)?,
            concerned: snapshot.districts.get(district).map(|it| it.concerned_since(self.since)).unwrap_or_default(),
            reference_offset: self.target,
            after: self.after.clone(),
            limit,
        })
    }

    /// Moves behind a page.
    pub(super) fn advance(&mut self, found: &[((DistrictId, StudentKey), Student)], limit: i64) {
        let full = i64::try_from(found.len()).is_ok_and(|found| found >= limit);
        match found.last() {
            Some(((_, student), _)) if full => self.after = student.as_bytes().to_vec(),
            _ => {
                self.districts.pop();
                self.after.clear();
            }
        }
    }
}
