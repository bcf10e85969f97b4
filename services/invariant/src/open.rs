//! What is open, against the facts and against what is stored.

use std::collections::{BTreeMap, BTreeSet};

use crate::history::{History, ends};
use crate::{Findings, Promise};
use homeroom_domain::alert::ChangeKind;
use homeroom_domain::episode::{Episodes, Standing};
use homeroom_domain::id::{AlertId, DistrictId, RuleId, StudentKey};

/// Something that a rule says of a student.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Claimed {
    /// The institution.
    pub district: DistrictId,
    /// Whom it concerns.
    pub student: StudentKey,
    /// The rule.
    pub rule: RuleId,
    /// What the rule grades.
    pub level: i64,
}

/// The open alerts of a history are what the facts say, no more and no less.
pub fn check(history: &History, facts: &BTreeSet<Claimed>, findings: &mut Findings) {
    let open: BTreeSet<Claimed> = history
        .open()
        .map(|change| Claimed {
            district: change.district.clone(),
            student: change.student,
            rule: change.rule.clone(),
            level: change.level,
        })
        .collect();
    for missing in facts.difference(&open) {
        findings.add(Promise::OpenByFacts, format!("due and not open: {missing:?}"));
    }
    for phantom in open.difference(facts) {
        findings.add(Promise::OpenByFacts, format!("open and not due: {phantom:?}"));
    }
}

/// Each stored episode is what was published of it, and each open alert of these students is stored. What was forgotten is
/// past, so an alert that has ended need not be stored.
pub fn check_stored<'a>(
    history: &History,
    stored: impl IntoIterator<Item = (&'a DistrictId, StudentKey, &'a Episodes)>,
    findings: &mut Findings,
) {
    let mut open: BTreeMap<AlertId, _> = history.open().map(|change| (change.alert, change)).collect();
    for (district, student, episodes) in stored {
        for episode in episodes.iter() {
            let alert = episode.alert_id(district, student);
            open.remove(&alert);
            let told = history.of(alert).last().map(|last| (last.number, standing(last.kind)));
            // Nobody hears any more of an alert that has ended; and one that stays open may be older than what a topic keeps.
            let forgotten = told.is_none() && (history.is_cut() || episode.standing != Standing::Open);
            if !forgotten && told != Some((episode.number, episode.standing)) {
                let (number, standing) = (episode.number, episode.standing);
                let found = format!(
                    "{district}: student {student}, rule {}: stored are {number} changes ({standing:?}), published {told:?}",
                    episode.told.rule
                );
                findings.add(Promise::StoredAsTold, found);
            }
        }
    }
    for change in open.into_values() {
        findings.add(Promise::StoredAsTold, format!("{} is open and not stored", super::history::name(change)));
    }
}

fn standing(last: ChangeKind) -> Standing {
    match last {
        ChangeKind::Recalled => Standing::Recalled,
        kind if ends(kind) => Standing::Cleared,
        _ => Standing::Open,
    }
}
