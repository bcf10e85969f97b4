//! Rules with a memory: hysteresis, cooldown, expiry, steps, duties; and rules that differ by school.

use homeroom_domain::alert::{AlertChange, ChangeKind, Severity};
use homeroom_domain::date::Date;
use homeroom_domain::episode::{Episodes, Standing};
use homeroom_domain::rule::{Interval, Pack};

use crate::world::{Plus, Spell, World, absent, day, enrolled, mark};

/// A pack of one rule, which is open while two of the last five school days were missed, with more said of it.
fn two_of_five(more: &str) -> Pack {
    let yaml = format!(
        "id: ours
version: 1
rules:
  - id: two-of-five
    version: 1
    title: Two of five days missed
    meaning: Two of the last five school days were missed.
    scope: school-year
    opens-when: absent_last_5_school_days >= 200
    level: absent_last_5_school_days / 100
    severity: {{1: notice, 4: warning}}
    settle-seconds: 0
    audience: success-team
    evidence: absences
    explanation: \"{{absent_last_5_school_days}} of five\"
    clears: Four of five days there.
    source: Of tests
{more}"
    );
    Pack::parse(&yaml).unwrap_or_else(|error| panic!("{error}"))
}

/// Forty school days, of which some were missed.
fn missing(days: &[i32], more: &str) -> World {
    let mut world = World::of_school_days(40);
    world.pack = two_of_five(more);
    for n in days {
        world.says(&format!("mark {n}"), absent(day(*n)));
    }
    world
}

/// The changes of each evening from the first school day to another, with the day.
fn lives(world: &mut World, days: std::ops::RangeInclusive<i32>) -> Vec<(i32, AlertChange)> {
    let evening = |n| {
        let changes = world.closes(day(n)).changes();
        changes.into_iter().map(move |change| (n, change))
    };
    days.flat_map(evening).collect()
}

/// The same in short.
fn told(changes: &[(i32, AlertChange)]) -> Vec<String> {
    changes.iter().map(|(n, change)| format!("{n} {:?} {}", change.kind, change.claim.level)).collect()
}

fn history(world: &World) -> Vec<(Date, Option<Date>, i64)> {
    let rule = &world.pack.rules[0];
    let history = world.look(|student| rule.history(student, world.now.as_of));
    history.into_iter().map(|Interval { from, to, level }| (from, to, level)).collect()
}

#[test]
fn without_a_memory_a_rule_is_open_while_its_condition_holds() {
    let mut world = missing(&[3, 5, 6], "");
    assert_eq!(told(&lives(&mut world, 1..=40)), ["5 Opened 2", "6 Escalated 3", "8 Amended 2", "10 Cleared 2"]);
    assert_eq!(history(&world), [(day(5), Some(day(10)), 3)]);
    assert!(!world.pack.rules[0].has_memory());
}

#[test]
fn once_open_it_stays_open_until_what_clears_it_holds() {
    let mut world = missing(&[3, 5, 6, 12, 13], "    clears-when: absent_last_5_school_days == 0\n");
    let changes = lives(&mut world, 1..=40);
    assert_eq!(
        told(&changes),
        ["5 Opened 2", "6 Escalated 3", "8 Amended 2", "11 Cleared 2", "13 Opened 2", "18 Cleared 2"]
    );
    assert_eq!(history(&world), [(day(5), Some(day(11)), 3), (day(13), Some(day(18)), 2)]);
    assert_eq!(changes[4].1.number, 1, "an episode of its own");
    assert_ne!(changes[4].1.alert_id, changes[0].1.alert_id);
}

#[test]
fn who_looks_once_finds_what_who_looked_every_evening_holds() {
    let more = "    clears-when: absent_last_5_school_days == 0\n";
    let mut every = missing(&[3, 5, 6], more);
    lives(&mut every, 1..=10);
    let mut once = missing(&[3, 5, 6], more);
    let opened = once.closes(day(10)).change();
    // On the tenth day one of five was missed: it would not open, and it has not cleared.
    assert_eq!((opened.kind, opened.claim.level), (ChangeKind::Opened, 2));
    let open = |world: &World| world.episodes.open().map(|of| (of.scope, of.told.level)).collect::<Vec<_>>();
    assert_eq!(open(&once), open(&every));
}

#[test]
fn a_correction_that_disproves_the_opening_recalls_it() {
    let mut world = missing(&[3, 5], "    clears-when: absent_last_5_school_days == 0\n");
    lives(&mut world, 1..=8);
    world.withdraws("mark 3");
    assert_eq!(world.tells(), ["Recalled two-of-five 2"]);
    assert!(history(&world).is_empty());
}

#[test]
fn an_alert_that_was_right_and_is_over_is_recalled_when_its_reason_is_withdrawn_later() {
    let mut world = missing(&[3, 5], "    clears-when: absent_last_5_school_days == 0\n");
    assert_eq!(told(&lives(&mut world, 1..=20)), ["5 Opened 2", "10 Cleared 2"]);
    world.withdraws("mark 5");
    assert_eq!(world.tells(), ["Recalled two-of-five 2"]);
}

#[test]
fn it_does_not_open_before_so_many_days_enrolled() {
    let mut world = missing(&[3, 4, 5, 6, 7], "    minimum-days: 7\n");
    assert_eq!(told(&lives(&mut world, 1..=20))[0], "7 Opened 5");
    assert!(!world.pack.rules[0].has_memory(), "the days so far are a measure");
}

#[test]
fn after_it_closed_it_does_not_open_again_for_so_many_days() {
    // It would hold on days 5 to 7 and 11 to 14, and again from 20 on.
    let mut world = missing(&[3, 5, 10, 11, 19, 20], "    cooldown-days: 7\n");
    let changes = lives(&mut world, 1..=40);
    assert_eq!(told(&changes), ["5 Opened 2", "8 Cleared 2", "20 Opened 2", "24 Cleared 2"]);
    // One day longer, it opens as soon as it may.
    let mut world = missing(&[3, 5, 10, 11, 12, 13, 14], "    cooldown-days: 7\n");
    let changes = lives(&mut world, 1..=20);
    assert_eq!(told(&changes)[..3], ["5 Opened 2", "8 Cleared 2", "16 Opened 3"]);
}

#[test]
fn it_ends_by_itself_and_opens_again_only_after_a_day_without() {
    let always: Vec<i32> = (3..=12).chain([25, 26]).collect();
    let mut world = missing(&always, "    expires-after-days: 6\n");
    let changes = lives(&mut world, 1..=40);
    let expired = &changes.iter().find(|(_, change)| change.kind == ChangeKind::Cleared).unwrap();
    assert_eq!(
        (expired.0, expired.1.reason.as_str()),
        (10, "it has been open for as long as the rule lets it, and ends by itself")
    );
    assert_eq!(told(&changes)[4..], ["10 Cleared 5", "26 Opened 2", "30 Cleared 2"]);
    assert_eq!(history(&world), [(day(4), Some(day(10)), 5), (day(26), Some(day(30)), 2)]);
}

const STEPS: &str = "    escalation:
      - {after-school-days: 2, severity: warning}
      - {after-school-days: 4, severity: urgent, audience: principal}
    clears-when: absent_last_5_school_days == 0
";

#[test]
fn it_escalates_step_by_step_while_it_stays_open() {
    let mut world = missing(&[3, 5], STEPS);
    let changes = lives(&mut world, 1..=9);
    assert_eq!(told(&changes), ["5 Opened 2", "7 Escalated 2", "9 Escalated 2"]);
    let of = |at: usize| {
        let claim = &changes[at].1.claim;
        (claim.severity, &*claim.audience, claim.terms.step, claim.terms.since)
    };
    assert_eq!(of(0), (Severity::Notice, "success-team", 0, Some(day(5))));
    assert_eq!(of(1), (Severity::Warning, "success-team", 1, Some(day(5))));
    assert_eq!(of(2), (Severity::Urgent, "principal", 2, Some(day(5))));
    assert_eq!(changes[2].1.reason, "it has been open for 4 school days");
    assert_eq!(changes[2].1.late_since, None, "nobody is late of a step whose time has come");
    assert!(world.tells().is_empty());
    // Who missed only later has been absent for a shorter time.
    world.withdraws("mark 3").says("mark 6", absent(day(6)));
    let amended = world.change();
    assert_eq!(
        (amended.kind, amended.claim.terms.step, amended.claim.severity),
        (ChangeKind::Amended, 1, Severity::Warning)
    );
    assert_eq!(amended.claim.terms.since, Some(day(6)));
}

#[test]
fn what_was_told_with_a_step_is_recalled_with_it() {
    let mut world = missing(&[3, 5], STEPS);
    lives(&mut world, 1..=20);
    assert_eq!(world.episodes.iter().map(|of| of.standing).collect::<Vec<_>>(), [Standing::Cleared]);
    world.episodes = Episodes::decode(&world.episodes.encode()).unwrap();
    world.withdraws("mark 5");
    let recalled = world.change();
    assert_eq!((recalled.kind, recalled.claim.severity), (ChangeKind::Recalled, Severity::Urgent));
    assert_eq!((&*recalled.claim.audience, recalled.claim.terms.step), ("principal", 2));
}

const DUTIES: &str = "    duties:
      - {what: A letter to the family, within-days: 10, source: Law 1, evidence: A copy}
      - {what: A meeting, within-school-days: 3, source: Law 2}
      - {what: A plan, within-school-days: 300, source: Law 3}
    barred:
      - {what: A referral to court, unless: tardy >= 1, source: Law 4}
    quiet-while-case-open: true
    cutoff: 23:59
    message-key: two.of.five
";

#[test]
fn a_claim_tells_what_is_due_when_and_what_is_barred() {
    let mut world = missing(&[3, 5], DUTIES);
    let opened = lives(&mut world, 1..=6).remove(0).1;
    let terms = opened.claim.terms;
    let due: Vec<_> = terms.duties.iter().map(|duty| (duty.what.as_str(), duty.due_on)).collect();
    assert_eq!(due, [("A letter to the family", Some(day(5).plus(10))), ("A meeting", Some(day(8))), ("A plan", None)]);
    assert_eq!((terms.duties[0].source.as_str(), terms.duties[0].evidence.as_str()), ("Law 1", "A copy"));
    assert_eq!((terms.since, terms.message_key.as_str()), (Some(day(5)), "two.of.five"));
    assert!(terms.quiet_while_case_open && !terms.good_news);
    assert_eq!(terms.cutoff_minute, Some(23 * 60 + 59));
    assert_eq!(terms.barred.iter().map(|bar| bar.what.as_str()).collect::<Vec<_>>(), ["A referral to court"]);
    assert_eq!(Episodes::decode(&world.episodes.encode()).unwrap(), world.episodes);
    world.says("late", mark("Tardy", day(2)));
    let amended = world.change();
    assert_eq!((amended.kind, amended.reason.as_str()), (ChangeKind::Amended, "nothing is barred any more"));
    // A correction of when it began moves what is due.
    world.says("mark 4", absent(day(4)));
    assert_eq!(world.change().claim.terms.duties[1].due_on, Some(day(7)));
}

#[test]
fn when_a_rule_changes_its_open_alerts_end_as_the_rule_wants() {
    for (more, expected) in [
        ("", Some((ChangeKind::Cleared, "the rule has changed"))),
        ("    on-change: recall\n", Some((ChangeKind::Recalled, "the rule has changed"))),
        ("    on-change: keep\n", None),
    ] {
        let mut world = missing(&[3, 5], more);
        world.closes(day(5)).step();
        let mut another = two_of_five(more);
        another.rules[0].version = 2;
        another.rules[0].minimum_days = 100;
        world.pack = another;
        let changes = world.changes();
        assert_eq!(changes.first().map(|change| (change.kind, change.reason.as_str())), expected, "{more}");
        assert_eq!(world.episodes.open().count(), usize::from(expected.is_none()));
        // A year later nothing is kept.
        world.closes(day(300));
        assert_eq!(world.changes().len(), usize::from(expected.is_none()));
    }
}

#[test]
fn a_schools_own_variant_is_in_force_while_the_student_is_there() {
    let yaml = "
id: district
version: 1
uses: [first-rules]
overrides:
  unexplained-absence: {off: true}
  absence-streak: {off: true}
  failing-core-course: {off: true}
schools:
  '2': {attendance-tier: {opens-when: tier >= 2, title: Much at school 2}}
  '3': {attendance-tier: {off: true}}
";
    let mut world = World::of_school_days(40);
    world.pack = Pack::parse(yaml).unwrap();
    for name in ["2", "3"] {
        world.opens(name).calendar(&format!("of {name}"), name, 1..=40);
    }
    for n in [1, 2, 18] {
        world.says(&format!("mark {n}"), absent(day(n)));
    }
    world.closes(day(20));
    let opened = world.change();
    assert_eq!((opened.claim.level, &*opened.claim.title), (2, "Missing much of school"));
    let moves = |world: &mut World, at: &str, from: i32| {
        world.says("enrollment", enrolled("1", day(1)).until(day(from - 1)));
        world.says("transfer", enrolled(at, day(from))).closes(day(from));
    };
    moves(&mut world, "2", 21);
    let there = world.changes();
    assert!(there.iter().all(|change| change.kind != ChangeKind::Recalled), "{there:?}");
    assert_eq!(world.episodes.open().count(), 1, "a tenth is enough there too");
    moves(&mut world, "3", 21);
    let gone = world.change();
    assert_eq!((gone.kind, gone.reason.as_str()), (ChangeKind::Cleared, "the rule is no longer in force"));
    moves(&mut world, "2", 21);
    let there = world.change();
    assert_eq!((there.kind, &*there.claim.title, there.school.as_str()), (ChangeKind::Opened, "Much at school 2", "2"));
}
