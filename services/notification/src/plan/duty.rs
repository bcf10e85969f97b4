//! Duties that somebody has done, and rises for nothing but duties whose date has come. Pure.
//!
//! A date comes at midnight, and nobody need be woken for it: such a rise is told within the hours of a school day, unless the alert is
//! urgent. Of duties that are done by then it is not told at all.

use std::collections::BTreeSet;

use homeroom_domain::alert::{AlertChange, ChangeKind, DueDuty, Severity};

/// One of an alert's duties. A later change may say its duties in another order, and of several to do the same the first is the first
/// that is due: so it is known by what is to be done, and which of those it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DutyKey {
    /// What is to be done, as the rule says it.
    pub what: String,
    /// Which of the duties to do that, from 1.
    pub occurrence: u32,
}

impl DutyKey {
    /// Of an alert's duties, in their order, by what is to be done.
    pub fn all<'a>(whats: impl IntoIterator<Item = &'a str>) -> Vec<Self> {
        let mut keys: Vec<Self> = Vec::new();
        for what in whats {
            let before = keys.iter().filter(|key| key.what == what).map(|key| key.occurrence).max();
            keys.push(Self { what: what.to_owned(), occurrence: before.map_or(1, |before| before.saturating_add(1)) });
        }
        keys
    }

    /// Of these duties, in their order.
    pub fn of(duties: &[DueDuty]) -> Vec<Self> {
        Self::all(duties.iter().map(|duty| duty.what.as_str()))
    }
}

/// Whether the change is a rise for nothing but duties that are all done. Nobody is told of it.
pub fn is_done(change: &AlertChange, done: &BTreeSet<DutyKey>) -> bool {
    if !is_of_dates_alone(change) {
        return false;
    }
    let keys = DutyKey::of(&change.claim.terms.duties);
    let key = |place: &u32| usize::try_from(*place).ok().and_then(|place| keys.get(place));
    change.fallen_due.iter().all(|place| key(place).is_some_and(|key| done.contains(key)))
}

/// Whether the change may wait for the hours of a school day.
pub(super) fn waits_for_hours(change: &AlertChange) -> bool {
    is_of_dates_alone(change) && change.claim.severity < Severity::Urgent
}

fn is_of_dates_alone(change: &AlertChange) -> bool {
    change.kind == ChangeKind::Escalated && !change.fallen_due.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    fn risen(fallen_due: &[u32]) -> AlertChange {
        let mut change = sample::change(2, ChangeKind::Escalated);
        let duty = |what: &str| DueDuty {
            what: what.to_owned(),
            due_on: None,
            source: String::new(),
            evidence: String::new(),
        };
        change.claim.terms.duties = ["Letter", "Meeting", "Letter"].map(duty).into();
        change.fallen_due = fallen_due.to_vec();
        change
    }

    fn done(keys: &[(&str, u32)]) -> BTreeSet<DutyKey> {
        keys.iter().map(|(what, occurrence)| DutyKey { what: (*what).to_owned(), occurrence: *occurrence }).collect()
    }

    #[test]
    fn of_two_letters_each_is_done_by_itself() {
        assert!(is_done(&risen(&[0]), &done(&[("Letter", 1)])));
        assert!(!is_done(&risen(&[2]), &done(&[("Letter", 1)])));
        assert!(is_done(&risen(&[2]), &done(&[("Letter", 2)])));
    }

    #[test]
    fn a_rise_is_told_unless_all_that_it_is_for_is_done() {
        assert!(!is_done(&risen(&[0, 1]), &done(&[("Letter", 1)])));
        assert!(is_done(&risen(&[0, 1]), &done(&[("Letter", 1), ("Meeting", 1)])));
        assert!(!is_done(&risen(&[]), &done(&[("Letter", 1)])), "it rises for something else");
        assert!(!is_done(&risen(&[7]), &done(&[("Letter", 1)])), "a place that there is not is not done");
    }
}
