//! Rules: whether each holds, by which numbers, and what would clear it.

use std::collections::BTreeSet;

use crate::alert::{MeasureValue, Severity};
use crate::evaluation::Evaluation;
use crate::id::RuleId;
use crate::measure::Values as _;
use crate::rule::condition::Failure;
use crate::rule::{Rule, claim};

/// A rule, looked at with a student's measures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleTold {
    /// Its name.
    pub rule: RuleId,
    /// Its version.
    pub version: u32,
    /// What an alert of it is called.
    pub title: String,
    /// What it means.
    pub meaning: String,
    /// When it opens, in the language of rules.
    pub opens_when: String,
    /// Its level, and how much that presses, when it holds; why it cannot be told when that is so.
    pub holds: Result<Option<(i64, Severity)>, Failure>,
    /// The measures that it names, with their values.
    pub measures: Vec<MeasureValue>,
    /// The rule's own sentence, with the numbers.
    pub explanation: String,
    /// What would clear it.
    pub clears_when: String,
    /// Where its threshold comes from.
    pub source: String,
}

impl RuleTold {
    /// Looks at a rule as of the evaluation's dates.
    pub(super) fn of(rule: &Rule, evaluation: &Evaluation<'_>) -> Self {
        let seen = rule.seen_at(evaluation, evaluation.now);
        let figures = evaluation.figures(&rule.others, seen);
        let about = rule.about(seen);
        let mut named = Vec::new();
        rule.opens_when.name(&mut named);
        let mut seen = BTreeSet::new();
        named.retain(|measure| seen.insert(*measure));
        let holds = rule.held(evaluation, evaluation.now);
        let holds =
            holds.map(|held| held.map(|held| (held.level, rule.severity_after(held.level, rule.steps(held.days)))));
        Self {
            rule: rule.id.clone(),
            version: rule.version,
            title: rule.title.to_string(),
            meaning: rule.meaning.clone(),
            opens_when: rule.opens_when.to_string(),
            holds,
            measures: named.into_iter().filter_map(|of| Some(claim::value(of, figures.value(of)?))).collect(),
            explanation: rule.explanation.fill(&figures, about).to_string(),
            clears_when: rule.clears.fill(&figures, about).to_string(),
            source: rule.source.to_string(),
        }
    }
}
