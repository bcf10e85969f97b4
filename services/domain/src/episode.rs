//! Episodes: what rules hold open for a student, and how a new look at the facts changes it.
//!
//! What is open is a pure function of facts, reference data and date, so it does not matter in which order facts came.
//! Whether an episode that no longer holds was right or wrong is decided by looking again, with today's facts, at the date
//! when it was last told: if it would be told again it is *cleared*, else it is *recalled*. An episode that was cleared can
//! still be recalled, when a later correction disproves it.

mod fallen_due;
mod first;
mod ground;
mod keeping;
mod late;
mod look;
mod past;
mod second;
mod stored;
mod telling;
mod told;

use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use look::Look;
use past::Past;

pub(crate) use ground::Ground;

use crate::alert::{AlertChange, ChangeKind, Claim, Terms};
use crate::date::Date;
use crate::evaluation::Evaluation;
use crate::id::{AlertId, DistrictId, RuleId, SchoolId, SchoolYear, StudentKey};
use crate::rule::condition::Failure;
use crate::rule::{OnChange, Pack, Rule};
use crate::settings::Now;

pub use telling::{Change, Telling};
pub use told::Told;

/// A student's episodes, open and past.
#[derive(Debug, Clone, Default)]
pub struct Episodes {
    /// Those that are kept whole, oldest first: all that are open, and what only its own words can say again. Each is shared until it
    /// changes: of many, a step changes few.
    whole: Vec<Arc<Episode>>,
    past: Past,
}

/// One episode of one rule.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    pub told: Told,
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
#[derive(Debug)]
pub struct Step<T = AlertChange> {
    /// To be published, in order.
    pub changes: Vec<T>,
    /// Rules that could not be evaluated; their episodes stay as they were.
    pub failures: Vec<(RuleId, Failure)>,
}

/// The stored episodes cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// They are not sound.
    #[error("the stored episodes cannot be read")]
    Unsound(#[from] postcard::Error),
    /// They are of a later format, or what they refer to is not there.
    #[error("the stored episodes are damaged, or of a later format")]
    Damaged,
}

impl Episodes {
    /// Looks at the student again, changes the episodes and tells what changed, in words.
    pub fn step(&mut self, pack: &Pack, evaluation: &Evaluation<'_>, moment: &Moment<'_>) -> Step {
        self.step_telling(pack, evaluation, moment)
    }

    /// The same, and tells it as values or in words.
    pub fn step_telling<T: Telling>(
        &mut self,
        pack: &Pack,
        evaluation: &Evaluation<'_>,
        moment: &Moment<'_>,
    ) -> Step<T> {
        let home = evaluation.home(evaluation.now.today);
        evaluation.look_through(pack);
        self.make_whole(None);
        let mut step = self.step_rules(pack.rules_at(home), &pack.rules, evaluation, moment);
        for episode in &mut self.whole {
            if episode.standing == Standing::Open
                && !pack.has_rule_at(&episode.told.rule, home)
                && let Some(claim) = episode.told.claim()
            {
                let words = |_: &Episode| (claim, "the rule is no longer in force".to_owned());
                step.changes.push(Arc::make_mut(episode).close(Standing::Cleared, moment, words));
            }
        }
        self.lay_away(evaluation.year());
        step
    }

    /// The same from a running count that stands in for a full look, when what was told on a date or later may be disproved. What is
    /// open is of rules in force.
    pub(crate) fn step_back<'e, T: Telling>(
        &mut self,
        since: Date,
        pack: &Pack,
        ground: &impl Ground<'e>,
        moment: &Moment<'_>,
    ) -> Step<T> {
        self.make_whole(Some(since));
        let step = self.step_rules(pack.rules_at(ground.home()), &pack.rules, ground, moment);
        self.lay_away(ground.year());
        step
    }

    /// Whether something is open that another school's variant of a rule told than the one of this school.
    pub(crate) fn has_open_of_another_school(&self, pack: &Pack, home: Option<&SchoolId>) -> bool {
        self.open().any(|episode| pack.teller(&episode.told).is_some_and(|teller| !teller.applies_at(home)))
    }

    /// The same of these rules alone, of which each is in force, when nothing that was told before can be disproved.
    pub(crate) fn step_on<'r, 'e, T: Telling>(
        &mut self,
        rules: impl Iterator<Item = &'r Rule>,
        ground: &impl Ground<'e>,
        moment: &Moment<'_>,
    ) -> Step<T> {
        // Where nothing that was told before can have changed, nothing is judged by another rule than these, and what is over stays so.
        let step = self.step_rules(rules, &[], ground, moment);
        self.lay_away(ground.year());
        step
    }

    fn step_rules<'r, 'e, T: Telling>(
        &mut self,
        rules: impl Iterator<Item = &'r Rule>,
        all: &[Rule],
        ground: &impl Ground<'e>,
        moment: &Moment<'_>,
    ) -> Step<T> {
        let mut step = Step { changes: Vec::new(), failures: Vec::new() };
        for rule in rules {
            let look = Look::new(rule, ground, moment);
            if let Err(failure) = look.and_then(|look| self.step_rule(&look, all, &mut step.changes)) {
                step.failures.push((rule.id.clone(), failure));
            }
        }
        step
    }

    /// The basis of a change that was made just now.
    pub fn basis(&self, change: &AlertChange) -> Option<Basis> {
        let maker = |episode: &Arc<Episode>| {
            episode.told.rule == change.claim.rule
                && episode.number == change.number
                && episode.alert_id(&change.district, change.student) == change.alert_id
        };
        self.iter().filter(maker).last().map(|episode| episode.basis())
    }

    /// Whether a change, or a later one of its episode, is known here.
    pub fn knows(&self, change: &AlertChange, basis: &Basis) -> bool {
        self.of(change, basis).is_some_and(|known| known.number >= change.number)
    }

    fn of(&self, change: &AlertChange, basis: &Basis) -> Option<Arc<Episode>> {
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
            told: Told::new(&change.claim),
            told_at,
        };
        if self.knows(change, &basis) || adopted.alert_id(&change.district, change.student) != change.alert_id {
            return Adopted::No;
        }
        let same = |known: &&mut Arc<Episode>| {
            known.told.rule == adopted.told.rule && (known.scope, known.ordinal) == (scope, ordinal)
        };
        self.make_whole(None);
        let became = if let Some(known) = self.whole.iter_mut().find(same) {
            Adopted::After(std::mem::replace(Arc::make_mut(known), adopted).standing)
        } else {
            self.push(adopted);
            Adopted::New
        };
        self.past.lay_away(&mut self.whole);
        became
    }

    fn step_rule<'e, T: Telling>(
        &mut self,
        look: &Look<'_, impl Ground<'e>>,
        all: &[Rule],
        changes: &mut Vec<T>,
    ) -> Result<(), Failure> {
        let current = look.current_scope();
        let (mut is_open, mut ordinal) = (false, 0);
        for episode in self.whole.iter_mut().filter(|episode| episode.told.rule == look.rule.id) {
            let of_scope = episode.scope == current;
            let held = look.held().filter(|_| of_scope);
            let is_claimed = episode.standing == Standing::Open && held.is_some();
            let change = match look.of_another_school(episode, all).filter(|_| !is_claimed) {
                Some(teller) => teller.change(episode, None)?,
                None => look.change(episode, held)?,
            };
            if let Some(change) = change {
                changes.reserve_exact(1);
                changes.push(change);
            }
            if of_scope {
                is_open |= episode.standing == Standing::Open;
                ordinal = ordinal.max(episode.ordinal);
            }
        }
        if let (Some(held), false) = (look.held(), is_open) {
            let last = self.past.last_ordinal(&look.rule.id, current).max(ordinal);
            if let Some((episode, change)) = look.open(held, last + 1) {
                changes.push(change);
                self.push(episode);
            }
        }
        Ok(())
    }

    /// The bytes to store. The first is the format's version.
    pub fn encode(&self) -> Vec<u8> {
        stored::encode(self)
    }

    /// Reads stored bytes back, those of earlier formats too.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        match bytes.split_first() {
            Some((&first::FORMAT, body)) => first::decode(body),
            Some((&second::FORMAT, body)) => second::decode(body),
            Some((&stored::FORMAT, body)) => stored::decode(body),
            _ => Err(DecodeError::Damaged),
        }
    }
}

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

    /// Whether it may be open only because a version of its rule that is no longer in force told it, and the rule keeps such.
    pub fn is_kept(&self, pack: &Pack) -> bool {
        let keeps = |rule: &Rule| {
            rule.id == self.told.rule && rule.version != self.told.rule_version && rule.on_change == OnChange::Keep
        };
        self.standing == Standing::Open && pack.rules.iter().any(keeps)
    }

    /// What was told last of an episode that is open, with its facts where they are still those that were told: the ledger has them.
    /// None of one that is over.
    pub fn claim(&self, pack: &Pack, evaluation: &Evaluation<'_>) -> Option<Claim> {
        let mut claim = self.told.claim()?;
        if let Some(rule) = pack.teller(&self.told) {
            let seen = rule.seen_at(evaluation, self.told_at);
            let streak = evaluation.figures(&rule.others, seen).measures.streak;
            let cited = rule.evidence.cite(evaluation, streak, seen, true);
            if self.told.facts() == Some(cited.fingerprint) {
                (claim.proof.facts, claim.proof.facts_left_off) = (cited.facts, cited.left_off);
            }
        }
        Some(claim)
    }

    fn basis(&self) -> Basis {
        Basis { scope: self.scope, ordinal: self.ordinal, told_at: self.told_at }
    }

    /// Ends it; `words` are those of what was told last, and why.
    fn close<T: Telling>(
        &mut self,
        standing: Standing,
        moment: &Moment<'_>,
        words: impl FnOnce(&Self) -> (Claim, String),
    ) -> T {
        let was_open = self.standing == Standing::Open;
        self.standing = standing;
        let kind = if standing == Standing::Recalled { ChangeKind::Recalled } else { ChangeKind::Cleared };
        self.change((kind, None), moment, |episode| {
            let (claim, reason) = words(episode);
            Said::of(if was_open { claim } else { asking_nothing(claim) }, reason)
        })
    }

    /// Tells a change of it, late news or not, with what it claims and why it changed.
    fn change<T: Telling>(
        &mut self,
        (kind, late_since): (ChangeKind, Option<Date>),
        moment: &Moment<'_>,
        words: impl FnOnce(&Self) -> Said,
    ) -> T {
        self.number += 1;
        let change = Change {
            kind,
            rule: self.told.rule.clone(),
            level: self.told.level,
            school: self.school.clone(),
            number: self.number,
            late_since,
        };
        T::of(change, |Change { school, number, .. }| {
            let Said { claim, reason, fallen_due } = words(self);
            AlertChange {
                alert_id: self.alert_id(moment.district, moment.student),
                number,
                kind,
                district: moment.district.clone(),
                student: moment.student,
                school,
                school_name: String::new(),
                claim,
                reason,
                changed_at: moment.at,
                caused_at: moment.caused_at,
                district_time: moment.district_time,
                late_since,
                fallen_due,
            }
        })
    }
}

/// A change in words.
struct Said {
    claim: Claim,
    reason: String,
    /// As [`AlertChange::fallen_due`] says.
    fallen_due: Vec<u32>,
}

impl Said {
    fn of(claim: Claim, reason: String) -> Self {
        Self { claim, reason, fallen_due: Vec::new() }
    }
}

/// Nothing has to be done about what is over, whether its words were kept or taken up from what was told.
fn asking_nothing(claim: Claim) -> Claim {
    let terms = Terms { since: None, duties: Vec::new(), barred: Vec::new(), ..claim.terms };
    Claim { terms, ..claim }
}

/// Namespace of alert ids.
const ALERTS: Uuid = Uuid::from_u128(0x5a1e_7c1f_6f1b_4d5e_9b1c_2f6d_3c8e_a701);
