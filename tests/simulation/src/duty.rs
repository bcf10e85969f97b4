//! A duty whose date has come is told of, once, and by no clock but the district's committed one.

use std::collections::BTreeMap;

use homeroom_bus::Record;
use homeroom_domain::alert::{AlertChange, ChangeKind};
use homeroom_domain::date::Date;
use homeroom_domain::settings::Now;
use homeroom_rules::simulation::Student;

use crate::model::oracle::Oracle;
use crate::model::rules::QUARTER;
use crate::model::truth::{Key, Whole};

/// A student as some commit left it: what is due by the words of then is what the open alert says, and who was told of it was told on
/// that date or later, once it has come.
pub(crate) fn told_when_due(
    whole: &Whole<'_>,
    oracle: &Oracle,
    (key, now): (&Key, Now),
    student: &Student,
) -> Option<String> {
    let episode = student.episodes.open().find(|episode| episode.told.rule.as_str() == QUARTER)?;
    let due_on = whole.due_on(oracle, now);
    let said = episode.told.claim()?.terms.duties.first()?.due_on;
    if said != due_on {
        return Some(format!("{key:?}: an alert says that its duty is due on {said:?}, and the truth is {due_on:?}"));
    }
    let told_at = episode.told_at;
    let is_late = due_on.is_some_and(|due_on| due_on <= now.today && told_at.today < due_on);
    is_late
        .then(|| format!("{key:?} as of {now:?}: a duty fell due on {due_on:?}, and was last told of at {told_at:?}"))
}

/// What a change says of the one duty that there is.
struct Said {
    kind: ChangeKind,
    level: i64,
    due_on: Option<Date>,
    today: Date,
}

impl Said {
    fn of(change: &AlertChange, told_at: Now) -> Self {
        let due_on = change.claim.terms.duties.first().and_then(|duty| duty.due_on);
        Self { kind: change.kind, level: change.claim.level, due_on, today: told_at.today }
    }

    fn has_fallen_due(&self) -> bool {
        self.due_on.is_some_and(|due_on| due_on <= self.today)
    }
}

/// Whatever happened to the processes: an alert of the rule that remembers rises with its level, or when its duty falls due, and at no
/// other time.
pub(crate) fn told_once(records: &[Record]) -> Vec<String> {
    let mut alerts: BTreeMap<String, BTreeMap<u32, Said>> = BTreeMap::new();
    for record in records {
        let Some(value) = record.value.as_deref() else { continue };
        if let Ok((change, Some((basis, _)))) = homeroom_proto::alert::decode_with_basis(value)
            && change.claim.rule.as_str() == QUARTER
        {
            let of_alert = alerts.entry(change.alert_id.to_string()).or_default();
            of_alert.insert(change.number, Said::of(&change, basis.told_at));
        }
    }
    let mut wrongs = Vec::new();
    for (alert, said) in &alerts {
        for ((_, before), (number, after)) in said.iter().zip(said.iter().skip(1)) {
            let rises = match after.kind {
                ChangeKind::Opened | ChangeKind::Cleared | ChangeKind::Recalled => continue,
                ChangeKind::Amended => false,
                ChangeKind::Escalated => true,
            };
            let falls_due = after.has_fallen_due() && !before.has_fallen_due();
            if rises != (after.level > before.level || falls_due) {
                wrongs
                    .push(format!("{alert}: change {number} is {:?}, and its duty fell due: {falls_due}", after.kind));
            }
        }
    }
    wrongs
}

/// How many alerts rose for nothing but that their duty fell due.
pub(crate) fn risen_when_due(told: &[AlertChange]) -> usize {
    told.iter().filter(|change| change.kind == ChangeKind::Escalated && change.reason.contains("due on ")).count()
}
