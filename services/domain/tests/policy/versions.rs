//! Episodes of rules with a memory and with duties, over new versions, moved calendars and dates that do not count.

use homeroom_domain::alert::ChangeKind;
use homeroom_domain::episode::Episodes;
use homeroom_domain::event::Behavior;
use homeroom_domain::reference::{Entry, Incident};
use homeroom_domain::rule::Pack;
use homeroom_domain::settings::Now;

use crate::world::{Plus, World, absent, code, day, id, mark, school};

/// Twenty days, and a rule of the district's own about missed days in a row.
fn world(version: u32, opens_when: &str, more: &str) -> World {
    let mut world = World::of_school_days(20);
    world.pack = pack(version, opens_when, more);
    world
}

fn pack(version: u32, opens_when: &str, more: &str) -> Pack {
    Pack::parse(&yaml(version, opens_when, more)).unwrap()
}

fn yaml(version: u32, opens_when: &str, more: &str) -> String {
    format!(
        "id: ours\nversion: 1\nrules:\n  - {{id: away, version: {version}, title: t, meaning: m, scope: school-year, \
         severity: {{1: notice}}, settle-seconds: 0, audience: a, evidence: streak, opens-when: {opens_when}, level: '1', \
         explanation: '{{streak}}', clears: c, source: s, {more}}}\n"
    )
}

#[test]
fn what_another_version_told_and_the_new_one_would_have_told_ends_as_any_other() {
    for on_change in ["amend", "recall", "keep"] {
        let more = format!("on-change: {on_change}");
        let mut world = world(1, "streak >= 2", &more);
        world.says("1", absent(day(1))).says("2", absent(day(2))).closes(day(2));
        assert_eq!(world.tells(), ["Opened away 1"]);
        world.pack = pack(2, "streak >= 1", &more);
        assert!(world.tells().is_empty(), "nothing else is claimed");
        world.closes(day(3));
        let cleared = world.change();
        assert_eq!(
            (cleared.kind, cleared.reason.as_str()),
            (ChangeKind::Cleared, "it no longer holds: streak 2 -> 0, unexcused streak 2 -> 0"),
            "{on_change}"
        );
    }
}

#[test]
fn what_a_new_version_would_not_have_told_ends_as_the_rule_says() {
    for (on_change, told) in [("amend", "Cleared away 1"), ("recall", "Recalled away 1"), ("keep", "")] {
        let more = format!("on-change: {on_change}");
        let mut world = world(1, "streak >= 2", &more);
        world.says("1", absent(day(1))).says("2", absent(day(2))).closes(day(2));
        world.step();
        world.pack = pack(2, "streak >= 3", &more);
        assert_eq!(world.tells().concat(), told);
        world.closes(day(3));
        assert!(world.tells().is_empty());
    }
}

#[test]
fn what_another_version_told_is_said_again_in_its_own_words() {
    for is_stored in [false, true] {
        let mut world = world(1, "streak >= 2", "on-change: keep");
        world.says("1", absent(day(1))).says("2", absent(day(2))).closes(day(2));
        let told = world.change().claim;
        let other = yaml(2, "streak >= 3", "on-change: keep")
            .replace("{streak}", "other words")
            .replace("title: t", "title: u");
        world.pack = Pack::parse(&other).unwrap();
        if is_stored {
            world.episodes = Episodes::decode(&world.episodes.encode()).unwrap();
        }
        assert!(world.tells().is_empty(), "it is kept");
        world.closes(day(300));
        let ended = world.change();
        assert_eq!(ended.reason, "the school year is over");
        assert_eq!((&*ended.claim.title, &*ended.claim.proof.explanation), ("t", "2"));
        assert_eq!(ended.claim.proof.facts_left_off, 2);
        assert_eq!((ended.claim.level, ended.claim.rule_version), (told.level, 1));
    }
}

#[test]
fn the_steps_of_what_another_version_told_are_taken_by_the_new_one() {
    let more = "escalation: [{after-school-days: 3, severity: warning}]";
    let mut world = world(1, "absent >= 100", more);
    world.says("1", absent(day(1))).closes(day(1));
    assert_eq!(world.tells(), ["Opened away 1"]);
    world.pack = pack(2, "absent >= 50", more);
    world.closes(day(3));
    assert!(world.tells().is_empty());
    world.closes(day(4));
    let stepped = world.change();
    assert_eq!((stepped.kind, stepped.claim.rule_version, stepped.claim.terms.step), (ChangeKind::Amended, 2, 1));
    world.pack = pack(3, "absent >= 50", "escalation: [{after-school-days: 9, severity: warning}]");
    let back = world.change();
    assert_eq!((back.kind, back.reason.as_str()), (ChangeKind::Amended, "the rule has changed"));
    assert_eq!(back.claim.terms.step, 0);
    assert!(world.tells().is_empty());
}

#[test]
fn a_new_cutoff_is_told_to_nobody_who_was_told() {
    for (version, more) in [(2, ""), (1, "duties: [{what: Letter, within-school-days: 9, source: s}], ")] {
        let mut world = world(1, "absent >= 100", &format!("{more}cutoff: '23:00'"));
        world.says("1", absent(day(1))).closes(day(1));
        assert_eq!(world.tells(), ["Opened away 1"]);
        for cutoff in ["cutoff: '22:30'", "cooldown-days: 0"] {
            world.pack = pack(version, "absent >= 100", &format!("{more}{cutoff}"));
            assert!(world.tells().is_empty(), "{cutoff}");
        }
    }
}

#[test]
fn what_a_new_version_bars_is_told() {
    let bars = |until: u32| format!("barred: [{{what: Court, unless: absent >= {until}, source: s}}]");
    let mut world = world(1, "absent >= 100", &bars(100));
    world.says("1", absent(day(1))).closes(day(1));
    assert!(world.change().claim.terms.barred.is_empty());
    world.pack = pack(2, "absent >= 100", &bars(200));
    let amended = world.change();
    assert_eq!((amended.kind, amended.reason.as_str()), (ChangeKind::Amended, "the rule has changed"));
    assert_eq!((amended.claim.rule_version, amended.claim.terms.barred.len()), (2, 1));
}

#[test]
fn a_snow_day_moves_what_is_due_after_school_days() {
    let mut world = world(1, "absent >= 100", "duties: [{what: Letter, within-school-days: 2, source: s}]");
    world.says("5", absent(day(5))).closes(day(5));
    let opened = world.change();
    assert_eq!(opened.claim.terms.duties[0].due_on, Some(day(7)));
    world.calendar_day("main", day(6), &["Weather day"]);
    let amended = world.change();
    assert_eq!(
        (amended.kind, amended.reason.as_str()),
        (ChangeKind::Amended, "by the calendar of now, other dates are due")
    );
    assert_eq!(amended.claim.terms.duties[0].due_on, Some(day(8)));
    assert!(world.tells().is_empty());
}

#[test]
fn a_rule_with_a_memory_is_recalled_of_the_date_that_was_told() {
    let mut world = world(1, "streak >= 1", "escalation: [{after-school-days: 9, severity: warning}]");
    // A Saturday.
    world.says("5", absent(day(5))).closes(day(5).plus(1));
    assert_eq!(world.change().claim.proof.as_of, day(5));
    world.closes(day(6));
    assert_eq!(world.tells(), ["Cleared away 1"]);
    world.withdraws("5");
    let recalled = world.change();
    assert_eq!((recalled.kind, recalled.claim.proof.as_of), (ChangeKind::Recalled, day(5)));
}

#[test]
fn a_rule_with_a_memory_shows_the_facts_of_the_date_that_was_told() {
    let steps = "escalation: [{after-school-days: 9, severity: warning}]";
    let of_conduct = yaml(1, "incidents >= 1", steps).replace("evidence: streak", "evidence: conduct");
    let mut world = World::of_school_days(20);
    world.pack = Pack::parse(&of_conduct).unwrap();
    let saturday = day(5).plus(1);
    for (name, date) in [("fight", day(5)), ("theft", saturday)] {
        let incident = Incident { incident: id(name), school: school("1"), date };
        world.defines(&format!("incident {name}"), Entry::Incident(incident));
        let part = Behavior { incident: id(name), code: code("School Violation"), part: code("Perpetrator") };
        world.says(&format!("part in {name}"), part);
    }
    world.closes(saturday);
    assert_eq!(world.change().claim.proof.facts.len(), 1, "the last counted day is Friday");
    let shown = world.look(|student| world.episodes.open().next().unwrap().claim(&world.pack, student));
    assert_eq!(shown.unwrap().proof.facts.len(), 1);
}

#[test]
fn whether_a_rule_is_open_is_what_its_history_says() {
    for more in [
        "cooldown-days: 2",
        "expires-after-days: 3",
        "cooldown-days: 1, expires-after-days: 2, clears-when: tardy >= 1",
    ] {
        let mut world = world(1, "streak >= 1", more);
        for n in [1, 3, 4, 5, 6, 7, 10, 11, 14] {
            world.says(&format!("{n}"), absent(day(n)));
        }
        world.says("late", mark("Tardy", day(12)));
        let rule = &world.pack.rules[0];
        world.look(|student| {
            for n in 1..=20 {
                let now = Now { today: day(n), as_of: day(n) };
                let open = rule.history(student, day(n)).last().filter(|last| last.to.is_none()).map(|last| last.from);
                let held = rule.held(student, now).unwrap();
                assert_eq!(held.and_then(|held| held.since), open, "{more}: day {n}");
            }
        });
    }
}
