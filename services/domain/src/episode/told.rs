//! What was told last of an episode: the values that it takes to say it again while it is open, and a few bytes afterwards.
//!
//! The facts that were cited are in the ledger, and are cited again from there: twenty of them take more memory than all else that
//! is known of a student. What is kept of them tells whether they are still those that were told.
//!
//! Words are made when somebody asks for them: by the rule that told, which is kept, so that another version of it changes nothing of
//! what was told. Only what is read from where it is stored, or taken up, has its words until the rule has ended it.
//!
//! A student who is absent every day has an episode a day, and each may still have to be recalled. What a recall says of an
//! episode that is over follows from the rule, its version, the dates and the values of the measures; the facts are left off.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::alert::{Claim, Proof, Terms};
use crate::date::Date;
use crate::id::RuleId;
use crate::measure::{Figures, Measure, Values as _};
use crate::rule::Rule;
use crate::rule::claim::{Cited, Fingerprint, plain};
use crate::settings::Now;

/// What was told last.
#[derive(Debug, Clone)]
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
    Values(Arc<Values>),
    Brief(Brief),
}

/// What it takes for the rule that said it to say it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Values {
    rule: Rule,
    /// The date that it is about.
    about: Date,
    /// How many facts there were, and which.
    facts: u32,
    fingerprint: Fingerprint,
    /// In the order of what the rule [speaks](crate::rule::Definition) of.
    values: SmallVec<[i64; 4]>,
    /// None of a rule that asks for nothing.
    terms: Option<Box<Terms>>,
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

/// What a rule claims of a date, of which the words are not made yet.
pub(super) struct Claimed<'a> {
    pub(super) rule: &'a Rule,
    pub(super) level: i64,
    pub(super) about: Date,
    pub(super) figures: &'a Figures,
    /// None of a rule that asks for nothing.
    pub(super) terms: Option<Terms>,
}

impl Values {
    fn figures(&self) -> Figures {
        Figures::of(self.rule.spoken.iter().copied().zip(self.values.iter().copied()))
    }

    fn terms(&self) -> Terms {
        self.terms.as_deref().cloned().unwrap_or_else(|| plain(&self.rule))
    }

    fn words(&self, level: i64) -> Claim {
        let cited = Cited { facts: Vec::new(), left_off: self.facts, fingerprint: self.fingerprint };
        self.rule.words(level, self.about, &self.figures(), self.terms(), cited)
    }

    /// Of what the rule tells in its proofs, in its order.
    fn told(&self) -> impl Iterator<Item = (Measure, i64)> {
        self.rule.told().zip(self.values.iter().copied())
    }
}

impl Told {
    /// What is told now, with the facts that are cited, listed or not.
    pub(super) fn now(claimed: Claimed<'_>, cited: &Cited) -> Self {
        let Claimed { rule, level, about, figures, terms } = claimed;
        let (facts, fingerprint) = (cited.many(), cited.fingerprint);
        let values: Option<SmallVec<[i64; 4]>> = rule.spoken.iter().map(|measure| figures.value(*measure)).collect();
        let words = match values {
            Some(values) => {
                let terms = terms.map(Box::new);
                Words::Values(Arc::new(Values { rule: rule.clone(), about, facts, fingerprint, values, terms }))
            }
            None => {
                let cited = Cited { facts: Vec::new(), left_off: facts, fingerprint };
                let terms = terms.unwrap_or_else(|| plain(rule));
                Words::Whole(Arc::new(rule.words(level, about, figures, terms, cited)), fingerprint)
            }
        };
        Self { rule: rule.id.clone(), rule_version: rule.version, level, words }
    }

    /// From a claim with all its facts, in words.
    pub(super) fn new(claim: &Claim) -> Self {
        let proof = &claim.proof;
        Self::of(claim, Fingerprint::of(&proof.facts, proof.facts_left_off))
    }

    /// The same, when the fingerprint of its facts is known.
    pub(super) fn of(claim: &Claim, facts: Fingerprint) -> Self {
        let (rule, rule_version, level) = (claim.rule.clone(), claim.rule_version, claim.level);
        Self { rule, rule_version, level, words: Words::Whole(Arc::new(without_facts(claim)), facts) }
    }

    /// Whether it can be said without the rule that is in force. Of an open episode it can.
    pub(super) fn is_whole(&self) -> bool {
        !matches!(self.words, Words::Brief(_))
    }

    /// Its words, without the facts; none when only the rule can say it again. Of an open episode they are there.
    pub fn claim(&self) -> Option<Claim> {
        match &self.words {
            Words::Whole(claim, _) => Some(Claim::clone(claim)),
            Words::Values(values) => Some(values.words(self.level)),
            Words::Brief(_) => None,
        }
    }

    /// Which facts were cited, of an open episode.
    pub(super) fn facts(&self) -> Option<Fingerprint> {
        match &self.words {
            Words::Whole(_, facts) => Some(*facts),
            Words::Values(values) => Some(values.fingerprint),
            Words::Brief(_) => None,
        }
    }

    /// The date that it is about, of an open episode.
    pub(super) fn about(&self) -> Option<Date> {
        match &self.words {
            Words::Whole(claim, _) => Some(claim.proof.as_of),
            Words::Values(values) => Some(values.about),
            Words::Brief(_) => None,
        }
    }

    /// What was asked for, of an open episode; none when nothing was.
    pub(super) fn terms(&self) -> Option<&Terms> {
        match &self.words {
            Words::Whole(claim, _) => Some(&claim.terms),
            Words::Values(values) => values.terms.as_deref(),
            Words::Brief(_) => None,
        }
    }

    /// Keeps only what the rule needs to say it again with the dates in force when it was told, if that is enough.
    pub(super) fn shorten(&mut self, rule: &Rule, at: Now) {
        // A rule with a memory speaks of the last counted day, which may move.
        let is_known = rule.tells(self) && self.about() == Some(rule.about(at));
        let (facts, step) = match &self.words {
            Words::Brief(_) => return,
            Words::Whole(claim, _) => (claim.proof.facts_left_off, claim.terms.step),
            Words::Values(values) => (values.facts, values.terms.as_ref().map_or(0, |terms| terms.step)),
        };
        let values = self.values(rule);
        let told = values.iter().map(|(measure, _)| *measure);
        if is_known && told.eq(rule.spoken.iter().copied()) {
            let measures = values.into_iter().map(|(_, value)| value).collect();
            self.words = Words::Brief(Brief { measures, facts, step });
        }
    }

    /// What is kept of it when it has no words.
    pub(super) fn brief(&self) -> Brief {
        if let Words::Brief(brief) = &self.words { brief.clone() } else { Brief::default() }
    }

    /// Keeps only whose it was: nothing will be said of it any more.
    pub(super) fn forget(&mut self) {
        self.words = Words::Brief(Brief::default());
    }

    /// Says it again, without the facts. The rule is of the version that said it.
    pub(super) fn retell(&self, rule: &Rule, at: Now) -> Claim {
        let (facts, step) = match &self.words {
            Words::Whole(claim, _) => return Claim::clone(claim),
            Words::Values(values) => return values.words(self.level),
            Words::Brief(brief) => (brief.facts, brief.step),
        };
        let figures = Figures::of(self.values(rule).into_iter());
        let cited = Cited { facts: Vec::new(), left_off: facts, fingerprint: Fingerprint::of(&[], facts) };
        // Nothing has to be done about what is over.
        let terms = Terms { step, ..plain(rule) };
        let claim = rule.words(self.level, rule.about(at), &figures, terms, cited);
        Claim { rule_version: self.rule_version, ..claim }
    }

    /// The measures that were told, with their values then.
    pub(super) fn values(&self, rule: &Rule) -> SmallVec<[(Measure, i64); 4]> {
        match &self.words {
            Words::Whole(claim, _) => {
                let told = claim.proof.measures.iter();
                told.filter_map(|then| Some((Measure::find(&then.name)?, then.value))).collect()
            }
            Words::Values(values) => values.told().collect(),
            Words::Brief(brief) => rule.told().zip(brief.measures.iter().copied()).collect(),
        }
    }
}

/// The same was told, whether it is kept in words or not.
impl PartialEq for Told {
    fn eq(&self, other: &Self) -> bool {
        let whose = |told: &Self| (told.rule_version, told.level, told.facts());
        self.rule == other.rule
            && whose(self) == whose(other)
            && (self.words == other.words || (self.is_whole() && self.claim() == other.claim()))
    }
}

impl Eq for Told {}

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
