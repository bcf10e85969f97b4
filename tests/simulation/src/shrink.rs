//! Makes a failing scenario short: happenings are dropped while it still fails.

use crate::run::{Outcome, run};
use crate::scenario::Scenario;

/// How many runs shortening may take.
const MOST_RUNS: usize = 3_000;

/// The shortest scenario found that fails too, and what it came to.
pub fn shrink(failing: Scenario) -> (Scenario, Outcome) {
    let mut outcome = run(&failing);
    let mut shortest = failing;
    let mut chunk = shortest.steps.len().div_ceil(2).max(1);
    let mut runs = 0;
    loop {
        let mut at = 0;
        while at < shortest.steps.len() && runs < MOST_RUNS {
            let end = (at + chunk).min(shortest.steps.len());
            let mut shorter = shortest.clone();
            // The pauses of what is dropped stay, so that the rest happens when it did.
            let pauses: u64 = shorter.steps.drain(at..end).map(|step| step.after).sum();
            if let Some(next) = shorter.steps.get_mut(at) {
                next.after += pauses;
            }
            runs += 1;
            let came = run(&shorter);
            if came.wrongs.is_empty() {
                at = end;
            } else {
                (shortest, outcome) = (shorter, came);
            }
        }
        if chunk == 1 || runs >= MOST_RUNS {
            return (shortest, outcome);
        }
        chunk = chunk.div_ceil(2);
    }
}
