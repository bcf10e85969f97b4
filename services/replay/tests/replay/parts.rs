//! Whoever divides the work gets the same sums.

use homeroom_replay::{Came, Outcome};
use homeroom_replay::{Report, Seen, Tally, wire};
use proptest::prelude::*;

use crate::district::{DAYS, day, plan, seen};

fn came() -> impl Strategy<Value = Came> {
    prop_oneof![Just(Came::Untold), Just(Came::No), (1..=DAYS).prop_map(|n| Came::Settled(day(n)))]
}

fn student() -> impl Strategy<Value = (Seen, Vec<usize>)> {
    let flag = || proptest::option::of(1..=DAYS);
    let groups = (proptest::option::of(0_usize..2), proptest::option::of(2_usize..4));
    (prop_oneof!["1", "2"], came(), [flag(), flag()], groups)
        .prop_map(|(at, came, flags, (one, other))| (seen(&at, came, &flags), one.into_iter().chain(other).collect()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn tallies_of_parts_add_up_to_that_of_the_whole(
        students in proptest::collection::vec(student(), 0..60),
        cut in 0_usize..60,
        with_outcome: bool,
    ) {
        let plan = plan(with_outcome.then_some(Outcome::Chronic), Some(2), vec![0, 0, 1, 1]);
        let of = |students: &[(Seen, Vec<usize>)]| {
            let mut tally = Tally::new(&plan);
            for (seen, groups) in students {
                tally.add(&plan, seen, groups);
            }
            tally
        };
        let (one, other) = students.split_at(cut.min(students.len()));
        let mut parts = of(one);
        parts.merge(&of(other));
        let whole = of(&students);
        prop_assert_eq!(&parts, &whole);
        let report = Report::new(&plan, &whole);
        prop_assert_eq!(wire::from_wire(wire::to_wire(&report)), Ok(report), "it comes over the wire");
    }
}
