//! Thousands of seeds of a simulated country, each checked against every promise.
//!
//! `HOMEROOM_SEED=n` replays one and prints it shortened; `HOMEROOM_SEEDS=n` runs so many, for a soak, which
//! `cargo test --profile load -p homeroom-simulation --test seeds -- --nocapture` makes several times faster.

use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Instant;

use homeroom_simulation::run::run;
use homeroom_simulation::scenario::Scenario;
use homeroom_simulation::seeds::{first_failing, report};
use homeroom_simulation::telling;

/// Seeds of the default run, which are some seconds of it. A soak takes a hundred thousand.
const SEEDS: u64 = 500;

#[test]
fn every_promise_holds_whatever_breaks() {
    let (first, many) = wanted();
    let (changes, late, moved) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    let due = AtomicUsize::new(0);
    let commits = AtomicI64::new(0);
    let began = Instant::now();
    let failing = first_failing(first..first + many, |seed| {
        let outcome = run(&Scenario::of(seed));
        changes.fetch_add(outcome.changes, Ordering::Relaxed);
        late.fetch_add(outcome.late, Ordering::Relaxed);
        due.fetch_add(outcome.due, Ordering::Relaxed);
        moved.fetch_add(outcome.moved, Ordering::Relaxed);
        commits.fetch_add(outcome.commits, Ordering::Relaxed);
        outcome.wrongs.is_empty()
    });
    if let Some(seed) = failing {
        panic!("{}", report(Scenario::of(seed)));
    }
    let (changes, late, moved) = (changes.into_inner(), late.into_inner(), moved.into_inner());
    let (commits, due) = (commits.into_inner(), due.into_inner());
    println!(
        "{commits} commits, {changes} changes of alerts, {late} of late news, {due} of what fell due, {moved} events that move records; \
         every promise held of {}",
        rate(first, many, began)
    );
    assert!(many < 100 || changes > 0, "nothing was ever told");
    assert!(many < 100 || late > 0, "nothing was ever told late");
    assert!(many < 100 || due > 0, "nothing ever fell due");
    assert!(many < 100 || moved > 0, "no record was ever moved");
}

#[test]
fn whoever_has_a_word_in_hand_hears_the_last_one_and_nobody_else() {
    let (first, many) = wanted();
    // Forty times as many: a telling is a thousandth of a country.
    let many = many * 40;
    let words = AtomicUsize::new(0);
    let began = Instant::now();
    let failing = first_failing(first..first + many, |seed| {
        let outcome = telling::run(seed);
        words.fetch_add(outcome.words, Ordering::Relaxed);
        outcome.wrongs.is_empty()
    });
    if let Some(seed) = failing {
        panic!("telling {seed}: {}", telling::run(seed).wrongs.join("\n"));
    }
    let words = words.into_inner();
    println!("{words} words arrived; every promise held of tellings: {}", rate(first, many, began));
    assert!(words > 0 || many < 100, "nobody was ever told");
}

#[test]
fn a_seed_replays_exactly() {
    for seed in 0..20 {
        let (once, again) = (run(&Scenario::of(seed)), run(&Scenario::of(seed)));
        assert_eq!((once.changes, once.commits), (again.changes, again.commits), "seed {seed}");
    }
}

/// How many seeds there were, and how fast.
fn rate(first: u64, many: u64, began: Instant) -> String {
    let took = began.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "a rate to be read")]
    let rate = many as f64 / took;
    format!("{many} seeds from {first} on, in {took:.1} s ({rate:.0}/s)")
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
