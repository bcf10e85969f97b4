//! How fast a key may go: a bucket for requests and one for records, so that one sender in a loop does not take what the
//! others need.
//!
//! A bucket keeps one number: the moment at which all that was taken is paid back (the generic cell rate algorithm). Taking
//! is one atomic exchange and needs no task that fills buckets.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde::Deserialize;

/// How long a key may go as fast as it can, in seconds of its rate: a morning's first minute comes in bursts.
const BURST: Duration = Duration::from_secs(2);

const SECOND: u64 = 1_000_000_000;

/// The most of one key. The default rates are far above what a district's own systems send; they stop a loop, not a busy morning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Limits {
    /// Requests and calls; twice as many may come at once.
    pub requests_per_second: NonZeroU32,
    /// Records of the doors that take many at a time; what a batch is above it, the next one waits for.
    pub records_per_second: NonZeroU32,
    /// The largest body of a request that sends, or batch of a stream, in bytes, where it is to be less than what the door takes
    /// of anybody: 413.
    pub body_bytes: Option<NonZeroU32>,
    /// How long a request that sends records, or reads the documents that were sent, may take, where it is to be less than what the
    /// door gives everybody. Its body not being there by then is 408, its answer 504.
    pub request_seconds: Option<NonZeroU32>,
}

impl Default for Limits {
    fn default() -> Self {
        let rate = |rate| NonZeroU32::new(rate).unwrap_or(NonZeroU32::MAX);
        Self {
            requests_per_second: rate(20_000),
            records_per_second: rate(1_000_000),
            body_bytes: None,
            request_seconds: None,
        }
    }
}

/// What one key has used of its limits.
#[derive(Debug)]
pub(super) struct Pace {
    pub(super) limits: Limits,
    began: Instant,
    requests: Bucket,
    records: Bucket,
}

impl Pace {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            began: Instant::now(),
            requests: Bucket::new(limits.requests_per_second),
            records: Bucket::new(limits.records_per_second),
        }
    }

    /// Takes one request, or says when there is one again.
    pub(super) fn take_request(&self) -> Result<(), Duration> {
        self.requests.take(self.began.elapsed())
    }

    /// Whether the records taken before are paid back; else when they are.
    pub(super) fn has_records(&self) -> Result<(), Duration> {
        self.records.has_room(self.began.elapsed())
    }

    /// Takes records that are here already, even when there are not as many: the next ones wait for it.
    pub(super) fn charge_records(&self, records: usize) {
        self.records.charge(records, self.began.elapsed());
    }
}

/// Holds [`BURST`] of its rate.
#[derive(Debug)]
struct Bucket {
    /// What one costs, in nanoseconds of the bucket's filling.
    cost: u64,
    /// When the bucket is full again, in nanoseconds since the pace began.
    full_at: AtomicU64,
}

impl Bucket {
    fn new(per_second: NonZeroU32) -> Self {
        Self { cost: (SECOND / u64::from(per_second.get())).max(1), full_at: AtomicU64::new(0) }
    }

    fn take(&self, now: Duration) -> Result<(), Duration> {
        let now = nanos(now);
        let taken = self.full_at.try_update(Ordering::Relaxed, Ordering::Relaxed, |full_at| {
            (wait(full_at, now) == 0).then(|| full_at.max(now).saturating_add(self.cost))
        });
        taken.map(drop).map_err(|full_at| Duration::from_nanos(wait(full_at, now)))
    }

    fn has_room(&self, now: Duration) -> Result<(), Duration> {
        match wait(self.full_at.load(Ordering::Relaxed), nanos(now)) {
            0 => Ok(()),
            wait => Err(Duration::from_nanos(wait)),
        }
    }

    fn charge(&self, count: usize, now: Duration) {
        let now = nanos(now);
        let cost = self.cost.saturating_mul(count as u64);
        self.full_at.update(Ordering::Relaxed, Ordering::Relaxed, |full_at| full_at.max(now).saturating_add(cost));
    }
}

/// How long until a bucket that is full at a moment holds something, in nanoseconds.
fn wait(full_at: u64, now: u64) -> u64 {
    full_at.saturating_sub(now.saturating_add(nanos(BURST)))
}

/// Five centuries fit.
fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn bucket(per_second: u32) -> Bucket {
        Bucket::new(NonZeroU32::new(per_second).unwrap())
    }

    #[test]
    fn a_bucket_gives_its_burst_then_its_rate() {
        let bucket = bucket(10);
        let at_once = (0..100).take_while(|_| bucket.take(at(0)).is_ok()).count();
        assert_eq!(at_once, 21, "two seconds' worth and the one under way");
        assert_eq!(bucket.take(at(0)), Err(at(100)));
        assert_eq!(bucket.take(at(100)), Ok(()));
        assert_eq!(bucket.take(at(100)), Err(at(100)));
    }

    #[test]
    fn a_batch_above_the_rate_is_paid_back_before_the_next() {
        let bucket = bucket(1000);
        assert_eq!(bucket.has_room(at(0)), Ok(()));
        bucket.charge(10_000, at(0));
        assert_eq!(bucket.has_room(at(0)), Err(at(8000)));
        assert_eq!(bucket.has_room(at(8000)), Ok(()));
    }

    proptest! {
        /// Whoever tries whenever: no span of time gives more than its length at the rate, and a burst. And whoever waits as
        /// told is served.
        #[test]
        fn no_span_gives_more_than_rate_and_burst(
            per_second in 1..2000_u32,
            pauses in prop::collection::vec(0..500_u64, 1..200),
        ) {
            let bucket = bucket(per_second);
            let mut now = 0;
            let mut served = Vec::new();
            for pause in pauses {
                now += pause;
                match bucket.take(at(now)) {
                    Ok(()) => served.push(now),
                    Err(wait) => prop_assert_eq!(bucket.has_room(at(now) + wait), Ok(())),
                }
            }
            for (first, began) in served.iter().enumerate() {
                for (last, ended) in served.iter().enumerate().skip(first) {
                    let allowed = u64::from(per_second) * (ended - began + 2000) / 1000 + 1;
                    prop_assert!((last - first) as u64 <= allowed);
                }
            }
        }
    }
}
