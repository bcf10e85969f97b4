//! One rule's look at one student: what becomes of its episodes.

use std::sync::Arc;

use super::told::Told;
use super::{Episode, EpisodeScope, Moment, Standing};
use crate::alert::{AlertChange, ChangeKind, CitedFact, Claim, Proof};
use crate::evaluation::Evaluation;
use crate::measure::Measure;
use crate::mutant::{Mutant, planted};
use crate::rule::condition::Failure;
use crate::rule::{Rule, RuleScope};
use crate::settings::Now;

/// One rule's look at one student.
pub(super) struct Look<'a, 'e> {
    pub(super) rule: &'a Rule,
    pub(super) evaluation: &'a Evaluation<'e>,
    pub(super) moment: &'a Moment<'a>,
}

impl Look<'_, '_> {
    pub(super) fn current_scope(&self) -> EpisodeScope {
        match self.rule.scope {
            RuleScope::SchoolYear => EpisodeScope::Year(self.evaluation.year()),
            RuleScope::Day => EpisodeScope::Day(self.evaluation.now.today),
        }
    }

    pub(super) fn open(&self, claim: Claim, ordinal: u32) -> Option<Episode> {
        let now = self.evaluation.now;
        let at_school =
            self.evaluation.day(now.today).filter(|_| self.rule.scope == RuleScope::Day).map(|(school, _)| school);
        let school = at_school.or_else(|| self.evaluation.home(now.today))?.clone();
        Some(Episode {
            scope: self.current_scope(),
            ordinal,
            number: 0,
            standing: Standing::Open,
            school,
            told: Told::new(claim),
            told_at: now,
        })
    }

    pub(super) fn change(
        &self,
        episode: &mut Arc<Episode>,
        claim: Option<&Claim>,
    ) -> Result<Option<AlertChange>, Failure> {
        let of_another_year = match episode.scope {
            EpisodeScope::Year(year) => year != self.evaluation.year(),
            // Not the date's own year: on the morning of a new year the counted year is still the old one.
            EpisodeScope::Day(_) => episode.told_at.as_of.school_year() != self.evaluation.year(),
        };
        Ok(match (episode.standing, claim) {
            (Standing::Recalled, _) => None,
            (Standing::Cleared, _) if planted(Mutant::ForgetCleared) => None,
            (Standing::Open, _) if of_another_year => {
                Some(self.close(episode, Standing::Cleared, "the school year is over".to_owned()))
            }
            // Last year's days are not counted any more, and another version of the rule claims other things: nothing can be said
            // of what was told then.
            (Standing::Cleared, _) if of_another_year || self.of_another_version(episode) => None,
            (Standing::Open, Some(claim)) => self.update(episode, claim)?,
            (Standing::Open, None) if self.of_another_version(episode) => {
                Some(self.close(episode, Standing::Cleared, "the rule has changed".to_owned()))
            }
            (Standing::Open, None) => Some(self.end(episode)?),
            (Standing::Cleared, _) if self.holds_again(episode)? => {
                self.shorten(episode);
                None
            }
            (Standing::Cleared, _) => {
                let reason = self.disproved(episode);
                Some(self.close(episode, Standing::Recalled, reason))
            }
        })
    }

    fn close(&self, episode: &mut Arc<Episode>, standing: Standing, reason: String) -> AlertChange {
        let claim = episode.told.retell(self.rule, episode.told_at);
        let episode = Arc::make_mut(episode);
        let change = episode.close(standing, claim, reason, self.moment);
        match standing {
            Standing::Recalled => episode.told.forget(),
            Standing::Open | Standing::Cleared => episode.told.shorten(self.rule),
        }
        change
    }

    /// What was stored, or taken up, whole.
    fn shorten(&self, episode: &mut Arc<Episode>) {
        if episode.told.claim().is_some() {
            Arc::make_mut(episode).told.shorten(self.rule);
        }
    }

    fn of_another_version(&self, episode: &Episode) -> bool {
        episode.told.rule_version != self.rule.version
    }

    /// What the rule claims with these dates. Of a student whom no school has there is nobody to tell, whatever holds: were that
    /// only asked when an episode opens, what is open would depend on the order of the facts.
    pub(super) fn claim(&self, now: Now) -> Result<Option<Claim>, Failure> {
        match self.evaluation.home(now.today) {
            Some(_) => self.rule.claim(self.evaluation, now),
            None => Ok(None),
        }
    }

    /// What the rule would claim now of the date when the episode was last told.
    fn again(&self, episode: &Episode) -> Result<Option<Claim>, Failure> {
        self.claim(episode.told_at)
    }

    /// Whether the rule would claim anything now of that date.
    fn holds_again(&self, episode: &Episode) -> Result<bool, Failure> {
        let at = episode.told_at;
        Ok(self.evaluation.home(at.today).is_some() && self.rule.holds(self.evaluation, at)?)
    }

    fn end(&self, episode: &mut Arc<Episode>) -> Result<AlertChange, Failure> {
        if !self.holds_again(episode)? {
            let reason = self.disproved(episode);
            let standing = if planted(Mutant::ForgetRecall) { Standing::Cleared } else { Standing::Recalled };
            return Ok(self.close(episode, standing, reason));
        }
        let reason = match episode.scope {
            EpisodeScope::Day(date) if date < self.evaluation.now.today => "the day is over".to_owned(),
            EpisodeScope::Day(_) | EpisodeScope::Year(_) => {
                format!("it no longer holds: {}", self.measures_at(episode, self.evaluation.now))
            }
        };
        Ok(self.close(episode, Standing::Cleared, reason))
    }

    fn update(&self, episode: &mut Arc<Episode>, claim: &Claim) -> Result<Option<AlertChange>, Failure> {
        let Some(Claim { proof: told, .. }) = episode.told.claim() else { return Ok(None) };
        let (kind, reason) = match claim.level.cmp(&episode.told.level) {
            std::cmp::Ordering::Greater => {
                (ChangeKind::Escalated, format!("it has risen: {}", difference(told, &claim.proof)))
            }
            std::cmp::Ordering::Less => {
                (ChangeKind::Amended, format!("it has fallen: {}", difference(told, &claim.proof)))
            }
            std::cmp::Ordering::Equal => match self.again(episode)? {
                Some(again) if same_facts(&again.proof, told) => return Ok(None),
                Some(again) => (
                    ChangeKind::Amended,
                    format!("records up to {} were corrected: {}", again.proof.as_of, difference(told, &again.proof)),
                ),
                None => {
                    (ChangeKind::Amended, format!("what was told of {} was corrected, and it holds now", told.as_of))
                }
            },
        };
        let late_since = if kind == ChangeKind::Escalated { self.late_since(claim.level) } else { None };
        let episode = Arc::make_mut(episode);
        episode.told = Told::new(claim.clone());
        episode.told_at = self.evaluation.now;
        if let Some(school) =
            self.evaluation.home(self.evaluation.now.today).filter(|_| self.rule.scope == RuleScope::SchoolYear)
        {
            episode.school = school.clone();
        }
        let change = episode.change(kind, claim.clone(), reason, self.moment);
        Ok(Some(AlertChange { late_since, ..change }))
    }

    fn disproved(&self, episode: &Episode) -> String {
        format!("corrected records no longer support it: {}", self.measures_at(episode, episode.told_at))
    }

    fn measures_at(&self, episode: &Episode, at: Now) -> String {
        let values = episode.told.values(self.rule).filter_map(|(measure, then)| {
            let value = self.evaluation.value(measure, None, at);
            let show = |value| measure.unit().show(value);
            (value != then).then(|| changed(&measure.name(), &show(then), &show(value)))
        });
        joined(values)
    }
}

fn difference(told: &Proof, new: &Proof) -> String {
    let changes =
        told.measures.iter().zip(&new.measures).filter(|(then, now)| then.value != now.value).map(|(then, now)| {
            let unit = Measure::find(&then.name).map(Measure::unit);
            let show = |value: i64| unit.map_or_else(|| value.to_string(), |unit| unit.show(value));
            changed(&then.name, &show(then.value), &show(now.value))
        });
    joined(changes)
}

fn changed(name: &str, then: &str, now: &str) -> String {
    format!("{} {then} -> {now}", name.replace('_', " "))
}

fn joined(changes: impl Iterator<Item = String>) -> String {
    let text = changes.collect::<Vec<_>>().join(", ");
    if text.is_empty() { "the facts behind it changed, their sum did not".to_owned() } else { text }
}

/// Whether two proofs of one date say the same: measures, and the facts cited, whatever their revision.
fn same_facts(left: &Proof, right: &Proof) -> bool {
    let same_measures = left.measures.iter().map(|m| m.value).eq(right.measures.iter().map(|m| m.value));
    let same = |(left, right): (&CitedFact, &CitedFact)| {
        let of = |fact: &CitedFact| (fact.date, fact.origin.key);
        of(left) == of(right)
            && left.school == right.school
            && left.what == right.what
            && left.origin.source == right.origin.source
    };
    same_measures
        && left.facts_left_off == right.facts_left_off
        && left.facts.len() == right.facts.len()
        && left.facts.iter().zip(&right.facts).all(same)
}
