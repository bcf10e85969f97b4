//! What packs are taken, what each layer changes of them, and what a mistake is told as.

use super::*;
use crate::alert::Severity;
use crate::rule::find_shipped;

fn refused(yaml: &str) -> String {
    match Pack::parse(yaml) {
        Ok(_) => panic!("it was taken:\n{yaml}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn the_shipped_pack_is_sound() {
    let pack = Pack::parse(DEFAULT_PACK).unwrap();
    let ids: Vec<_> = pack.rules.iter().map(|rule| rule.id.to_string()).collect();
    assert_eq!(ids, ["attendance-tier", "unexplained-absence", "absence-streak", "failing-core-course"]);
    assert!(pack.rules.iter().all(|rule| !rule.source.is_empty() && !rule.has_memory()));
}

#[test]
fn a_level_presses_by_the_highest_bound_it_reaches() {
    let pack = Pack::parse(DEFAULT_PACK).unwrap();
    let tier = &pack.rules[0];
    assert_eq!(
        (1..=3).map(|level| tier.severity(level)).collect::<Vec<_>>(),
        [Severity::Notice, Severity::Warning, Severity::Urgent]
    );
}

#[test]
fn an_unknown_key_is_refused_with_its_place_and_the_nearest() {
    let text = refused(&DEFAULT_PACK.replacen("audience:", "audiense:", 1));
    let expected = "\
error: a rule has no `audiense`
  --> rules:14:5
   |
14 |     audiense: success-team
   |     ^^^^^^^^ the nearest is `audience`";
    assert!(text.contains(expected), "{text}");
    assert!(text.contains("the rule lacks `audience`"), "{text}");
}

#[test]
fn a_mistake_in_a_condition_is_underlined_within_it() {
    for (condition, under) in [
        ("tier >= 1 && steak >= 3", "                              ^^^^^"),
        ("\"tier >= 1 && steak >= 3\"", "                               ^^^^^"),
        ("tier >= 1 && steak >= 3 # a remark", "                              ^^^^^"),
    ] {
        let text = refused(&DEFAULT_PACK.replacen("opens-when: tier >= 1", &format!("opens-when: {condition}"), 1));
        assert!(text.contains("there is no measure `steak`; the nearest is `streak`"), "{text}");
        assert!(text.lines().any(|line| line.ends_with(under)), "{text}");
    }
}

#[test]
fn several_mistakes_are_told_at_once() {
    let wrong = DEFAULT_PACK
        .replacen("opens-when: tier >= 1", "opens-when: teir >= 1", 1)
        .replacen("severity: {1: warning}", "severity: {1: loud}", 1)
        .replacen("scope: school-year", "scope: for-ever", 1)
        .replacen("{streak}", "{steak}", 1)
        .replacen("settle-seconds: 0", "settle-seconds: soon", 1);
    let Err(Error::Mistakes(mistakes)) = Pack::parse(&wrong) else { panic!("it was taken") };
    assert_eq!(mistakes.iter().count(), 5, "{mistakes}");
    let lines: Vec<usize> = mistakes.iter().map(|mistake| mistake.line).collect();
    assert!(lines.is_sorted() && lines[0] > 1, "{lines:?}");
    let hundred = "  - {}\n".repeat(100);
    let Err(Error::Mistakes(mistakes)) = Pack::parse(&format!("id: x\nversion: 1\nrules:\n{hundred}")) else {
        panic!("it was taken")
    };
    assert_eq!(mistakes.iter().count(), MOST_TOLD);
    assert!(mistakes.left_off() > 100);
}

#[test]
fn a_rule_knows_which_other_measures_it_names() {
    let of_weeks = DEFAULT_PACK.replace("opens-when: tier >= 1", "opens-when: absent_last_28_days >= 300");
    let pack = Pack::parse(&of_weeks).unwrap();
    let names: Vec<_> = pack.rules[0].others.iter().map(|measure| measure.name()).collect();
    assert_eq!(names, ["absent_last_28_days"]);
    assert!(Pack::parse(DEFAULT_PACK).unwrap().rules.iter().all(|rule| rule.others.is_empty()));
}

#[test]
fn demographics_are_refused_with_the_reason_wherever_they_stand() {
    for (from, to) in [
        ("opens-when: tier >= 1", "opens-when: race == 1"),
        ("opens-when: tier >= 1", "opens-when: tier >= 1 && !is_homeless"),
        ("{percent}", "{ethnicity}"),
        ("    evidence: absences", "    evidence: absences\n    gender: female"),
    ] {
        let text = refused(&DEFAULT_PACK.replacen(from, to, 1));
        assert!(text.contains("says who a student is, and no rule may ask that"), "{text}");
    }
}

/// A rule of the district's own, with more fields.
pub(super) fn own(more: &str) -> String {
    format!(
        "id: ours\nversion: 1\nrules:\n  - id: away\n    version: 1\n    title: Away\n    meaning: Away.\n    scope: school-year\n    opens-when: absent >= 300\n    level: \"1\"\n    severity: {{1: notice}}\n    settle-seconds: 0\n    audience: success-team\n    evidence: absences\n    explanation: \"{{absent}}\"\n    clears: Never.\n    source: Ours.\n{more}"
    )
}

pub(super) const EVERYTHING: &str = "    clears-when: absent_last_20_school_days == 0
    minimum-days: 20
    cooldown-days: 10
    expires-after-days: 40
    quiet-while-case-open: true
    cutoff: '09:30'
    escalation: [{after-school-days: 5, severity: warning}, {after-school-days: 10, severity: urgent, audience: principal}]
    message-key: away
    on-change: recall
    duties:
      - {what: Letter, within-days: 10, source: Law 1, evidence: A copy}
      - {what: Meeting, within-school-days: 15, source: Law 2}
    barred:
      - {what: Court, unless: unexcused >= 1000, source: Law 3}
    sources: {20: The last four weeks of school}
";

#[test]
fn a_rule_may_say_all_that_the_format_has() {
    let pack = Pack::parse(&own(EVERYTHING)).unwrap();
    let rule = &pack.rules[0];
    assert!(rule.has_memory() && rule.is_latching());
    assert_eq!((rule.minimum_days, rule.cooldown_days, rule.expires_after_days), (20, 10, Some(40)));
    assert_eq!(
        (rule.message_key.as_str(), rule.on_change, rule.quiet_while_case_open),
        ("away", OnChange::Recall, true)
    );
    assert_eq!(
        rule.duties.iter().map(|duty| duty.within).collect::<Vec<_>>(),
        [Within::Days(10), Within::SchoolDays(15)]
    );
    assert_eq!(rule.cutoff_minute, Some(9 * 60 + 30));
    assert_eq!((rule.steps(4), rule.steps(5), rule.steps(99)), (0, 1, 2));
    assert_eq!(rule.severity_after(1, 1), Severity::Warning);
    assert_eq!((&**rule.audience_after(1), &**rule.audience_after(2)), ("success-team", "principal"));
    assert_eq!(rule.numbers().into_iter().collect::<Vec<_>>(), [0, 1, 300]);
    let named: Vec<_> = rule.others.iter().map(|measure| measure.name()).collect();
    assert_eq!(named, ["absent_last_20_school_days"]);
    let plain = &Pack::parse(&own("")).unwrap().rules[0];
    assert_eq!((plain.message_key.as_str(), plain.on_change, plain.has_memory()), ("away", OnChange::Amend, false));
}

#[test]
fn what_fields_say_together_is_checked() {
    for (more, expected) in [
        (
            "    good-news: true\n    escalation: [{after-school-days: 1, severity: urgent}]\n",
            "good news is never urgent",
        ),
        ("    escalation: [{after-school-days: 5}, {after-school-days: 5}]\n", "after more and more days"),
        ("    duties: [{what: Letter, source: Law}]\n", "one of them"),
        ("    duties: [{what: Letter, source: Law, within-days: 1, within-school-days: 1}]\n", "one of them"),
        ("    duties: [{what: Letter, within-days: 1}]\n", "a duty lacks `source`"),
        ("    barred: [{what: Court, unless: nobody, source: Law}]\n", "there is no measure `nobody`"),
        ("    minimum-days: 400\n", "a whole number from 0 to 366"),
        ("    cutoff: 9:30\n", "a time of the day from 00:00 to 23:59"),
        ("    cutoff: \"24:00\"\n", "a time of the day from 00:00 to 23:59"),
        ("    on-change: forget\n", "is one of `amend`, `recall`, `keep`"),
        ("    off: true\n", "a rule has no `off`"),
        ("    sources: {ten: Law}\n", "`ten` is no whole number"),
    ] {
        let text = refused(&own(more));
        assert!(text.contains(expected), "{text}");
    }
    let of_days = own("    cooldown-days: 3\n").replace("scope: school-year", "scope: day");
    assert!(refused(&of_days).contains("a rule about single days has no `cooldown-days`"));
    for more in [
        "expires-after-days: 5",
        "escalation: [{after-school-days: 5}]",
        "duties: [{what: Letter, source: Law, within-days: 1}]",
    ] {
        // A grade counts from the begin of its period: an F of the thirty-fifth day would open as one of the first.
        let of_grades = own(&format!("    {more}\n")).replace("absent >= 300", "absent >= 300 || failing >= 1");
        assert!(refused(&of_grades).contains("they do not tell since when"), "{more}");
    }
}

pub(super) const LAYERED: &str = "
id: springfield
version: 7
title: Springfield
uses: [first-rules]
rules: []
overrides:
  attendance-tier: {opens-when: tier >= 2, audience: attendance-office}
  failing-core-course: {off: true}
schools:
  '255901001':
    attendance-tier: {opens-when: tier >= 3}
    absence-streak: {off: true}
  '255901044':
    attendance-tier: {opens-when: tier >= 3}
  '255901107':
    failing-core-course: {off: false}
";

fn school(id: &str) -> SchoolId {
    SchoolId::parse(id).unwrap()
}

#[test]
fn a_document_uses_shipped_packs_and_says_what_is_otherwise() {
    let pack = Pack::parse(LAYERED).unwrap();
    assert_eq!((pack.id.as_str(), pack.version, pack.title.as_str()), ("springfield", 7, "Springfield"));
    let at = |school: Option<&SchoolId>| -> Vec<String> {
        pack.rules_at(school).map(|rule| format!("{} {}", rule.id, rule.opens_when)).collect()
    };
    let (tier, absent, streak, failing) = (
        "attendance-tier tier >= ",
        "unexplained-absence unexplained_absence_today".to_owned(),
        "absence-streak streak >= 3".to_owned(),
        "failing-core-course failing_core >= 1".to_owned(),
    );
    assert_eq!(at(None), [format!("{tier}2"), absent.clone(), streak.clone()]);
    assert_eq!(at(Some(&school("255901001"))), [format!("{tier}3"), absent.clone()]);
    assert_eq!(at(Some(&school("255901044"))), [format!("{tier}3"), absent.clone(), streak.clone()]);
    assert_eq!(at(Some(&school("255901107"))), [format!("{tier}2"), absent, streak, failing]);
    // Schools that say the same share a rule.
    assert_eq!(pack.rules.iter().filter(|rule| rule.id.as_str() == "attendance-tier").count(), 2);
}

#[test]
fn each_line_of_a_rule_tells_who_said_it() {
    let pack = Pack::parse(LAYERED).unwrap();
    let rule = pack.rules_at(Some(&school("255901044"))).next().unwrap();
    let origin = |field: &str| {
        let line = pack.origins(rule).iter().find(|line| line.field == field).unwrap();
        (line.text.clone(), line.origin.clone())
    };
    // Of schools that share a variant, the first is told.
    assert_eq!(origin("opens-when"), ("tier >= 3".to_owned(), Origin::School(school("255901001"))));
    assert_eq!(origin("audience"), ("attendance-office".to_owned(), Origin::District));
    assert_eq!(origin("level"), ("tier".to_owned(), Origin::Shipped(RuleId::parse("first-rules").unwrap())));
    assert!(pack.of_shipped().contains(&(&rule.id, rule.version)));
}

#[test]
fn a_changed_rule_has_a_version_that_follows_from_what_it_says() {
    let version = |yaml: &str| Pack::parse(yaml).unwrap().rules[0].version;
    let changed = version(LAYERED);
    assert!(changed >= DERIVED);
    assert_eq!(version(&LAYERED.replace("version: 7", "version: 8")), changed);
    assert_eq!(
        version(&LAYERED.replace(
            "{opens-when: tier >= 2, audience: attendance-office}",
            "\n    audience: 'attendance-office'\n    opens-when: \"tier >= 2\""
        )),
        changed
    );
    assert_ne!(version(&LAYERED.replace("opens-when: tier >= 2", "opens-when: tier >= 3")), changed);
    assert_eq!(version("id: x\nversion: 1\nuses: [first-rules]"), 1);
}

#[test]
fn layers_that_miss_are_refused_with_what_was_meant() {
    let shipped = find_shipped("first-rules").unwrap();
    assert_eq!(shipped, DEFAULT_PACK);
    for (from, to, expected) in [
        ("uses: [first-rules]", "uses: [frist-rules]", "there is no shipped pack `frist-rules`"),
        ("uses: [first-rules]", "uses: [first-rules, first-rules]", "is used twice"),
        ("  failing-core-course: {off: true}", "  failing-core: {off: true}", "the nearest is `failing-core-course`"),
        ("audience: attendance-office", "evidence: streak", "`evidence` is the rule's own"),
        ("audience: attendance-office", "audience: ~", "each rule says `audience`"),
        ("audience: attendance-office", "severity: {}", "the rule has no severity"),
        ("audience: attendance-office", "race: any", "says who a student is"),
        ("opens-when: tier >= 2", "opens-when: teir >= 2", "there is no measure `teir`; the nearest is `tier`"),
        ("rules: []", "rules: [{id: attendance-tier}]", "the rule lacks `version`"),
    ] {
        assert!(LAYERED.contains(from));
        let text = refused(&LAYERED.replacen(from, to, 1));
        assert!(text.contains(expected), "{to}:\n{text}");
        assert!(text.contains(" rules:"), "the place is in the document:\n{text}");
    }
}

#[test]
fn yaml_that_is_none_is_refused_with_its_line() {
    for yaml in ["", "[]", "id: x", "\u{0}", "id: x\nversion: 1\nrules: 7", "id: x\n  version: [", "a: 1\na: 2"] {
        assert!(!refused(yaml).is_empty());
    }
    assert!(refused("id: x\nversion: 1\nrules:\n  - id: [\n").contains("rules:"));
    let deep = "[".repeat(10_000);
    assert!(refused(&deep).len() < 1_000);
}
