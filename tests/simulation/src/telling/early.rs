//! What may not be told yet, by the plainest reading of the promises: nothing here asks how the product has it.

use homeroom_domain::alert::{AlertChange, ChangeKind};
use jiff::civil::{DateTime, Weekday};
use jiff::{SignedDuration, Timestamp};

use super::made::{Rule, local};

/// Time in a telling goes by steps of so long.
pub(super) const STEP: SignedDuration = SignedDuration::from_mins(10);

/// A word that is about to be sent.
pub(super) struct Leaving<'a> {
    pub(super) rule: Rule,
    /// The change that it was planned for.
    pub(super) planned_for: &'a AlertChange,
    /// The change whose words it has.
    pub(super) content: &'a AlertChange,
    /// Its recipient has been sent nothing before.
    pub(super) is_first: bool,
    pub(super) case_is_open: bool,
    pub(super) now: Timestamp,
}

/// Why it should not be sent now; none when it may be.
pub(super) fn why(leaving: &Leaving<'_>) -> Option<String> {
    let Leaving { planned_for, content, now, .. } = leaving;
    let problem = if leaving.case_is_open && may_wait_for_a_case(leaving.rule, content.kind) {
        "while a case holds it back"
    } else if leaving.is_first && is_before_cutoff(leaving.rule, planned_for, *now) {
        "before the cutoff"
    } else if is_of_its_date(planned_for, content) && !hours_have_come(planned_for.changed_at, *now) {
        "before the hours of a school day"
    } else {
        return None;
    };
    Some(format!("change {} is told {problem}, at {}", content.number, local(*now)))
}

/// What takes back an earlier word is held by no case.
pub(super) fn may_wait_for_a_case(rule: Rule, kind: ChangeKind) -> bool {
    rule.is_quiet && !matches!(kind, ChangeKind::Cleared | ChangeKind::Recalled)
}

/// On the day of the decision.
fn is_before_cutoff(rule: Rule, change: &AlertChange, now: Timestamp) -> bool {
    let (decided, now) = (change.district_time, local(now));
    let minute = u16::try_from(now.hour()).unwrap_or(0) * 60 + u16::try_from(now.minute()).unwrap_or(0);
    decided.date() == now.date() && rule.cutoff_minute.is_some_and(|cutoff| minute < cutoff)
}

/// It says nothing but that a date has come, and nothing later.
fn is_of_its_date(planned_for: &AlertChange, content: &AlertChange) -> bool {
    planned_for.number == content.number && !content.fallen_due.is_empty()
}

fn hours_have_come(since: Timestamp, now: Timestamp) -> bool {
    let mut at = since;
    while at <= now {
        if is_school_hours(local(at)) {
            return true;
        }
        at += STEP;
    }
    false
}

fn is_school_hours(at: DateTime) -> bool {
    !matches!(at.weekday(), Weekday::Saturday | Weekday::Sunday) && (7..16).contains(&at.hour())
}
