//! Rule packs: YAML that a counselor can read, checked like code at load.
//!
//! A shipped pack has rules. A district's document may have rules of its own, and may be layered: it `uses` shipped packs by name,
//! `overrides` fields of their rules, and says for `schools` what is otherwise there. What is in force is one list of rules, each of
//! whose lines tells who said it.

mod compile;
mod document;
mod field;
mod layer;
mod mistake;
mod read;
mod rule;
mod tree;

use std::collections::BTreeSet;

use crate::count::Counting;
use crate::episode::Told;
use crate::id::{RuleId, SchoolId};

pub use layer::{Line, Origin};
pub use mistake::{MOST_TOLD, Mistakes, Shown};
pub use rule::{Bar, DERIVED, Definition, Duty, EscalationStep, Evidence, OnChange, Rule, RuleScope, Schools, Within};

/// The pack that is shipped: the first rules, with their sources.
pub const DEFAULT_PACK: &str = include_str!("packs/first.yaml");

/// The JSON Schema of packs and districts' documents, for editors that check one while it is written.
pub const SCHEMA: &str = include_str!("pack.schema.json");

/// The largest pack, bytes.
pub const MAX_BYTES: usize = 256 * 1024;

/// A claim that held for so many days before it was told is late news, unless a rule says otherwise. Product decision: a
/// team goes through its list once a week (New York City, weekly attendance meetings; EWI process of Johns Hopkins), so what is older
/// has missed a meeting in any case, and the hour at which it is told matters no more.
pub const DEFAULT_LATE_AFTER_DAYS: u32 = 7;

/// The rules in force in a district.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pack {
    /// Its name.
    pub id: RuleId,
    /// What it is called; empty when its author has not said.
    pub title: String,
    /// Grows with each change.
    pub version: u32,
    /// In the author's order: those of the packs that it uses, then its own. A school's variant follows the rule that it is of, and
    /// has the same id; of those of one id one applies to each student.
    pub rules: Vec<Rule>,
    /// Of each rule, by id and version, its lines and who said them.
    lines: Vec<(RuleId, u32, Vec<Line>)>,
    /// Compiled for running counts, once one asks.
    pub(crate) counting: Counting,
}

/// Why a pack is refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Larger than [`MAX_BYTES`].
    #[error("the pack has {0} bytes, at most {MAX_BYTES} are allowed")]
    TooLarge(usize),
    /// What is wrong with it, each with its place.
    #[error(transparent)]
    Mistakes(#[from] Mistakes),
}

impl Pack {
    /// Parses and checks a pack, with the shipped packs that it uses.
    pub fn parse(yaml: &str) -> Result<Self, Error> {
        if yaml.len() > MAX_BYTES {
            return Err(Error::TooLarge(yaml.len()));
        }
        Ok(document::read(yaml)?)
    }

    /// The rule of that name; of several the one of the district as a whole.
    pub fn rule(&self, id: &RuleId) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.id == *id)
    }

    /// The rule, of whichever school, that told something; none when that was a version that is no longer in force.
    pub(crate) fn teller(&self, told: &Told) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.tells(told))
    }

    /// The rules that speak of students of a school.
    pub fn rules_at(&self, school: Option<&SchoolId>) -> impl Iterator<Item = &Rule> {
        self.rules.iter().filter(move |rule| rule.applies_at(school))
    }

    /// Whether a rule of this name speaks of students of a school.
    pub fn has_rule_at(&self, id: &RuleId, school: Option<&SchoolId>) -> bool {
        self.rules.iter().any(|rule| rule.id == *id && rule.applies_at(school))
    }

    /// The lines of a rule of this pack, in the order of the format, with who said each. What is not said has its default.
    pub fn origins(&self, rule: &Rule) -> &[Line] {
        let of = |(id, version, _): &&(RuleId, u32, Vec<Line>)| *id == rule.id && *version == rule.version;
        self.lines.iter().find(of).map_or(&[], |(_, _, lines)| lines)
    }

    /// Whether rules of it are those of shipped packs, which another version of the program may ship otherwise.
    pub fn is_layered(&self) -> bool {
        !self.of_shipped().is_empty()
    }

    /// The names and versions of the rules that a shipped pack wrote, and not the district itself.
    pub(super) fn of_shipped(&self) -> BTreeSet<(&RuleId, u32)> {
        let is_shipped = |lines: &[Line]| lines.iter().any(|line| matches!(line.origin, Origin::Shipped(_)));
        let shipped = self.lines.iter().filter(|(_, _, lines)| is_shipped(lines));
        shipped.map(|(id, version, _)| (id, *version)).collect()
    }
}

#[cfg(test)]
mod schema;
#[cfg(test)]
mod tests;
