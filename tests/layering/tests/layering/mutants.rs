//! Every fault that is planted on purpose is planted somewhere, has a test that must see it, and that test is run.

use std::collections::BTreeSet;
use std::fs;

use crate::workspace::{members, root};

/// Where the faults are listed.
const LIST: &str = "services/domain/src/mutant.rs";

/// Faults that checkers must see, whatever else they see, with the variant of each.
const REQUIRED: [(&str, &str); 12] = [
    ("commit the offset first", "OffsetFirst"),
    ("skip the fence", "SkipFence"),
    ("forget to recall", "ForgetRecall"),
    ("lose the last outbox row", "LoseOutboxRow"),
    ("compare 10% with >", "BoundsExclusive"),
    ("count a tardy as absent", "TardyIsAbsent"),
    ("drop a duplicate by id only", "DropKnown"),
    ("ignore a withdrawal", "IgnoreWithdrawal"),
    ("reuse a delivery after a recorded unknown without its key", "NewKeyAfterUnknown"),
    ("leak another district's row", "LeakDistrict"),
    ("publish before commit", "PublishFirst"),
    ("acknowledge before kept", "AckFirst"),
];

/// The variants of the list.
fn variants() -> BTreeSet<String> {
    let text = read(LIST);
    let (_, body) = text.split_once("pub enum Mutant {").expect("the list is an enum");
    let (body, _) = body.split_once("\n}").expect("the enum ends");
    let lines = body.lines().map(str::trim).filter(|line| !line.starts_with("//"));
    lines.filter_map(|line| line.strip_suffix(',')).map(str::to_owned).collect()
}

/// What a text names with these words before, such as `plant(Mutant::`, in its order.
fn named(text: &str, before: &str) -> Vec<String> {
    let after = text.split(before).skip(1);
    after.map(|rest| rest.chars().take_while(|character| character.is_alphanumeric()).collect()).collect()
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("`{path}`: {error}"))
}

/// The crates that have tests of planted faults, by path and name, with the text of those tests.
fn tests() -> Vec<(String, String, String)> {
    let of = |path: &str| fs::read_to_string(root().join(path).join("tests/mutants.rs")).ok();
    members().into_iter().filter_map(|member| of(&member.path).map(|text| (member.path, member.name, text))).collect()
}

#[test]
fn every_planted_fault_has_a_test_that_must_see_it() {
    let tests = tests();
    for variant in variants() {
        let seen_by: Vec<&str> = tests
            .iter()
            .filter(|(_, _, text)| named(text, "Mutant::").contains(&variant))
            .map(|(path, ..)| path.as_str())
            .collect();
        assert_eq!(
            seen_by.len(),
            1,
            "`Mutant::{variant}` belongs into one crate's tests/mutants.rs, and is in those of {seen_by:?}"
        );
    }
}

#[test]
fn every_fault_of_the_list_is_planted() {
    let mut planted = BTreeSet::new();
    for member in members() {
        crate::layout::texts_below(&format!("{}/src", member.path), &mut |text| {
            planted.extend(named(text, "planted(Mutant::"));
        });
    }
    assert_eq!(planted, variants(), "what {LIST} lists is what the code plants");
}

#[test]
fn the_faults_that_checkers_must_see_are_among_them() {
    let variants = variants();
    for (fault, variant) in REQUIRED {
        assert!(variants.contains(variant), "nobody plants `{fault}`, which was `{variant}`");
    }
}

#[test]
fn every_test_of_planted_faults_is_run() {
    let (runs, checks) = (read("tests/run"), read(".ci/run"));
    for (path, name, _) in tests() {
        for (script, text, wanted) in
            [("tests/run", &runs, format!("-p {name} ")), (".ci/run", &checks, format!("{name}/mutants"))]
        {
            assert!(
                text.contains(&wanted),
                "`{path}` has tests of planted faults, and {script} does not build `{name}` with them: no `{wanted}`"
            );
        }
    }
}
