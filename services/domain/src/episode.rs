//! Episodes: what rules hold open for a student, and how a new look at the facts changes it.
//!
//! What is open is a pure function of facts, reference data and date, so it does not matter in which order facts came.
//! Whether an episode that no longer holds was right or wrong is decided by looking again, with today's facts, at the date
//! when it was last told: if it would be told again it is *cleared*, else it is *recalled*. An episode that was cleared can
//! still be recalled, when a later correction disproves it.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::alert::{AlertChange, ChangeKind, Claim, Proof};
use crate::date::Date;
use crate::evaluation::Evaluation;
use crate::id::{AlertId, DistrictId, RuleId, SchoolId, SchoolYear, StudentKey};
use crate::mutant::{Mutant, planted};
use crate::rule::condition::Failure;
use crate::rule::{Pack, Rule, RuleScope};
use crate::settings::Now;

/// A student's episodes, open and past. Each is shared until it changes: a year has many, of which a step changes few.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Episodes(Vec<Arc<Episode>>);

/// One episode of one rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Episode {
    /// What it is about.
    pub scope: EpisodeScope,
    /// Which of that rule and scope, from 1.
    pub ordinal: u32,
    /// The last change's number.
    pub number: u32,
    /// Whether it holds.
    pub standing: Standing,
    /// The school whose team was told last.
    pub school: SchoolId,
    /// What was told last.
    pub told: Claim,
    /// The dates in force when it was told.
    pub told_at: Now,
}

/// What an episode has that its last change does not say: with both, the episode can be made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Basis {
    /// What it is about.
    pub scope: EpisodeScope,
    /// Which of that rule and scope, from 1.
    pub ordinal: u32,
    /// The dates in force when it was last told.
    pub told_at: Now,
}

/// What became of a change that was told elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adopted {
    /// It is known here, or is not of the basis that came with it.
    No,
    /// Its episode is new here.
    New,
    /// Its episode was here, and stood thus.
    After(Standing),
}

/// What an episode is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum EpisodeScope {
    /// A school year.
    Year(SchoolYear),
    /// A date.
    Day(Date),
}

/// Whether an episode holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Standing {
    /// It does.
    Open,
    /// It was right, and is over.
    Cleared,
    /// It was wrong. Nothing changes it any more.
    Recalled,
}

/// The moment of a step, and whom it is about.
#[derive(Debug, Clone)]
pub struct Moment<'a> {
    /// The institution.
    pub district: &'a DistrictId,
    /// The student.
    pub student: StudentKey,
    /// Real time.
    pub at: Timestamp,
    /// When the record that caused the step was accepted, if one did.
    pub caused_at: Option<Timestamp>,
    /// The district's local time.
    pub district_time: DateTime,
}

/// What a step comes to.
#[derive(Debug, Default)]
pub struct Step {
    /// To be published, in order.
    pub changes: Vec<AlertChange>,
    /// Rules that could not be evaluated; their episodes stay as they were.
    pub failures: Vec<(RuleId, Failure)>,
}

/// Episodes kept for a student; beyond, closed single days are forgotten, oldest first. A year has some 180 days, and a day
/// that is past opens no episode, so nothing is told twice for it.
const MAX_KEPT: usize = 400;

/// The stored episodes cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the stored episodes cannot be read")]
pub struct DecodeError(#[from] postcard::Error);

impl Episodes {
    /// All, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Episode> {
        self.0.iter().map(|episode| &**episode)
    }

    /// Those that hold.
    pub fn open(&self) -> impl Iterator<Item = &Episode> {
        self.iter().filter(|episode| episode.standing == Standing::Open)
    }

    /// Whether a move of the date within the school year may end one without a word: an open day.
    pub fn has_open_day(&self) -> bool {
        self.open().any(|episode| matches!(episode.scope, EpisodeScope::Day(_)))
    }

    /// Looks at the student again, changes the episodes and tells what changed.
    pub fn step(&mut self, pack: &Pack, evaluation: &Evaluation<'_>, moment: &Moment<'_>) -> Step {
        let mut step = Step::default();
        for rule in &pack.rules {
            let look = Look { rule, evaluation, moment };
            if let Err(failure) = self.step_rule(&look, &mut step.changes) {
                step.failures.push((rule.id.clone(), failure));
            }
        }
        for episode in &mut self.0 {
            if episode.standing == Standing::Open && pack.rule(&episode.told.rule).is_none() {
                step.changes.push(Arc::make_mut(episode).close(
                    Standing::Cleared,
                    "the rule is no longer in force".to_owned(),
                    moment,
                ));
            }
        }
        self.forget();
        step
    }

    /// The basis of a change that was made just now.
    pub fn basis(&self, change: &AlertChange) -> Option<Basis> {
        let maker = |episode: &&Episode| {
            episode.told.rule == change.claim.rule
                && episode.number == change.number
                && episode.alert_id(&change.district, change.student) == change.alert_id
        };
        self.iter().filter(maker).last().map(Episode::basis)
    }

    /// Whether a change, or a later one of its episode, is known here.
    pub fn knows(&self, change: &AlertChange, basis: &Basis) -> bool {
        self.of(change, basis).is_some_and(|known| known.number >= change.number)
    }

    fn of(&self, change: &AlertChange, basis: &Basis) -> Option<&Episode> {
        self.iter().find(|known| {
            known.told.rule == change.claim.rule && (known.scope, known.ordinal) == (basis.scope, basis.ordinal)
        })
    }

    /// Takes up a change that was told and is not known here, as after the loss of what was stored since.
    pub fn adopt(&mut self, change: &AlertChange, basis: Basis) -> Adopted {
        let Basis { scope, ordinal, told_at } = basis;
        let adopted = Episode {
            scope,
            ordinal,
            number: change.number,
            standing: match change.kind {
                ChangeKind::Opened | ChangeKind::Amended | ChangeKind::Escalated => Standing::Open,
                ChangeKind::Cleared => Standing::Cleared,
                ChangeKind::Recalled => Standing::Recalled,
            },
            school: change.school.clone(),
            told: change.claim.clone(),
            told_at,
        };
        if self.knows(change, &basis) || adopted.alert_id(&change.district, change.student) != change.alert_id {
            return Adopted::No;
        }
        let same = |known: &&mut Arc<Episode>| {
            known.told.rule == adopted.told.rule && (known.scope, known.ordinal) == (scope, ordinal)
        };
        if let Some(known) = self.0.iter_mut().find(same) {
            return Adopted::After(std::mem::replace(Arc::make_mut(known), adopted).standing);
        }
        self.0.push(Arc::new(adopted));
        Adopted::New
    }

    fn step_rule(&mut self, look: &Look<'_, '_>, changes: &mut Vec<AlertChange>) -> Result<(), Failure> {
        let current = look.current_scope();
        let claim = look.claim(look.evaluation.now)?;
        for episode in self.0.iter_mut().filter(|episode| episode.told.rule == look.rule.id) {
            let claim = claim.as_ref().filter(|_| episode.scope == current);
            if let Some(change) = look.change(episode, claim)? {
                changes.reserve_exact(1);
                changes.push(change);
            }
        }
        let Some(claim) = claim else { return Ok(()) };
        let of_scope = || self.0.iter().filter(|episode| episode.told.rule == look.rule.id && episode.scope == current);
        if of_scope().any(|episode| episode.standing == Standing::Open) {
            return Ok(());
        }
        let ordinal = of_scope().map(|episode| episode.ordinal).max().unwrap_or(0) + 1;
        if let Some(mut episode) = look.open(claim, ordinal) {
            changes.push(episode.change(ChangeKind::Opened, String::new(), look.moment));
            self.0.push(Arc::new(episode));
        }
        Ok(())
    }

    fn forget(&mut self) {
        let mut excess = self.0.len().saturating_sub(MAX_KEPT);
        self.0.retain(|episode| {
            let forget =
                excess > 0 && episode.standing != Standing::Open && matches!(episode.scope, EpisodeScope::Day(_));
            excess -= usize::from(forget);
            !forget
        });
    }

    /// The bytes to store. The first is the format's version.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![FORMAT];
        bytes.extend_from_slice(
            &postcard::to_stdvec(&self.iter().collect::<Vec<_>>())
                .expect("a list of plain values always encodes into memory"),
        );
        bytes
    }

    /// Reads stored bytes back.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        match bytes.split_first() {
            Some((&FORMAT, body)) => {
                Ok(Self(postcard::from_bytes::<Vec<Episode>>(body)?.into_iter().map(Arc::new).collect()))
            }
            _ => Err(DecodeError(postcard::Error::DeserializeBadEncoding)),
        }
    }
}

const FORMAT: u8 = 1;

impl Episode {
    /// The same however often it is computed.
    pub fn alert_id(&self, district: &DistrictId, student: StudentKey) -> AlertId {
        let scope = match self.scope {
            EpisodeScope::Year(year) => year.to_string(),
            EpisodeScope::Day(date) => date.to_string(),
        };
        let name = format!("{district}/{student}/{}/{scope}/{}", self.told.rule, self.ordinal);
        Uuid::new_v5(&ALERTS, name.as_bytes()).into()
    }

    fn basis(&self) -> Basis {
        Basis { scope: self.scope, ordinal: self.ordinal, told_at: self.told_at }
    }

    fn close(&mut self, standing: Standing, reason: String, moment: &Moment<'_>) -> AlertChange {
        self.standing = standing;
        let kind = if standing == Standing::Recalled { ChangeKind::Recalled } else { ChangeKind::Cleared };
        self.change(kind, reason, moment)
    }

    fn change(&mut self, kind: ChangeKind, reason: String, moment: &Moment<'_>) -> AlertChange {
        self.number += 1;
        AlertChange {
            alert_id: self.alert_id(moment.district, moment.student),
            number: self.number,
            kind,
            district: moment.district.clone(),
            student: moment.student,
            school: self.school.clone(),
            claim: self.told.clone(),
            reason,
            changed_at: moment.at,
            caused_at: moment.caused_at,
            district_time: moment.district_time,
        }
    }
}

/// Namespace of alert ids.
const ALERTS: Uuid = Uuid::from_u128(0x5a1e_7c1f_6f1b_4d5e_9b1c_2f6d_3c8e_a701);

/// One rule's look at one student.
struct Look<'a, 'e> {
    rule: &'a Rule,
    evaluation: &'a Evaluation<'e>,
    moment: &'a Moment<'a>,
}

impl Look<'_, '_> {
    fn current_scope(&self) -> EpisodeScope {
        match self.rule.scope {
            RuleScope::SchoolYear => EpisodeScope::Year(self.evaluation.year()),
            RuleScope::Day => EpisodeScope::Day(self.evaluation.now.today),
        }
    }

    fn open(&self, claim: Claim, ordinal: u32) -> Option<Episode> {
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
            told: claim,
            told_at: now,
        })
    }

    fn change(&self, episode: &mut Arc<Episode>, claim: Option<&Claim>) -> Result<Option<AlertChange>, Failure> {
        let of_another_year = match episode.scope {
            EpisodeScope::Year(year) => year != self.evaluation.year(),
            // Not the date's own year: on the morning of a new year the counted year is still the old one.
            EpisodeScope::Day(_) => episode.told_at.as_of.school_year() != self.evaluation.year(),
        };
        Ok(match (episode.standing, claim) {
            (Standing::Recalled, _) => None,
            (Standing::Cleared, _) if planted(Mutant::ForgetCleared) => None,
            (Standing::Open, _) if of_another_year => {
                Some(Arc::make_mut(episode).close(Standing::Cleared, "the school year is over".to_owned(), self.moment))
            }
            // Last year's days are not counted any more, and another version of the rule claims other things: nothing can be said
            // of what was told then.
            (Standing::Cleared, _) if of_another_year || self.of_another_version(episode) => None,
            (Standing::Open, Some(claim)) => self.update(episode, claim)?,
            (Standing::Open, None) if self.of_another_version(episode) => {
                Some(Arc::make_mut(episode).close(Standing::Cleared, "the rule has changed".to_owned(), self.moment))
            }
            (Standing::Open, None) => Some(self.end(episode)?),
            (Standing::Cleared, _) if self.holds_again(episode)? => None,
            (Standing::Cleared, _) => {
                let reason = self.disproved(episode);
                Some(Arc::make_mut(episode).close(Standing::Recalled, reason, self.moment))
            }
        })
    }

    fn of_another_version(&self, episode: &Episode) -> bool {
        episode.told.rule_version != self.rule.version
    }

    /// What the rule claims with these dates. Of a student whom no school has there is nobody to tell, whatever holds: were that
    /// only asked when an episode opens, what is open would depend on the order of the facts.
    fn claim(&self, now: Now) -> Result<Option<Claim>, Failure> {
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
            return Ok(Arc::make_mut(episode).close(standing, reason, self.moment));
        }
        let reason = match episode.scope {
            EpisodeScope::Day(date) if date < self.evaluation.now.today => "the day is over".to_owned(),
            EpisodeScope::Day(_) | EpisodeScope::Year(_) => {
                format!("it no longer holds: {}", self.measures_now(&episode.told.proof))
            }
        };
        Ok(Arc::make_mut(episode).close(Standing::Cleared, reason, self.moment))
    }

    fn update(&self, episode: &mut Arc<Episode>, claim: &Claim) -> Result<Option<AlertChange>, Failure> {
        let (kind, reason) = match claim.level.cmp(&episode.told.level) {
            std::cmp::Ordering::Greater => {
                (ChangeKind::Escalated, format!("it has risen: {}", difference(&episode.told.proof, &claim.proof)))
            }
            std::cmp::Ordering::Less => {
                (ChangeKind::Amended, format!("it has fallen: {}", difference(&episode.told.proof, &claim.proof)))
            }
            std::cmp::Ordering::Equal => match self.again(episode)? {
                Some(again) if same_facts(&again.proof, &episode.told.proof) => return Ok(None),
                Some(again) => (
                    ChangeKind::Amended,
                    format!(
                        "records up to {} were corrected: {}",
                        again.proof.as_of,
                        difference(&episode.told.proof, &again.proof)
                    ),
                ),
                None => (
                    ChangeKind::Amended,
                    format!("what was told of {} was corrected, and it holds now", episode.told.proof.as_of),
                ),
            },
        };
        let episode = Arc::make_mut(episode);
        episode.told = claim.clone();
        episode.told_at = self.evaluation.now;
        if let Some(school) =
            self.evaluation.home(self.evaluation.now.today).filter(|_| self.rule.scope == RuleScope::SchoolYear)
        {
            episode.school = school.clone();
        }
        Ok(Some(episode.change(kind, reason, self.moment)))
    }

    fn disproved(&self, episode: &Episode) -> String {
        format!("corrected records no longer support it: {}", self.measures_at(&episode.told.proof, episode.told_at))
    }

    fn measures_now(&self, told: &Proof) -> String {
        self.measures_at(told, self.evaluation.now)
    }

    fn measures_at(&self, told: &Proof, at: Now) -> String {
        let measures = self.evaluation.district(at.as_of, at.today);
        let values = told.measures.iter().filter_map(|then| {
            let measure = crate::measure::Measure::find(&then.name)?;
            let value = measures.get(measure);
            (value != then.value)
                .then(|| changed(&then.name, &measure.unit().show(then.value), &measure.unit().show(value)))
        });
        joined(values)
    }
}

fn difference(told: &Proof, new: &Proof) -> String {
    let changes =
        told.measures.iter().zip(&new.measures).filter(|(then, now)| then.value != now.value).map(|(then, now)| {
            let unit = crate::measure::Measure::find(&then.name).map(crate::measure::Measure::unit);
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
    let facts = |proof: &Proof| -> Vec<_> {
        proof
            .facts
            .iter()
            .map(|fact| {
                (fact.date, fact.school.clone(), fact.what.clone(), fact.origin.source.clone(), fact.origin.key)
            })
            .collect()
    };
    same_measures && left.facts_left_off == right.facts_left_off && facts(left) == facts(right)
}
