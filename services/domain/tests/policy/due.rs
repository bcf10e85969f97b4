//! A duty whose date has come is told of, once, while its alert is open.

use homeroom_domain::alert::{AlertChange, ChangeKind};
use homeroom_domain::episode::Episodes;
use homeroom_domain::rule::Pack;

use crate::world::{Plus, World, absent, day};

/// A letter within two school days, and a meeting within nine days.
fn pack(version: u32, more: &str) -> Pack {
    let yaml = format!(
        "id: ours\nversion: 1\nrules:\n  - {{id: away, version: {version}, title: t, meaning: m, scope: school-year, \
         severity: {{1: notice}}, settle-seconds: 0, audience: a, evidence: absences, opens-when: absent >= 100, \
         level: absent / 100, explanation: '{{absent}}', clears: c, source: s, duties: [{{what: Letter, \
         within-school-days: 2, source: s}}, {{what: Meeting, within-days: 9, source: s}}]{more}}}\n"
    );
    Pack::parse(&yaml).unwrap_or_else(|error| panic!("{error}"))
}

/// Absent on the fifth school day, a Friday, and told so that evening.
fn away() -> World {
    let mut world = World::of_school_days(20);
    world.pack = pack(1, "");
    world.says("5", absent(day(5))).closes(day(5));
    let duties = world.change().claim.terms.duties;
    assert_eq!(duties.iter().map(|duty| duty.due_on).collect::<Vec<_>>(), [Some(day(7)), Some(day(5).plus(9))]);
    world
}

/// What is told on the morning of a school day.
fn morning(world: &mut World, n: i32) -> Vec<AlertChange> {
    world.begins(day(n)).changes()
}

fn told(changes: &[AlertChange]) -> Vec<(ChangeKind, &str)> {
    changes.iter().map(|change| (change.kind, change.reason.as_str())).collect()
}

#[test]
fn on_the_morning_of_each_date_the_alert_rises_once() {
    let mut world = away();
    assert!(morning(&mut world, 6).is_empty());
    let letter = morning(&mut world, 7);
    assert_eq!(told(&letter), [(ChangeKind::Escalated, format!("due on {}: Letter", day(7)).as_str())]);
    assert_eq!((letter[0].claim.level, letter[0].late_since, &letter[0].fallen_due[..]), (1, None, &[0][..]));
    assert!(world.closes(day(7)).tells().is_empty());
    world.episodes = Episodes::decode(&world.episodes.encode()).unwrap();
    assert!(morning(&mut world, 10).is_empty(), "nor is it told again of what is stored");
    let meeting = world.closes(day(15)).changes();
    let due = day(5).plus(9);
    assert_eq!(
        told(&meeting),
        [(ChangeKind::Escalated, format!("due on {due}: Meeting").as_str())],
        "missed days later"
    );
    assert!(world.closes(day(16)).tells().is_empty());
}

#[test]
fn dates_that_come_together_are_told_together() {
    let mut world = away();
    let both = world.closes(day(15)).changes();
    let reason = format!("due on {}: Letter; due on {}: Meeting", day(7), day(5).plus(9));
    assert_eq!(told(&both), [(ChangeKind::Escalated, reason.as_str())]);
    assert_eq!(both[0].fallen_due, [0, 1]);
}

#[test]
fn who_opens_when_a_date_has_passed_tells_of_it_with_the_opening() {
    let mut world = World::of_school_days(20);
    world.pack = pack(1, "");
    world.says("5", absent(day(5))).closes(day(8));
    assert_eq!(world.change().kind, ChangeKind::Opened);
    assert!(world.closes(day(9)).tells().is_empty());
}

#[test]
fn a_correction_that_moves_a_date_into_the_past_tells_of_it() {
    let mut world = away();
    world.closes(day(6)).step();
    world.says("4", absent(day(4)));
    let risen = world.change();
    assert_eq!(
        (risen.kind, risen.claim.terms.duties[0].due_on),
        (ChangeKind::Escalated, Some(day(6))),
        "its level rises too"
    );
    assert!(risen.fallen_due.is_empty(), "and so it would have risen anyhow");
    assert!(world.closes(day(7)).tells().is_empty(), "the date was told of with the rise");
    // What was said of the first day goes: another day, of which nobody was told, begins it, and is due later.
    world.withdraws("4");
    let later = world.change();
    assert_eq!(later.claim.terms.duties[0].due_on, Some(day(7)));
    assert_eq!(later.kind, ChangeKind::Amended, "it had fallen due, and is due today: nothing has come");
}

#[test]
fn a_snow_day_moves_the_date_on_and_it_is_told_when_it_comes() {
    let mut world = away();
    morning(&mut world, 7);
    world.calendar_day("main", day(7), &["Weather day"]);
    let amended = world.change();
    assert_eq!(
        (amended.kind, amended.reason.as_str()),
        (ChangeKind::Amended, "by the calendar of now, other dates are due")
    );
    assert_eq!(told(&morning(&mut world, 8)), [(ChangeKind::Escalated, format!("due on {}: Letter", day(8)).as_str())]);
}

#[test]
fn a_level_that_falls_on_the_date_does_not_hide_it() {
    let mut world = World::of_school_days(20);
    world.pack = pack(1, "");
    world.says("4", absent(day(4))).says("5", absent(day(5))).closes(day(5));
    assert_eq!(world.change().claim.level, 2);
    world.withdraws("5");
    let risen = morning(&mut world, 6);
    assert_eq!(told(&risen), [(ChangeKind::Escalated, format!("due on {}: Letter", day(6)).as_str())]);
    assert_eq!(risen[0].claim.level, 1);
}

#[test]
fn what_is_over_is_due_no_more() {
    let mut world = away();
    world.withdraws("5");
    assert_eq!(world.change().kind, ChangeKind::Recalled);
    assert!(world.closes(day(15)).tells().is_empty());
}

#[test]
fn another_version_tells_of_its_dates_unless_what_was_told_is_kept() {
    for (more, expected) in [("", vec![ChangeKind::Escalated]), (", on-change: keep", Vec::new())] {
        let mut world = away();
        world.pack = pack(2, more);
        let kinds: Vec<_> = morning(&mut world, 7).iter().map(|change| change.kind).collect();
        assert_eq!(kinds, expected, "{more}");
    }
}
