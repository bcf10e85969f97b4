//! An earlier text of a pack in force again: under a new version, and with new versions of the rules that it changes back.
//!
//! The author's text stays as it was, comments included; only numbers of versions in it are others.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_saphyr::Spanned;

use crate::id::RuleId;
use crate::rule::succession::{self, Retired};
use crate::rule::{self, Pack};

/// Why an earlier text cannot be in force again by itself.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// This program does not take it any more.
    #[error("the earlier text is not sound any more")]
    Unsound(#[from] rule::Error),
    /// The place of a version was not found.
    #[error("the version of {0} cannot be raised in the earlier text: write it anew, and activate that")]
    Place(String),
    /// It cannot follow, whatever its versions are.
    #[error("the earlier text cannot follow on the rules in force")]
    Succession(#[from] succession::Error),
}

/// Where versions are said.
#[derive(Deserialize)]
struct Places {
    version: Spanned<u32>,
    #[serde(default)]
    rules: Vec<Place>,
}

#[derive(Deserialize)]
struct Place {
    id: String,
    version: Spanned<u32>,
}

/// The text with this version of the pack, and with versions of its rules with which it may follow on `before`.
pub fn again(yaml: &str, version: u32, before: Option<&Pack>, retired: &Retired) -> Result<(String, Pack), Error> {
    let pack = match edited(yaml, version, &BTreeMap::new()) {
        Ok(text) => Pack::parse(&text)?,
        Err(error) => {
            Pack::parse(yaml)?;
            return Err(error);
        }
    };
    let mut raised = BTreeMap::new();
    for conflict in pack.conflicts(before, retired) {
        let succession::Error::VersionNotRaised { rule, had, .. } = conflict else { return Err(conflict.into()) };
        raised.insert(rule, had.saturating_add(1));
    }
    let text = edited(yaml, version, &raised)?;
    let pack = Pack::parse(&text)?;
    if pack.version != version {
        return Err(Error::Place("the pack".to_owned()));
    }
    match pack.follow(before, retired.clone()) {
        Ok(_) => Ok((text, pack)),
        Err(succession::Error::VersionNotRaised { rule, .. }) => Err(place(&rule)),
        Err(refusal) => Err(refusal.into()),
    }
}

fn place(rule: &RuleId) -> Error {
    Error::Place(format!("rule `{rule}`"))
}

/// The text with these versions in their places.
fn edited(yaml: &str, version: u32, raised: &BTreeMap<RuleId, u32>) -> Result<String, Error> {
    let of_pack = || Error::Place("the pack".to_owned());
    let places: Places = serde_saphyr::from_str(yaml).map_err(|_| of_pack())?;
    let mut edits = vec![(offset(&places.version).ok_or_else(of_pack)?, version)];
    for (rule, version) in raised {
        let of = places.rules.iter().find(|of| of.id == rule.as_str());
        edits.push((of.and_then(|of| offset(&of.version)).ok_or_else(|| place(rule))?, *version));
    }
    // From the end, so that the places before stay where they are.
    edits.sort_unstable_by_key(|(at, _)| std::cmp::Reverse(*at));
    let mut text = yaml.to_owned();
    for (at, version) in edits {
        let rest = text.get(at..).unwrap_or_default();
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        if digits == 0 {
            return Err(Error::Place("a rule".to_owned()));
        }
        text.replace_range(at..at + digits, &version.to_string());
    }
    Ok(text)
}

fn offset(version: &Spanned<u32>) -> Option<usize> {
    version.referenced.span().byte_offset().and_then(|at| usize::try_from(at).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::DEFAULT_PACK;

    #[test]
    fn an_earlier_text_comes_back_with_new_versions() {
        let earlier = format!("# Élan: ours\n{DEFAULT_PACK}");
        let mut now = Pack::parse(&earlier).unwrap();
        now.version = 7;
        now.rules[0].version = 4;
        now.rules[0].settle_seconds = 5;
        let (text, pack) = again(&earlier, 8, Some(&now), &Retired::default()).unwrap();
        assert!(text.starts_with("# Élan: ours\n"));
        let versions: Vec<_> = pack.rules.iter().map(|rule| rule.version).collect();
        assert_eq!((pack.version, versions), (8, vec![5, 1, 1, 1]), "only what it changes back");
        assert_eq!(text.len(), earlier.len(), "only digits are others");
        assert_eq!(pack.rules[0].settle_seconds, 0);
    }

    #[test]
    fn a_rule_that_was_taken_out_comes_back_above_what_it_had() {
        let earlier = Pack::parse(DEFAULT_PACK).unwrap();
        let none = Pack::parse("id: none\nversion: 12\nrules: []").unwrap();
        let retired = none.follow(Some(&earlier), Retired::default()).unwrap();
        let (_, pack) = again(DEFAULT_PACK, 13, Some(&none), &retired).unwrap();
        assert!(pack.rules.iter().all(|rule| rule.version == 2));
    }

    #[test]
    fn versions_are_found_however_they_are_written() {
        let flow =
            DEFAULT_PACK.replacen("id: first-rules\nversion: 1\n", "\"version\": 1 # ours\nid: first-rules\n", 1);
        let (text, pack) = again(&flow, 2_000, None, &Retired::default()).unwrap();
        assert_eq!(pack.version, 2_000);
        assert!(text.contains("\"version\": 2000 # ours"), "{text}");
        assert!(matches!(again("rules", 2, None, &Retired::default()), Err(Error::Unsound(_))));
    }
}
