//! One watcher of alert changes: everything after its cursor in order of commit, then live.
//!
//! A cursor is a commit sequence of the district. Sequences are dense and handed out under a lock that is held until commit, so
//! nothing that commits late can hide behind a cursor. A watcher that reads too slowly is cut, and resumes by its cursor.
//! Alerts that were over long ago are forgotten with their changes; a watcher whose cursor is before one of these cannot know
//! what it missed, and is told to begin again.

use std::sync::Arc;
use std::time::Duration;

use homeroom_domain::id::DistrictId;
use homeroom_proto::wire::{alert, notification as pb};
use metrics::counter;
use prost::Message as _;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tonic::Status;

use super::{Shared, unavailable};
use crate::metric;
use crate::store::{Page, Position, Watched};

/// Changes that wait for a watcher to read them, and one place for the reason when it is cut.
pub(super) const OUTBOX: usize = 65;

/// Changes per look.
const PAGE: u32 = 200;

type Out = mpsc::Sender<Result<pb::WatchAlertsResponse, Status>>;

/// A watcher.
pub(super) struct Watcher {
    shared: Arc<Shared>,
    district: DistrictId,
    school: String,
    /// The last change seen, or a later one of another school.
    cursor: i64,
    /// What was forgotten when the watcher began.
    forgotten: i64,
    out: Out,
}

impl Watcher {
    /// Finds where to begin.
    pub(super) async fn open(
        shared: Arc<Shared>,
        district: DistrictId,
        request: pb::WatchAlertsRequest,
        out: Out,
    ) -> Result<Self, Status> {
        let Position { last, forgotten } =
            shared.store.position(&district).await.map_err(|error| unavailable(&error))?;
        let cursor = match (request.cursor.as_str(), request.from_start) {
            ("", true) => 0,
            ("", false) => last,
            (_, true) => return Err(Status::invalid_argument("`cursor` and `from_start` exclude each other")),
            (cursor, false) => {
                let cursor: i64 =
                    cursor.parse().map_err(|_| Status::invalid_argument("`cursor` is none of this feed"))?;
                if !(0..=last).contains(&cursor) {
                    // The database was restored to a time before the cursor.
                    return Err(Status::out_of_range("`cursor` is past the last change; watch from the start"));
                }
                if cursor < forgotten {
                    return Err(too_old());
                }
                cursor
            }
        };
        Ok(Self { shared, district, school: request.school, cursor, forgotten, out })
    }

    /// Sends changes until the watcher leaves, is cut, or this process stops.
    pub(super) async fn run(mut self) {
        // Kept free so that a watcher that does not read can be told why it is cut.
        let Ok(last_word) = self.out.clone().reserve_owned().await else { return };
        if let Err(status) = self.serve().await {
            last_word.send(Err(status));
        }
    }

    async fn serve(&mut self) -> Result<(), Status> {
        let stopping = self.shared.tasks.stopping();
        let mut wake = self.shared.wake.clone();
        let mut listening = true;
        let mut poll = interval(Duration::from_millis(self.shared.limits.poll_ms));
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            wake.mark_unchanged();
            self.catch_up().await?;
            tokio::select! {
                () = stopping.cancelled() => return Err(Status::unavailable("this process is stopping; resume by the cursor")),
                () = self.out.closed() => return Ok(()),
                changed = wake.changed(), if listening => listening = changed.is_ok(),
                _ = poll.tick() => {}
            }
        }
    }

    async fn catch_up(&mut self) -> Result<(), Status> {
        loop {
            let page = self.shared.store.changes_after(&self.district, &self.school, self.cursor, PAGE).await;
            let Page { changes, position } = page.map_err(|error| unavailable(&error))?;
            if position.forgotten > self.forgotten {
                if self.cursor < position.forgotten {
                    return Err(too_old());
                }
                self.forgotten = position.forgotten;
            }
            if changes.is_empty() {
                // What is not of the watcher's school is seen too, and may be forgotten.
                self.cursor = self.cursor.max(position.last);
                return Ok(());
            }
            for watched in changes {
                self.send(watched).await?;
            }
        }
    }

    async fn send(&mut self, watched: Watched) -> Result<(), Status> {
        let change = alert::AlertChange::decode(&watched.message[..]).map_err(|_| {
            // It was decoded before it was kept.
            Status::data_loss(format!("change {} cannot be read", watched.sequence))
        })?;
        let response = pb::WatchAlertsResponse {
            cursor: watched.sequence.to_string(),
            change: Some(change),
            teams: watched.teams,
        };
        let patience = Duration::from_secs(self.shared.limits.slow_peer_s);
        match timeout(patience, self.out.send(Ok(response))).await {
            Ok(Ok(())) => {
                self.cursor = watched.sequence;
                Ok(())
            }
            Ok(Err(_)) => Err(Status::cancelled("the watcher is gone")),
            Err(_) => {
                counter!(metric::SUBSCRIBERS_CUT).increment(1);
                Err(Status::aborted("changes are read too slowly; resume by the cursor"))
            }
        }
    }
}

fn too_old() -> Status {
    Status::out_of_range("`cursor` is older than the changes kept; watch from the start")
}
