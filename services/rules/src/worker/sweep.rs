//! A pass over a partition's students after the date or reference records moved, or an upgrade brought another way of counting.
//!
//! A pass keeps the target that it began with; what moves meanwhile makes the next pass. So a stream of small reference
//! changes cannot keep a pass over a large district from ending. It goes page by page (`page`).

use std::collections::BTreeMap;
use std::sync::Arc;

use homeroom_domain::counting;
use homeroom_domain::id::{DistrictId, StudentKey};
use homeroom_domain::mutant::{Mutant, planted};
use homeroom_domain::settings::Now;
use tokio::time::Instant;

use crate::metric;
use crate::reference::{Concerned, Snapshot};
use crate::store::{self, Effects, Found, Key, Lease, Wanted};
use crate::worker::page::Page;
use crate::worker::patience::chain;
use crate::worker::{Error, Hold, Worker};

pub(crate) struct Sweep {
    target: i64,
    since: i64,
    /// Districts still to visit, the current one last, each with whether its dates have moved since the pass before.
    districts: Vec<(DistrictId, bool)>,
    after: Vec<u8>,
    /// Who is looked at again now.
    page: Option<Page>,
    /// How many districts there were.
    all: usize,
    /// Whether anybody may have been counted in an older way.
    recount: bool,
    /// The dates that the last finished pass reached, so that an idle partition is not read again.
    done: Arc<BTreeMap<DistrictId, Now>>,
}

impl Sweep {
    /// A pass, when something moved since the partition's reference offset, a date has moved since the pass before, or not everyone was
    /// counted as this version counts.
    pub(super) fn plan(
        snapshot: &Snapshot,
        dates: &BTreeMap<DistrictId, Now>,
        lease: &Lease,
        done: &Arc<BTreeMap<DistrictId, Now>>,
    ) -> Option<Self> {
        let (since, recount) = (lease.reference_offset, lease.counting < counting::VERSION);
        let moved = |id: &DistrictId| dates.get(id).is_some_and(|now| done.get(id) != Some(now));
        if snapshot.offset <= since && !recount && !dates.keys().any(moved) {
            return None;
        }
        let concerned = |id: &DistrictId| {
            snapshot.districts.get(id).is_some_and(|district| district.concerned_since(since) != Concerned::default())
        };
        let districts: Vec<_> =
            dates.keys().filter(|id| recount || moved(id) || concerned(id)).map(|id| (id.clone(), moved(id))).collect();
        let done = Arc::new(dates.clone());
        let all = districts.len();
        Some(Self { target: snapshot.offset, since, districts, after: Vec::new(), page: None, all, recount, done })
    }

    /// How far the pass has come, from 0 to 1. Keys are hashes, so the place of the last one tells how many are behind it.
    fn share_done(&self) -> f64 {
        let mut first = [0; 4];
        first.iter_mut().zip(&self.after).for_each(|(to, from)| *to = *from);
        let of_district = f64::from(u32::from_be_bytes(first)) / f64::from(u32::MAX);
        let count = |many: usize| f64::from(u32::try_from(many).unwrap_or(u32::MAX));
        (count(self.all - self.districts.len()) + of_district) / count(self.all).max(1.0)
    }

    /// What is in force for everyone when the pass ends.
    fn end(&self, lease: Lease) -> Lease {
        Lease {
            reference_offset: lease.reference_offset.max(self.target),
            counting: lease.counting.max(if self.recount { counting::VERSION } else { 0 }),
            ..lease
        }
    }

    /// The dates that are in force for everyone when the pass ends.
    pub(super) fn done(&self) -> Arc<BTreeMap<DistrictId, Now>> {
        Arc::clone(&self.done)
    }

    /// The page to read next; none when the pass is over.
    pub(super) fn next_page(&self, snapshot: &Snapshot, lease: &Lease, limit: i64) -> Option<Wanted> {
        let (district, dates_moved) = self.districts.last().filter(|_| !planted(Mutant::SkipSweep))?;
        Some(Wanted {
            district: district.clone(),
            partition: lease.partition,
            now: *self.done.get(district)?,
            dates_moved: *dates_moved,
            recount: self.recount,
            concerned: snapshot.districts.get(district).map(|it| it.concerned_since(self.since)).unwrap_or_default(),
            reference_offset: self.target,
            after: self.after.clone(),
            limit,
        })
    }

    /// Moves behind a page that holds so many students and ends with this one.
    fn advance(&mut self, last: Option<StudentKey>, students: usize, limit: i64) {
        let full = i64::try_from(students).is_ok_and(|students| students >= limit);
        match last {
            Some(student) if full => self.after = student.as_bytes().to_vec(),
            _ => {
                self.districts.pop();
                self.after.clear();
            }
        }
    }

    /// Whether there is nothing to do before the page has come.
    pub(super) fn is_waiting(&self) -> bool {
        self.page.as_ref().is_some_and(Page::is_coming)
    }

    /// Waits for the page, and moves behind it; may be dropped and called again.
    pub(super) async fn page_comes(&mut self, limit: i64) -> Result<(), store::Error> {
        let Some(page) = &mut self.page else { return Ok(()) };
        let (last, students) = page.come().await?;
        self.advance(last, students, limit);
        Ok(())
    }

    /// Somebody was committed.
    pub(super) fn overtake(&mut self, key: &Key) {
        if let Some(page) = &mut self.page {
            page.overtake(key.clone());
        }
    }
}

/// Waits for the page of a sweep, if there is one.
pub(super) async fn page_comes(sweep: &mut Option<Sweep>, limit: i64) -> Result<(), store::Error> {
    match sweep {
        Some(sweep) => sweep.page_comes(limit).await,
        None => Ok(()),
    }
}

impl Worker {
    pub(super) fn plan_sweep(&mut self) {
        if self.sweep.is_none() {
            self.sweep = Sweep::plan(&self.snapshot, &self.dates, &self.lease, &self.swept);
        }
    }

    /// Asks for a page, looks at a step of it again, or ends the pass; nothing while a page is still to come.
    pub(super) async fn sweep_part(&mut self) -> Result<Hold, Error> {
        self.memory.turn();
        let Some(sweep) = &mut self.sweep else { return Ok(Hold::Kept) };
        let Some(page) = &mut sweep.page else {
            let wanted = sweep.next_page(&self.snapshot, &self.lease, self.shared.limits.sweep_students);
            sweep.page = wanted.map(|wanted| Page::ask(&self.shared, wanted));
            return if sweep.page.is_some() { Ok(Hold::Kept) } else { self.end_sweep().await };
        };
        let step = page.step(self.stride.students(), |key| self.memory.is_unwritten(key));
        metrics::counter!(metric::SWEPT).increment(step.len() as u64);
        let began = Instant::now();
        let hold = self.look_again(&step).await?;
        let (ended, most) = (Instant::now(), usize::try_from(self.shared.limits.sweep_students).unwrap_or(usize::MAX));
        let took = ended - began;
        self.stride = self.stride.after(step.len(), took, most);
        self.shared.traffic.rest(ended, took);
        if let Some(sweep) = &mut self.sweep {
            sweep.page.take_if(|page| page.is_done());
            let share_done = sweep.share_done();
            self.show_sweep(share_done);
        }
        Ok(hold)
    }

    async fn end_sweep(&mut self) -> Result<Hold, Error> {
        let Some(sweep) = self.sweep.take() else { return Ok(Hold::Kept) };
        let to = sweep.end(self.lease);
        let hold = if to == self.lease { Hold::Kept } else { self.commit(to, Effects::default()).await? };
        self.swept = sweep.done();
        self.show_sweep(1.0);
        self.plan_sweep();
        Ok(hold)
    }

    fn show_sweep(&self, share_done: f64) {
        metrics::gauge!(metric::SWEEP_DONE, "partition" => self.lease.partition.to_string()).set(share_done);
    }

    /// Evaluates students again and commits. One whom the database refuses stays as it was and stops no other.
    pub(super) async fn look_again(&mut self, found: &[Found]) -> Result<Hold, Error> {
        let pages = match self.commit_again(found).await {
            Err(error) if error.refused() => found.chunks(1),
            result => return Ok(result?),
        };
        for one in pages {
            match self.commit_again(one).await {
                Ok(Hold::Kept) => {}
                Ok(Hold::Lost) => return Ok(Hold::Lost),
                Err(error) if error.refused() => {
                    metrics::counter!(metric::SWEEPS_REFUSED).increment(1);
                    tracing::error!(partition = self.lease.partition, error = %chain(&error), "a student stays behind the date or the reference records");
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Hold::Kept)
    }

    async fn commit_again(&mut self, found: &[Found]) -> Result<Hold, store::Error> {
        if found.is_empty() {
            return Ok(Hold::Kept);
        }
        let effects = self.desk((self.shared.clock)()).look_again(found).all_told();
        self.commit(self.lease, effects).await
    }
}
