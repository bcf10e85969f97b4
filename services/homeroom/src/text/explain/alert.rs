//! An alert, derived again, as a person reads it and as a script does.

use homeroom_proto::wire::alert::{AlertChange, Derivation};
use homeroom_proto::wire::risk::{BeforeAndAfter, DerivedAgain, ExplainAlertResponse, Verdict};
use serde_json::{Value, json};

use super::changes::{left_off, said_and_says, shifts};
use super::{Page, json as wire_json};
use crate::text::names::SchoolNames;
use crate::text::{alert, unit};

/// Its changes in their order, each with whether the log comes to the same; then its last claim, before and after.
pub(crate) fn for_people(told: &ExplainAlertResponse, names: &SchoolNames) -> String {
    let mut page = Page(String::new());
    if let Some(change) = told.changes.iter().find_map(|of| of.change.as_ref()) {
        page.line(&format!("alert {}, {}: {}", change.alert_id, names.name(&change.school), change.title));
        let standing = if told.standing.is_empty() { "nothing is stored of it any more" } else { &told.standing };
        page.line(&format!("student {}; {standing}", hex::encode(&change.student)));
    }
    page.heading("As it was told");
    left_off(&mut page, "older changes that are left off", told.left_off);
    for of in &told.changes {
        change(&mut page, of, names);
    }
    if let Some(claim) = &told.claim {
        before_and_after(&mut page, claim);
    }
    if !told.records.is_empty() {
        page.heading("Records that say something else since");
        told.records.iter().for_each(|record| said_and_says(&mut page, record));
        left_off(&mut page, "changed records that are left off", told.records_left_off);
    }
    page.0
}

fn change(page: &mut Page, of: &DerivedAgain, names: &SchoolNames) {
    let Some(change) = &of.change else { return };
    let at = alert::to_the_second(&change.district_time);
    page.line(&format!("  {}  {at}  {}", change.number, alert::kind(change).to_uppercase()));
    page.note("rule", &format!("{} version {}", change.rule, change.rule_version));
    page.note("reason", &change.reason);
    if let Some(proof) = &change.proof {
        page.note("because", &proof.explanation);
        for fact in &proof.facts {
            let (date, school) = (unit::date(fact.date), names.name(&fact.school));
            page.note("fact", &format!("{date}  {} ({school}; {} of {})", fact.what, fact.code, fact.source));
        }
    }
    page.note("from", &positions(of, change));
    page.note("again", &verdict(of));
}

/// Where it lies, and what it was derived from.
fn positions(of: &DerivedAgain, change: &AlertChange) -> String {
    let lies = format!("alerts {}/{}", of.partition, of.offset);
    let Some(from) = &change.derived_from else { return lies };
    let Derivation { partition, events_offset, reference_offset, .. } = from;
    let cause = match from.caused_by_offset {
        Some(offset) => format!("caused by event {partition}/{offset}"),
        None => "caused by the clock or by reference data".to_owned(),
    };
    format!("{lies}; {cause}, events {partition} below {events_offset}, reference below {reference_offset}")
}

fn verdict(of: &DerivedAgain) -> String {
    let why = of.differences.join("; ");
    match of.verdict() {
        Verdict::Same => "the log comes to the same, word for word".to_owned(),
        Verdict::Different => format!("DIFFERENT: {why}"),
        Verdict::CannotBeTold | Verdict::Unspecified => format!("cannot be told: {why}"),
    }
}

fn before_and_after(page: &mut Page, claim: &BeforeAndAfter) {
    page.heading(&format!("What change {} said of {}, by what is known now", claim.number, unit::date(claim.as_of)));
    page.note("before", &claim.explanation_before);
    let after = match (claim.cannot_be_told.as_str(), claim.holds) {
        ("", true) => claim.explanation_after.clone(),
        ("", false) => "the rule does not hold".to_owned(),
        (why, _) => format!("cannot be told: {why}"),
    };
    page.note("after", &after);
    if claim.cannot_be_told.is_empty() {
        page.note("measures", &shifts(&claim.measures, "as they were"));
    }
}

/// The same as one JSON object.
pub(crate) fn to_json(told: &ExplainAlertResponse) -> Value {
    let change = |of: &DerivedAgain| {
        json!({
            "change": of.change.as_ref().map(|change| alert::to_json(change, &[], "")),
            "partition": of.partition,
            "offset": of.offset,
            "verdict": match of.verdict() {
                Verdict::Same => "same",
                Verdict::Different => "different",
                Verdict::CannotBeTold | Verdict::Unspecified => "cannot be told",
            },
            "differences": of.differences,
        })
    };
    let claim = |claim: &BeforeAndAfter| {
        json!({
            "number": claim.number,
            "as_of": unit::date(claim.as_of),
            "today": unit::date(claim.today),
            "explanation_before": claim.explanation_before,
            "explanation_after": claim.explanation_after,
            "holds": claim.holds,
            "cannot_be_told": claim.cannot_be_told,
            "measures": claim.measures.iter().map(wire_json::shift).collect::<Vec<_>>(),
        })
    };
    json!({
        "changes": told.changes.iter().map(change).collect::<Vec<_>>(),
        "left_off": told.left_off,
        "standing": told.standing,
        "claim": told.claim.as_ref().map(claim),
        "records": told.records.iter().map(wire_json::record).collect::<Vec<_>>(),
        "records_left_off": told.records_left_off,
    })
}

#[cfg(test)]
mod tests {
    use homeroom_proto::wire::alert::{CitedFact, Kind, Proof};
    use homeroom_proto::wire::risk::Shift;

    use super::*;

    fn told(verdict: Verdict, differences: &[&str]) -> ExplainAlertResponse {
        let fact = CitedFact {
            date: 19_095,
            what: "unexcused absence".to_owned(),
            source: "sis".to_owned(),
            ..CitedFact::default()
        };
        let proof = Proof { explanation: "absent 1 of 1 days".to_owned(), facts: vec![fact], ..Proof::default() };
        let derived_from = Derivation {
            partition: 3,
            events_offset: 9,
            caused_by_offset: Some(8),
            reference_offset: 5,
            ..Derivation::default()
        };
        let change = AlertChange {
            alert_id: "0b6f".to_owned(),
            number: 1,
            kind: Kind::Opened.into(),
            rule: "streak".to_owned(),
            rule_version: 2,
            district_time: "2022-04-13T09:05:00.25".to_owned(),
            proof: Some(proof),
            derived_from: Some(derived_from),
            ..AlertChange::default()
        };
        let differences = differences.iter().map(|&text| text.to_owned()).collect();
        let derived =
            DerivedAgain { change: Some(change), partition: 3, offset: 4, verdict: verdict.into(), differences };
        let shift = Shift { name: "absent".to_owned(), without: "2".to_owned(), with: "1".to_owned() };
        let claim = BeforeAndAfter {
            number: 1,
            as_of: 19_095,
            explanation_before: "two".to_owned(),
            measures: vec![shift],
            ..BeforeAndAfter::default()
        };
        ExplainAlertResponse {
            changes: vec![derived],
            standing: "recalled".to_owned(),
            claim: Some(claim),
            ..ExplainAlertResponse::default()
        }
    }

    #[test]
    fn a_change_is_told_with_its_positions_and_whether_it_comes_out_the_same() {
        let text = for_people(&told(Verdict::Same, &[]), &SchoolNames::default());
        for line in [
            "  1  2022-04-13 09:05:00  OPENED\n",
            "alerts 3/4; caused by event 3/8, events 3 below 9, reference below 5\n",
            "the log comes to the same, word for word\n",
            "before   two\n",
            "after    the rule does not hold\n",
            "absent 1 instead of 2\n",
        ] {
            assert!(text.contains(line), "{line:?} is not in {text}");
        }
        let text = for_people(&told(Verdict::Different, &["level: 1, 2"]), &SchoolNames::default());
        assert!(text.contains("DIFFERENT: level: 1, 2\n"), "{text}");
    }

    #[test]
    fn a_script_reads_positions_and_verdicts() {
        let json = to_json(&told(Verdict::CannotBeTold, &["expired"]));
        let change = &json["changes"][0];
        assert_eq!(
            (change["verdict"].as_str(), change["change"]["derived_from"]["reference_offset"].as_i64()),
            (Some("cannot be told"), Some(5))
        );
        assert_eq!(
            (json["standing"].as_str(), json["claim"]["measures"][0]["with"].as_str()),
            (Some("recalled"), Some("1"))
        );
    }
}
