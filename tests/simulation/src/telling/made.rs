//! What a telling is made of: the rule as a seed has it, its alert's changes, and who may be told.

use homeroom_domain::alert::{AlertChange, ChangeKind, Claim, DueDuty, Proof, Severity, Terms};
use homeroom_domain::id::{AlertId, DistrictId, RuleId, StudentKey};
use homeroom_notification::plan::Recipient;
use jiff::civil::{DateTime, date};
use jiff::{SignedDuration, Timestamp};

use crate::dice::Dice;
use crate::names;

/// The alert.
pub(super) const ALERT: AlertId = AlertId::new([1; 16]);

/// How the rule has its alerts told.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rule {
    /// Minute of the day before which nobody is told for the first time.
    pub(super) cutoff_minute: Option<u16>,
    settle_seconds: u32,
    /// It may wait while a case is open.
    pub(super) is_quiet: bool,
}

impl Rule {
    pub(super) fn of(dice: &mut Dice) -> Self {
        Self {
            cutoff_minute: dice.of(&[None, Some(9 * 60 + 30)]),
            settle_seconds: dice.of(&[0, 600]),
            is_quiet: dice.one_in(2),
        }
    }

    /// A change of the alert, decided at this moment; a rise for nothing but its date when so.
    pub(super) fn change(self, number: u32, kind: ChangeKind, at: Timestamp, of_its_date: bool) -> AlertChange {
        let duty =
            DueDuty { what: "A letter".to_owned(), due_on: None, source: String::new(), evidence: String::new() };
        let terms = Terms {
            quiet_while_case_open: self.is_quiet,
            cutoff_minute: self.cutoff_minute,
            duties: vec![duty],
            ..Terms::default()
        };
        AlertChange {
            alert_id: ALERT,
            number,
            kind,
            district: DistrictId::parse("north").expect("it is an id"),
            student: StudentKey::new([7; 16]),
            school: names::school("s1"),
            school_name: String::new(),
            claim: Claim {
                rule: RuleId::parse("absent").expect("it is an id"),
                rule_version: 1,
                severity: Severity::Warning,
                level: 1,
                audience: "attendance".into(),
                title: "Absent".into(),
                settle_seconds: self.settle_seconds,
                proof: nothing_proved(),
                terms,
            },
            reason: String::new(),
            changed_at: at,
            caused_at: None,
            district_time: local(at),
            late_since: None,
            fallen_due: if of_its_date { vec![0] } else { Vec::new() },
        }
    }
}

fn nothing_proved() -> Proof {
    Proof {
        as_of: names::date(0),
        explanation: "".into(),
        clears_when: "".into(),
        measures: Vec::new(),
        facts: Vec::new(),
        facts_left_off: 0,
        threshold_source: "".into(),
    }
}

/// What the district's clocks say then.
pub(super) fn local(at: Timestamp) -> DateTime {
    let since = SignedDuration::from_secs(at.as_second());
    date(1970, 1, 1).at(0, 0, 0, 0).saturating_add(since)
}

/// Who is told at once, by this address.
pub(super) fn recipient(address: &str) -> Recipient {
    Recipient {
        team: address.to_owned(),
        channel: "mail".to_owned(),
        address: address.to_owned(),
        after: SignedDuration::ZERO,
    }
}
