//! Worlds as strategies: one roll per word, so that a failing world shrinks by losing words.

use homeroom_domain::settings::Settings;
use homeroom_simulation::dice::Dice;
use homeroom_simulation::generate::{self, Said};
use homeroom_simulation::names::date;
use proptest::prelude::*;
use proptest::test_runner::Config;

/// A failing world is printed whole and becomes a case in words, so no seeds are kept.
pub(crate) fn cases(cases: u32) -> Config {
    Config { cases, failure_persistence: None, max_shrink_iters: 20_000, ..Config::default() }
}

/// Whatever a roll of the dice makes.
pub(crate) fn rolled<T: std::fmt::Debug>(make: fn(&mut Dice) -> T) -> impl Strategy<Value = T> {
    any::<u64>().prop_map(move |seed| make(&mut Dice::new(seed)))
}

/// A log of words: the district's as they should be, a student's, then so many that upset them.
pub(crate) fn log(upsets: usize) -> impl Strategy<Value = Vec<Said>> {
    let marks = prop::collection::vec(rolled(generate::daily), 0..8);
    let upsets = prop::collection::vec(rolled(generate::upset), 0..upsets);
    (rolled(|dice| generate::student(dice, 0)), marks, upsets).prop_map(|(student, marks, upsets)| {
        let mut log = generate::district();
        log.extend(student.into_iter().chain(marks).chain(upsets));
        log
    })
}

/// The settings of a district.
pub(crate) fn settings() -> impl Strategy<Value = Settings> {
    rolled(generate::settings)
}

/// A reference record's word.
pub(crate) fn reference() -> impl Strategy<Value = Said> {
    rolled(generate::references)
}

#[test]
fn a_world_begins_on_a_monday() {
    assert_eq!(date(0).to_string(), "2021-09-06");
    assert_eq!(date(0).to_civil().weekday(), jiff::civil::Weekday::Monday);
}
