//! What arrived outside, against the history of alerts: whoever was told hears the last word, and nobody else hears of it.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use crate::history::{Change, History, ends};
use crate::{Findings, Promise};
use homeroom_domain::alert::ChangeKind;
use homeroom_domain::id::AlertId;

/// What one recipient has in hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// Of which alert.
    pub alert: AlertId,
    /// Of which of its changes.
    pub number: u32,
    /// What it says happened. For who was not told yet, a correction of the opening or escalation that waited is told as that.
    pub kind: ChangeKind,
    /// Who has it: channel and address.
    pub to: String,
    /// The idempotency key that it came with.
    pub key: Uuid,
    /// How often it came with this key.
    pub copies: u32,
}

/// What is recorded of one delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its idempotency key.
    pub key: Uuid,
    /// Of which alert.
    pub alert: AlertId,
    /// Of which of its changes.
    pub number: u32,
    /// To whom: channel and address.
    pub to: String,
    /// Where it stands.
    pub state: State,
    /// Attempts of which nobody knows whether they arrived.
    pub unknown: u32,
}

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It may still be sent.
    Pending,
    /// It may still be sent, and an open case of the student holds it back.
    Held,
    /// The channel took it.
    Accepted,
    /// It is not to be sent.
    Cancelled,
    /// It expired or could not be sent, and is shown as such.
    GivenUp,
}

impl Delivery {
    /// Whether it did not arrive and is shown with the reason.
    const fn is_shown(&self) -> bool {
        matches!(self.state, State::Held | State::GivenUp)
    }
}

/// Everything that is checked together.
#[derive(Debug)]
pub struct Outcome<'a> {
    /// The alerts.
    pub history: &'a History,
    /// What arrived.
    pub words: &'a [Word],
    /// What is recorded of each delivery.
    pub deliveries: &'a [Delivery],
}

/// Checks what arrived. `routed` says to whom an alert that stands is to be told: channel and address of each.
pub fn check(outcome: &Outcome<'_>, routed: impl Fn(&Change) -> Vec<String>, findings: &mut Findings) {
    let recorded: BTreeMap<Uuid, &Delivery> =
        outcome.deliveries.iter().map(|delivery| (delivery.key, delivery)).collect();
    for word in outcome.words {
        of_a_change(word, outcome.history.of(word.alert), findings);
        came_once(word, recorded.get(&word.key).copied(), findings);
    }
    for (alert, changes) in outcome.history.alerts() {
        let Some(last) = changes.last() else { continue };
        let told = Told { outcome, alert, last };
        let recipients: BTreeSet<&str> =
            outcome.words.iter().filter(|word| word.alert == alert).map(|word| word.to.as_str()).collect();
        for to in recipients {
            told.heard_the_last_word(to, findings);
            told.was_told_first(to, findings);
        }
        if !ends(last.kind) {
            for to in routed(last) {
                told.stands_and_was_told(&to, findings);
            }
        }
    }
}

fn of_a_change(word: &Word, changes: &[Change], findings: &mut Findings) {
    let change = changes.iter().find(|change| change.number == word.number);
    let first = matches!(word.kind, ChangeKind::Opened | ChangeKind::Escalated);
    let good = change.is_some_and(|change| word.kind == change.kind || (first && !ends(change.kind)));
    if !good {
        findings.add(Promise::WordOfChange, format!("{word:?} is of {:?}", change.map(|change| change.kind)));
    }
}

fn came_once(word: &Word, delivery: Option<&Delivery>, findings: &mut Findings) {
    match delivery {
        Some(delivery) if (delivery.alert, delivery.to.as_str()) == (word.alert, word.to.as_str()) => {
            if word.copies > 1 && delivery.unknown == 0 {
                findings.add(Promise::OneCopy, format!("{word:?} came {} times without an unknown", word.copies));
            }
            if delivery.state != State::Accepted && delivery.unknown == 0 {
                findings.add(Promise::OneCopy, format!("{word:?} came, and its delivery is {:?}", delivery.state));
            }
        }
        _ => findings.add(Promise::OneCopy, format!("{word:?} came with a key that is no delivery of it")),
    }
}

struct Told<'a> {
    outcome: &'a Outcome<'a>,
    alert: AlertId,
    /// Its last change.
    last: &'a Change,
}

impl Told<'_> {
    fn words(&self, to: &str) -> impl Iterator<Item = &Word> {
        self.outcome.words.iter().filter(move |word| word.alert == self.alert && word.to == to)
    }

    fn deliveries(&self, to: &str) -> impl Iterator<Item = &Delivery> {
        self.outcome.deliveries.iter().filter(move |delivery| delivery.alert == self.alert && delivery.to == to)
    }

    fn heard_the_last_word(&self, to: &str, findings: &mut Findings) {
        let heard = self.words(to).map(|word| word.number).max();
        let on_its_way = self.deliveries(to).any(|delivery| delivery.number == self.last.number && delivery.is_shown());
        if heard != Some(self.last.number) && !on_its_way {
            let found = format!("alert {}: {to} heard change {heard:?}, the last is {}", self.alert, self.last.number);
            findings.add(Promise::LastWordHeard, found);
        }
    }

    fn was_told_first(&self, to: &str, findings: &mut Findings) {
        let Some(back) = self.words(to).filter(|word| ends(word.kind)).map(|word| word.number).min() else { return };
        let told = self.words(to).any(|word| !ends(word.kind) && word.number < back);
        let perhaps = self.deliveries(to).any(|delivery| delivery.number < back && delivery.unknown > 0);
        if !told && !perhaps {
            findings.add(Promise::NobodyElse, format!("alert {}: {to} heard only that it is over", self.alert));
        }
    }

    fn stands_and_was_told(&self, to: &str, findings: &mut Findings) {
        let is_shown = self.deliveries(to).any(Delivery::is_shown);
        if self.words(to).next().is_none() && !is_shown {
            findings.add(Promise::StandingTold, format!("alert {}: {to} was not told, and it stands", self.alert));
        }
    }
}

#[cfg(test)]
mod tests {
    use ChangeKind::{Opened, Recalled};
    use jiff::Timestamp;

    use super::*;
    use crate::Beginning;
    use homeroom_domain::id::{DistrictId, RuleId, SchoolId, StudentKey};

    const ALERT: AlertId = AlertId::new([1; 16]);

    fn change(number: u32, kind: ChangeKind) -> Change {
        Change {
            alert: ALERT,
            number,
            kind,
            district: DistrictId::parse("d").unwrap(),
            student: StudentKey::new([7; 16]),
            school: SchoolId::parse("1").unwrap(),
            rule: RuleId::parse("r").unwrap(),
            level: 1,
            changed_at: Timestamp::UNIX_EPOCH,
        }
    }

    fn word(number: u32, kind: ChangeKind) -> Word {
        Word { alert: ALERT, number, kind, to: "mail".to_owned(), key: Uuid::from_u128(number.into()), copies: 1 }
    }

    fn delivery(number: u32, state: State, unknown: u32) -> Delivery {
        Delivery { key: Uuid::from_u128(number.into()), alert: ALERT, number, to: "mail".to_owned(), state, unknown }
    }

    fn judge(changes: &[Change], words: &[Word], deliveries: &[Delivery]) -> Vec<Promise> {
        let mut findings = Findings::default();
        let history = History::of_topic(changes.iter().cloned(), Beginning::Whole, &mut findings);
        let outcome = Outcome { history: &history, words, deliveries };
        check(&outcome, |_| vec!["mail".to_owned()], &mut findings);
        findings.iter().map(|violation| violation.promise).collect()
    }

    #[test]
    fn a_recall_goes_to_whoever_was_told_and_to_nobody_else() {
        let changes = [change(1, Opened), change(2, Recalled)];
        let both = [delivery(1, State::Accepted, 0), delivery(2, State::Accepted, 0)];
        assert_eq!(judge(&changes, &[word(1, Opened), word(2, Recalled)], &both), []);
        assert_eq!(judge(&changes, &[], &[delivery(1, State::Cancelled, 0)]), []);
        assert_eq!(judge(&changes, &[word(1, Opened)], &both), [Promise::LastWordHeard]);
        assert_eq!(judge(&changes, &[word(2, Recalled)], &both), [Promise::NobodyElse]);
        let perhaps = [delivery(1, State::Cancelled, 1), delivery(2, State::Accepted, 0)];
        assert_eq!(judge(&changes, &[word(2, Recalled)], &perhaps), []);
    }

    #[test]
    fn an_alert_that_stands_was_told_or_is_shown_as_given_up() {
        let standing = [change(1, Opened)];
        assert_eq!(judge(&standing, &[], &[]), [Promise::StandingTold]);
        assert_eq!(judge(&standing, &[], &[delivery(1, State::GivenUp, 0)]), []);
    }

    #[test]
    fn what_an_open_case_holds_back_is_not_told_yet_and_what_none_holds_is() {
        let standing = [change(1, Opened)];
        assert_eq!(judge(&standing, &[], &[delivery(1, State::Held, 0)]), []);
        assert_eq!(judge(&standing, &[], &[delivery(1, State::Pending, 0)]), [Promise::StandingTold]);
        let risen = [change(1, Opened), change(2, ChangeKind::Escalated)];
        let of_both = |state| [delivery(1, State::Accepted, 0), delivery(2, state, 0)];
        assert_eq!(judge(&risen, &[word(1, Opened)], &of_both(State::Held)), []);
        assert_eq!(judge(&risen, &[word(1, Opened)], &of_both(State::Pending)), [Promise::LastWordHeard]);
    }

    #[test]
    fn a_second_copy_needs_an_unknown_and_the_same_key() {
        let standing = [change(1, Opened)];
        let twice = [Word { copies: 2, ..word(1, Opened) }];
        assert_eq!(judge(&standing, &twice, &[delivery(1, State::Accepted, 0)]), [Promise::OneCopy]);
        assert_eq!(judge(&standing, &twice, &[delivery(1, State::Accepted, 1)]), []);
        let other_key = [word(1, Opened), Word { key: Uuid::nil(), ..word(1, Opened) }];
        assert_eq!(judge(&standing, &other_key, &[delivery(1, State::Accepted, 1)]), [Promise::OneCopy]);
    }

    #[test]
    fn a_word_of_no_change_is_seen() {
        let standing = [change(1, Opened)];
        let seen = judge(&standing, &[word(1, Recalled)], &[delivery(1, State::Accepted, 0)]);
        assert!(seen.contains(&Promise::WordOfChange));
    }
}
