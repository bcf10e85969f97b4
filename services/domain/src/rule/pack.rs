//! Rule packs: YAML that a counselor can read, checked like code at load.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;

use crate::alert::Severity;
use crate::id::{self, RuleId};
use crate::measure::Measure;
use crate::rule::condition::{self, Condition, Number};
use crate::rule::template::{self, Template};

/// The pack that is shipped: the first rules, with their sources.
pub const DEFAULT_PACK: &str = include_str!("first.yaml");

/// The largest pack, bytes.
pub const MAX_BYTES: usize = 256 * 1024;

/// A claim that held for so many days before it was told is late news, unless a rule says otherwise. Product decision: a
/// team goes through its list once a week (New York City, weekly attendance meetings; EWI process of Johns Hopkins), so what is older
/// has missed a meeting in any case, and the hour at which it is told matters no more.
pub const DEFAULT_LATE_AFTER_DAYS: u32 = 7;

/// Longer than any school year.
const MOST_LATE_AFTER_DAYS: u32 = 366;

/// The rules in force in a district.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pack {
    /// Its name.
    pub id: RuleId,
    /// Grows with each change.
    pub version: u32,
    /// In the author's order.
    pub rules: Vec<Rule>,
}

/// One rule, compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Its name, which alerts cite.
    pub id: RuleId,
    /// Its version, which alerts cite.
    pub version: u32,
    /// What an alert of it is called, without the student.
    pub title: Arc<str>,
    /// What it means, in plain language.
    pub meaning: String,
    /// What one episode of it is about.
    pub scope: RuleScope,
    /// When it opens; it clears when this no longer holds.
    pub opens_when: Condition,
    /// What it grades.
    pub level: Number,
    /// From which level on it presses how much.
    pub severity: BTreeMap<i64, Severity>,
    /// How long a delivery waits for a correction, seconds.
    pub settle_seconds: u32,
    /// Role of those who should know.
    pub audience: Arc<str>,
    /// Which facts its proof cites.
    pub evidence: Evidence,
    /// The arithmetic, in words and numbers.
    pub explanation: Template,
    /// What would clear it.
    pub clears: Template,
    /// Where the threshold comes from.
    pub source: Arc<str>,
    /// A claim that held for so many days before it was told is late news.
    pub late_after_days: u32,
    /// Measures that it names and that are not kept for every student, in their order: they are counted for it.
    pub(crate) others: Vec<Measure>,
}

/// What one episode of a rule is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RuleScope {
    /// The school year so far: one open episode at a time.
    SchoolYear,
    /// One date: opens only on that day, and is over when the day is.
    Day,
}

/// Which facts a proof cites.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Evidence {
    /// Days absent, newest first.
    Absences,
    /// The days of the current streak.
    Streak,
    /// The marks of the date.
    Today,
    /// Failing grades in core courses.
    FailingCore,
    /// Incidents and consequences.
    Conduct,
    /// Work that was not handed in.
    MissingWork,
    /// Ties to adults and activities.
    Connections,
}

/// Why a pack is refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Larger than [`MAX_BYTES`].
    #[error("the pack has {0} bytes, at most {MAX_BYTES} are allowed")]
    TooLarge(usize),
    /// Not YAML, or not of this shape; the text tells line and column.
    #[error("the pack cannot be read: {0}")]
    Yaml(String),
    /// An id that is none.
    #[error("the pack's id or a rule's id is wrong")]
    Id(#[from] id::Error),
    /// Two rules of one name.
    #[error("rule `{0}` is there twice")]
    Twice(RuleId),
    /// A condition or level that cannot be compiled.
    #[error("rule `{rule}`, {field}")]
    Condition {
        /// The rule.
        rule: RuleId,
        /// `opens-when` or `level`.
        field: &'static str,
        /// Where and why.
        source: condition::Error,
    },
    /// A sentence with an unknown placeholder.
    #[error("rule `{rule}`, {field}")]
    Template {
        /// The rule.
        rule: RuleId,
        /// `explanation` or `clears`.
        field: &'static str,
        /// Which placeholder.
        source: template::Error,
    },
    /// Without a severity there is no telling how much it presses.
    #[error("rule `{0}` has no severity")]
    NoSeverity(RuleId),
    /// Then everything, or nothing ever, were late news.
    #[error("rule `{0}`, late-after-days: from 1 to {MOST_LATE_AFTER_DAYS} days")]
    Late(RuleId),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct PackText {
    id: String,
    version: u32,
    rules: Vec<RuleText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RuleText {
    id: String,
    version: u32,
    title: String,
    meaning: String,
    scope: RuleScope,
    opens_when: String,
    level: String,
    severity: BTreeMap<i64, Severity>,
    settle_seconds: u32,
    audience: String,
    evidence: Evidence,
    explanation: String,
    clears: String,
    source: String,
    #[serde(default = "late_after_days")]
    late_after_days: u32,
}

const fn late_after_days() -> u32 {
    DEFAULT_LATE_AFTER_DAYS
}

impl Pack {
    /// Parses and checks a pack.
    pub fn parse(yaml: &str) -> Result<Self, Error> {
        if yaml.len() > MAX_BYTES {
            return Err(Error::TooLarge(yaml.len()));
        }
        let text: PackText = serde_saphyr::from_str(yaml).map_err(|error| Error::Yaml(error.to_string()))?;
        let mut rules: Vec<Rule> = Vec::with_capacity(text.rules.len());
        for rule in text.rules {
            let rule = Rule::check(rule)?;
            if rules.iter().any(|known| known.id == rule.id) {
                return Err(Error::Twice(rule.id));
            }
            rules.push(rule);
        }
        Ok(Self { id: RuleId::parse(&text.id)?, version: text.version, rules })
    }

    /// The rule of that name.
    pub fn rule(&self, id: &RuleId) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.id == *id)
    }
}

impl Rule {
    fn check(text: RuleText) -> Result<Self, Error> {
        let rule = RuleId::parse(&text.id)?;
        if text.severity.is_empty() {
            return Err(Error::NoSeverity(rule));
        }
        if !(1..=MOST_LATE_AFTER_DAYS).contains(&text.late_after_days) {
            return Err(Error::Late(rule));
        }
        let condition = |field| {
            let rule = rule.clone();
            move |source| Error::Condition { rule, field, source }
        };
        let template = |field| {
            let rule = rule.clone();
            move |source| Error::Template { rule, field, source }
        };
        let mut rule_of = Self {
            opens_when: Condition::parse(&text.opens_when).map_err(condition("opens-when"))?,
            level: Number::parse(&text.level).map_err(condition("level"))?,
            explanation: Template::parse(&text.explanation).map_err(template("explanation"))?,
            clears: Template::parse(&text.clears).map_err(template("clears"))?,
            id: rule,
            version: text.version,
            title: text.title.into(),
            meaning: text.meaning,
            scope: text.scope,
            severity: text.severity,
            settle_seconds: text.settle_seconds,
            audience: text.audience.into(),
            evidence: text.evidence,
            source: text.source.into(),
            late_after_days: text.late_after_days,
            others: Vec::new(),
        };
        rule_of.others = rule_of.named();
        Ok(rule_of)
    }

    fn named(&self) -> Vec<Measure> {
        let mut named = Vec::new();
        self.opens_when.name(&mut named);
        self.level.name(&mut named);
        self.explanation.name(&mut named);
        self.clears.name(&mut named);
        named.retain(|measure| !measure.is_kept());
        named.sort_unstable();
        named.dedup();
        named
    }

    /// How much a level presses: by the highest bound that it reaches, else by the lowest bound.
    pub fn severity(&self, level: i64) -> Severity {
        let reached = self.severity.range(..=level).next_back();
        reached.or_else(|| self.severity.first_key_value()).map_or(Severity::Notice, |(_, severity)| *severity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_pack_is_sound() {
        let pack = Pack::parse(DEFAULT_PACK).unwrap();
        let ids: Vec<_> = pack.rules.iter().map(|rule| rule.id.to_string()).collect();
        assert_eq!(ids, ["attendance-tier", "unexplained-absence", "absence-streak", "failing-core-course"]);
        assert!(pack.rules.iter().all(|rule| !rule.source.is_empty()));
    }

    #[test]
    fn a_level_presses_by_the_highest_bound_it_reaches() {
        let pack = Pack::parse(DEFAULT_PACK).unwrap();
        let tier = &pack.rules[0];
        assert_eq!(
            (1..=3).map(|level| tier.severity(level)).collect::<Vec<_>>(),
            [Severity::Notice, Severity::Warning, Severity::Urgent]
        );
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_line() {
        let wrong = DEFAULT_PACK.replace("audience:", "audiense:");
        let Err(Error::Yaml(text)) = Pack::parse(&wrong) else { panic!("it was taken") };
        assert!(text.contains("audiense") && text.contains("line"), "{text}");
    }

    #[test]
    fn a_rule_knows_which_other_measures_it_names() {
        let of_weeks = DEFAULT_PACK.replace("opens-when: tier >= 1", "opens-when: absent_last_28_days >= 300");
        let pack = Pack::parse(&of_weeks).unwrap();
        let names: Vec<_> = pack.rules[0].others.iter().map(|measure| measure.name()).collect();
        assert_eq!(names, ["absent_last_28_days"]);
        assert!(Pack::parse(DEFAULT_PACK).unwrap().rules.iter().all(|rule| rule.others.is_empty()));
    }

    #[test]
    fn demographics_cannot_be_named() {
        let wrong = DEFAULT_PACK.replace("opens-when: tier >= 1", "opens-when: race == 1");
        assert!(matches!(Pack::parse(&wrong), Err(Error::Condition { .. })));
    }
}
