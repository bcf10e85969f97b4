//! When appends go to the producer: at once while they come one by one, and together while they follow each other closely.
//!
//! A broker's work for a small request, and a reader's for being woken, is many times that for a small record. The library's own
//! linger gathers within a partition, where the next record may be long in coming; this gathers over all of them, so that one
//! burst is one awakening of each thread on its way, and of the readers behind the broker. Who comes alone never waits.

use tokio::sync::{Mutex, MutexGuard};
use tokio::task::yield_now;
use tokio::time::{Duration, Instant, sleep_until};

/// The least time from one burst of small appends to the next. At a thousand records a second it saves half of what they cost
/// the broker; beyond a few milliseconds little more is gained.
const PACE: Duration = Duration::from_millis(3);

/// From so many records on, an append is a burst of its own.
const LARGE: usize = 32;

/// How often others may run before a burst begins: what one commit has released to several callers goes out together.
const YIELDS: usize = 2;

/// The order of appends, and when the last burst began.
#[derive(Debug, Default)]
pub(super) struct Pace(Mutex<Option<Instant>>);

impl Pace {
    /// The right to hand so many records to the producer, until it is dropped. Given in the order of asking.
    pub(super) async fn turn(&self, records: usize) -> MutexGuard<'_, Option<Instant>> {
        let asked = Instant::now();
        let mut burst = self.0.lock().await;
        // Who asked before the burst began goes with it.
        if burst.is_none_or(|began| began < asked) {
            if let Some(began) = *burst
                && records < LARGE
            {
                sleep_until(began + PACE).await;
            }
            for _ in 0..YIELDS {
                yield_now().await;
            }
            *burst = Some(Instant::now());
        }
        burst
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::task::JoinSet;

    use super::*;

    async fn passes(pace: &Pace, records: usize) -> Instant {
        drop(pace.turn(records).await);
        Instant::now()
    }

    #[tokio::test(start_paused = true)]
    async fn who_comes_alone_never_waits() {
        let pace = Pace::default();
        for _ in 0..3 {
            let asked = Instant::now();
            assert_eq!(passes(&pace, 1).await, asked);
            tokio::time::advance(PACE).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_follows_closely_goes_together_and_in_order() {
        let pace = Arc::new(Pace::default());
        let first = passes(&pace, 1).await;
        let (order, mut callers) = (Arc::new(std::sync::Mutex::new(Vec::new())), JoinSet::new());
        for number in 0..5 {
            tokio::time::advance(Duration::from_micros(100)).await;
            let (pace, order) = (Arc::clone(&pace), Arc::clone(&order));
            callers.spawn(async move {
                let turn = pace.turn(1).await;
                order.lock().unwrap().push(number);
                drop(turn);
                Instant::now()
            });
            tokio::task::yield_now().await;
        }
        let passed = callers.join_all().await;
        // The runtime's clock has ticks of a millisecond.
        assert!(passed[0] >= first + PACE && passed[0] <= first + PACE + Duration::from_millis(1));
        assert_eq!(passed, [passed[0]; 5]);
        assert_eq!(*order.lock().unwrap(), [0, 1, 2, 3, 4]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_ready_at_once_goes_at_once_and_together() {
        let (pace, started) = (Arc::new(Pace::default()), Instant::now());
        let callers: JoinSet<Instant> = (0..5)
            .map(|_| {
                let pace = Arc::clone(&pace);
                async move { passes(&pace, 1).await }
            })
            .collect();
        assert_eq!(callers.join_all().await, [started; 5]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_large_append_does_not_wait_for_company() {
        let pace = Pace::default();
        let first = passes(&pace, 1).await;
        tokio::time::advance(Duration::from_micros(100)).await;
        assert_eq!(passes(&pace, LARGE).await, first + Duration::from_micros(100));
    }
}
