//! What was told last of an episode: its words while it is open, and a few bytes afterwards.
//!
//! The facts that were cited are in the ledger, and are cited again from there: twenty of them take more memory than all else that
//! is known of a student. What is kept of them tells whether they are still those that were told.
//!
//! A student who is absent every day has an episode a day, and each may still have to be recalled. What a recall says of an
//! episode that is over follows from the rule, its version, the dates and the values of the measures; the facts are left off.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::alert::{Claim, Proof, Terms};
use crate::id::RuleId;
use crate::measure::{Figures, Measure};
use crate::rule::Rule;
use crate::rule::claim::{Fingerprint, plain, value};
use crate::settings::Now;

/// What was told last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The rule that said it.
    pub rule: RuleId,
    /// Its version.
    pub rule_version: u32,
    /// What the rule grades.
    pub level: i64,
    pub(super) words: Words,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Words {
    /// The claim without its facts, and which they were.
    Whole(Arc<Claim>, Fingerprint),
    Brief(Brief),
}

/// What is kept of an episode that is over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Brief {
    /// The values of what the rule tells, in its order; none of what was recalled.
    pub(super) measures: SmallVec<[i64; 2]>,
    /// How many facts there were.
    pub(super) facts: u32,
    /// How many steps of its escalation it had taken.
    pub(super) step: u32,
}

impl Told {
    /// From a claim with all its facts.
    pub(super) fn new(claim: &Claim) -> Self {
        let proof = &claim.proof;
        Self::of(claim, Fingerprint::of(&proof.facts, proof.facts_left_off))
    }

    /// The same, when the fingerprint of its facts is known.
    pub(super) fn of(claim: &Claim, facts: Fingerprint) -> Self {
        let (rule, rule_version, level) = (claim.rule.clone(), claim.rule_version, claim.level);
        Self { rule, rule_version, level, words: Words::Whole(Arc::new(without_facts(claim)), facts) }
    }

    /// Its words, without the facts; none when only the rule can say it again. Of an open episode they are there.
    pub fn claim(&self) -> Option<&Claim> {
        match &self.words {
            Words::Whole(claim, _) => Some(claim),
            Words::Brief(_) => None,
        }
    }

    /// Which facts were cited, of an open episode.
    pub(super) fn facts(&self) -> Option<Fingerprint> {
        match &self.words {
            Words::Whole(_, facts) => Some(*facts),
            Words::Brief(_) => None,
        }
    }

    /// Keeps only what the rule needs to say it again with the dates in force when it was told, if that is enough.
    pub(super) fn shorten(&mut self, rule: &Rule, at: Now) {
        let Words::Whole(claim, _) = &self.words else { return };
        let known: SmallVec<[Measure; 6]> = rule.told().collect();
        let names = claim.proof.measures.iter().map(|measure| &*measure.name);
        let enough = rule.tells(self)
            // A rule with a memory speaks of the last counted day, which may move.
            && claim.proof.as_of == rule.about(at)
            && names.eq(known.iter().map(|measure| measure.name()))
            && [&rule.explanation, &rule.clears].iter().all(|sentence| sentence.needs_only(&known));
        if enough {
            let measures = claim.proof.measures.iter().map(|measure| measure.value).collect();
            self.words = Words::Brief(Brief { measures, facts: claim.proof.facts_left_off, step: claim.terms.step });
        }
    }

    /// Keeps only whose it was: nothing will be said of it any more.
    pub(super) fn forget(&mut self) {
        self.words = Words::Brief(Brief::default());
    }

    /// Says it again, without the facts. The rule is of the version that said it.
    pub(super) fn retell(&self, rule: &Rule, at: Now) -> Claim {
        let Brief { facts, step, .. } = match &self.words {
            Words::Whole(claim, _) => return Claim::clone(claim),
            Words::Brief(brief) => brief,
        };
        let measures = Figures::of(self.values(rule));
        let about = rule.about(at);
        Claim {
            rule: self.rule.clone(),
            rule_version: self.rule_version,
            severity: rule.severity_after(self.level, *step),
            level: self.level,
            audience: rule.audience_after(*step).clone(),
            title: rule.title.clone(),
            settle_seconds: rule.settle_seconds,
            proof: Proof {
                as_of: about,
                explanation: rule.explanation.fill(&measures, about),
                clears_when: rule.clears.fill(&measures, about),
                measures: self.values(rule).map(|(measure, of)| value(measure, of)).collect(),
                facts: Vec::new(),
                facts_left_off: *facts,
                threshold_source: rule.source.clone(),
            },
            // Nothing has to be done about what is over.
            terms: Terms { step: *step, ..plain(rule) },
        }
    }

    /// The measures that were told, with their values then.
    pub(super) fn values(&self, rule: &Rule) -> impl Iterator<Item = (Measure, i64)> {
        let values: SmallVec<[(Measure, i64); 4]> = match &self.words {
            Words::Whole(claim, _) => {
                let told = claim.proof.measures.iter();
                told.filter_map(|then| Some((Measure::find(&then.name)?, then.value))).collect()
            }
            Words::Brief(brief) => rule.told().zip(brief.measures.iter().copied()).collect(),
        };
        values.into_iter()
    }
}

/// The facts are counted instead.
fn without_facts(claim: &Claim) -> Claim {
    let Claim { rule, rule_version, severity, level, audience, title, settle_seconds, proof, terms } = claim;
    let listed = u32::try_from(proof.facts.len()).unwrap_or(u32::MAX);
    Claim {
        rule: rule.clone(),
        rule_version: *rule_version,
        severity: *severity,
        level: *level,
        audience: audience.clone(),
        title: title.clone(),
        settle_seconds: *settle_seconds,
        proof: Proof {
            as_of: proof.as_of,
            explanation: proof.explanation.clone(),
            clears_when: proof.clears_when.clone(),
            measures: proof.measures.clone(),
            facts: Vec::new(),
            facts_left_off: proof.facts_left_off.saturating_add(listed),
            threshold_source: proof.threshold_source.clone(),
        },
        terms: terms.clone(),
    }
}
