//! The natural key of a document is changed: what counted under the old one counts under the new one.

use anyhow::Result;
use homeroom_journeys::district::{DAYS_BEFORE, District, HIGH};
use homeroom_journeys::{Log, start};
use homeroom_proto::wire::alert::{AlertChange, Kind};
use serde_json::json;

/// An enrollment that turns out to have begun later, and then not.
#[tokio::test(flavor = "multi_thread")]
async fn an_alert_is_recalled_and_opened_as_the_key_of_an_enrollment_goes_there_and_back() -> Result<()> {
    let homeroom = start(Log::Postgres)?;
    let district = District::new(homeroom.edfi().await?);
    district.send_frame().await?;
    district.send_student("604822").await?;
    let enrolled = district.enroll_from("604822", HIGH, DAYS_BEFORE[0], None).await?;
    district.miss_last("604822", HIGH, 2).await?;
    let mut alerts = homeroom.alerts().await?;
    let opened = alerts.next_where("tier", |c| c.rule == "attendance-tier" && c.level == 2).await?;

    // Eight days enrolled are too few for a rate, so the alert was never right.
    let enrollment = |entry: &str| {
        json!({
            "entryDate": entry,
            "entryGradeLevelDescriptor": "uri://ed-fi.org/GradeLevelDescriptor#Ninth grade",
            "calendarReference": { "calendarCode": "2022", "schoolId": HIGH, "schoolYear": 2022 },
            "primarySchool": true,
            "schoolReference": { "schoolId": HIGH },
            "schoolYearTypeReference": { "schoolYear": 2022 },
            "studentReference": { "studentUniqueId": "604822" },
        })
    };
    district.edfi().put(&enrolled.location, &enrollment(DAYS_BEFORE[4])).await?;
    let recalled = |c: &AlertChange| c.alert_id == opened.alert_id && c.kind() == Kind::Recalled;
    alerts.next_where("recall", recalled).await?;
    homeroom.run(&["verify"])?;

    district.edfi().put(&enrolled.location, &enrollment(DAYS_BEFORE[0])).await?;
    let again = alerts.next_where("tier again", |c| c.rule == "attendance-tier" && c.level == 2).await?;
    assert_eq!(again.student, opened.student);
    homeroom.run(&["verify"]).map(drop)
}
