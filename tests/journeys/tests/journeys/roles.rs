//! The same journey with every service in a process of its own, as a cluster runs them.

use anyhow::Result;
use homeroom_domain::rule::DEFAULT_PACK;
use homeroom_harness::{Roles, kafka};
use homeroom_journeys::district::{District, HIGH, TODAY};
use homeroom_proto::wire::alert::Kind;
use serde_json::json;

/// Noon on 2022-04-13 in Chicago, seconds since 1970.
const NOON: i64 = 1_649_869_200;

#[tokio::test(flavor = "multi_thread")]
async fn an_absence_becomes_an_alert_and_a_recall_through_separate_processes() -> Result<()> {
    let kafka = kafka();
    let roles = Roles::start(kafka, "teams: []\n").await?;
    let offset_seconds = NOON - homeroom_chassis::clock::now().as_second();
    let settings = json!({ "clock": { "time_zone": "America/Chicago", "offset_seconds": offset_seconds } });
    roles.put("settings", "application/json", settings.to_string()).await?;
    roles.put("rule-pack", "application/yaml", DEFAULT_PACK.to_owned()).await?;

    let district = District::new(roles.edfi().await?);
    district.send_frame().await?;
    district.enroll("604822", HIGH).await?;
    let mut alerts = roles.alerts().await?;
    let absence = district.mark("604822", HIGH, TODAY, "Unexcused Absence").await?;
    let opened = alerts.next_where("alert", |c| c.rule == "unexplained-absence" && c.kind() == Kind::Opened).await?;
    district.mark("604822", HIGH, TODAY, "Tardy").await?;
    district.edfi().delete(&absence.location).await?;
    let recalled = alerts.next_where("recall", |c| c.alert_id == opened.alert_id && c.kind() == Kind::Recalled).await?;
    assert_eq!(recalled.number, 2);
    roles.verify(kafka).map(drop)
}
