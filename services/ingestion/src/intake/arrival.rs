//! Revisions of records that come without one: the time of arrival in microseconds.

use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;

/// Gives each record of this process a higher one than all before it, also when the clock stands still or steps back: a correction
/// that arrives later must count as the later word.
#[derive(Debug, Default)]
pub struct Arrivals {
    last: AtomicU64,
}

impl Arrivals {
    /// The first of as many revisions as records, which follow one another.
    pub fn take(&self, now: Timestamp, records: usize) -> u64 {
        let now = u64::try_from(now.as_microsecond()).unwrap_or(0);
        let records = records as u64;
        let first = |last: u64| now.max(last.saturating_add(1));
        let next = |last: u64| Some(first(last).saturating_add(records).saturating_sub(1).max(last));
        let before = self.last.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        // The update never declines, so either is what was there before.
        first(before.unwrap_or_else(|last| last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_grows_while_the_clock_stands_still_or_steps_back() {
        let at = |microseconds| Timestamp::from_microsecond(microseconds).unwrap();
        let arrivals = Arrivals::default();
        assert_eq!(arrivals.take(at(1_000), 3), 1_000);
        assert_eq!(arrivals.take(at(1_000), 1), 1_003);
        assert_eq!(arrivals.take(at(5), 2), 1_004);
        assert_eq!(arrivals.take(at(5), 0), 1_006);
        assert_eq!(arrivals.take(at(5), 1), 1_006);
        assert_eq!(arrivals.take(at(2_000), 1), 2_000);
    }

    #[test]
    fn no_two_of_many_threads_get_the_same_one() {
        let arrivals = Arrivals::default();
        let taken = || (0..1_000).map(|_| arrivals.take(Timestamp::UNIX_EPOCH, 1)).collect::<Vec<_>>();
        let mut all: Vec<u64> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(taken)).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 4_000);
    }
}
