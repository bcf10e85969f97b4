//! Alerts derived again from the log by the running service, and told before and after a correction.

use homeroom_bus::{Log as _, NewRecord, Topic};
use homeroom_domain::alert::ChangeKind;
use homeroom_domain::rule::DEFAULT_PACK;
use homeroom_proto::alert::{decode_told, encode_told};
use homeroom_proto::wire::risk as wire;
use homeroom_proto::wire::risk::risk_explanation_client::RiskExplanationClient;
use tonic::{Code, Status};
use uuid::Uuid;

use crate::district::{day, student};
use crate::world::{Service, World};

async fn explain(service: &Service, alert_id: &str) -> Result<wire::ExplainAlertResponse, Status> {
    explain_of(service, alert_id, &[]).await
}

async fn explain_of(service: &Service, alert_id: &str, student: &[u8]) -> Result<wire::ExplainAlertResponse, Status> {
    let mut client = RiskExplanationClient::new(service.channel());
    let request = wire::ExplainAlertRequest { alert_id: alert_id.to_owned(), student: student.to_vec().into() };
    client.explain_alert(service.request(request)).await.map(tonic::Response::into_inner)
}

/// The only alert of a rule.
async fn alert_of(world: &World, rule: &str) -> String {
    let alerts = world.alerts().await;
    let of_rule = alerts.iter().find(|change| change.claim.rule.as_str() == rule).expect("an alert of the rule");
    Uuid::from_bytes(*of_rule.alert_id.as_bytes()).to_string()
}

fn verdicts(told: &wire::ExplainAlertResponse) -> Vec<(wire::Verdict, &[String])> {
    told.changes.iter().map(|change| (change.verdict(), &change.differences[..])).collect()
}

const SAME: (wire::Verdict, &[String]) = (wire::Verdict::Same, &[]);

#[tokio::test]
async fn an_alert_comes_out_the_same_and_is_told_before_and_after_a_correction() {
    let (world, service) = World::start().await;
    let ada = student("ada");
    world.home.attends(ada, "1").await;
    for n in 9..=11 {
        world.home.absent(ada, day(n)).await;
    }
    world.settled(&service).await;
    let id = alert_of(&world, "absence-streak").await;
    let told = explain(&service, &id).await.unwrap();
    assert_eq!((verdicts(&told), told.standing.as_str()), (vec![SAME], "open"));
    let first = told.changes[0].change.as_ref().unwrap();
    let from = first.derived_from.as_ref().unwrap();
    assert!(from.caused_by_offset.is_some_and(|cause| cause < from.events_offset), "{from:?}");
    assert!(from.reference_offset > 0 && first.basis.is_none(), "{first:?}");
    assert_eq!((from.today, from.as_of), (day(12).days(), day(11).days()));
    let claim = told.claim.unwrap();
    assert!(claim.holds && claim.measures.is_empty(), "{claim:?}");
    assert_eq!(claim.explanation_before, claim.explanation_after);
    assert!(told.records.is_empty());

    world.home.unmark(ada, day(10), "Unexcused Absence").await;
    world.settled(&service).await;
    let told = explain(&service, &id).await.unwrap();
    assert_eq!((verdicts(&told), told.standing.as_str()), (vec![SAME, SAME], "recalled"));
    let claim = told.claim.unwrap();
    assert_eq!((claim.number, claim.holds, claim.cannot_be_told.as_str()), (1, false, ""));
    let streak = claim.measures.iter().find(|shift| shift.name == "streak").unwrap();
    assert_eq!((streak.without.as_str(), streak.with.as_str()), ("3", "1"));
    let records: Vec<_> = told.records.iter().map(|record| (record.kind.as_str(), record.after.is_some())).collect();
    assert_eq!(records, [("withdrawn", false)]);
    assert!(told.records[0].before.is_some());
}

#[tokio::test]
async fn every_alert_of_a_busy_while_comes_out_the_same() {
    let (world, service) = World::start().await;
    let names = ["ada", "bea", "cyd", "dan", "eve", "fay"];
    for (n, name) in (0..).zip(names) {
        let of = student(name);
        world.home.attends(of, "1").await;
        for back in 0..=n {
            world.home.absent(of, day(12 - back)).await;
        }
    }
    world.settled(&service).await;
    // Time, reference data, rules, and corrections of what was told.
    world.home.clock(14, "10:00").await;
    world.home.calendar_date("1", day(12), "Holiday").await;
    world.settled(&service).await;
    let other = DEFAULT_PACK.replacen("version: 1\nrules", "version: 2\nrules", 1);
    let other =
        other.replacen("version: 1\n    title", "version: 2\n    title", 1).replacen("tier >= 1", "tier >= 2", 1);
    world.home.rules(&other).await;
    world.home.unmark(student("eve"), day(10), "Unexcused Absence").await;
    world.home.mark(student("fay"), "1", day(11), "Tardy").await;
    world.settled(&service).await;
    let alerts = world.alerts().await;
    let kinds: std::collections::BTreeSet<_> = alerts.iter().map(|change| change.kind).collect();
    for kind in [ChangeKind::Opened, ChangeKind::Cleared, ChangeKind::Recalled] {
        assert!(kinds.contains(&kind), "{kinds:?}");
    }
    let ids: std::collections::BTreeSet<_> = alerts.iter().map(|change| change.alert_id).collect();
    let (mut derived, mut by_clock) = (0, 0);
    for id in ids {
        let told = explain(&service, &Uuid::from_bytes(*id.as_bytes()).to_string()).await.unwrap();
        assert_eq!(verdicts(&told), vec![SAME; told.changes.len()], "{told:?}");
        derived += told.changes.len();
        let cause = |change: &wire::DerivedAgain| change.change.as_ref()?.derived_from.as_ref()?.caused_by_offset;
        by_clock += told.changes.iter().filter(|change| cause(change).is_none()).count();
    }
    assert_eq!(derived, alerts.len());
    assert!(by_clock > 0, "some were caused by time and reference data");
}

#[tokio::test]
async fn a_change_that_the_log_does_not_come_to_is_found() {
    let (world, service) = World::start().await;
    let ada = student("ada");
    world.home.attends(ada, "1").await;
    world.home.absent(ada, day(12)).await;
    world.settled(&service).await;
    let record = world.records(Topic::Alerts).await.remove(0);
    let mut told = decode_told(&record.value.unwrap()).unwrap();
    let id = Uuid::from_bytes(*told.change.alert_id.as_bytes()).to_string();
    // Told once more, as nobody derived it.
    told.change.number = 2;
    told.change.kind = ChangeKind::Escalated;
    let value = encode_told(&told.change, told.basis.as_ref(), &told.derivation.unwrap());
    let forged = NewRecord { key: record.key, value: Some(value), headers: vec![] };
    world.log.append(Topic::Alerts, vec![forged]).await.remove(0).unwrap();
    let found = explain(&service, &id).await.unwrap();
    let verdicts: Vec<_> = found.changes.iter().map(wire::DerivedAgain::verdict).collect();
    assert_eq!(verdicts, [wire::Verdict::Same, wire::Verdict::Different]);
    assert_eq!(found.changes[1].differences, ["the log comes to no such change"]);
}

#[tokio::test]
async fn an_alert_that_is_not_there_or_anothers_is_not_found() {
    let (world, service) = World::start().await;
    let ada = student("ada");
    world.home.attends(ada, "1").await;
    world.home.absent(ada, day(12)).await;
    world.settled(&service).await;
    let code = async |service: &Service, id: &str| explain(service, id).await.unwrap_err().code();
    assert_eq!(code(&service, "0b6f").await, Code::InvalidArgument);
    assert_eq!(code(&service, &Uuid::nil().to_string()).await, Code::NotFound);
    let id = alert_of(&world, "unexplained-absence").await;
    let told = explain(&service, &id).await.unwrap();
    // Whoever says whose it is hears the same, and nothing under another's name.
    assert_eq!(explain_of(&service, &id, ada.as_bytes()).await.unwrap(), told);
    let bea = student("bea");
    assert_eq!(explain_of(&service, &id, bea.as_bytes()).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(explain_of(&service, &id, b"ada").await.unwrap_err().code(), Code::InvalidArgument);
    assert!(explain(&service.asked_by("other"), &id).await.is_err(), "another district's alert");
}

#[tokio::test]
async fn what_a_rule_asked_for_makes_the_recall_of_what_is_over_no_other() {
    let (world, service) = World::start().await;
    let duties = "    duties:\n      - what: Call the parent\n        within-school-days: 1\n        source: the board\n        evidence: when\n";
    let at = DEFAULT_PACK.find("  - id: absence-streak\n").unwrap();
    let (before, from) = DEFAULT_PACK.split_at(at);
    let of_streak = from.replacen("    scope:", &format!("{duties}    scope:"), 1);
    world.home.rules(&format!("{before}{of_streak}")).await;
    let ada = student("ada");
    world.home.attends(ada, "1").await;
    for n in 9..=11 {
        world.home.absent(ada, day(n)).await;
    }
    world.settled(&service).await;
    world.home.clock(13, "20:00").await;
    world.settled(&service).await;
    let id = alert_of(&world, "absence-streak").await;
    assert_eq!(explain(&service, &id).await.unwrap().standing, "cleared");
    world.home.unmark(ada, day(10), "Unexcused Absence").await;
    world.settled(&service).await;
    let told = explain(&service, &id).await.unwrap();
    assert_eq!((verdicts(&told), told.standing.as_str()), (vec![SAME, SAME, SAME], "recalled"));
    let duties: Vec<_> =
        told.changes.iter().map(|of| of.change.as_ref().map_or(0, |change| change.duties.len())).collect();
    assert_eq!(duties, [1, 1, 0], "nothing has to be done about what is over");
}

#[tokio::test]
async fn a_rule_that_another_version_of_the_program_shipped_cannot_be_told_again() {
    let (world, service) = World::start().await;
    world.home.rules("id: ours\nversion: 2\nuses: [first-rules]").await;
    let ada = student("ada");
    world.home.attends(ada, "1").await;
    world.home.absent(ada, day(12)).await;
    world.settled(&service).await;
    let record = world.records(Topic::Alerts).await.remove(0);
    let mut told = decode_told(&record.value.unwrap()).unwrap();
    let id = Uuid::from_bytes(*told.change.alert_id.as_bytes()).to_string();
    assert_eq!(verdicts(&explain(&service, &id).await.unwrap()), [SAME]);
    (told.change.number, told.change.kind, told.change.claim.rule_version) = (2, ChangeKind::Escalated, 7);
    let value = encode_told(&told.change, told.basis.as_ref(), &told.derivation.unwrap());
    let other = NewRecord { key: record.key, value: Some(value), headers: vec![] };
    world.log.append(Topic::Alerts, vec![other]).await.remove(0).unwrap();
    let found = explain(&service, &id).await.unwrap();
    let last = &found.changes[1];
    assert_eq!(last.verdict(), wire::Verdict::CannotBeTold);
    assert_eq!(last.differences, ["the shipped rule was another than the one of this version of the program"]);
}
