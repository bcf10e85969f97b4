//! What is told, as the files have it.

use std::fmt::Write as _;

use homeroom_domain::alert::{AlertChange, ChangeKind};
use homeroom_domain::id::RuleId;
use homeroom_domain::measure::Measure;

/// The lines behind a look.
pub(super) fn show(changes: &[AlertChange], rule: &RuleId) -> String {
    if changes.is_empty() {
        return "> nothing\n".to_owned();
    }
    let mut text = String::new();
    for change in changes {
        assert_eq!(change.claim.rule, *rule);
        line(&mut text, &heading(change));
        if !change.reason.is_empty() {
            line(&mut text, &format!("  {}", change.reason));
        }
        if matches!(change.kind, ChangeKind::Opened | ChangeKind::Escalated | ChangeKind::Amended) {
            proof(change, &mut text);
        }
    }
    text
}

fn line(text: &mut String, what: &str) {
    writeln!(text, "> {what}").unwrap();
}

fn heading(change: &AlertChange) -> String {
    let claim = &change.claim;
    let kind = format!("{:?}", change.kind).to_lowercase();
    let late = change.late_since.map_or_else(String::new, |since| format!(", late news since {since}"));
    match change.kind {
        ChangeKind::Cleared | ChangeKind::Recalled => kind,
        _ => {
            let severity = format!("{:?}", claim.severity).to_lowercase();
            format!("{kind} at level {}, {severity}, for {}{late}: {}", claim.level, claim.audience, claim.title)
        }
    }
}

fn proof(change: &AlertChange, text: &mut String) {
    let proof = &change.claim.proof;
    line(text, &format!("  because {}", proof.explanation));
    line(text, &format!("  clears {}", proof.clears_when));
    let measures = proof.measures.iter().map(|of| {
        let shown = Measure::find(&of.name).map_or_else(|| of.value.to_string(), |known| known.show(of.value));
        format!("{} {shown}", of.name)
    });
    let measures: Vec<String> = measures.collect();
    if !measures.is_empty() {
        line(text, &format!("  measures {}", measures.join(", ")));
    }
    terms(change, text);
    if let Some(newest) = proof.facts.first() {
        let many = proof.facts.len() + usize::try_from(proof.facts_left_off).unwrap();
        line(text, &format!("  facts {many}, the newest of {}: {}", newest.date, newest.what));
    }
}

fn terms(change: &AlertChange, text: &mut String) {
    let terms = &change.claim.terms;
    if terms.good_news {
        line(text, "  good news");
    }
    if terms.step > 0 {
        line(text, &format!("  step {} of its escalation", terms.step));
    }
    for duty in &terms.duties {
        let due = duty.due_on.map_or_else(|| "beyond the calendar".to_owned(), |date| format!("by {date}"));
        line(text, &format!("  due {due}: {}", duty.what));
    }
    for bar in &terms.barred {
        line(text, &format!("  barred: {}", bar.what));
    }
}
