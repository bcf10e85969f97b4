//! Item 13: of two words on a record the highest revision wins, and a withdrawal is a word.

use homeroom_domain::ledger::Applied;

use crate::world::{World, absent, day, mark};

#[test]
fn the_highest_revision_wins_and_of_equals_the_later() {
    let mut world = World::of_school_days(1);
    assert_eq!(world.says_at("mark", 5, mark("Tardy", day(1))), Applied::Changed);
    assert_eq!(world.says_at("mark", 4, absent(day(1))), Applied::Outdated);
    assert_eq!(world.absence(day(1)), Some((0, 0)));
    assert_eq!(world.says_at("mark", 5, absent(day(1))), Applied::Changed);
    assert_eq!(world.absence(day(1)), Some((100, 100)));
    assert_eq!(world.says_at("mark", 5, absent(day(1))), Applied::Same);
    assert_eq!(world.says_at("mark", 9, absent(day(1))), Applied::Same);
    assert_eq!(world.says_at("mark", 8, mark("Tardy", day(1))), Applied::Outdated, "a repeat moves the revision on");
}

#[test]
fn a_withdrawal_is_a_revision_that_an_older_word_cannot_undo() {
    let mut world = World::of_school_days(1);
    assert_eq!(world.withdraws_at("mark", 7), Applied::Changed, "known before the record is");
    assert_eq!(world.says_at("mark", 6, absent(day(1))), Applied::Outdated);
    assert_eq!(world.absence(day(1)), Some((0, 0)));
    assert_eq!(world.says_at("mark", 7, absent(day(1))), Applied::Changed, "of equals the later");
    assert_eq!(world.withdraws_at("mark", 6), Applied::Outdated);
    assert_eq!(world.absence(day(1)), Some((100, 100)));
    assert_eq!(world.withdraws_at("mark", 8), Applied::Changed);
    assert_eq!(world.absence(day(1)), Some((0, 0)));
    assert_eq!(world.ledger.len(), 3, "a withdrawn record is remembered");
}
