//! The history of alerts, as a topic or a feed tells it.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::{Findings, Promise};
use homeroom_domain::alert::{AlertChange, ChangeKind};
use homeroom_domain::id::{AlertId, DistrictId, RuleId, SchoolId, StudentKey};

/// What a history is checked by of one change of one alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The alert.
    pub alert: AlertId,
    /// From 1.
    pub number: u32,
    /// What happened to it.
    pub kind: ChangeKind,
    /// The institution.
    pub district: DistrictId,
    /// Whom it concerns.
    pub student: StudentKey,
    /// The school whose team is told.
    pub school: SchoolId,
    /// The rule that says it.
    pub rule: RuleId,
    /// What the rule grades.
    pub level: i64,
    /// When it was decided: of one change there is one decision.
    pub changed_at: Timestamp,
}

impl From<&AlertChange> for Change {
    fn from(change: &AlertChange) -> Self {
        Self {
            alert: change.alert_id,
            number: change.number,
            kind: change.kind,
            district: change.district.clone(),
            student: change.student,
            school: change.school.clone(),
            rule: change.claim.rule.clone(),
            level: change.claim.level,
            changed_at: change.changed_at,
        }
    }
}

/// Whether what is read begins where the alerts did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beginning {
    /// Nothing was left out.
    Whole,
    /// Old records have expired: an alert may begin in its middle.
    Cut,
}

/// The changes of each alert in order of number, without repeats.
#[derive(Debug, Default)]
pub struct History {
    alerts: BTreeMap<AlertId, Vec<Change>>,
    cut: bool,
}

/// Whose alert of which rule.
type Subject = (DistrictId, StudentKey, RuleId);

impl History {
    /// As a topic tells it: at least once, so a change may be there again, and after a partly failed append before an earlier one.
    pub fn of_topic(changes: impl IntoIterator<Item = Change>, beginning: Beginning, findings: &mut Findings) -> Self {
        let mut reader = Reader { beginning, ..Reader::default() };
        for change in changes {
            reader.take(change, findings);
        }
        Self { cut: beginning == Beginning::Cut, ..reader.end(findings) }
    }

    /// As a feed tells it: each change once, in order.
    pub fn of_feed(changes: impl IntoIterator<Item = Change>, findings: &mut Findings) -> Self {
        let mut reader = Reader::default();
        for change in changes {
            let known = reader.known(change.alert);
            if change.number <= known {
                findings.add(Promise::OneDecision, format!("{} came again", name(&change)));
            } else if change.number != known + 1 {
                findings.add(Promise::Numbers, format!("{} came after number {known}", name(&change)));
            }
            reader.take(change, findings);
        }
        reader.end(findings)
    }

    /// Whether old records have expired, and an alert may be unknown for that.
    pub(super) const fn is_cut(&self) -> bool {
        self.cut
    }

    /// The changes of an alert, in order of number.
    pub fn of(&self, alert: AlertId) -> &[Change] {
        self.alerts.get(&alert).map_or(&[], Vec::as_slice)
    }

    /// Each alert's changes, in order of number and never empty.
    pub fn alerts(&self) -> impl Iterator<Item = (AlertId, &[Change])> {
        self.alerts.iter().map(|(alert, changes)| (*alert, changes.as_slice()))
    }

    /// The last change of each alert.
    pub fn last(&self) -> impl Iterator<Item = &Change> {
        self.alerts.values().filter_map(|changes| changes.last())
    }

    /// The last change of each alert that is open.
    pub fn open(&self) -> impl Iterator<Item = &Change> {
        self.last().filter(|change| !ends(change.kind))
    }
}

/// Whether a change closes its alert.
pub const fn ends(kind: ChangeKind) -> bool {
    matches!(kind, ChangeKind::Cleared | ChangeKind::Recalled)
}

/// A change by its ids.
pub(super) fn name(change: &Change) -> String {
    let Change { alert, number, kind, district, student, rule, .. } = change;
    format!("{district}: student {student}, rule {rule}: change {number} ({kind:?}) of alert {alert}")
}

struct Reader {
    beginning: Beginning,
    history: History,
    /// Changes that came before an earlier one of their alert.
    early: BTreeMap<AlertId, BTreeMap<u32, Change>>,
    open: BTreeMap<Subject, AlertId>,
    /// Something came early: then nothing can be said of the order between alerts.
    disordered: bool,
}

impl Default for Reader {
    fn default() -> Self {
        Self {
            beginning: Beginning::Whole,
            history: History::default(),
            early: BTreeMap::new(),
            open: BTreeMap::new(),
            disordered: false,
        }
    }
}

impl Reader {
    fn known(&self, alert: AlertId) -> u32 {
        self.history.of(alert).last().map_or(0, |change| change.number)
    }

    fn take(&mut self, change: Change, findings: &mut Findings) {
        let known = self.known(change.alert);
        let begins = self.history.of(change.alert).is_empty() && self.beginning == Beginning::Cut;
        if change.number <= known {
            self.repeat(&change, findings);
        } else if change.number == known + 1 || begins {
            let alert = change.alert;
            self.append(change, findings);
            let next = self.known(alert) + 1;
            if let Some(next) = self.early.get_mut(&alert).and_then(|early| early.remove(&next)) {
                self.take(next, findings);
            }
        } else {
            self.disordered = true;
            let early = self.early.entry(change.alert).or_default();
            if early.get(&change.number).is_some_and(|before| *before != change) {
                findings.add(Promise::OneDecision, format!("{} has two contents", name(&change)));
            }
            early.insert(change.number, change);
        }
    }

    fn repeat(&self, change: &Change, findings: &mut Findings) {
        let before = self.history.of(change.alert).iter().find(|before| before.number == change.number);
        // Before the first kept one there may have been anything.
        if before.is_some_and(|before| before != change) || change.number == 0 {
            findings.add(Promise::OneDecision, format!("{} has two contents: {before:?} and {change:?}", name(change)));
        }
    }

    fn append(&mut self, change: Change, findings: &mut Findings) {
        let changes = self.history.alerts.entry(change.alert).or_default();
        let before = changes.last().map(|change| change.kind);
        let cut = self.beginning == Beginning::Cut && before.is_none();
        if !cut && !follows(before, change.kind) {
            findings.add(Promise::Sequence, format!("{} follows {before:?}", name(&change)));
        }
        let subject = (change.district.clone(), change.student, change.rule.clone());
        if ends(change.kind) {
            if self.open.get(&subject) == Some(&change.alert) {
                self.open.remove(&subject);
            }
        } else if let Some(other) = self.open.insert(subject, change.alert)
            && other != change.alert
            && !self.disordered
        {
            findings.add(Promise::OneOpen, format!("{} while alert {other} is open", name(&change)));
        }
        changes.push(change);
    }

    fn end(self, findings: &mut Findings) -> History {
        for change in self.early.values().flat_map(BTreeMap::values) {
            let known = self.known(change.alert);
            findings.add(Promise::Numbers, format!("{} is there, and none after {known}", name(change)));
        }
        if self.disordered {
            let mut open: BTreeMap<Subject, AlertId> = BTreeMap::new();
            for change in self.history.open() {
                let subject = (change.district.clone(), change.student, change.rule.clone());
                if let Some(other) = open.insert(subject, change.alert) {
                    findings.add(Promise::OneOpen, format!("{} while alert {other} is open", name(change)));
                }
            }
        }
        self.history
    }
}

fn follows(before: Option<ChangeKind>, kind: ChangeKind) -> bool {
    match before {
        None => kind == ChangeKind::Opened,
        Some(ChangeKind::Opened | ChangeKind::Amended | ChangeKind::Escalated) => kind != ChangeKind::Opened,
        // What was right may turn out wrong; nothing else can become of it.
        Some(ChangeKind::Cleared) => kind == ChangeKind::Recalled,
        Some(ChangeKind::Recalled) => false,
    }
}

#[cfg(test)]
mod tests {
    use ChangeKind::{Amended, Cleared, Opened, Recalled};

    use super::*;

    fn change(alert: u8, number: u32, kind: ChangeKind) -> Change {
        Change {
            alert: AlertId::new([alert; 16]),
            number,
            kind,
            district: DistrictId::parse("d").unwrap(),
            student: StudentKey::new([7; 16]),
            school: SchoolId::parse("1").unwrap(),
            rule: RuleId::parse("r").unwrap(),
            level: 1,
            changed_at: Timestamp::from_second(i64::from(number)).unwrap(),
        }
    }

    fn topic(changes: &[Change]) -> Vec<Promise> {
        let mut findings = Findings::default();
        History::of_topic(changes.iter().cloned(), Beginning::Whole, &mut findings);
        findings.iter().map(|violation| violation.promise).collect()
    }

    #[test]
    fn a_topic_may_repeat_and_may_keep_a_later_change_first() {
        let (one, two, three) = (change(1, 1, Opened), change(1, 2, Cleared), change(1, 3, Recalled));
        assert_eq!(topic(&[one.clone(), two.clone(), one.clone(), two.clone(), three.clone()]), []);
        assert_eq!(topic(&[two.clone(), one.clone(), two.clone(), three]), []);
        assert_eq!(topic(&[two, change(1, 4, Recalled), one]), [Promise::Numbers]);
    }

    #[test]
    fn a_repeat_that_was_decided_again_is_seen() {
        let again = Change { changed_at: Timestamp::UNIX_EPOCH, ..change(1, 1, Opened) };
        assert_eq!(topic(&[change(1, 1, Opened), again]), [Promise::OneDecision]);
    }

    #[test]
    fn nothing_follows_a_recall_and_an_opening_is_first() {
        assert_eq!(topic(&[change(1, 1, Amended)]), [Promise::Sequence]);
        assert_eq!(topic(&[change(1, 1, Opened), change(1, 2, Recalled), change(1, 3, Amended)]), [Promise::Sequence]);
    }

    #[test]
    fn a_rule_has_one_open_alert_of_a_student() {
        assert_eq!(topic(&[change(1, 1, Opened), change(2, 1, Opened)]), [Promise::OneOpen]);
        assert_eq!(topic(&[change(1, 1, Opened), change(1, 2, Cleared), change(2, 1, Opened)]), []);
    }

    #[test]
    fn a_feed_tells_each_change_once_and_in_order() {
        let feed = |changes: &[Change]| {
            let mut findings = Findings::default();
            History::of_feed(changes.iter().cloned(), &mut findings);
            findings.is_empty()
        };
        let (one, two) = (change(1, 1, Opened), change(1, 2, Recalled));
        assert!(feed(&[one.clone(), two.clone()]));
        assert!(!feed(&[one.clone(), one.clone(), two.clone()]));
        assert!(!feed(&[two, one]));
    }

    #[test]
    fn a_cut_topic_may_begin_in_the_middle() {
        let mut findings = Findings::default();
        let history = History::of_topic([change(1, 5, Amended), change(1, 6, Recalled)], Beginning::Cut, &mut findings);
        assert!(findings.is_empty(), "{findings}");
        assert_eq!(history.open().count(), 0);
    }
}
