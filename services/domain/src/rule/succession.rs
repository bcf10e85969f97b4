//! How one rule pack may follow on another: a rule that changes takes a version that it never had.
//!
//! An alert cites its rule and version, and what is said of it later, such as a recall, is said in the words of that version. Were
//! they other words by then, somebody would be told in them of what was never claimed.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::id::RuleId;
use crate::rule::{DERIVED, Pack, Rule};

/// Rules of a district that were in force once, by id, with their last version then: under it nothing else comes, neither another rule
/// of the district, which has to be above it, nor a shipped one of the same name.
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
    /// A shipped rule has a version under which a rule of the district said something else.
    #[error(
        "rule `{rule}` is not what it was as version {version}, and whoever ships it counts its versions: override a field of it, \
         which gives it a version of its own, or do without it"
    )]
    VersionTaken {
        /// Which rule.
        rule: RuleId,
        /// The version that it comes with.
        version: u32,
    },
    /// More than [`MOST_RETIRED`] names.
    #[error("more than {MOST_RETIRED} rules would be out of force; use names again, with higher versions")]
    TooManyRetired,
}

impl Pack {
    /// Whether the pack may follow on the one in force, after which others are retired; then those that are retired with it.
    pub fn follow(&self, before: Option<&Self>, retired: Retired) -> Result<Retired, Error> {
        match self.conflicts(before, &retired).into_iter().next() {
            Some(conflict) => Err(conflict),
            None => self.retire(before, retired),
        }
    }

    /// Each reason why it may not.
    pub(super) fn conflicts(&self, before: Option<&Self>, retired: &Retired) -> Vec<Error> {
        let (of_shipped, known) = (self.of_shipped(), before.map(Known::of).unwrap_or_default());
        let conflict = |rule: &Rule| {
            let had = retired.0.get(rule.id.as_str()).copied();
            if is_counted(rule, &of_shipped) { known.not_raised(rule, had) } else { known.taken(rule, had) }
        };
        self.rules.iter().filter_map(conflict).collect()
    }

    /// What is retired once the pack has followed: own rules of which none of the district's has the name any more, whoever else has.
    fn retire(&self, before: Option<&Self>, retired: Retired) -> Result<Retired, Error> {
        let Retired(mut retired) = retired;
        let of_shipped = self.of_shipped();
        let counted: BTreeSet<&RuleId> =
            self.rules.iter().filter(|rule| is_counted(rule, &of_shipped)).map(|rule| &rule.id).collect();
        for id in &counted {
            retired.remove(id.as_str());
        }
        if let Some(before) = before {
            let of_shipped = before.of_shipped();
            let own = before.rules.iter().filter(|rule| is_counted(rule, &of_shipped));
            retired
                .extend(own.filter(|rule| !counted.contains(&rule.id)).map(|rule| (rule.id.to_string(), rule.version)));
        }
        if retired.len() > MOST_RETIRED { Err(Error::TooManyRetired) } else { Ok(Retired(retired)) }
    }
}

/// Whether a rule's version is the district's own to count up. That of a shipped rule is counted by who ships it, and one that was
/// changed for a district or school has a version that follows from what it says.
fn is_counted(rule: &Rule, of_shipped: &BTreeSet<(&RuleId, u32)>) -> bool {
    rule.version < DERIVED && !of_shipped.contains(&(&rule.id, rule.version))
}

/// The rules in force before, by name.
#[derive(Default)]
struct Known<'p> {
    by_name: BTreeMap<&'p RuleId, Vec<&'p Rule>>,
    of_shipped: BTreeSet<(&'p RuleId, u32)>,
}

impl<'p> Known<'p> {
    fn of(pack: &'p Pack) -> Self {
        let mut by_name: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for rule in &pack.rules {
            by_name.entry(&rule.id).or_default().push(rule);
        }
        Self { by_name, of_shipped: pack.of_shipped() }
    }

    fn named(&self, id: &RuleId) -> &[&'p Rule] {
        self.by_name.get(id).map_or(&[], Vec::as_slice)
    }

    fn has(&self, rule: &Rule) -> bool {
        self.named(&rule.id).iter().any(|known| rule.says_the_same(known))
    }

    /// An own rule is above each version of its own, and has not that of another's either.
    fn not_raised(&self, rule: &Rule, retired: Option<u32>) -> Option<Error> {
        let named = || self.named(&rule.id).iter().filter(|known| known.version < DERIVED);
        let own = named().filter(|known| is_counted(known, &self.of_shipped)).map(|known| known.version).max();
        let is_behind = own.max(retired).is_some_and(|had| rule.version <= had);
        let is_taken = named().any(|known| known.version == rule.version);
        if !(is_behind || is_taken) || self.has(rule) {
            return None;
        }
        let had = named().map(|known| known.version).max().max(retired)?;
        Some(Error::VersionNotRaised { rule: rule.id.clone(), version: rule.version, had })
    }

    /// A rule whose version is not the district's to raise has none that was another's last.
    fn taken(&self, rule: &Rule, retired: Option<u32>) -> Option<Error> {
        let is_taken = self.named(&rule.id).iter().any(|known| known.version == rule.version);
        let is_taken = is_taken || retired == Some(rule.version);
        (is_taken && !self.has(rule)).then(|| Error::VersionTaken { rule: rule.id.clone(), version: rule.version })
    }
}

impl Rule {
    /// Whether another rule is this one, whichever schools have a variant of their own.
    fn says_the_same(&self, other: &Self) -> bool {
        let mut same = self.clone();
        same.schools = other.schools.clone();
        same == *other
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

    #[test]
    fn what_a_rule_of_the_district_had_is_remembered_while_a_shipped_one_has_its_name() {
        let own = |version: u32, tier: u32| {
            let text = DEFAULT_PACK.replacen("version: 1\n    title", &format!("version: {version}\n    title"), 1);
            Pack::parse(&text.replacen("tier >= 1", &format!("tier >= {tier}"), 1)).unwrap()
        };
        let shipped = Pack::parse("id: ours\nversion: 2\nuses: [first-rules]").unwrap();
        let name = || "attendance-tier".to_owned();
        let retired = shipped.follow(Some(&own(5, 2)), Retired::default()).unwrap();
        assert_eq!(retired.0.get("attendance-tier"), Some(&5));
        let retired = shipped.follow(Some(&shipped), retired).unwrap();
        assert_eq!(had(own(3, 3).follow(Some(&shipped), retired.clone())), Some((name(), 5)));
        let back = own(6, 3).follow(Some(&shipped), retired).unwrap();
        assert_eq!(back.0.get("attendance-tier"), None, "it is in force");
        // Nor does one of the district say something else under the shipped version, or the shipped one under the district's.
        assert_eq!(had(own(1, 3).follow(Some(&shipped), Retired::default())), Some((name(), 1)));
        let taken = Err(Error::VersionTaken { rule: "attendance-tier".parse().unwrap(), version: 1 });
        assert_eq!(shipped.follow(Some(&own(1, 3)), Retired::default()), taken);
        let none = Pack::parse("id: none\nversion: 3\nrules: []").unwrap();
        let retired = none.follow(Some(&own(1, 3)), Retired::default()).unwrap();
        assert_eq!(shipped.follow(Some(&none), retired), taken);
        // The same words are the same rule, whoever says them.
        assert!(shipped.follow(Some(&own(1, 1)), Retired::default()).is_ok());
    }
}
