//! What one rule pack says otherwise than another, rule by rule, in the words that an author writes.

use crate::alert::Severity;
use crate::id::RuleId;
use crate::rule::{Evidence, Pack, Rule, RuleScope};

/// What a rule says of a field: the field as documents spell it, and its value.
pub type Said = (&'static str, String);

/// A rule that is not the same in both packs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Its name.
    pub rule: RuleId,
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
        let known = self.rules.iter().filter_map(|rule| Difference::of(before.rule(&rule.id), Some(rule)));
        let gone = before.rules.iter().filter(|rule| self.rule(&rule.id).is_none());
        known.chain(gone.filter_map(|rule| Difference::of(Some(rule), None))).collect()
    }
}

impl Difference {
    fn of(before: Option<&Rule>, after: Option<&Rule>) -> Option<Self> {
        let rule = after.or(before)?.id.clone();
        let said = |rule: Option<&Rule>| rule.map(Rule::fields).unwrap_or_default();
        let fields = changed(&said(before), &said(after));
        let version = |rule: Option<&Rule>| rule.map(|rule| rule.version);
        let (before, after) = (version(before), version(after));
        (before != after || !fields.is_empty()).then_some(Self { rule, before, after, fields })
    }
}

/// Fields of either that are not the same, in the order of the later ones, then those that are gone.
fn changed(before: &[Said], after: &[Said]) -> Vec<Changed> {
    let names = after.iter().map(|(name, _)| *name);
    let gone = before.iter().map(|(name, _)| *name).filter(|name| find(after, name).is_none());
    let changed = names.chain(gone).map(|name| {
        let value = |said: &[Said]| find(said, name).unwrap_or_default();
        Changed { name, before: value(before), after: value(after) }
    });
    changed.filter(|field| field.before != field.after).collect()
}

fn find(said: &[Said], name: &str) -> Option<String> {
    said.iter().find(|(of, _)| *of == name).map(|(_, value)| value.clone())
}

impl Rule {
    /// What it says, field by field, as documents spell them. Not its id and version.
    pub fn fields(&self) -> Vec<Said> {
        // Named one by one, so that none is forgotten.
        let Self {
            id: _,
            version: _,
            title,
            meaning,
            scope,
            opens_when,
            level,
            severity,
            settle_seconds,
            audience,
            evidence,
            explanation,
            clears,
            source,
            late_after_days,
            others: _,
        } = self;
        let steps: Vec<_> =
            severity.iter().map(|(level, severity)| format!("{level}: {}", pressing(*severity))).collect();
        vec![
            ("title", title.clone()),
            ("meaning", meaning.clone()),
            ("scope", scope.name().to_owned()),
            ("opens-when", opens_when.to_string()),
            ("level", level.to_string()),
            ("severity", steps.join(", ")),
            ("settle-seconds", settle_seconds.to_string()),
            ("audience", audience.clone()),
            ("evidence", evidence.name().to_owned()),
            ("explanation", explanation.to_string()),
            ("clears", clears.to_string()),
            ("source", source.clone()),
            ("late-after-days", late_after_days.to_string()),
        ]
    }
}

const fn pressing(severity: Severity) -> &'static str {
    match severity {
        Severity::Notice => "notice",
        Severity::Warning => "warning",
        Severity::Urgent => "urgent",
    }
}

impl RuleScope {
    /// As documents spell it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SchoolYear => "school-year",
            Self::Day => "day",
        }
    }
}

impl Evidence {
    /// As documents spell it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Absences => "absences",
            Self::Streak => "streak",
            Self::Today => "today",
            Self::FailingCore => "failing-core",
            Self::Conduct => "conduct",
            Self::MissingWork => "missing-work",
            Self::Connections => "connections",
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
        assert_eq!(
            (of.rule.as_str(), of.before, of.after, &of.fields[..]),
            ("attendance-tier", Some(1), Some(1), &[opens][..])
        );
    }

    #[test]
    fn new_rules_and_those_taken_out_are_told() {
        let before = Pack::parse(DEFAULT_PACK).unwrap();
        let mut without = before.clone();
        let out = without.rules.remove(0);
        let gone = without.differences(&before);
        assert_eq!(gone.iter().map(|of| (of.rule.clone(), of.after)).collect::<Vec<_>>(), [(out.id, None)]);
        let [new] = &before.differences(&without)[..] else { panic!("one rule is new") };
        assert_eq!((new.before, new.fields.len()), (None, before.rules[0].fields().len()));
        assert!(new.fields.iter().all(|field| field.before.is_empty() && !field.after.is_empty()), "{new:?}");
    }

    #[test]
    fn names_are_those_that_documents_spell() {
        let rules = Pack::parse(DEFAULT_PACK).unwrap().rules;
        let fields: Vec<_> = rules[0].fields();
        for (name, _) in &fields {
            assert!(DEFAULT_PACK.contains(&format!("{name}: ")) || *name == "late-after-days", "{name}");
        }
        let evidence = rules.iter().map(|rule| format!("evidence: {}\n", rule.evidence.name()));
        assert!(evidence.into_iter().all(|line| DEFAULT_PACK.contains(&line)));
        let scopes = rules.iter().map(|rule| format!("scope: {}\n", rule.scope.name()));
        assert!(scopes.into_iter().all(|line| DEFAULT_PACK.contains(&line)));
    }
}
