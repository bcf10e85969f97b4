//! Whether records come, and how long sweeps rest for their sake.
//!
//! A step of a sweep keeps a core and the database busy, and so does what follows from it: alerts that are published, told and shown.
//! A mark of today needs the same, so while any come the process rests after each step, for half as long as the step took and at
//! most 40 ms, whichever partition has the turn. A longer rest would make an edit of a school's calendar too slow. When none come,
//! as at night when the date moves, it does not rest.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Records that came longer ago do not make a sweep rest.
const RECENT: Duration = Duration::from_secs(1);
/// The longest rest. A step lasts longer where the database is slow, which a rest does not mend.
const LONGEST: Duration = Duration::from_millis(40);

/// What the workers of a process tell each other. `None` is never.
#[derive(Debug, Default)]
pub(crate) struct Traffic(Mutex<Seen>);

#[derive(Debug, Default, Clone, Copy)]
struct Seen {
    /// When records last came to any worker.
    last: Option<Instant>,
    /// When the next step may begin.
    rested: Option<Instant>,
}

impl Traffic {
    /// Records have come.
    pub(super) fn came(&self, now: Instant) {
        self.seen().last = Some(now);
    }

    /// A step has ended that took so long.
    pub(super) fn rest(&self, now: Instant, took: Duration) {
        let mut seen = self.seen();
        let recent = seen.last.is_some_and(|last| now.saturating_duration_since(last) < RECENT);
        seen.rested = recent.then(|| now + (took / 2).min(LONGEST));
    }

    /// Whether the next step may begin.
    pub(super) fn has_rested(&self, now: Instant) -> bool {
        self.seen().rested.is_none_or(|rested| rested <= now)
    }

    /// Waits until the next step may begin; not at all when it may.
    pub(super) async fn rested(&self) {
        let rested = self.seen().rested;
        if let Some(rested) = rested.filter(|rested| *rested > Instant::now()) {
            sleep_until(rested).await;
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sweeps_rest_while_records_come_and_for_half_as_long_as_the_step_took() {
        let (traffic, now, took) = (Traffic::default(), Instant::now(), Duration::from_millis(15));
        let tick = Duration::from_nanos(1);
        let rests_for = |now: Instant, took, expected: Duration| {
            traffic.rest(now, took);
            let before = expected.checked_sub(tick);
            traffic.has_rested(now + expected) && before.is_none_or(|before| !traffic.has_rested(now + before))
        };
        assert!(traffic.has_rested(now) && rests_for(now, took, Duration::ZERO), "nothing has ever come");
        traffic.came(now);
        assert!(rests_for(now, took, took / 2));
        assert!(rests_for(now, LONGEST * 3, LONGEST));
        assert!(rests_for(now + RECENT, took, Duration::ZERO), "at night");
    }
}
