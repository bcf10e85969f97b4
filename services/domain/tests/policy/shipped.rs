//! The shipped packs: what all of them keep to.

use std::collections::{BTreeMap, BTreeSet};

use homeroom_domain::alert::Severity;
use homeroom_domain::rule::{DEFAULT_PACK, Pack, Rule, shipped};

fn packs() -> Vec<(&'static str, Pack)> {
    shipped().map(|(id, yaml)| (yaml, Pack::parse(yaml).unwrap_or_else(|error| panic!("{id}: {error}")))).collect()
}

fn rules() -> Vec<Rule> {
    packs().into_iter().flat_map(|(_, pack)| pack.rules).collect()
}

/// Whether a text tells of a number: as a word of its own.
fn tells_of(text: &str, number: i64) -> bool {
    text.split(|c: char| !c.is_ascii_digit()).any(|word| word == number.to_string())
}

/// Nothing and one are no thresholds of anybody's. The first rules were shipped before; what they say is in other packs too.
#[test]
fn every_number_that_a_shipped_rule_compares_with_has_its_source() {
    let others = packs().into_iter().filter(|(yaml, _)| *yaml != DEFAULT_PACK);
    for rule in others.flat_map(|(_, pack)| pack.rules) {
        for number in rule.numbers().into_iter().filter(|number| number.abs() > 1) {
            let told = rule.sources.contains_key(&number.to_string()) || tells_of(&rule.source, number);
            assert!(told, "rule `{}` does not tell where {number} comes from", rule.id);
        }
        assert!(!rule.source.is_empty(), "{}", rule.id);
    }
}

/// So that a district may go from the first rules to the packs that hold them.
#[test]
fn the_first_rules_are_in_other_packs_too_and_of_one_version_say_the_same() {
    let mut known: BTreeMap<(String, u32), Rule> = BTreeMap::new();
    for rule in rules() {
        let before = known.entry((rule.id.to_string(), rule.version)).or_insert_with(|| rule.clone());
        assert_eq!(*before, rule);
    }
    let first = Pack::parse(DEFAULT_PACK).unwrap();
    for rule in &first.rules {
        let again = packs()
            .into_iter()
            .filter(|(_, pack)| pack.id != first.id)
            .find_map(|(_, pack)| pack.rule(&rule.id).cloned());
        assert!(again.is_some_and(|again| again.version >= rule.version), "{}", rule.id);
    }
}

#[test]
fn good_news_never_presses() {
    let good: Vec<_> = rules().into_iter().filter(|rule| rule.good_news).collect();
    assert!(!good.is_empty());
    assert!(good.iter().all(|rule| rule.severity.values().all(|severity| *severity == Severity::Notice)));
}

#[test]
fn every_duty_and_bar_of_a_law_names_the_law_and_a_duty_its_evidence() {
    let mut states = BTreeSet::new();
    for rule in rules().into_iter().filter(|rule| &*rule.audience == "attendance-office") {
        states.insert(rule.id.as_str().split('-').next().unwrap_or_default().to_owned());
        assert!(!rule.duties.is_empty() || !rule.barred.is_empty(), "{}", rule.id);
        assert!(rule.duties.iter().all(|duty| !duty.source.is_empty() && !duty.evidence.is_empty()), "{}", rule.id);
        assert!(rule.barred.iter().all(|bar| !bar.source.is_empty()), "{}", rule.id);
    }
    assert_eq!(states.into_iter().collect::<Vec<_>>(), ["ca", "fl", "nm", "oh", "tx"]);
}

/// Loading costs by the byte, an event by the rule and by the measure that it names.
#[test]
fn all_shipped_packs_together_stay_small() {
    let bytes: usize = packs().iter().map(|(yaml, _)| yaml.len()).sum();
    assert!(bytes <= 80_000, "{bytes} bytes");
    assert!(rules().len() <= 60, "{} rules", rules().len());
}

#[test]
fn all_shipped_packs_go_together_in_one_document() {
    let first = Pack::parse(DEFAULT_PACK).unwrap();
    let ids: Vec<&str> = shipped().map(|(id, _)| id).filter(|id| *id != first.id.as_str()).collect();
    let pack = Pack::parse(&format!("id: ours\nversion: 1\nuses: [{}]\nrules: []\n", ids.join(", "))).unwrap();
    let names: BTreeSet<String> = rules().iter().map(|rule| rule.id.to_string()).collect();
    assert_eq!(pack.rules.iter().map(|rule| rule.id.to_string()).collect::<BTreeSet<_>>(), names);
}
