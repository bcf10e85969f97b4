//! What one rule pack says otherwise than another, rule by rule, in the words that an author writes.

use std::fmt;

use crate::id::RuleId;
use crate::rule::pack::{Line, Origin};
use crate::rule::{Pack, Rule, Schools};

/// Lines that only number a rule, and are told apart from what it says.
const NUMBERING: [&str; 2] = ["id", "version"];

/// A rule that is not the same in both packs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Its name.
    pub rule: RuleId,
    /// Of which schools it speaks, in words; empty for all.
    pub schools: String,
    /// Its version before; none for a new rule.
    pub before: Option<u32>,
    /// Its version after; none for one that is taken out.
    pub after: Option<u32>,
    /// What it says otherwise.
    pub fields: Vec<Changed>,
}

/// A field that says something else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// As documents spell it.
    pub name: &'static str,
    /// What it said; empty when it was not there.
    pub before: String,
    /// What it says; empty when it is not there.
    pub after: String,
}

impl Pack {
    /// What this pack says otherwise than one before it: its rules in their order, then those that it takes out.
    pub fn differences(&self, before: &Self) -> Vec<Difference> {
        let other = |pack: &'_ Self, rule: &Rule| pack.rules.iter().position(|known| known.is_of(rule));
        let here = self.rules.iter().filter_map(|rule| {
            let known = other(before, rule).map(|at| (before, &before.rules[at]));
            difference(known, Some((self, rule)))
        });
        let gone = before.rules.iter().filter(|rule| other(self, rule).is_none());
        here.chain(gone.filter_map(|rule| difference(Some((before, rule)), None))).collect()
    }

    /// What a rule of this pack says, without what only numbers it.
    fn says(&self, rule: &Rule) -> impl Iterator<Item = &Line> {
        self.origins(rule).iter().filter(|line| !NUMBERING.contains(&line.field))
    }
}

impl Rule {
    /// Whether both are one rule: of the district as a whole, or of the same schools.
    fn is_of(&self, other: &Self) -> bool {
        let same_schools = match (&self.schools, &other.schools) {
            (Schools::AllBut(_), Schools::AllBut(_)) => true,
            (Schools::Only(one), Schools::Only(other)) => one == other,
            _ => false,
        };
        self.id == other.id && same_schools
    }
}

type Of<'p> = (&'p Pack, &'p Rule);

fn difference(before: Option<Of<'_>>, after: Option<Of<'_>>) -> Option<Difference> {
    let rule = after.or(before)?.1;
    let said = |of: Option<Of<'_>>| of.map(lines).unwrap_or_default();
    let fields = changed(&said(before), &said(after));
    let version = |of: Option<Of<'_>>| of.map(|(_, rule)| rule.version);
    let (before, after) = (version(before), version(after));
    let changes = before != after || !fields.is_empty();
    let schools = rule.schools.to_string();
    changes.then(|| Difference { rule: rule.id.clone(), schools, before, after, fields })
}

/// What a rule says, and of which schools it does.
fn lines((pack, rule): Of<'_>) -> Vec<(&'static str, String)> {
    let said = pack.says(rule).map(|line| (line.field, line.text.clone()));
    let schools = Some(("schools", rule.schools.to_string())).filter(|(_, text)| !text.is_empty());
    said.chain(schools).collect()
}

/// Fields of either that are not the same, in the order of the later ones, then those that are gone.
fn changed(before: &[(&'static str, String)], after: &[(&'static str, String)]) -> Vec<Changed> {
    let find = |said: &[(&'static str, String)], name: &str| {
        said.iter().find(|(of, _)| *of == name).map(|(_, value)| value.clone())
    };
    let names = after.iter().map(|(name, _)| *name);
    let gone = before.iter().map(|(name, _)| *name).filter(|name| find(after, name).is_none());
    let changed = names.chain(gone).map(|name| Changed {
        name,
        before: find(before, name).unwrap_or_default(),
        after: find(after, name).unwrap_or_default(),
    });
    changed.filter(|field| field.before != field.after).collect()
}

/// In words; nothing for all of them.
impl fmt::Display for Schools {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (words, schools) = match self {
            Self::AllBut(schools) if schools.is_empty() => return Ok(()),
            Self::AllBut(schools) => ("all but ", schools),
            Self::Only(schools) => ("", schools),
        };
        let names: Vec<&str> = schools.iter().map(crate::id::SchoolId::as_str).collect();
        write!(f, "{words}{}", names.join(", "))
    }
}

/// As a person reads it.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shipped(pack) => write!(f, "shipped {pack}"),
            Self::District => f.write_str("district"),
            Self::School(school) => write!(f, "school {school}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::DEFAULT_PACK;

    fn with(from: &str, to: &str) -> Pack {
        assert!(DEFAULT_PACK.contains(from));
        Pack::parse(&DEFAULT_PACK.replacen(from, to, 1)).unwrap()
    }

    #[test]
    fn a_changed_rule_is_told_by_its_fields() {
        let before = Pack::parse(DEFAULT_PACK).unwrap();
        assert_eq!(before.differences(&before), []);
        let stricter = with("opens-when: tier >= 1", "opens-when: tier >= 2");
        let [of] = &stricter.differences(&before)[..] else { panic!("one rule is another") };
        let opens = Changed { name: "opens-when", before: "tier >= 1".to_owned(), after: "tier >= 2".to_owned() };
        assert_eq!((of.rule.as_str(), of.schools.as_str()), ("attendance-tier", ""));
        assert_eq!((of.before, of.after, &of.fields[..]), (Some(1), Some(1), &[opens][..]));
    }

    #[test]
    fn new_rules_and_those_taken_out_are_told() {
        let before = Pack::parse(DEFAULT_PACK).unwrap();
        let none = Pack::parse("id: none\nversion: 2\nrules: []").unwrap();
        let gone = none.differences(&before);
        let told: Vec<_> = gone.iter().map(|of| (of.rule.as_str(), of.before, of.after)).collect();
        assert_eq!(told[0], ("attendance-tier", Some(1), None));
        assert_eq!(told.len(), before.rules.len());
        let new = &before.differences(&none)[0];
        assert_eq!((new.before, new.after), (None, Some(1)));
        assert!(new.fields.len() > 8, "{new:?}");
        assert!(new.fields.iter().all(|field| field.before.is_empty() && !field.after.is_empty()), "{new:?}");
    }

    #[test]
    fn what_a_school_says_is_told_as_a_rule_of_its_own() {
        let pack = |version: u32, schools: &str| {
            Pack::parse(&format!("id: ours\nversion: {version}\nuses: [first-rules]\n{schools}")).unwrap()
        };
        let before = pack(1, "");
        let after = pack(2, "schools: {\"7\": {attendance-tier: {severity: {1: urgent}}}}\n");
        let told = after.differences(&before);
        let told: Vec<_> = told.iter().map(|of| (of.rule.as_str(), of.schools.as_str(), of.before)).collect();
        assert_eq!(told, [("attendance-tier", "all but 7", Some(1)), ("attendance-tier", "7", None)]);
        let variant = after.rules.iter().find(|rule| rule.schools.to_string() == "7").unwrap();
        let severity = after.origins(variant).iter().find(|line| line.field == "severity").unwrap();
        assert_eq!(severity.origin.to_string(), "school 7");
        let title = after.origins(variant).iter().find(|line| line.field == "title").unwrap();
        assert_eq!(title.origin.to_string(), "shipped first-rules");
    }
}
