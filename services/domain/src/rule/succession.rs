//! How one rule pack may follow on another: a rule that changes takes a version that it never had.
//!
//! An alert cites its rule and version, and what is said of it later, such as a recall, is said in the words of that version. Were
//! they other words by then, somebody would be told in them of what was never claimed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::RuleId;
use crate::rule::{DERIVED, Pack, Rule};

/// Rules that were in force once, by id, with their last version then: under it they do not come back as something else.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retired(BTreeMap<String, u32>);

/// The most rules that are remembered so. A district that retires more has to use their names again.
pub const MOST_RETIRED: usize = 1_000;

/// Why a pack cannot follow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The rule says something else than under a version that it had.
    #[error(
        "rule `{rule}` is not what it was as version {had}, and comes as version {version}: raise its version above {had}"
    )]
    VersionNotRaised {
        /// Which rule.
        rule: RuleId,
        /// The version that it comes with.
        version: u32,
        /// The highest that it had.
        had: u32,
    },
    /// More than [`MOST_RETIRED`] names.
    #[error("more than {MOST_RETIRED} rules would be out of force; use names again, with higher versions")]
    TooManyRetired,
}

impl Pack {
    /// Whether the pack may follow on the one in force, after which others are retired; then those that are retired with it.
    pub fn follow(&self, before: Option<&Self>, retired: Retired) -> Result<Retired, Error> {
        let Retired(mut retired) = retired;
        for rule in &self.rules {
            let same_name = || before.iter().flat_map(|before| &before.rules).filter(|known| known.id == rule.id);
            let is_unchanged = same_name().any(|known| rule.says_the_same(known));
            let had = if self.is_counted(rule) {
                let counted =
                    before.iter().flat_map(|before| before.rules.iter().filter(|known| before.is_counted(known)));
                let known = counted.filter(|known| known.id == rule.id).map(|known| known.version).max();
                known.max(retired.get(rule.id.as_str()).copied()).filter(|had| rule.version <= *had)
            } else {
                same_name().map(|known| known.version).find(|version| *version == rule.version)
            };
            if let Some(had) = had.filter(|_| !is_unchanged) {
                return Err(Error::VersionNotRaised { rule: rule.id.clone(), version: rule.version, had });
            }
            retired.remove(rule.id.as_str());
        }
        if let Some(before) = before {
            let gone = before.rules.iter().filter(|rule| before.is_counted(rule) && self.rule(&rule.id).is_none());
            retired.extend(gone.map(|rule| (rule.id.to_string(), rule.version)));
        }
        if retired.len() > MOST_RETIRED { Err(Error::TooManyRetired) } else { Ok(Retired(retired)) }
    }

    /// Whether a rule's version is the district's own to count up. That of a shipped rule is counted by who ships it, and one that
    /// was changed for a district or school has a version that follows from what it says.
    fn is_counted(&self, rule: &Rule) -> bool {
        self.is_own(rule) && rule.version < DERIVED
    }
}

impl Rule {
    /// Whether another rule is this one, whichever schools have a variant of their own.
    fn says_the_same(&self, other: &Self) -> bool {
        Self { schools: other.schools.clone(), ..self.clone() } == *other
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::DEFAULT_PACK;

    /// The shipped pack with one thing changed.
    fn shipped(from: &str, to: &str) -> Pack {
        assert!(DEFAULT_PACK.contains(from));
        Pack::parse(&DEFAULT_PACK.replacen(from, to, 1)).unwrap()
    }

    fn had(result: Result<Retired, Error>) -> Option<(String, u32)> {
        match result {
            Err(Error::VersionNotRaised { rule, had, .. }) => Some((rule.to_string(), had)),
            _ => None,
        }
    }

    #[test]
    fn a_rule_that_changes_takes_a_higher_version() {
        let before = Pack::parse(DEFAULT_PACK).unwrap();
        let none = Retired::default;
        assert_eq!(before.follow(None, none()), Ok(none()));
        assert_eq!(before.follow(Some(&before), none()), Ok(none()));
        for (from, to) in [
            ("opens-when: tier >= 1", "opens-when: tier >= 2"),
            ("settle-seconds: 600", "settle-seconds: 60"),
            ("title: Missing much of school", "title: Away a lot"),
        ] {
            let changed = shipped(from, to);
            assert!(had(changed.follow(Some(&before), none())).is_some(), "{to}");
        }
        let mut raised = shipped("opens-when: tier >= 1", "opens-when: tier >= 2");
        raised.rules[0].version = 2;
        assert_eq!(raised.follow(Some(&before), none()), Ok(none()));
        // Back to what it was is a change too: what version 2 said must not be told as version 1 says it.
        assert_eq!(had(before.follow(Some(&raised), none())), Some(("attendance-tier".to_owned(), 2)));
    }

    #[test]
    fn a_rule_that_was_taken_out_comes_back_with_a_higher_version() {
        let before = Pack::parse(DEFAULT_PACK).unwrap();
        let mut without = before.clone();
        let out = without.rules.remove(0);
        let retired = without.follow(Some(&before), Retired::default()).unwrap();
        let again = without.follow(Some(&without), retired).unwrap();
        assert_eq!(had(before.follow(Some(&without), again.clone())), Some((out.id.to_string(), out.version)));
        let mut raised = before.clone();
        raised.rules[0].version += 1;
        assert_eq!(raised.follow(Some(&without), again), Ok(Retired::default()));
    }
}
