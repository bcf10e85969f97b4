//! What lies at the top of the repository, and how long a file may be.

use std::fs;
use std::path::{Path, PathBuf};

use crate::workspace::{members, root};

/// All that the top level may hold besides dotfiles and cargo's `target`.
const TOP: [&str; 10] = [
    "Cargo.toml",
    "Cargo.lock",
    "services",
    "proto",
    "deploy",
    "charts",
    "tests",
    "README.md",
    "ARCHITECTURE.md",
    "LICENSE",
];

/// Lines of a product file without its inline tests.
const FILE_LINES: usize = 500;
/// Lines of a file's inline tests.
const INLINE_TEST_LINES: usize = 400;
/// Lines of a crate's product files.
const CRATE_LINES: usize = 6000;
/// Crates that may be larger, up to a bound of their own, with the reason.
const LARGER: [(&str, usize); 5] = [
    // It holds the packed ledger, whose bytes are the part to cut at: they know nothing of rules or episodes. It holds every way of
    // counting too (calculators, windows, truancy clocks, gradebooks, transcripts, behavior, connections), and what explains each
    // figure, each in a file of its own that reads an evaluation and nothing else. Rules (packs, episodes, a year of days at once)
    // read measures and nothing of the ledger's bytes: they are the second part to cut at. A running count of rules that remember reads
    // all three, which is what it costs to look at no year again: the cut comes before anything else is added.
    ("services/domain", 25_000),
    // Every door (native, gRPC, Ed-Fi) ends in the same intake; in a crate of its own, a door would make the intake public.
    // The next door to come (files) is the one to cut at: pure Ed-Fi table, validation and mapping then leave together. Each kind of
    // record that the native doors and Ed-Fi take is a file here and there. Which students are one is asked by every door.
    ("services/ingestion", 15_000),
    // `verify` recomputes in the same pure code as the workers, which would be public if it left alone, and so do previews. The
    // evaluation of one student is the part to cut at: pure, and asked by workers, queries, previews and `verify` alike. The cut comes
    // before anything else is added.
    ("services/rules", 9_600),
    // The adapters are clients of the feed and share with it what an attempt's end means. The next channel to come is the one to
    // cut at: all of them then leave together, with that vocabulary. What people do about an alert (acknowledgements, cases, duties that
    // are done) takes the same locks as planning does, and would make the store public if it left.
    ("services/notification", 8_800),
    // Each command is a file that nobody else needs. What is asked of a running system (doctor, support bundle, backup check) is the
    // part to cut at: it needs the services' surveys and nothing of the other commands.
    ("services/homeroom", 8_700),
];

/// Names that say nothing about what is inside.
const DRAWERS: [&str; 11] =
    ["util", "utils", "common", "misc", "helper", "helpers", "manager", "types", "core", "info", "shared"];

/// A Rust file of ours.
struct Source {
    /// From the root.
    path: String,
    text: String,
}

impl Source {
    /// Whether it is only compiled for tests.
    fn is_test(&self) -> bool {
        self.path.starts_with("tests/") || self.path.ends_with("/tests.rs") || self.path.contains("/tests/")
    }

    /// Lines before and within the inline tests, which come last.
    fn lines(&self) -> (usize, usize) {
        let lines: Vec<_> = self.text.lines().collect();
        let inline = |pair: &[&str]| pair[0].trim() == "#[cfg(test)]" && pair[1].starts_with("mod tests {");
        let product = lines.windows(2).position(inline).unwrap_or(lines.len());
        (product, lines.len() - product)
    }
}

fn sources() -> Vec<Source> {
    let sources: Vec<Source> = ["proto", "services", "tests", "deploy"].into_iter().flat_map(below).collect();
    assert!(!sources.is_empty(), "no Rust file was found below `{}`", root().display());
    sources
}

/// The Rust files below a directory of the repository.
fn below(dir: &str) -> Vec<Source> {
    let root = root();
    let mut waiting: Vec<PathBuf> = vec![root.join(dir)];
    let mut sources = Vec::new();
    while let Some(dir) = waiting.pop() {
        let Ok(entries) = fs::read_dir(&dir) else { continue };
        for entry in entries {
            let path = entry.expect("a directory of ours can be read").path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if path.is_dir() && name != "target" && !name.starts_with('.') {
                waiting.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("a source is UTF-8");
                sources.push(Source { path: from_root(&root, &path), text });
            }
        }
    }
    sources
}

/// Hands over the text of each Rust file below a directory of the repository.
pub(crate) fn texts_below(dir: &str, take: &mut dyn FnMut(&str)) {
    for source in below(dir) {
        take(&source.text);
    }
}

fn from_root(root: &Path, path: &Path) -> String {
    let path = path.strip_prefix(root).expect("it was found below the root");
    path.to_str().expect("our paths are ASCII").replace('\\', "/")
}

#[test]
fn the_top_level_holds_what_the_design_lists_and_nothing_else() {
    let entries = fs::read_dir(root()).expect("the root can be read");
    let names = entries.map(|entry| entry.expect("the root can be read").file_name().to_string_lossy().into_owned());
    let strange: Vec<_> =
        names.filter(|name| !name.starts_with('.') && name != "target" && !TOP.contains(&name.as_str())).collect();
    assert!(
        strange.is_empty(),
        "{strange:?} at the top level: tools read their settings from dotfiles, everything else belongs into one of {TOP:?}"
    );
}

#[test]
fn every_file_says_what_it_is_for() {
    let silent: Vec<_> =
        sources().into_iter().filter(|source| !source.text.starts_with("//! ")).map(|source| source.path).collect();
    assert!(silent.is_empty(), "{silent:#?} do not begin with `//! `: say in a line or two what the file is for");
}

#[test]
fn files_stay_short_enough_to_be_read() {
    let mut long = Vec::new();
    for source in sources() {
        let (product, inline) = source.lines();
        if !source.is_test() && product > FILE_LINES {
            long.push(format!("{}: {product} lines, at most {FILE_LINES}: split it by what it does", source.path));
        }
        if inline > INLINE_TEST_LINES {
            long.push(format!("{}: {inline} lines of tests: move them to `<module>/tests.rs`", source.path));
        }
    }
    assert!(long.is_empty(), "{long:#?}");
}

#[test]
fn crates_stay_small_enough_to_be_held_in_mind() {
    let sources = sources();
    for member in members() {
        let below = format!("{}/", member.path);
        let ours = sources.iter().filter(|source| source.path.starts_with(&below) && !source.is_test());
        let lines: usize = ours.map(|source| source.lines().0).sum();
        let most = LARGER.iter().find(|(path, _)| *path == member.path).map_or(CRATE_LINES, |&(_, most)| most);
        assert!(
            lines <= most,
            "`{}` has {lines} lines, at most {most}: split it, or justify it in `LARGER`",
            member.path
        );
    }
}

#[test]
fn no_file_is_a_drawer() {
    let drawers: Vec<_> = sources()
        .into_iter()
        .map(|source| source.path)
        .filter(|path| path.trim_end_matches(".rs").split('/').any(|part| DRAWERS.contains(&part)))
        .collect();
    assert!(
        drawers.is_empty(),
        "{drawers:#?}: a module is named after what it holds; a thing with no home has no name yet"
    );
}
