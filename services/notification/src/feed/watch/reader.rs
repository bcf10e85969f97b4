//! Reads each district's changes once and puts them before its live watchers.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use homeroom_domain::id::DistrictId;
use homeroom_pg::Error;
use metrics::{counter, gauge};
use tokio::sync::{Notify, Semaphore};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tonic::Status;
use uuid::Uuid;

use super::super::room::Place;
use super::super::{Wake, unavailable};
use super::seat::{Change, QUEUE, Seat};
use crate::config;
use crate::metric;
use crate::store::{Page, Position, Store};

/// Changes per look of the reader.
const PAGE: u32 = 200;

/// Changes per look of one watcher at its backlog: it may hold as many while its peer does not read.
const BACKLOG_PAGE: u32 = 32;

/// Connections that all backlogs share: many watchers that resume at once wait for each other, and not adapters for them.
const BACKLOG_SHARE: usize = 2;

/// A page of a watcher's backlog.
pub(super) struct Backlog {
    pub(super) changes: Vec<Arc<Change>>,
    pub(super) position: Position,
    /// There is nothing after it.
    pub(super) whole: bool,
}

/// The reader of a process.
#[derive(Debug)]
pub(crate) struct Reader {
    store: Store,
    poll: Duration,
    patience: Duration,
    districts: Mutex<BTreeMap<DistrictId, District>>,
    next_seat: AtomicU64,
    backlogs: Semaphore,
    /// A district has its first live watcher.
    joined: Notify,
    stop: CancellationToken,
}

/// A district that somebody watches.
#[derive(Debug, Default)]
struct District {
    seats: HashMap<u64, Arc<Seat>>,
    /// The live ones among them.
    live: usize,
    /// Up to where the live ones have been served; without any it says nothing.
    position: i64,
    /// The last changes served, for those who join while they are.
    recent: VecDeque<Arc<Change>>,
}

impl Reader {
    pub(crate) fn new(store: Store, limits: &config::Feed, stop: CancellationToken) -> Arc<Self> {
        Arc::new(Self {
            store,
            poll: Duration::from_millis(limits.poll_ms),
            patience: Duration::from_secs(limits.slow_peer_s),
            districts: Mutex::default(),
            next_seat: AtomicU64::new(0),
            backlogs: Semaphore::new(BACKLOG_SHARE),
            joined: Notify::new(),
            stop,
        })
    }

    /// Serves live watchers until the process stops, and then tells all of them.
    pub(crate) async fn run(self: Arc<Self>, mut wake: Wake) -> Result<(), Infallible> {
        let mut listening = true;
        let mut poll = interval(self.poll);
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            wake.mark_unchanged();
            if let Err(error) = self.serve().await {
                tracing::warn!(%error, "alert changes could not be read for watchers; the next look follows");
            }
            self.cut_who_does_not_read();
            tokio::select! {
                () = self.stop.cancelled() => break,
                changed = wake.changed(), if listening => listening = changed.is_ok(),
                () = self.joined.notified() => {}
                _ = poll.tick() => {}
            }
        }
        for district in std::mem::take(&mut *self.lock()).into_values() {
            for seat in district.seats.into_values() {
                seat.end(stopping(), true);
            }
        }
        Ok(())
    }

    /// How far the changes of a district go, and the tag of the change with a sequence.
    pub(super) async fn position(
        &self,
        district: &DistrictId,
        sequence: i64,
    ) -> Result<(Position, Option<Uuid>), Status> {
        let _share = self.share().await?;
        self.store.position(district, sequence).await.map_err(|error| unavailable(&error))
    }

    /// Gives a watcher a seat; it is behind until it joins.
    pub(super) fn sit(&self, district: DistrictId, school: String, place: Place) -> Arc<Seat> {
        let id = self.next_seat.fetch_add(1, Ordering::Relaxed);
        let seat = Arc::new(Seat::new(id, district.clone(), school, place));
        self.lock().entry(district).or_default().seats.insert(id, Arc::clone(&seat));
        gauge!(metric::WATCHERS).increment(1.0);
        // The reader has perhaps told all of them already.
        if self.stop.is_cancelled() {
            seat.end(stopping(), true);
        }
        seat
    }

    /// The changes after a cursor, read from the database.
    pub(super) async fn backlog(self: Arc<Self>, seat: Arc<Seat>, after: i64) -> Result<Backlog, Status> {
        let share = self.share().await?;
        let page = self.store.changes_after(&seat.district, &seat.school, after, BACKLOG_PAGE).await;
        drop(share);
        let Page { changes, position } = page.map_err(|error| unavailable(&error))?;
        let whole = changes.len() < BACKLOG_PAGE as usize;
        let changes = changes.into_iter().map(|watched| Change::decode(watched).map(Arc::new));
        Ok(Backlog { changes: changes.collect::<Result<_, _>>()?, position, whole })
    }

    /// Makes a watcher live that has everything up to `cursor`; false when it has to read more before.
    pub(super) fn join(&self, seat: &Arc<Seat>, cursor: i64) -> bool {
        let mut districts = self.lock();
        let Some(district) = districts.get_mut(&seat.district).filter(|d| d.seats.contains_key(&seat.id)) else {
            // Cut, or stopping: the seat says so.
            return true;
        };
        if district.live == 0 {
            district.position = cursor;
            district.recent.clear();
            // What was committed since the watcher looked has woken nobody.
            self.joined.notify_one();
        }
        let first = district.recent.front().map_or(i64::MAX, |change| change.sequence);
        if cursor < district.position && first > cursor + 1 {
            return false;
        }
        seat.join(cursor);
        district.live += 1;
        // Those after the cursor, which are no more than a queue holds.
        district.recent.iter().for_each(|change| {
            seat.offer(change);
        });
        true
    }

    /// The watcher is gone, or has its last word.
    pub(super) fn leave(&self, seat: &Seat) {
        let mut districts = self.lock();
        let Some(district) = districts.get_mut(&seat.district) else { return };
        if district.seats.remove(&seat.id).is_some() {
            gauge!(metric::WATCHERS).decrement(1.0);
            district.live -= usize::from(seat.is_live());
        }
        if district.seats.is_empty() {
            districts.remove(&seat.district);
        }
    }

    /// Reads and hands out what is new in the districts that have live watchers.
    async fn serve(&self) -> Result<(), Error> {
        let served: BTreeMap<DistrictId, i64> = self
            .lock()
            .iter()
            .filter(|(_, district)| district.live > 0)
            .map(|(name, district)| (name.clone(), district.position))
            .collect();
        if served.is_empty() {
            return Ok(());
        }
        // Where one district is watched, its changes say how far they go, which saves a transaction for each wake-up.
        if let Some((district, at)) = served.first_key_value().filter(|_| served.len() == 1) {
            return self.serve_district(district, *at).await;
        }
        for (district, Position { last, forgotten }) in self.store.positions(served.keys()).await? {
            let at = served.get(&district).copied().unwrap_or_default();
            if at < last.max(forgotten) {
                self.serve_district(&district, at).await?;
            }
        }
        Ok(())
    }

    /// Reads and hands out what is new in a district, page by page.
    async fn serve_district(&self, district: &DistrictId, mut at: i64) -> Result<(), Error> {
        loop {
            let page = self.store.changes_after(district, "", at, PAGE).await?;
            let end = page.position.last.max(page.position.forgotten);
            match self.hand_out(district, at, page) {
                Some(next) if next < end => at = next,
                _ => return Ok(()),
            }
        }
    }

    /// Puts the changes after `at` before the live watchers; up to where they are then served, unless they are others now or
    /// must look for themselves.
    fn hand_out(&self, name: &DistrictId, at: i64, page: Page) -> Option<i64> {
        let whole = page.changes.len() < PAGE as usize;
        let changes: Result<Vec<_>, Status> = page.changes.into_iter().map(Change::decode).collect();
        let mut districts = self.lock();
        let district = districts.get_mut(name).filter(|d| d.live > 0 && d.position == at)?;
        let changes = match changes {
            Ok(changes) if page.position.forgotten <= at => changes,
            // Something was missed, or cannot be read: each watcher finds out what that means at its cursor.
            _ => {
                district.fall_behind();
                return None;
            }
        };
        for change in changes.into_iter().map(Arc::new) {
            district.serve(change);
        }
        if whole {
            district.position = district.position.max(page.position.last);
        }
        Some(district.position)
    }

    fn cut_who_does_not_read(&self) {
        let mut cut = Vec::new();
        for district in self.lock().values() {
            cut.extend(district.seats.values().filter(|seat| seat.is_untaken_for(self.patience)).cloned());
        }
        for seat in cut {
            self.leave(&seat);
            counter!(metric::SUBSCRIBERS_CUT).increment(1);
            seat.end(Status::aborted("changes are read too slowly; resume by the cursor"), false);
        }
    }

    async fn share(&self) -> Result<tokio::sync::SemaphorePermit<'_>, Status> {
        // It is never closed.
        self.backlogs.acquire().await.map_err(|_| stopping())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<DistrictId, District>> {
        self.districts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn stopping() -> Status {
    Status::unavailable("this process is stopping; resume by the cursor")
}

impl District {
    fn serve(&mut self, change: Arc<Change>) {
        self.position = change.sequence;
        let behind = self.seats.values().filter(|seat| !seat.offer(&change)).count();
        self.live -= behind;
        if self.recent.len() == QUEUE {
            self.recent.pop_front();
        }
        self.recent.push_back(change);
    }

    fn fall_behind(&mut self) {
        self.live = 0;
        self.seats.values().for_each(|seat| seat.fall_behind());
    }
}
