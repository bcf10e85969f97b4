//! How large one request of a key may be, and how long it may take. Looked up by the door that has let it in, which knows what is
//! kept when it ends a request.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};
use tonic::Status;

use super::pace::Limits;

/// What one request may have; its time runs from when this is made.
#[derive(Debug, Clone, Copy, Default)]
pub struct Allowance {
    body_bytes: Option<usize>,
    time: Option<(Duration, Instant)>,
}

/// The request took as long as it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("requests of this key may take {} s", .0.as_secs())]
pub struct TimedOut(
    /// How long requests of the key may take.
    pub Duration,
);

impl TimedOut {
    /// When it is worth trying again.
    pub const RETRY_AFTER: Duration = Duration::from_secs(5);
}

impl From<TimedOut> for Status {
    fn from(timed_out: TimedOut) -> Self {
        Self::deadline_exceeded(timed_out.to_string())
    }
}

impl Allowance {
    pub(super) fn of(limits: &Limits) -> Self {
        let time = limits.request_seconds.map(|seconds| Duration::from_secs(u64::from(seconds.get())));
        Self {
            body_bytes: limits.body_bytes.map(|bytes| usize::try_from(bytes.get()).unwrap_or(usize::MAX)),
            time: time.map(|time| (time, Instant::now() + time)),
        }
    }

    /// The largest body, in bytes, where the door takes at most so many.
    pub fn body_bytes(&self, most: usize) -> usize {
        self.body_bytes.map_or(most, |bytes| bytes.min(most))
    }

    /// What the work comes to, when that is in time; else it is dropped where it stands. Work of some size comes in a box: it would be
    /// held twice.
    pub async fn within<T>(&self, work: impl Future<Output = T>) -> Result<T, TimedOut> {
        match self.time {
            None => Ok(work.await),
            Some((time, end)) => timeout_at(end, work).await.map_err(|_| TimedOut(time)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    #[test]
    fn a_key_narrows_what_a_door_takes_and_never_widens_it() {
        let allowance = Allowance::of(&Limits { body_bytes: NonZeroU32::new(1_000), ..Limits::default() });
        assert_eq!((allowance.body_bytes(5_000), allowance.body_bytes(500)), (1_000, 500));
        assert_eq!(Allowance::of(&Limits::default()).body_bytes(5_000), 5_000);
    }

    #[tokio::test]
    async fn work_is_dropped_when_the_time_of_its_request_is_over() {
        let three = Duration::from_secs(3);
        let over = Allowance { body_bytes: None, time: Some((three, Instant::now())) };
        assert_eq!(over.within(std::future::pending::<()>()).await, Err(TimedOut(three)));
        assert_eq!(TimedOut(three).to_string(), "requests of this key may take 3 s");
        let allowance = Allowance::of(&Limits { request_seconds: NonZeroU32::new(3), ..Limits::default() });
        assert_eq!(allowance.within(async { 7 }).await, Ok(7));
        assert_eq!(Allowance::of(&Limits::default()).within(async { 7 }).await, Ok(7));
    }
}
