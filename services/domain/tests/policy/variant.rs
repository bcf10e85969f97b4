//! Schools with variants of a rule: whose rule judges what was told, when the student is at another school now.

use homeroom_domain::alert::ChangeKind;
use homeroom_domain::rule::Pack;

use crate::world::{Marked, Spell, World, absent, day, enrolled};

/// Two schools; school "2" has the streak's rule of its own.
fn two_schools(variant: &str) -> World {
    let mut world = World::of_school_days(20);
    let pack = format!(
        "id: ours\nversion: 1\nuses: [first-rules]\nrules: []\nschools:\n  '2':\n    absence-streak: {{{variant}}}\n"
    );
    world.pack = Pack::parse(&pack).unwrap();
    world.pack.rules.retain(|rule| rule.id.as_str() == "absence-streak");
    assert_eq!(world.pack.rules.len(), 2);
    world.opens("2").calendar("of 2", "2", 1..=20);
    world
}

/// Three days missed at school "1", and told; then the student is at school "2", which asks for more days.
fn moved(on_change: &str) -> World {
    let mut world = two_schools(&format!("opens-when: streak >= 5, on-change: {on_change}"));
    for n in 1..=3 {
        world.says(&format!("mark {n}"), absent(day(n)));
    }
    world.closes(day(3));
    assert_eq!(world.tells(), ["Opened absence-streak 1"]);
    world.says("enrollment", enrolled("1", day(1)).until(day(3))).says("transfer", enrolled("2", day(4)));
    world
}

#[test]
fn a_move_to_a_school_with_another_variant_is_no_change_of_the_rule() {
    for on_change in ["amend", "recall", "keep"] {
        let mut world = moved(on_change);
        world.closes(day(4));
        let cleared = world.change();
        assert_eq!(
            (cleared.kind, cleared.reason.as_str()),
            (ChangeKind::Cleared, "the student's school has another variant of the rule, which does not claim it"),
            "{on_change}"
        );
        assert_eq!(cleared.school.as_str(), "1");
        assert!(world.tells().is_empty());
    }
}

#[test]
fn what_the_former_school_was_told_is_still_recalled_by_a_correction() {
    let mut world = moved("amend");
    world.closes(day(4));
    assert_eq!(world.tells(), ["Cleared absence-streak 1"]);
    world.closes(day(9)).withdraws("mark 2");
    let recalled = world.change();
    assert_eq!((recalled.kind, recalled.number), (ChangeKind::Recalled, 3));
    assert_eq!(recalled.reason, "corrected records no longer support it: streak 3 -> 1, unexcused streak 3 -> 1");
    assert_eq!(recalled.claim.proof.as_of, day(3));
    assert!(world.tells().is_empty());
}

#[test]
fn a_correction_at_the_move_recalls() {
    let mut world = moved("keep");
    world.closes(day(4)).withdraws("mark 2");
    assert_eq!(world.tells(), ["Recalled absence-streak 1"]);
}

#[test]
fn who_was_never_at_the_school_that_was_told_was_told_of_wrongly() {
    let mut world = moved("amend");
    world.closes(day(4)).withdraws("enrollment").says("transfer", enrolled("2", day(1)));
    assert_eq!(world.tells(), ["Recalled absence-streak 1"]);
}

#[test]
fn what_a_variant_told_of_a_student_whom_no_school_has_is_recalled() {
    let mut world = two_schools("opens-when: streak >= 2");
    world.says("enrollment", enrolled("2", day(1)));
    for n in 1..=2 {
        world.says(&format!("mark {n}"), absent(day(n)).at("2"));
    }
    world.closes(day(2));
    assert_eq!(world.tells(), ["Opened absence-streak 1"]);
    world.withdraws("enrollment");
    assert_eq!(world.tells(), ["Recalled absence-streak 1"]);
}

#[test]
fn what_the_variant_of_the_new_school_claims_too_goes_on() {
    let mut world = two_schools("opens-when: streak >= 2");
    for n in 1..=3 {
        world.says(&format!("mark {n}"), absent(day(n)));
    }
    world.closes(day(3)).step();
    world.says("enrollment", enrolled("1", day(1)).until(day(3))).says("transfer", enrolled("2", day(4)));
    for n in 4..=5 {
        world.says(&format!("mark {n}"), absent(day(n)).at("2"));
    }
    world.closes(day(4));
    assert!(world.tells().is_empty());
    world.closes(day(5));
    let risen = world.change();
    assert_eq!((risen.kind, risen.school.as_str()), (ChangeKind::Escalated, "2"));
}
