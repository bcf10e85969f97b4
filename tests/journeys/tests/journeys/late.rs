//! Parents come late: marks sent before calendar or enrollment count the moment these arrive.

use anyhow::Result;
use homeroom_journeys::district::{DAYS_BEFORE, District, HIGH, MIDDLE};
use homeroom_journeys::{Log, start};
use homeroom_proto::wire::alert::Kind;

crate::on_both_logs!(marks_count_when_a_late_calendar_arrives, marks_count_when_a_late_enrollment_arrives);

async fn marks_count_when_a_late_calendar_arrives(log: Log) -> Result<()> {
    let homeroom = start(log)?;
    let district = District::new(homeroom.edfi().await?);
    district.send_schools().await?;
    district.send_calendar(MIDDLE).await?;
    district.enroll("604822", HIGH).await?;
    district.miss_last("604822", HIGH, 3).await?;
    // A student of a school with a calendar has an alert by now.
    district.enroll("604900", MIDDLE).await?;
    district.miss_last("604900", MIDDLE, 3).await?;
    let mut alerts = homeroom.alerts().await?;
    alerts
        .next_where("alert of the other school", |c| c.school == MIDDLE.to_string() && c.rule == "absence-streak")
        .await?;
    assert!(alerts.seen().iter().all(|change| change.school != HIGH.to_string()), "no calendar, no day, no alert");

    district.send_calendar(HIGH).await?;
    let streak =
        |c: &homeroom_proto::wire::alert::AlertChange| c.school == HIGH.to_string() && c.rule == "absence-streak";
    let opened = alerts.next_where("alert of the late calendar", streak).await?;
    assert_eq!(opened.kind(), Kind::Opened);
    homeroom.run(&["verify"]).map(drop)
}

async fn marks_count_when_a_late_enrollment_arrives(log: Log) -> Result<()> {
    let homeroom = start(log)?;
    let district = District::new(homeroom.edfi().await?);
    district.send_frame().await?;
    district.send_student("604822").await?;
    district.miss_last("604822", HIGH, 4).await?;
    district.enroll_from("604822", HIGH, DAYS_BEFORE[0], None).await?;
    let mut alerts = homeroom.alerts().await?;
    let opened = alerts.next_where("tier", |c| c.rule == "attendance-tier" && c.level == 3).await?;
    let proof = opened.proof.expect("an alert has a proof");
    assert!(proof.explanation.contains("Absent 4 of 12 days"), "{}", proof.explanation);
    homeroom.run(&["verify"]).map(drop)
}
