//! Episodes that end: cleared when they were right and are over, recalled when facts disprove them, and what comes after.

use homeroom_domain::alert::ChangeKind;
use homeroom_domain::episode::{Episodes, Standing};

use crate::world::{Marked, Plus, World, absent, day, enrolled, excused, mark, on};

/// Twenty days with one rule in force, on the evening of the n-th.
fn at_the_end_of(n: i32, rule: &str) -> World {
    let mut world = World::of_school_days(20);
    world.only(rule).closes(day(n));
    world
}

/// A streak of three days, told on the third evening.
fn streak() -> World {
    let mut world = at_the_end_of(3, "absence-streak");
    for n in 1..=3 {
        world.says(&format!("mark {n}"), absent(day(n)));
    }
    assert_eq!(world.tells(), ["Opened absence-streak 1"]);
    world
}

#[test]
fn what_was_right_and_is_over_is_cleared() {
    let mut world = streak();
    world.closes(day(4));
    let cleared = world.change();
    assert_eq!((cleared.kind, cleared.number), (ChangeKind::Cleared, 2));
    assert_eq!(cleared.reason, "it no longer holds: streak 3 -> 0, unexcused streak 3 -> 0");
    assert!(world.tells().is_empty());
}

#[test]
fn what_facts_disprove_is_recalled() {
    let mut world = streak();
    world.says("mark 2", mark("Tardy", day(2)));
    let recalled = world.change();
    assert_eq!((recalled.kind, recalled.number), (ChangeKind::Recalled, 2));
    assert_eq!(recalled.reason, "corrected records no longer support it: streak 3 -> 1, unexcused streak 3 -> 1");
    assert_eq!(recalled.claim.proof.measures[0].value, 3, "it says what it had claimed");
    assert!(world.tells().is_empty());
}

#[test]
fn a_correction_that_comes_after_the_end_still_recalls() {
    let mut world = streak();
    world.closes(day(4));
    assert_eq!(world.tells(), ["Cleared absence-streak 1"]);
    world.closes(day(9)).withdraws("mark 2");
    let recalled = world.change();
    assert_eq!((recalled.kind, recalled.number), (ChangeKind::Recalled, 3));
    world.says("mark 2", absent(day(2)));
    assert!(world.tells().is_empty(), "a recall is final");
}

#[test]
fn a_correction_that_leaves_it_right_recalls_nothing() {
    let mut world = streak();
    world.closes(day(4));
    world.step();
    world.says("mark 2", excused(day(2)));
    assert!(world.tells().is_empty(), "three days were missed all the same");
}

#[test]
fn a_late_correction_recalls_what_was_still_open() {
    let mut world = streak();
    for n in 4..=6 {
        world.says(&format!("mark {n}"), absent(day(n)));
    }
    world.closes(day(6)).withdraws("mark 2");
    let amended = world.change();
    assert_eq!(amended.kind, ChangeKind::Amended, "a streak of four holds now, the one told did not");
    world.withdraws("mark 4").withdraws("mark 5").withdraws("mark 6");
    assert_eq!(world.tells(), ["Recalled absence-streak 1"]);
}

#[test]
fn afterwards_a_new_episode_has_an_id_and_numbers_of_its_own() {
    let mut world = streak();
    let first = world.episodes.iter().next().unwrap().clone();
    world.closes(day(4));
    world.step();
    for n in 5..=7 {
        world.says(&format!("mark {n}"), absent(day(n)));
    }
    world.closes(day(7));
    let second = world.change();
    assert_eq!((second.kind, second.number), (ChangeKind::Opened, 1));
    assert_eq!(world.episodes.iter().map(|episode| episode.ordinal).collect::<Vec<_>>(), [1, 2]);
    assert_ne!(second.alert_id, first.alert_id(&second.district, second.student));
    world.withdraws("mark 6");
    assert_eq!(world.change().alert_id, second.alert_id);
    world.says("mark 6", absent(day(6)));
    assert_eq!(world.tells(), ["Opened absence-streak 1"], "after a recall too");
    assert_eq!(world.episodes.iter().last().unwrap().ordinal, 3);
}

/// It is the morning of the fifth day, and the student is marked absent.
fn absent_today() -> World {
    let mut world = at_the_end_of(4, "unexplained-absence");
    world.begins(day(5)).says("absence", absent(day(5)));
    let opened = world.change();
    assert_eq!((opened.kind, opened.claim.proof.as_of, opened.claim.settle_seconds), (ChangeKind::Opened, day(5), 600));
    assert_eq!(opened.claim.proof.facts.len(), 1);
    world
}

#[test]
fn an_absence_that_turns_out_a_tardy_is_recalled_in_either_order() {
    let mut world = absent_today();
    world.withdraws("absence");
    assert_eq!(world.tells(), ["Recalled unexplained-absence 1"]);
    world.says("tardy", mark("Tardy", day(5)));
    assert!(world.tells().is_empty());

    let mut world = absent_today();
    world.says("tardy", mark("Tardy", day(5)));
    assert_eq!(world.tells(), ["Recalled unexplained-absence 1"]);
    world.withdraws("absence");
    assert!(world.tells().is_empty());

    let mut world = absent_today();
    world.withdraws("absence").says("tardy", mark("Tardy", day(5)));
    assert_eq!(world.tells(), ["Recalled unexplained-absence 1"], "both at once");
}

#[test]
fn an_excuse_takes_todays_alert_back() {
    let mut world = absent_today();
    world.says("absence", excused(day(5)));
    assert_eq!(world.tells(), ["Recalled unexplained-absence 1"]);
}

#[test]
fn a_day_rule_is_over_when_its_day_is_and_not_before() {
    let mut world = absent_today();
    world.closes(day(5));
    assert!(world.tells().is_empty(), "the day's close moves the as-of date only");
    world.begins(day(5).plus(1));
    let cleared = world.change();
    assert_eq!((cleared.kind, cleared.reason.as_str()), (ChangeKind::Cleared, "the day is over"));
    assert!(!world.episodes.has_open_day());
    world.begins(day(6));
    assert!(world.tells().is_empty());
}

#[test]
fn yesterdays_alert_is_recalled_by_a_correction() {
    let mut world = absent_today();
    world.begins(day(6));
    world.step();
    world.withdraws("absence").says("tardy", mark("Tardy", day(5)));
    let recalled = world.change();
    assert_eq!((recalled.kind, recalled.number, recalled.claim.proof.as_of), (ChangeKind::Recalled, 3, day(5)));
}

#[test]
fn a_correction_seen_only_after_midnight_recalls_rather_than_clears() {
    let mut world = absent_today();
    world.withdraws("absence").begins(day(6));
    assert_eq!(world.tells(), ["Recalled unexplained-absence 1"]);
}

#[test]
fn a_day_that_is_past_opens_nothing() {
    let mut world = at_the_end_of(4, "unexplained-absence");
    world.begins(day(6)).says("absence", absent(day(5)));
    assert!(world.tells().is_empty());
}

#[test]
fn each_day_has_an_episode_of_its_own() {
    let mut world = absent_today();
    world.begins(day(6)).says("next", absent(day(6)));
    assert_eq!(world.tells(), ["Cleared unexplained-absence 1", "Opened unexplained-absence 1"]);
    assert_eq!(world.episodes.iter().map(|episode| episode.ordinal).collect::<Vec<_>>(), [1, 1]);
}

#[test]
fn a_late_calendar_enrollment_or_student_takes_back_and_tells() {
    let mut world = absent_today();
    for key in ["enrollment", "student"] {
        world.withdraws(key);
        assert_eq!(world.tells(), ["Recalled unexplained-absence 1"], "{key}");
        world.says("enrollment", enrolled("1", day(1))).registers();
        assert_eq!(world.tells(), ["Opened unexplained-absence 1"], "{key} is back");
    }
    for key in ["calendar main", "school 1"] {
        world.undefines(key);
        assert_eq!(world.tells(), ["Recalled unexplained-absence 1"], "{key}");
        world.opens("1").calendar("main", "1", 1..=20);
        assert_eq!(world.tells(), ["Opened unexplained-absence 1"], "{key} is back");
    }
}

#[test]
fn the_alert_of_a_day_goes_to_the_school_of_that_day() {
    let mut world = at_the_end_of(4, "unexplained-absence");
    world.opens("2").calendar("of 2", "2", 1..=20).says("second", enrolled("2", day(5)));
    world.begins(day(5)).says("absence", absent(day(5)).at("2"));
    assert_eq!(world.change().school.as_str(), "2");
}

#[test]
fn with_the_school_year_all_ends_and_nothing_is_recalled() {
    let mut world = World::of_school_days(20);
    for n in 18..=20 {
        world.says(&format!("mark {n}"), absent(day(n)));
    }
    assert_eq!(world.changes().len(), 3);
    world.begins(on("2022-07-01"));
    assert_eq!(world.tells(), ["Cleared unexplained-absence 1"], "the counted year is still the old one");
    world.closes(on("2022-07-01"));
    let changes = world.changes();
    assert_eq!(changes.len(), 2);
    for change in changes {
        assert_eq!((change.kind, change.reason.as_str()), (ChangeKind::Cleared, "the school year is over"));
    }
    world.withdraws("mark 19");
    assert!(world.tells().is_empty(), "last year's days are not counted any more");
}

#[test]
fn the_morning_of_a_new_year_does_not_open_and_close_by_turns() {
    let mut world = at_the_end_of(4, "unexplained-absence");
    world.calendar_day("main", on("2022-07-01"), &["Make-up day"]);
    world.begins(on("2022-07-01")).says("absence", absent(on("2022-07-01")));
    assert_eq!(world.tells(), ["Opened unexplained-absence 1"]);
    assert!(world.tells().is_empty());
    world.closes(on("2022-07-01"));
    assert_eq!(world.tells(), ["Cleared unexplained-absence 1"]);
    assert!(world.tells().is_empty());
}

#[test]
fn closed_days_are_forgotten_beyond_a_bound_and_open_ones_kept() {
    let mut world = World::of_school_days(20);
    world.only("unexplained-absence");
    // Openings and recalls of one day, over and over.
    for _ in 0..450 {
        world.says("absence", absent(day(20)));
        world.step();
        world.withdraws("absence");
        world.step();
    }
    world.says("absence", absent(day(20)));
    world.step();
    assert_eq!(world.episodes.iter().count(), 400);
    assert_eq!(world.episodes.open().count(), 1);
    let last = world.episodes.iter().last().unwrap();
    assert_eq!((last.standing, last.ordinal), (Standing::Open, 451), "ordinals are not used twice");
}

#[test]
fn a_day_that_is_over_takes_a_few_bytes_and_is_recalled_in_the_words_that_were_told() {
    let mut world = World::of_school_days(60);
    world.only("unexplained-absence");
    let mut told = Vec::new();
    for n in 1..=60 {
        world.begins(day(n)).says(&format!("mark {n}"), absent(day(n)));
        told.extend(world.changes().into_iter().filter(|change| change.kind == ChangeKind::Opened));
    }
    world.closes(day(60)).begins(day(61));
    world.step();
    let bytes = world.episodes.encode();
    assert!(bytes.len() < 60 * 20, "{} bytes", bytes.len());
    world.episodes = Episodes::decode(&bytes).unwrap();
    world.says("mark 3", excused(day(3)));
    let recalled = world.change();
    let opened = told.iter().find(|change| change.alert_id == recalled.alert_id).unwrap();
    assert_eq!((recalled.kind, recalled.number), (ChangeKind::Recalled, 3));
    assert_eq!((opened.claim.proof.as_of, opened.claim.proof.facts.len()), (day(3), 1));
    let mut as_told = opened.claim.clone();
    as_told.proof.facts.clear();
    as_told.proof.facts_left_off = 1;
    assert_eq!(recalled.claim, as_told);
    assert!(world.tells().is_empty());
}

#[test]
fn years_that_are_long_over_are_forgotten() {
    let mut world = streak();
    world.closes(on("2022-07-01"));
    assert_eq!(world.tells(), ["Cleared absence-streak 1"]);
    world.closes(on("2023-07-01"));
    world.step();
    assert_eq!(world.episodes.iter().count(), 0);
}
