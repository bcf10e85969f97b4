//! What the reader and a watcher share: a short queue of changes, and who waits for whom.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};
use std::time::Duration;

use homeroom_domain::id::DistrictId;
use homeroom_proto::wire::{alert, notification as pb};
use prost::Message as _;
use tokio::time::Instant;
use tonic::Status;

use super::super::room::Place;
use super::super::wire;
use super::cursor::Cursor;
use crate::plan::DutyKey;
use crate::store::Watched;

/// Changes that wait for one watcher. They are shared, so that a full queue holds references only.
pub(super) const QUEUE: usize = 64;

/// A change as watchers get it, decoded once for all of them.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) sequence: i64,
    school: String,
    pub(super) response: pb::WatchAlertsResponse,
}

impl Change {
    pub(super) fn decode(watched: Watched) -> Result<Self, Status> {
        let mut change = alert::AlertChange::decode(&watched.message[..]).map_err(|_| {
            // It was decoded before it was kept.
            Status::data_loss(format!("change {} cannot be read", watched.sequence))
        })?;
        // What the rules service needs to go on from the change says nothing to a screen.
        change.basis = None;
        let school = change.school.clone();
        let cursor = Cursor { sequence: watched.sequence, tag: watched.tag }.to_string();
        let keys = DutyKey::all(change.duties.iter().map(|duty| duty.what.as_str()));
        let done = (0..).zip(keys).filter_map(|(duty, key)| {
            let done = watched.done.get(&key)?.clone();
            Some(pb::DoneDuty { duty, done: Some(wire::done(done)) })
        });
        let done = done.collect();
        let response = pb::WatchAlertsResponse { cursor, change: Some(change), teams: watched.teams, done };
        Ok(Self { sequence: watched.sequence, school, response })
    }
}

/// A watcher's seat.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) id: u64,
    pub(super) district: DistrictId,
    /// Empty for all.
    pub(super) school: String,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    queue: VecDeque<Arc<Change>>,
    /// The last change that the queue holds or held, while the reader puts changes here; none while the watcher is behind.
    live_at: Option<i64>,
    /// Since when the peer has something to take and does not; none while it waits for us.
    untaken_since: Option<Instant>,
    end: Option<Status>,
    waker: Option<Waker>,
    /// Given back when the watcher is cut, although the peer may hold its stream for long.
    place: Option<Place>,
}

/// What comes next for a watcher.
pub(super) enum Next {
    /// To be sent.
    Change(Arc<Change>),
    /// The last word.
    End(Status),
    /// Nothing yet; the waker is called.
    Wait,
    /// The reader does not put changes here.
    Behind,
}

impl Seat {
    pub(super) fn new(id: u64, district: DistrictId, school: String, place: Place) -> Self {
        let state = State {
            queue: VecDeque::new(),
            live_at: None,
            untaken_since: Some(Instant::now()),
            end: None,
            waker: None,
            place: Some(place),
        };
        Self { id, district, school, state: Mutex::new(state) }
    }

    pub(super) fn next(&self, cx: &Context<'_>) -> Next {
        let mut state = self.lock();
        // Whoever asks for the next has taken the one before.
        state.untaken_since = None;
        if let Some(change) = state.queue.pop_front() {
            state.untaken_since = Some(Instant::now());
            return Next::Change(change);
        }
        if let Some(status) = state.end.take() {
            return Next::End(status);
        }
        state.waker = Some(cx.waker().clone());
        if state.live_at.is_some() { Next::Wait } else { Next::Behind }
    }

    /// The peer has been given something from the backlog.
    pub(super) fn sent(&self) {
        self.lock().untaken_since = Some(Instant::now());
    }

    /// Makes the watcher live; it has everything up to `cursor`.
    pub(super) fn join(&self, cursor: i64) {
        self.lock().live_at = Some(cursor);
    }

    pub(super) fn is_live(&self) -> bool {
        self.lock().live_at.is_some()
    }

    /// Puts a change before a live watcher. False when there is no room for it: the watcher is then behind.
    pub(super) fn offer(&self, change: &Arc<Change>) -> bool {
        let mut state = self.lock();
        if state.live_at.is_none_or(|at| change.sequence <= at) {
            return true;
        }
        let wanted = self.school.is_empty() || self.school == change.school;
        if wanted && state.queue.len() >= QUEUE {
            state.live_at = None;
            return false;
        }
        state.live_at = Some(change.sequence);
        if wanted {
            state.queue.push_back(Arc::clone(change));
            state.untaken_since.get_or_insert_with(Instant::now);
            wake(state);
        }
        true
    }

    /// The watcher reads its backlog again, from where it is; it may not be able to.
    pub(super) fn fall_behind(&self) {
        let mut state = self.lock();
        state.live_at = None;
        wake(state);
    }

    /// Whether the peer has left what it could take for this long.
    pub(super) fn is_untaken_for(&self, patience: Duration) -> bool {
        self.lock().untaken_since.is_some_and(|since| since.elapsed() >= patience)
    }

    /// Gives the watcher its last word, after what it has in the queue when that is `whole`, and its place to others.
    pub(super) fn end(&self, status: Status, whole: bool) {
        let mut state = self.lock();
        if !whole {
            state.queue = VecDeque::new();
        }
        state.end = Some(status);
        state.place = None;
        wake(state);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wakes the watcher after its seat is free: it looks at once.
fn wake(mut state: MutexGuard<'_, State>) {
    let waker = state.waker.take();
    drop(state);
    if let Some(waker) = waker {
        waker.wake();
    }
}
