//! A change derived again from what the log held when it was decided: pure.

use homeroom_domain::alert::{AlertChange, ChangeKind, Claim};
use homeroom_domain::episode::{Episodes, Moment};
use homeroom_domain::evaluation::Evaluation;
use homeroom_domain::id::DistrictId;
use homeroom_domain::rule::Pack;
use homeroom_domain::settings::Settings;
use homeroom_domain::view::View;

use super::super::changes::Reading;
use super::topic::Listed;

/// What facts referred to when a change was decided.
pub(super) struct Ground {
    view: View,
    settings: Settings,
    pack: Pack,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The same change, word for word.
    Same,
    /// Another one, or none.
    Different(Vec<String>),
    /// Why there is nothing to compare.
    CannotBeTold(&'static str),
}

impl Ground {
    /// None, with why, when there are no rules to go by.
    pub(super) fn new(view: View) -> Result<Self, &'static str> {
        let yaml = view.rule_pack().ok_or("no rules were in force there")?;
        let pack =
            Pack::parse(yaml).map_err(|_| "this version of the program cannot read the rules that were in force")?;
        let settings = view.settings();
        Ok(Self { view, settings, pack })
    }

    /// Whether what was told is of a rule that the document takes from a shipped pack, as another version of the program shipped it.
    fn was_another(&self, claim: &Claim) -> bool {
        let mut rules = self.pack.rules.iter();
        self.pack.is_layered() && !rules.any(|rule| rule.id == claim.rule && rule.version == claim.rule_version)
    }
}

/// A student's episodes as they were told, taken up in order and each once.
#[derive(Default)]
pub(super) struct Before {
    episodes: Episodes,
    taken: usize,
}

impl Before {
    /// After these changes.
    fn after(&mut self, told: &[Listed]) -> Episodes {
        if told.len() < self.taken {
            *self = Self::default();
        }
        for known in &told[self.taken..] {
            if let Some(basis) = known.told.basis {
                self.episodes.adopt(&known.told.change, basis);
            }
        }
        self.taken = told.len();
        self.episodes.clone()
    }
}

/// Derives the last of these changes, which are those of one student in their order, from the others and the student's words.
pub(super) fn derive(
    district: &DistrictId,
    told: &[Listed],
    words: &Reading,
    ground: Result<&Ground, &'static str>,
    known: &mut Before,
) -> Outcome {
    let Some((last, before)) = told.split_last() else { return Outcome::CannotBeTold("there is none") };
    let change = &last.told.change;
    let Some(derivation) = last.told.derivation else {
        return Outcome::CannotBeTold("it was told before positions of the log were said");
    };
    let ground = match ground {
        Ok(ground) => ground,
        Err(why) => return Outcome::CannotBeTold(why),
    };
    if change.number > 1 && !before.iter().any(|known| known.told.change.alert_id == change.alert_id) {
        return Outcome::CannotBeTold("what was told of it before has expired");
    }
    let mut episodes = known.after(before);
    let ledger = words.history.first(words.before(derivation.events_offset)).ledger();
    let evaluation = Evaluation::new(&ledger, &ground.view, &ground.settings, derivation.dates);
    let moment = Moment {
        district,
        student: change.student,
        at: change.changed_at,
        caused_at: change.caused_at,
        district_time: change.district_time,
    };
    let step = episodes.step(&ground.pack, &evaluation, &moment);
    let same = |of: &&AlertChange| (of.alert_id, of.number) == (change.alert_id, change.number);
    match step.changes.iter().find(same) {
        Some(again) if comparable(again) == comparable(change) => Outcome::Same,
        _ if ground.was_another(&change.claim) => {
            Outcome::CannotBeTold("the shipped rule was another than the one of this version of the program")
        }
        Some(again) => Outcome::Different(differences(change, again)),
        None => Outcome::Different(vec!["the log comes to no such change".to_owned()]),
    }
}

/// The change without what depends on how long its episode has been stored: what ends is told in the words of its last claim, the
/// facts of a claim that had ended before are only counted, and of what is over nothing has to be done any more. Which duties have
/// fallen due was not always said apart from the reason. What the school is called is no part of what is derived.
fn comparable(change: &AlertChange) -> AlertChange {
    let mut change = change.clone();
    change.fallen_due.clear();
    change.school_name.clear();
    if matches!(change.kind, ChangeKind::Cleared | ChangeKind::Recalled) {
        let proof = &mut change.claim.proof;
        let cited = u32::try_from(proof.facts.len()).unwrap_or(u32::MAX);
        proof.facts_left_off = proof.facts_left_off.saturating_add(cited);
        proof.facts.clear();
    }
    if change.kind == ChangeKind::Recalled {
        let terms = &mut change.claim.terms;
        (terms.since, terms.duties, terms.barred) = (None, Vec::new(), Vec::new());
    }
    change
}

/// What was told otherwise than it comes out.
fn differences(told: &AlertChange, again: &AlertChange) -> Vec<String> {
    let (claim, other): (&Claim, &Claim) = (&told.claim, &again.claim);
    let parts = [
        ("kind", format!("{:?}", told.kind), format!("{:?}", again.kind)),
        ("school", told.school.to_string(), again.school.to_string()),
        ("level", claim.level.to_string(), other.level.to_string()),
        ("explanation", claim.proof.explanation.to_string(), other.proof.explanation.to_string()),
        ("reason", told.reason.clone(), again.reason.clone()),
        ("facts", claim.proof.facts.len().to_string(), other.proof.facts.len().to_string()),
    ];
    let found = parts.into_iter().filter(|(_, was, is)| was != is);
    let mut found: Vec<_> =
        found.map(|(name, was, is)| format!("{name}: `{was}` was told, `{is}` comes out")).collect();
    if found.is_empty() {
        found.push("the proof cites other measures or facts, or it is late news by one only".to_owned());
    }
    found
}
