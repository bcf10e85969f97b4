//! Whether records come, and how long a sweep rests for their sake.
//!
//! A step of a sweep keeps a core and the database busy, and so does what follows from it: alerts that are published, told and shown.
//! A mark of today needs the same, so while any come a sweep rests after each step for as long as the step took: it leaves half of
//! the machine. When none come, as at night when the date moves, it does not rest.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Records that came longer ago do not make a sweep rest.
const RECENT: Duration = Duration::from_secs(1);
/// The longest rest. A step lasts longer where the database is slow, which a rest does not mend.
const LONGEST: Duration = Duration::from_millis(40);

/// When records last came to any worker of the process.
#[derive(Debug, Default)]
pub(crate) struct Traffic(Mutex<Option<Instant>>);

impl Traffic {
    /// Records have come.
    pub(super) fn came(&self, now: Instant) {
        *self.last() = Some(now);
    }

    /// How long a sweep rests after a step that took so long.
    pub(super) fn rest(&self, now: Instant, took: Duration) -> Duration {
        let recent = self.last().is_some_and(|last| now.saturating_duration_since(last) < RECENT);
        if recent { took.min(LONGEST) } else { Duration::ZERO }
    }

    fn last(&self) -> MutexGuard<'_, Option<Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits until a rest is over; not at all when it is.
pub(super) async fn rested(at: Instant) {
    if Instant::now() < at {
        tokio::time::sleep_until(at).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sweep_rests_while_records_come_and_for_no_longer_than_its_step_took() {
        let (traffic, now, took) = (Traffic::default(), Instant::now(), Duration::from_millis(15));
        assert_eq!(traffic.rest(now, took), Duration::ZERO, "nothing has ever come");
        traffic.came(now);
        assert_eq!(traffic.rest(now, took), took);
        assert_eq!(traffic.rest(now, LONGEST * 3), LONGEST);
        assert_eq!(traffic.rest(now + RECENT, took), Duration::ZERO, "at night");
    }
}
