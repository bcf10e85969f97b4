//! An absence becomes an alert that explains itself, and the correction recalls it.

use anyhow::Result;
use homeroom_journeys::district::{District, HIGH, TODAY};
use homeroom_journeys::{Log, start};
use homeroom_proto::wire::alert::{AlertChange, Kind};

crate::on_both_logs!(
    an_absence_is_recalled_when_it_is_deleted_and_the_tardy_posted,
    an_absence_is_recalled_when_the_tardy_comes_before_the_delete
);

fn is(kind: Kind, rule: &'static str) -> impl Fn(&AlertChange) -> bool {
    move |change| change.kind() == kind && change.rule == rule
}

/// What an alert must carry so that a person can check it.
fn check_proof(change: &AlertChange) {
    let proof = change.proof.as_ref().expect("an alert has a proof");
    assert!(proof.explanation.contains(TODAY), "{}", proof.explanation);
    assert!(!proof.clears_when.is_empty() && !proof.threshold_source.is_empty(), "{proof:?}");
    assert!(change.rule_version > 0 && change.caused_at.is_some(), "{change:?}");
    assert_eq!(change.district_time.split('T').next(), Some(TODAY));
    let fact = proof.facts.first().expect("the absence is cited");
    assert!(fact.code.ends_with("#Unexcused Absence") && fact.school == HIGH.to_string(), "{fact:?}");
}

async fn an_absence_is_recalled_when_it_is_deleted_and_the_tardy_posted(log: Log) -> Result<()> {
    let homeroom = start(log)?;
    let district = District::new(homeroom.edfi().await?);
    district.send_frame().await?;
    district.enroll("604822", HIGH).await?;
    let mut alerts = homeroom.alerts().await?;

    let absence = district.mark("604822", HIGH, TODAY, "Unexcused Absence").await?;
    let opened = alerts.next_where("alert", is(Kind::Opened, "unexplained-absence")).await?;
    check_proof(&opened);

    district.edfi().delete(&absence.location).await?;
    district.mark("604822", HIGH, TODAY, "Tardy").await?;
    let recalled = alerts.next_where("recall", is(Kind::Recalled, "unexplained-absence")).await?;
    assert_eq!((recalled.alert_id, recalled.number), (opened.alert_id, 2));
    assert!(!recalled.reason.is_empty());
    verify(&homeroom)
}

async fn an_absence_is_recalled_when_the_tardy_comes_before_the_delete(log: Log) -> Result<()> {
    let homeroom = start(log)?;
    let district = District::new(homeroom.edfi().await?);
    district.send_frame().await?;
    district.enroll("604822", HIGH).await?;
    let mut alerts = homeroom.alerts().await?;

    let absence = district.mark("604822", HIGH, TODAY, "Unexcused Absence").await?;
    let opened = alerts.next_where("alert", is(Kind::Opened, "unexplained-absence")).await?;

    // The tardy alone disproves that nobody knows where the student is; the absence is still counted until it is deleted.
    district.mark("604822", HIGH, TODAY, "Tardy").await?;
    district.edfi().delete(&absence.location).await?;
    let recalled = alerts.next_where("recall", is(Kind::Recalled, "unexplained-absence")).await?;
    assert_eq!(recalled.alert_id, opened.alert_id);
    verify(&homeroom)
}

fn verify(homeroom: &homeroom_harness::homeroom::Homeroom) -> Result<()> {
    homeroom.run(&["verify"]).map(drop)
}
