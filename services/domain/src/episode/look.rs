//! One rule's look at one student: what becomes of its episodes.

use std::cmp::Ordering;
use std::sync::Arc;

use super::ground::Ground;
use super::told::Told;
use super::{Episode, EpisodeScope, Moment, Standing};
use crate::alert::{AlertChange, ChangeKind, Claim, Proof};
use crate::evaluation::Evaluation;
use crate::measure::{Figures, Measure, Values as _};
use crate::mutant::{Mutant, planted};
use crate::rule::condition::Failure;
use crate::rule::{Rule, RuleScope};

/// One rule's look at one student.
pub(super) struct Look<'a, G> {
    pub(super) rule: &'a Rule,
    pub(super) ground: &'a G,
    moment: &'a Moment<'a>,
    figures: Figures,
    /// The level that the rule claims now; none when it claims nothing.
    level: Option<i64>,
}

impl<'a, 'e, G: Ground<'e> + 'a> Look<'a, G> {
    /// Looks. Of a student whom no school has there is nobody to tell, whatever holds: were that only asked when an episode
    /// opens, what is open would depend on the order of the facts.
    pub(super) fn new(rule: &'a Rule, ground: &'a G, moment: &'a Moment<'a>) -> Result<Self, Failure> {
        let (figures, level) = match ground.home() {
            Some(_) => {
                let figures = ground.figures(rule);
                let level = rule.outcome(&figures)?;
                (figures, level)
            }
            None => (Figures::default(), None),
        };
        Ok(Self { rule, ground, moment, figures, level })
    }

    pub(super) const fn level(&self) -> Option<i64> {
        self.level
    }

    pub(super) fn current_scope(&self) -> EpisodeScope {
        match self.rule.scope {
            RuleScope::SchoolYear => EpisodeScope::Year(self.ground.year()),
            RuleScope::Day => EpisodeScope::Day(self.ground.now().today),
        }
    }

    /// What the rule claims now, at a level, with its words.
    fn claim(&self, level: i64) -> (Claim, Told) {
        let cited = self.ground.cite(self.rule.evidence, &self.figures);
        let facts = cited.fingerprint;
        let claim = self.rule.words(level, &self.figures, cited, self.ground.now());
        let told = Told::of(&claim, facts);
        (claim, told)
    }

    /// A new episode; none when there is nobody to tell.
    pub(super) fn open(&self, level: i64, ordinal: u32) -> Option<(Episode, AlertChange)> {
        let at_school = self.ground.school_today().filter(|_| self.rule.scope == RuleScope::Day);
        let school = at_school.or_else(|| self.ground.home())?.clone();
        let (claim, told) = self.claim(level);
        let mut episode = Episode {
            scope: self.current_scope(),
            ordinal,
            number: 0,
            standing: Standing::Open,
            school,
            told,
            told_at: self.ground.now(),
        };
        let change = episode.change(ChangeKind::Opened, claim, String::new(), self.moment);
        Some((episode, AlertChange { late_since: self.late_since(level), ..change }))
    }

    /// What becomes of an episode when the rule claims this level of its scope.
    pub(super) fn change(
        &self,
        episode: &mut Arc<Episode>,
        level: Option<i64>,
    ) -> Result<Option<AlertChange>, Failure> {
        let of_another_year = match episode.scope {
            EpisodeScope::Year(year) => year != self.ground.year(),
            // Not the date's own year: on the morning of a new year the counted year is still the old one.
            EpisodeScope::Day(_) => episode.told_at.as_of.school_year() != self.ground.year(),
        };
        Ok(match (episode.standing, level) {
            (Standing::Recalled, _) => None,
            (Standing::Cleared, _) if planted(Mutant::ForgetCleared) => None,
            (Standing::Open, _) if of_another_year => {
                Some(self.close(episode, Standing::Cleared, "the school year is over".to_owned()))
            }
            // Last year's days are not counted any more, and another version of the rule claims other things: nothing can be said
            // of what was told then.
            (Standing::Cleared, _) if of_another_year || self.of_another_version(episode) => None,
            (Standing::Open, Some(level)) => self.update(episode, level)?,
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

    /// Whether the rule would claim anything now of the date when the episode was last told. After a step what is open or cleared
    /// does.
    fn holds_again(&self, episode: &Episode) -> Result<bool, Failure> {
        let at = episode.told_at;
        match self.ground.anew() {
            None => Ok(true),
            Some(student) => Ok(student.home(at.today).is_some() && self.rule.holds(student, at)?),
        }
    }

    fn end(&self, episode: &mut Arc<Episode>) -> Result<AlertChange, Failure> {
        if !self.holds_again(episode)? {
            let reason = self.disproved(episode);
            let standing = if planted(Mutant::ForgetRecall) { Standing::Cleared } else { Standing::Recalled };
            return Ok(self.close(episode, standing, reason));
        }
        let reason = match episode.scope {
            EpisodeScope::Day(date) if date < self.ground.now().today => "the day is over".to_owned(),
            EpisodeScope::Day(_) | EpisodeScope::Year(_) => {
                let now = self.ground.figures(self.rule);
                format!("it no longer holds: {}", self.moved(episode, |of| now.value(of)))
            }
        };
        Ok(self.close(episode, Standing::Cleared, reason))
    }

    fn update(&self, episode: &mut Arc<Episode>, level: i64) -> Result<Option<AlertChange>, Failure> {
        let Some(Claim { proof: told, .. }) = episode.told.claim() else { return Ok(None) };
        let to_level = |kind, verb: &str| {
            let (claim, new) = self.claim(level);
            let reason = format!("it has {verb}: {}", difference(told, &claim.proof));
            (kind, reason, (claim, new))
        };
        let (kind, reason, (claim, new)) = match level.cmp(&episode.told.level) {
            Ordering::Greater => to_level(ChangeKind::Escalated, "risen"),
            Ordering::Less => to_level(ChangeKind::Amended, "fallen"),
            Ordering::Equal => {
                let Some(student) = self.ground.anew() else { return Ok(None) };
                let Some(reason) = self.corrected(student, episode, told)? else { return Ok(None) };
                (ChangeKind::Amended, reason, self.claim(level))
            }
        };
        let late_since = if kind == ChangeKind::Escalated { self.late_since(level) } else { None };
        let episode = Arc::make_mut(episode);
        episode.told = new;
        episode.told_at = self.ground.now();
        if let Some(school) = self.ground.home().filter(|_| self.rule.scope == RuleScope::SchoolYear) {
            episode.school = school.clone();
        }
        let change = episode.change(kind, claim, reason, self.moment);
        Ok(Some(AlertChange { late_since, ..change }))
    }

    /// In words, what has become of what was told at a date; none when it would be told again.
    fn corrected(&self, student: &Evaluation<'_>, of: &Episode, told: &Proof) -> Result<Option<String>, Failure> {
        let at = of.told_at;
        let figures = student.figures(&self.rule.others, at);
        let level = match student.home(at.today) {
            Some(_) => self.rule.outcome(&figures)?,
            None => None,
        };
        let Some(level) = level else {
            return Ok(Some(format!("what was told of {} was corrected, and it holds now", told.as_of)));
        };
        let measures = self.rule.told().filter_map(|of| figures.value(of));
        if told.measures.iter().map(|of| of.value).eq(measures) {
            let facts = self.rule.evidence.fingerprint(student, figures.measures.streak, at);
            if of.told.facts() == Some(facts) {
                return Ok(None);
            }
        }
        let cited = self.rule.evidence.cite(student, figures.measures.streak, at);
        let again = self.rule.words(level, &figures, cited, at).proof;
        Ok(Some(format!("records up to {} were corrected: {}", again.as_of, difference(told, &again))))
    }

    fn disproved(&self, episode: &Episode) -> String {
        let at = episode.told_at;
        let moved = self.moved(episode, |of| self.ground.anew().map(|student| student.value(of, None, at)));
        format!("corrected records no longer support it: {moved}")
    }

    /// The measures that were told, with what they were then and are by another count, where that differs.
    fn moved(&self, episode: &Episode, now: impl Fn(Measure) -> Option<i64>) -> String {
        let values = episode.told.values(self.rule).filter_map(|(measure, then)| {
            let value = now(measure)?;
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
