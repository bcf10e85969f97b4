//! `tests/run` builds some crates apart from the others, and names their tests: none may be forgotten.

use std::fs;
use std::path::Path;

use crate::layout::texts_below;
use crate::workspace::{members, root};

/// The names that stand between these words and a closing bracket.
fn listed<'a>(script: &'a str, before: &str) -> Vec<&'a str> {
    let (_, rest) = script.split_once(before).unwrap_or_else(|| panic!("tests/run has no `{before}`"));
    let (names, _) = rest.split_once(')').expect("a list ends");
    names.split_whitespace().collect()
}

/// The names of a crate's test executables, its library's own tests not among them.
fn tests_of(path: &str) -> Vec<String> {
    let entries = fs::read_dir(root().join(path).join("tests")).into_iter().flatten();
    let entries = entries.map(|entry| entry.expect("a directory of ours can be read").path());
    let is_test = |path: &Path| path.extension().is_some_and(|end| end == "rs") || path.join("main.rs").exists();
    let name = |path: &Path| path.file_stem().and_then(|stem| stem.to_str()).expect("our names are ASCII").to_owned();
    entries.filter(|path| is_test(path)).map(|path| name(&path)).collect()
}

#[test]
fn every_test_of_a_crate_that_is_built_apart_is_run() {
    let script = fs::read_to_string(root().join("tests/run")).expect("tests/run is there");
    let left_out: Vec<&str> =
        listed(&script, "as_shipped=(").windows(2).filter(|pair| pair[0] == "--exclude").map(|pair| pair[1]).collect();
    let (built, run) = (listed(&script, "apart=("), listed(&script, "apart_tests=("));
    assert!(!left_out.is_empty(), "tests/run builds no crate apart");
    for name in left_out {
        let member = members().into_iter().find(|member| member.name == name).expect("tests/run names crates of ours");
        assert!(built.contains(&name), "tests/run leaves `{name}` out, and does not build it apart");
        for test in tests_of(&member.path) {
            assert!(
                run.contains(&test.as_str()),
                "tests/run does not run `{test}` of `{name}`: add it to `apart_tests`"
            );
        }
        texts_below(&format!("{}/src", member.path), &mut |text| {
            assert!(
                !text.contains("#[test]"),
                "`{name}` is built apart, where tests/run does not run its library's own tests: move them into its `tests`"
            );
        });
    }
}
