//! What one seed among many thousands has told, told on purpose and with many seeds: of those are how long each call takes, and
//! how each process is set.

use std::collections::BTreeMap;

use homeroom_domain::event::{Enrollment, Fact};
use homeroom_domain::reference::Entry;
use homeroom_domain::settings::Settings;
use homeroom_simulation::generate::Said;
use homeroom_simulation::names;
use homeroom_simulation::run::run;
use homeroom_simulation::scenario::{Happening, Scenario, Step};
use homeroom_simulation::store::Written;

/// With how many seeds each story is told.
const SEEDS: u64 = 20;

/// These happenings, each so many milliseconds after the one before.
fn scenario(seed: u64, happenings: &[(u64, Happening)]) -> Scenario {
    let steps = |(after, happening): &(u64, Happening)| Step { after: *after, happening: happening.clone() };
    Scenario { seed, steps: happenings.iter().map(steps).collect() }
}

/// Every promise holds of these happenings.
fn ends_well(happenings: &[(u64, Happening)]) {
    for seed in 0..SEEDS {
        let outcome = run(&scenario(seed, happenings));
        assert!(outcome.wrongs.is_empty(), "with seed {seed}: {}", outcome.wrongs.join("\n"));
    }
}

/// A district of so many students, who are known and no more.
fn district(students: usize) -> Vec<(u64, Happening)> {
    let say = |student, said| (0, Happening::Say { district: 0, student, said, revision: 1 });
    let settings = Said::Reference("settings".to_owned(), Some(Entry::Settings(Settings::default())));
    let registered = |student| say(student, Said::Fact("student".to_owned(), Some(Fact::Registration)));
    std::iter::once(say(0, settings)).chain((0..students).map(registered)).collect()
}

/// A process stands still on its way to claim a partition, and loses it meanwhile. Its claim comes late all the same, and ends the
/// epoch of who owns the partition now; its clock is ahead, so it moves the date, and then it notices. The owner has nothing to
/// commit, since by its own clock nothing has moved, and no fence to learn it from.
#[test]
fn an_owner_learns_of_a_claim_that_came_late_though_it_has_nothing_to_commit() {
    let mut story = district(6);
    story.extend([
        // The owner is process 0, whoever it was at first. It is 22:00 there, and 01:00 of the next day in process 1.
        (2_000, Happening::Give { partition: 0, to: 0, unnoticed: 0 }),
        (0, Happening::Hours(14)),
        (3_000, Happening::Skew(1, 180)),
        (0, Happening::Pause(1, 1_000)),
        (0, Happening::Give { partition: 0, to: 1, unnoticed: 0 }),
        (20, Happening::Give { partition: 0, to: 0, unnoticed: 100 }),
        // Until the late claim has had its effect.
        (3_000, Happening::Pause(1, 0)),
    ]);
    ends_well(&story);
}

fn enrolled() -> Enrollment {
    Enrollment {
        school: names::school("1"),
        entry_on: names::date(0),
        exit_on: None,
        calendar: None,
        primary_school: false,
        grade_level: String::new(),
        exit_type: String::new(),
    }
}

/// A hundred and twenty students are to be evaluated again, two at a time, when something happens to one of them. Who goes through
/// them lets it pass: what is said is written long before the last of them is.
#[test]
fn what_happens_today_does_not_wait_behind_a_sweep_of_everyone() {
    const STUDENTS: usize = 120;
    let strict = Settings { failing_below: 70_00, ..Settings::default() };
    let strict = Said::Reference("settings".to_owned(), Some(Entry::Settings(strict)));
    let comes = Said::Fact("enrollment".to_owned(), Some(Fact::Enrollment(enrolled())));
    let mut story = district(STUDENTS);
    story.extend([
        (10_000, Happening::Say { district: 0, student: 0, said: strict, revision: 2 }),
        (200, Happening::Say { district: 0, student: 7, said: comes, revision: 2 }),
        // Until all of it has had its effect.
        (20_000, Happening::Hours(0)),
    ]);
    let (mut before, mut all) = (0, 0);
    for seed in 0..SEEDS {
        let outcome = run(&scenario(seed, &story));
        assert!(outcome.wrongs.is_empty(), "with seed {seed}: {}", outcome.wrongs.join("\n"));
        let said_at = outcome.written_before[outcome.written_before.len() - 1];
        let since = &outcome.written[said_at..];
        let enrolled =
            |written: &Written| written.after.ledger.facts().any(|of| matches!(of.fact, Fact::Enrollment(_)));
        before += since.iter().position(enrolled).expect("it is written");
        all += since.len();
    }
    // Two at a time, from when it is said until it has come to the worker: a tenth of those who are left. Were it made to wait, it
    // would be nearly all.
    assert!(before * 4 < all, "of {all} students {before} were written before it");
}

/// What is sent as one of two students counts for the other once the job has said so, also when it is cut and begun anew and when a
/// door hears late of it; and goes back when they are split.
#[test]
fn what_is_sent_as_either_counts_for_one_until_they_are_split() {
    let say = |student, key: &str, revision| {
        let said = Said::Fact(key.to_owned(), Some(Fact::Enrollment(enrolled())));
        (200, Happening::Say { district: 0, student, said, revision })
    };
    let mut story = district(2);
    story.extend([
        say(0, "enrollment", 1),
        (500, Happening::Merge { district: 0, from: 0, into: 1, unheard: 1 }),
        (100, Happening::Look { district: 0, many: 3, anew: false }),
        // From a door that has not heard of it, and from one that has.
        say(0, "enrollment", 2),
        say(0, "second enrollment", 1),
        (100, Happening::Look { district: 0, many: 3, anew: true }),
    ]);
    let split = [
        (2_000, Happening::Split { district: 0, from: 0, unheard: 0 }),
        say(0, "enrollment", 3),
        (100, Happening::Look { district: 0, many: 1, anew: false }),
    ];
    let held = |story: &[(u64, Happening)], seed| {
        let outcome = run(&scenario(seed, story));
        assert!(outcome.wrongs.is_empty(), "with seed {seed}: {}", outcome.wrongs.join("\n"));
        assert!(outcome.moved > 0, "nothing is moved");
        // Students' keys are in the order of their numbers.
        let last: BTreeMap<_, _> =
            outcome.written.iter().map(|it| (it.key.1, it.after.ledger.facts().count())).collect();
        last.into_values().collect::<Vec<_>>()
    };
    let whole: Vec<_> = story.iter().cloned().chain(split).collect();
    for seed in 0..SEEDS {
        assert_eq!(held(&story, seed), [0, 4], "with seed {seed}, merged");
        assert_eq!(held(&whole, seed), [3, 1], "with seed {seed}, split");
    }
}
