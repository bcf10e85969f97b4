//! Thousands of seeds of a simulated country, each checked against every promise.
//!
//! `HOMEROOM_SEED=n` replays one and prints it shortened; `HOMEROOM_SEEDS=n` runs so many, for a soak.

use homeroom_simulation::run::run;
use homeroom_simulation::scenario::Scenario;
use homeroom_simulation::shrink::shrink;
use homeroom_simulation::telling;

/// Seeds of the default run: half a minute of it. A soak takes a hundred thousand, over night.
const SEEDS: u64 = 500;

#[test]
fn every_promise_holds_whatever_breaks() {
    let (first, many) = wanted();
    let (mut changes, mut commits) = (0, 0);
    for seed in first..first + many {
        let scenario = Scenario::of(seed);
        let outcome = run(&scenario);
        assert!(outcome.wrongs.is_empty(), "{}", report(scenario));
        changes += outcome.changes;
        commits += outcome.commits;
    }
    println!("{many} seeds from {first} on: {commits} commits, {changes} changes of alerts, every promise held");
    assert!(many < 100 || changes > 0, "nothing was ever told");
}

#[test]
fn whoever_has_a_word_in_hand_hears_the_last_one_and_nobody_else() {
    let (first, many) = wanted();
    let mut words = 0;
    // Forty times as many: a telling is a thousandth of a country.
    for seed in first..first + many * 40 {
        let outcome = telling::run(seed);
        assert!(outcome.wrongs.is_empty(), "telling {seed}: {}", outcome.wrongs.join("\n"));
        words += outcome.words;
    }
    println!("{} tellings from {first} on: {words} words arrived, every promise held", many * 40);
    assert!(words > 0 || many < 100, "nobody was ever told");
}

#[test]
fn a_seed_replays_exactly() {
    for seed in 0..20 {
        let (once, again) = (run(&Scenario::of(seed)), run(&Scenario::of(seed)));
        assert_eq!((once.changes, once.commits), (again.changes, again.commits), "seed {seed}");
    }
}

/// The first seed, and how many.
#[expect(clippy::disallowed_methods, reason = "it is not configuration but a question to the test")]
fn wanted() -> (u64, u64) {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse().ok());
    match number("HOMEROOM_SEED") {
        Some(seed) => (seed, 1),
        None => (0, number("HOMEROOM_SEEDS").unwrap_or(SEEDS)),
    }
}

fn report(failing: Scenario) -> String {
    let (shortest, outcome) = shrink(failing);
    let steps: Vec<String> =
        shortest.steps.iter().map(|step| format!("{:>6} ms  {:?}", step.after, step.happening)).collect();
    format!(
        "seed {} breaks a promise; HOMEROOM_SEED={} replays it. Shortened to {} happenings:\n{}\n\n{}",
        shortest.seed,
        shortest.seed,
        steps.len(),
        steps.join("\n"),
        outcome.wrongs.join("\n")
    )
}
