//! Thousands of seeds of a simulated country, each checked against every promise.
//!
//! `HOMEROOM_SEED=n` replays one and prints it shortened; `HOMEROOM_SEEDS=n` runs so many, for a soak, which
//! `cargo test --profile load -p homeroom-simulation --test seeds -- --nocapture` makes several times faster. Both together run so
//! many from the given one on, so that a soak goes on where the one before has ended.

use std::ops::Range;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Instant;

use homeroom_simulation::run::run;
use homeroom_simulation::scenario::Scenario;
use homeroom_simulation::seeds::{first_failing, report};
use homeroom_simulation::telling;

/// Seeds of the default run, which are some seconds of it. A soak takes a hundred thousand.
const SEEDS: u64 = 500;
/// Tellings of a seed: one is a thousandth of a country.
const TELLINGS: u64 = 40;
/// Seeds that are run twice. When a wait had no order of its own, one in eight came out in two ways.
const REPLAYED: u64 = 60;

#[test]
fn every_promise_holds_whatever_breaks() {
    let seeds = wanted();
    let many = seeds.end - seeds.start;
    let (changes, late, moved) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    let due = AtomicUsize::new(0);
    let commits = AtomicI64::new(0);
    let began = Instant::now();
    let failing = first_failing(seeds.clone(), |seed| {
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
        rate(&seeds, began)
    );
    assert!(many < 100 || changes > 0, "nothing was ever told");
    assert!(many < 100 || late > 0, "nothing was ever told late");
    assert!(many < 100 || due > 0, "nothing ever fell due");
    assert!(many < 100 || moved > 0, "no record was ever moved");
}

#[test]
fn whoever_has_a_word_in_hand_hears_the_last_one_and_nobody_else() {
    let seeds = wanted();
    let tellings = seeds.start * TELLINGS..seeds.end * TELLINGS;
    let words = AtomicUsize::new(0);
    let began = Instant::now();
    let failing = first_failing(tellings.clone(), |telling| {
        let outcome = telling::run(telling);
        words.fetch_add(outcome.words, Ordering::Relaxed);
        outcome.wrongs.is_empty()
    });
    if let Some(telling) = failing {
        let wrongs = telling::run(telling).wrongs.join("\n");
        panic!("telling {telling}, which HOMEROOM_SEED={} replays: {wrongs}", telling / TELLINGS);
    }
    let words = words.into_inner();
    println!("{words} words arrived; every promise held of tellings: {}", rate(&tellings, began));
    assert!(words > 0 || seeds.end - seeds.start < 100, "nobody was ever told");
}

#[test]
fn a_seed_replays_exactly() {
    let replays = |seed| {
        let outcome = || {
            let outcome = run(&Scenario::of(seed));
            let written: Vec<_> = outcome.written.into_iter().map(|written| written.key).collect();
            (outcome.changes, outcome.commits, written)
        };
        outcome() == outcome()
    };
    assert_eq!(first_failing(0..REPLAYED, replays), None, "this seed came to something else when it ran again");
}

#[test]
fn a_soak_goes_on_where_the_one_before_has_ended() {
    assert_eq!(asked(None, None), 0..SEEDS);
    assert_eq!(asked(None, Some(100_000)), 0..100_000);
    assert_eq!(asked(Some(100_000), Some(50_000)), 100_000..150_000);
    assert_eq!(asked(Some(7), None), 7..8);
}

#[test]
fn the_lowest_failing_seed_is_found_whoever_runs_it() {
    assert_eq!(first_failing(10..500, |seed| seed % 7 != 6 || seed < 100), Some(104));
    assert_eq!(first_failing(0..100, |_| true), None);
    assert_eq!(first_failing(3..3, |_| false), None);
}

/// How many seeds there were, and how fast.
fn rate(seeds: &Range<u64>, began: Instant) -> String {
    let took = began.elapsed().as_secs_f64();
    let many = seeds.end - seeds.start;
    #[expect(clippy::cast_precision_loss, reason = "a rate to be read")]
    let rate = many as f64 / took;
    format!("{many} seeds from {} on, in {took:.1} s ({rate:.0}/s)", seeds.start)
}

#[expect(clippy::disallowed_methods, reason = "it is not configuration but a question to the test")]
fn wanted() -> Range<u64> {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse().ok());
    asked(number("HOMEROOM_SEED"), number("HOMEROOM_SEEDS"))
}

/// The seeds to run: of a first one alone only that.
fn asked(first: Option<u64>, many: Option<u64>) -> Range<u64> {
    let many = many.unwrap_or(if first.is_some() { 1 } else { SEEDS });
    let first = first.unwrap_or(0);
    first..first + many
}
