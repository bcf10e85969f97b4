//! Many seeds on all cores, and what to say of the first one that fails.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crate::run::Outcome;
use crate::scenario::Scenario;
use crate::shrink::shrink;

/// No seed.
const NONE: u64 = u64::MAX;

/// The lowest seed that does not hold, none when all do. Each core takes the next seed; a seed's run is on one thread, and is
/// the same whatever the others do.
pub fn first_failing(seeds: Range<u64>, holds: impl Fn(u64) -> bool + Sync) -> Option<u64> {
    let (next, failing) = (AtomicU64::new(seeds.start), AtomicU64::new(NONE));
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            // Seeds are taken in order, so all that are lower than a failing one are taken when it is, and finished.
            if seed >= seeds.end || seed > failing.load(Ordering::Relaxed) {
                return;
            }
            if !holds(seed) {
                failing.fetch_min(seed, Ordering::Relaxed);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(work);
        }
    });
    Some(failing.into_inner()).filter(|seed| *seed != NONE)
}

/// Shortens a scenario that fails, and tells of what is left of it.
pub fn report(failing: Scenario) -> String {
    let (shortest, outcome) = shrink(failing);
    transcript(&shortest, &outcome)
}

/// What happens in a scenario that fails, how to see it again, and what was wrong.
pub fn transcript(scenario: &Scenario, outcome: &Outcome) -> String {
    let steps: Vec<String> =
        scenario.steps.iter().map(|step| format!("{:>6} ms  {:?}", step.after, step.happening)).collect();
    format!(
        "seed {} breaks a promise; HOMEROOM_SEED={} replays it. Shortened to {} happenings:\n{}\n\n{}",
        scenario.seed,
        scenario.seed,
        steps.len(),
        steps.join("\n"),
        outcome.wrongs.join("\n")
    )
}
