//! An alert change as a person reads it, and as a script does.

use homeroom_proto::wire::alert::{AlertChange, CitedFact, Derivation, Duty, Kind, MeasureValue, Proof, Severity};
use homeroom_proto::wire::notification::DoneDuty;
use serde_json::{Value, json};

use super::duty::done_for_people;
use super::names::SchoolNames;
use super::unit;

/// How many facts a person is shown; the rest is counted.
const SHOWN_FACTS: usize = 5;

/// Some lines of text, ending with an empty one.
pub(crate) fn for_people(change: &AlertChange, teams: &[String], done: &[DoneDuty], names: &SchoolNames) -> String {
    let mut lines = vec![format!(
        "{}  {:<9}  {}: {}",
        to_the_second(&change.district_time),
        kind(change).to_uppercase(),
        if change.school_name.is_empty() { names.name(&change.school) } else { &change.school_name },
        change.title
    )];
    let mut line = |label: &str, value: &str| {
        if !value.is_empty() {
            lines.push(format!("    {label:<8} {value}"));
        }
    };
    line("reason", &change.reason);
    if let Some(since) = change.late_since {
        line("late", &format!("news of what was so on {} already", unit::date(since)));
    }
    if let Some(proof) = &change.proof {
        line("because", &proof.explanation);
        for fact in proof.facts.iter().take(SHOWN_FACTS) {
            line("fact", &fact_for_people(fact, names));
        }
        let more = proof.facts.len().saturating_sub(SHOWN_FACTS) + usize::try_from(proof.facts_left_off).unwrap_or(0);
        if more > 0 {
            line("", &format!("and {more} more"));
        }
        line("clears", &proof.clears_when);
        line("source", &proof.threshold_source);
    }
    for (place, duty) in (0..).zip(&change.duties) {
        line("due", &duty_for_people(duty));
        if let Some(done) = done.iter().find(|done| done.duty == place) {
            line("", &done_for_people(&done.done.clone().unwrap_or_default()));
        }
    }
    for barred in &change.barred {
        line("barred", &format!("{} ({})", barred.what, barred.source));
    }
    line("rule", &rule(change));
    line("student", &hex::encode(&change.student));
    line("told", &teams.join(", "));
    lines.push(String::new());
    lines.join("\n")
}

/// `2022-04-13T09:05:00.25` as `2022-04-13 09:05:00`.
pub(super) fn to_the_second(time: &str) -> String {
    time.split('.').next().unwrap_or_default().replace('T', " ")
}

/// By when, what, and who wants it.
pub(super) fn duty_for_people(duty: &Duty) -> String {
    let by = duty.due_on.map_or_else(|| "beyond the calendar".to_owned(), unit::date);
    let evidence = if duty.evidence.is_empty() { String::new() } else { format!("; shown by {}", duty.evidence) };
    format!("{by}  {} ({}{evidence})", duty.what, duty.source)
}

fn rule(change: &AlertChange) -> String {
    let as_of = change.proof.as_ref().map(|proof| format!(", as of {}", unit::date(proof.as_of))).unwrap_or_default();
    format!("{} version {}, {}{as_of}", change.rule, change.rule_version, severity(change))
}

fn fact_for_people(fact: &CitedFact, names: &SchoolNames) -> String {
    format!("{}  {} ({})", unit::date(fact.date), fact.what, names.name(&fact.school))
}

/// The same as one JSON object.
pub(crate) fn to_json(change: &AlertChange, teams: &[String], cursor: &str) -> Value {
    json!({
        "cursor": cursor,
        "alert_id": change.alert_id,
        "number": change.number,
        "kind": kind(change),
        "district": change.district,
        "student": hex::encode(&change.student),
        "school": change.school,
        "rule": change.rule,
        "rule_version": change.rule_version,
        "severity": severity(change),
        "level": change.level,
        "audience": change.audience,
        "title": change.title,
        "reason": change.reason,
        "proof": change.proof.as_ref().map(proof_to_json),
        "changed_at": change.changed_at.as_ref().map(ToString::to_string),
        "caused_at": change.caused_at.as_ref().map(ToString::to_string),
        "district_time": change.district_time,
        "late_since": change.late_since.map(unit::date),
        "message_key": change.message_key,
        "good_news": change.good_news,
        "quiet_while_case_open": change.quiet_while_case_open,
        "cutoff_minute": change.cutoff_minute,
        "escalation_step": change.escalation_step,
        "since": change.since.map(unit::date),
        "duties": change.duties.iter().map(duty_to_json).collect::<Vec<_>>(),
        "barred": change.barred.iter().map(|it| json!({ "what": it.what, "source": it.source })).collect::<Vec<_>>(),
        "fallen_due": change.fallen_due,
        "derived_from": change.derived_from.as_ref().map(derivation_to_json),
        "teams": teams,
    })
}

fn duty_to_json(duty: &Duty) -> Value {
    json!({
        "what": duty.what,
        "due_on": duty.due_on.map(unit::date),
        "source": duty.source,
        "evidence": duty.evidence,
    })
}

fn derivation_to_json(from: &Derivation) -> Value {
    json!({
        "partition": from.partition,
        "events_offset": from.events_offset,
        "caused_by_offset": from.caused_by_offset,
        "reference_offset": from.reference_offset,
        "today": unit::date(from.today),
        "as_of": unit::date(from.as_of),
    })
}

fn proof_to_json(proof: &Proof) -> Value {
    let measure = |m: &MeasureValue| json!({ "name": m.name, "value": m.value, "unit": m.unit });
    let fact = |f: &CitedFact| {
        json!({
            "date": unit::date(f.date),
            "school": f.school,
            "what": f.what,
            "code": f.code,
            "source": f.source,
            "record_key": hex::encode(&f.record_key),
            "revision": f.revision,
        })
    };
    json!({
        "as_of": unit::date(proof.as_of),
        "explanation": proof.explanation,
        "clears_when": proof.clears_when,
        "measures": proof.measures.iter().map(measure).collect::<Vec<_>>(),
        "facts": proof.facts.iter().map(fact).collect::<Vec<_>>(),
        "facts_left_off": proof.facts_left_off,
        "threshold_source": proof.threshold_source,
    })
}

/// What happened to the alert, in one word.
pub(crate) fn kind(change: &AlertChange) -> &'static str {
    match change.kind() {
        Kind::Opened => "opened",
        Kind::Amended => "amended",
        Kind::Escalated => "escalated",
        Kind::Cleared => "cleared",
        Kind::Recalled => "recalled",
        Kind::Unspecified => "changed",
    }
}

fn severity(change: &AlertChange) -> &'static str {
    match change.severity() {
        Severity::Notice => "notice",
        Severity::Warning => "warning",
        Severity::Urgent => "urgent",
        Severity::Unspecified => "unspecified",
    }
}

#[cfg(test)]
mod tests {
    use homeroom_proto::wire::alert::BarredReferral;
    use homeroom_proto::wire::notification::DutyDone;

    use super::*;

    fn absence() -> AlertChange {
        AlertChange {
            alert_id: "0b6f".to_owned(),
            number: 1,
            kind: Kind::Opened.into(),
            student: vec![0xab; 16].into(),
            school: "255901001".to_owned(),
            rule: "same-day-absence".to_owned(),
            rule_version: 1,
            severity: Severity::Warning.into(),
            title: "Unexplained absence today".to_owned(),
            district_time: "2022-04-13T09:05:00.25".to_owned(),
            proof: Some(Proof { as_of: 19_095, explanation: "absent 1 of 1 days".to_owned(), ..Proof::default() }),
            ..AlertChange::default()
        }
    }

    #[test]
    fn an_alert_explains_itself_on_a_few_lines() {
        let text = for_people(&absence(), &["255901001".to_owned()], &[], &SchoolNames::default());
        assert_eq!(
            text,
            "2022-04-13 09:05:00  OPENED     255901001: Unexplained absence today\n    because  absent 1 of 1 days\n    rule     \
             same-day-absence version 1, warning, as of 2022-04-13\n    student  abababababababababababababababab\n    told     \
             255901001\n"
        );
    }

    #[test]
    fn late_news_says_since_when() {
        let late = AlertChange { late_since: Some(19_055), ..absence() };
        let text = for_people(&late, &[], &[], &SchoolNames::default());
        assert!(text.contains("    late     news of what was so on 2022-03-04 already\n"), "{text}");
        assert_eq!(to_json(&late, &[], "7")["late_since"], "2022-03-04");
        assert!(to_json(&absence(), &[], "7")["late_since"].is_null());
    }

    #[test]
    fn what_is_due_is_told_with_its_date() {
        let letter = Duty {
            what: "A letter to the family".to_owned(),
            due_on: Some(19_105),
            source: "Law 1".to_owned(),
            evidence: "a copy".to_owned(),
        };
        let plan = Duty { what: "A plan".to_owned(), source: "Law 2".to_owned(), ..Duty::default() };
        let barred = vec![BarredReferral { what: "Court".to_owned(), source: "Law 3".to_owned() }];
        let due = AlertChange { duties: vec![letter, plan], barred, since: Some(19_095), ..absence() };
        let done = DutyDone { done_by: "office".to_owned(), done_at: Some(prost_types::Timestamp::default()) };
        let done = [DoneDuty { duty: 0, done: Some(done) }];
        let text = for_people(&due, &[], &done, &SchoolNames::default());
        let expected = "    due      2022-04-23  A letter to the family (Law 1; shown by a copy)
             done at 1970-01-01T00:00:00Z, by key office
    due      beyond the calendar  A plan (Law 2)
    barred   Court (Law 3)
";
        assert!(text.contains(expected), "{text}");
        let json = to_json(&due, &[], "7");
        assert_eq!((&json["duties"][0]["due_on"], &json["since"]), (&json!("2022-04-23"), &json!("2022-04-13")));
        assert!(json["duties"][1]["due_on"].is_null());
    }

    #[test]
    fn a_script_reads_dates_and_keys_as_text() {
        let value = to_json(&absence(), &[], "7");
        assert_eq!(value["proof"]["as_of"], "2022-04-13");
        assert_eq!(value["student"], "ab".repeat(16));
        assert_eq!(value["kind"], "opened");
    }
}
