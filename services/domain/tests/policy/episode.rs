//! Episodes that open, rise, fall and are amended; what an alert says; and rules that fail, change or go.

use homeroom_domain::alert::{ChangeKind, Severity};
use homeroom_domain::episode::Episodes;
use homeroom_domain::rule::condition::Failure;
use homeroom_domain::rule::{DEFAULT_PACK, Pack};

use crate::world::{Marked, Spell, World, absent, day, enrolled, excused, grade, mark};

/// Twenty days with one rule in force; the first so many missed.
fn missed(days: i32, rule: &str) -> World {
    let mut world = World::of_school_days(20);
    for n in 1..=days {
        world.says(&format!("mark {n}"), absent(day(n)));
    }
    world.only(rule);
    world
}

#[test]
fn an_alert_explains_itself() {
    let mut world = missed(2, "attendance-tier");
    let opened = world.change();
    assert_eq!((opened.kind, opened.number, opened.claim.level), (ChangeKind::Opened, 1, 2));
    assert_eq!((opened.claim.severity, opened.school.as_str()), (Severity::Warning, "1"));
    let proof = opened.claim.proof;
    assert_eq!(proof.as_of, day(20));
    assert!(
        proof.explanation.starts_with("Absent 2 of 20 days enrolled so far, which is 10%"),
        "{}",
        proof.explanation
    );
    assert!(proof.clears_when.contains("21 school days present"), "{}", proof.clears_when);
    let values: Vec<_> = proof.measures.iter().map(|measure| (&*measure.name, measure.value)).collect();
    assert_eq!(values, [("enrolled", 2000), ("absent", 200), ("unexcused", 200), ("tier", 2)]);
    let facts: Vec<_> = proof.facts.iter().map(|fact| (fact.date, &*fact.what)).collect();
    assert_eq!(facts, [(day(2), "unexcused absence, whole day"), (day(1), "unexcused absence, whole day")]);
    assert!(!proof.threshold_source.is_empty());
}

#[test]
fn a_proof_lists_the_newest_facts_and_counts_the_rest() {
    let mut world = World::of_school_days(40);
    for n in 1..=23 {
        world.says(&format!("mark {n}"), absent(day(n)));
    }
    world.only("attendance-tier");
    let proof = world.change().claim.proof;
    assert_eq!((proof.facts.len(), proof.facts_left_off), (20, 3));
    assert_eq!(proof.facts[0].date, day(23));
}

#[test]
fn nothing_is_told_twice() {
    let mut world = missed(2, "attendance-tier");
    assert_eq!(world.tells(), ["Opened attendance-tier 2"]);
    assert!(world.tells().is_empty());
    world.says("presence", mark("Present", day(5)));
    assert!(world.tells().is_empty(), "a fact that changes no measure");
    world.calendar("main", "1", 1..=21).closes(day(21));
    assert_eq!(world.tells(), ["Amended attendance-tier 1"], "below ten percent");
    world.calendar("main", "1", 1..=22).closes(day(22));
    assert!(world.tells().is_empty(), "another day passed at the same level");
}

#[test]
fn a_level_that_rises_escalates_and_one_that_falls_amends() {
    let mut world = missed(1, "attendance-tier");
    assert_eq!(world.tells(), ["Opened attendance-tier 1"]);
    world.says("2", absent(day(2)));
    let risen = world.change();
    assert_eq!((risen.kind, risen.claim.level, risen.number), (ChangeKind::Escalated, 2, 2));
    assert_eq!(risen.reason, "it has risen: absent 1 -> 2, unexcused 1 -> 2, tier 1 -> 2");
    world.says("3", absent(day(3))).says("4", absent(day(4)));
    assert_eq!(world.tells(), ["Escalated attendance-tier 3"]);
    world.withdraws("4").withdraws("3");
    let fallen = world.change();
    assert_eq!((fallen.kind, fallen.claim.level, fallen.number), (ChangeKind::Amended, 2, 4));
    assert_eq!(fallen.reason, "it has fallen: absent 4 -> 2, unexcused 4 -> 2, tier 3 -> 2");
}

#[test]
fn a_correction_at_the_same_level_amends() {
    let mut world = missed(2, "attendance-tier");
    world.step();
    world.says("mark 1", excused(day(1)));
    let amended = world.change();
    assert_eq!((amended.kind, amended.claim.level), (ChangeKind::Amended, 2));
    assert_eq!(amended.reason, format!("records up to {} were corrected: unexcused 2 -> 1", day(20)));
    world.withdraws("mark 1").says("other", excused(day(3)));
    assert_eq!(
        world.change().reason,
        format!("records up to {} were corrected: the facts behind it changed, their sum did not", day(20))
    );
}

#[test]
fn a_correction_of_what_was_told_amends_even_when_it_holds_now_for_other_reasons() {
    let mut world = missed(0, "attendance-tier");
    world.calendar("main", "1", 1..=40).says("early", absent(day(1)));
    assert_eq!(world.tells(), ["Opened attendance-tier 1"]);
    world.says("late", absent(day(21))).says("later", absent(day(22))).closes(day(40));
    assert!(world.tells().is_empty());
    world.withdraws("early");
    let amended = world.change();
    assert_eq!((amended.kind, amended.number), (ChangeKind::Amended, 2));
    assert!(amended.reason.contains("was corrected, and it holds now"), "{}", amended.reason);
    assert!(world.tells().is_empty());
}

#[test]
fn a_failing_rule_stops_no_other() {
    let broken = DEFAULT_PACK
        .replace("opens-when: tier >= 1", "opens-when: 100 / tardy >= 1")
        .replace("level: failing_core", "level: 9223372036854775807 + failing_core");
    let mut world = World::of_school_days(20);
    world.pack = Pack::parse(&broken).unwrap();
    world.session("year", 1, 20).section("english", "English", "year").period("first", 1, 20);
    world.says("grade", grade("english", "first", "Final", 10));
    for n in 18..=20 {
        world.says(&format!("mark {n}"), absent(day(n)));
    }
    let step = world.step();
    let failed: Vec<_> = step.failures.iter().map(|(rule, failure)| (rule.as_str(), *failure)).collect();
    assert_eq!(failed, [("attendance-tier", Failure::DivisionByZero), ("failing-core-course", Failure::Overflow)]);
    let told: Vec<_> = step.changes.iter().map(|change| change.claim.rule.as_str()).collect();
    assert_eq!(told, ["unexplained-absence", "absence-streak"]);
}

#[test]
fn a_rule_that_begins_to_fail_leaves_its_episodes_as_they_were() {
    let mut world = missed(2, "attendance-tier");
    world.step();
    let before = world.episodes.clone();
    let broken = DEFAULT_PACK.replace("opens-when: tier >= 1", "opens-when: 100 / tardy >= 1");
    world.pack = Pack::parse(&broken).unwrap();
    world.only("attendance-tier");
    let step = world.step();
    assert_eq!((step.failures.len(), step.changes.len()), (1, 0));
    assert_eq!(world.episodes, before);
}

#[test]
fn a_rule_that_is_gone_clears_its_alert() {
    let mut world = missed(2, "attendance-tier");
    world.step();
    world.pack.rules.clear();
    let cleared = world.change();
    assert_eq!((cleared.kind, cleared.reason.as_str()), (ChangeKind::Cleared, "the rule is no longer in force"));
    assert!(world.tells().is_empty());
    world.pack = Pack::parse(DEFAULT_PACK).unwrap();
    world.only("attendance-tier");
    assert_eq!(world.tells(), ["Opened attendance-tier 2"], "it is back");
}

#[test]
fn a_new_version_of_a_rule_recalls_nothing() {
    let mut world = missed(2, "attendance-tier");
    world.step();
    let stricter = DEFAULT_PACK.replacen("version: 1\n    title", "version: 2\n    title", 1);
    let stricter = stricter.replace("opens-when: tier >= 1", "opens-when: tier >= 3");
    world.pack = Pack::parse(&stricter).unwrap();
    world.only("attendance-tier");
    let cleared = world.change();
    assert_eq!((cleared.kind, cleared.reason.as_str()), (ChangeKind::Cleared, "the rule has changed"));
    assert!(world.tells().is_empty(), "what the old version told rightly stays told");
}

#[test]
fn ids_are_the_same_however_often_they_are_computed() {
    let changes = || missed(2, "attendance-tier").changes();
    assert_eq!(changes(), changes());
    let id = changes()[0].alert_id;
    assert_eq!(id.to_string(), missed(2, "attendance-tier").change().alert_id.to_string());
    assert_ne!(id, missed(20, "absence-streak").change().alert_id, "another rule");
}

#[test]
fn the_team_of_the_school_where_the_student_is_now_is_told() {
    let mut world = missed(1, "attendance-tier");
    world.opens("2").calendar("of 2", "2", 1..=20);
    assert_eq!(world.change().school.as_str(), "1");
    world.says("enrollment", enrolled("1", day(1)).until(day(18))).says("transfer", enrolled("2", day(19)));
    world.says("next", absent(day(20)).at("2"));
    let risen = world.change();
    assert_eq!((risen.kind, risen.school.as_str()), (ChangeKind::Escalated, "2"));
}

#[test]
fn without_a_school_there_is_nobody_to_tell() {
    let mut world = World::of_school_days(20);
    world.only("failing-core-course").withdraws("enrollment");
    world.session("year", 1, 20).section("english", "English", "year").period("first", 1, 20);
    world.says("grade", grade("english", "first", "Final", 10));
    assert_eq!(world.measures().failing_core, 1);
    assert!(world.tells().is_empty());
    world.says("enrollment", enrolled("1", day(1)));
    assert_eq!(world.tells(), ["Opened failing-core-course 1"]);
    world.withdraws("enrollment");
    assert_eq!(world.tells(), ["Recalled failing-core-course 1"], "as if it had never been there");
}

#[test]
fn failing_more_core_courses_escalates_and_a_passing_grade_later_clears() {
    let mut world = World::of_school_days(20);
    world.only("failing-core-course").session("year", 1, 20).period("first", 1, 10).period("second", 11, 20);
    world.section("english", "English", "year").section("algebra", "Mathematics", "year").closes(day(10));
    world.says("grade 1", grade("english", "first", "Final", 10));
    assert_eq!(world.tells(), ["Opened failing-core-course 1"]);
    world.says("grade 2", grade("algebra", "first", "Final", 10));
    let risen = world.change();
    assert_eq!((risen.kind, risen.claim.level, risen.claim.severity), (ChangeKind::Escalated, 2, Severity::Urgent));
    assert_eq!(risen.claim.proof.facts.len(), 2);
    world.says("grade 3", grade("english", "second", "Final", 80));
    world.says("grade 4", grade("algebra", "second", "Final", 80)).closes(day(11));
    assert_eq!(world.tells(), ["Cleared failing-core-course 2"]);
    world.says("grade 2", grade("algebra", "first", "Final", 70));
    assert!(world.tells().is_empty(), "english failed then, so something was to be told");
    world.says("grade 1", grade("english", "first", "Final", 70));
    assert_eq!(world.tells(), ["Recalled failing-core-course 2"]);
}

#[test]
fn episodes_are_read_back_as_they_were_stored() {
    let mut world = missed(20, "absence-streak");
    world.step();
    assert_eq!(Episodes::decode(&world.episodes.encode()).unwrap(), world.episodes);
    let ledger = homeroom_domain::ledger::Ledger::decode(&world.ledger.encode()).unwrap();
    assert_eq!(ledger, world.ledger);
    for wrong in [&[][..], &[0], &[1, 255], &[9, 0]] {
        assert!(Episodes::decode(wrong).is_err(), "{wrong:?}");
        assert!(homeroom_domain::ledger::Ledger::decode(wrong).is_err(), "{wrong:?}");
    }
}
