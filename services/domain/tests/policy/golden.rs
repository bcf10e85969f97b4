//! Each shipped rule's histories, written in files a person can read: the smallest that opens it, the nearest that does not, the one
//! that clears it and the correction that recalls it. They run through ledger, evaluation and episodes, and what is told has to be
//! what the file says, word by word.
//!
//! `tests/packs/RULE.txt` is one rule's file. Its sections are `before` (what all others begin with), `opens`, `nearest`, `clears` and
//! `recalls`, and others of any number that begin with `also`; a section that begins with `after opens` goes on from there. A line is
//! a word of a source ([`line`]) or a look at the end of a day; the lines with `>` behind a look are what is told.

mod line;
mod story;
mod told;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use homeroom_domain::rule::{self, Pack};

use story::Story;

/// Sections that every rule's file has.
const NEEDED: [&str; 4] = ["opens", "nearest", "clears", "recalls"];

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The shipped packs by their ids.
fn shipped() -> BTreeMap<&'static str, Pack> {
    let packs = rule::shipped();
    packs.map(|(id, yaml)| (id, Pack::parse(yaml).unwrap_or_else(|error| panic!("{id}: {error}")))).collect()
}

#[test]
fn every_shipped_rule_opens_clears_and_is_recalled_as_its_file_says() {
    let mut wrong = Vec::new();
    for pack in shipped().values() {
        for rule in &pack.rules {
            let path = here(&format!("tests/packs/{}.txt", rule.id));
            let Ok(text) = fs::read_to_string(&path) else {
                wrong.push(format!("rule `{}` has no histories: {} is missing", rule.id, path.display()));
                continue;
            };
            let story = Story::parse(&text);
            let missing = NEEDED.iter().filter(|name| !story.has(name));
            wrong.extend(missing.map(|name| format!("rule `{}` has no history that `{name}`", rule.id)));
            let came_to = story.play(pack, &rule.id);
            wrong.extend(came_to.wrong.iter().map(|what| format!("rule `{}`: {what}", rule.id)));
            if came_to.text != text {
                let actual = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}.txt", rule.id));
                fs::write(&actual, came_to.text).unwrap();
                wrong.push(format!(
                    "rule `{}` tells something else: what it tells is in {}",
                    rule.id,
                    actual.display()
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_pack_of_the_folder_is_shipped() {
    let texts: Vec<&str> = rule::shipped().map(|(_, yaml)| yaml).collect();
    for file in fs::read_dir(here("src/rule/packs")).unwrap() {
        let path = file.unwrap().path();
        assert!(texts.contains(&fs::read_to_string(&path).unwrap().as_str()), "{}", path.display());
    }
}

#[test]
fn every_history_is_one_of_a_shipped_rule() {
    let rules: Vec<String> =
        shipped().values().flat_map(|pack| &pack.rules).map(|rule| format!("{}.txt", rule.id)).collect();
    for file in fs::read_dir(here("tests/packs")).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        assert!(rules.contains(&name), "{name}");
    }
}
