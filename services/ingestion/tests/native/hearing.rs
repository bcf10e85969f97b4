//! Who was heard from is kept, and shown to operators for as long as a key may send.

use std::time::Duration;

use homeroom_chassis::telemetry;
use reqwest::Method;

use crate::world::{DISTRICT, Role, World, answer, mark};

/// What the gauge of the source that only this test has says.
fn silent_seconds() -> Option<f64> {
    let line = "homeroom_ingestion_source_silent_seconds{district=\"grand-bend\",source=\"quiet\"} ";
    telemetry::metrics_text().lines().find_map(|text| text.strip_prefix(line)?.parse().ok())
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_mins(1);
    while !holds() {
        assert!(tokio::time::Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_source_that_falls_silent_is_shown_with_how_long_ago_it_spoke() {
    telemetry::install_metrics();
    let world = World::with_a_quiet_source().await;
    // It never sent: it is expected from now on.
    until("it is expected", || silent_seconds().is_some()).await;
    world
        .execute("update ingestion.sources set expected_since = now() - interval '6 days' where source = 'quiet'")
        .await;
    until("it never spoke", || silent_seconds().is_some_and(|seconds| seconds > 500_000.0)).await;
    let request = world.request(Method::POST, "/v1/events").header("authorization", Role::Quiet.authorization());
    let told = answer(request.json(&mark("ada", &serde_json::json!({})))).await;
    assert_eq!(told.outcomes(), ["accepted"]);
    until("it was heard", || silent_seconds().is_some_and(|seconds| seconds < 60.0)).await;
    // Another process would find the same.
    world.execute("update ingestion.sources set heard_at = now() - interval '2 hours' where source = 'quiet'").await;
    until("it is silent", || silent_seconds().is_some_and(|seconds| (7_200.0..7_260.0).contains(&seconds))).await;
    // Whoever looks from outside is told the same.
    let survey = homeroom_ingestion::survey(&world.database.config(&homeroom_ingestion::SCHEMA)).await.unwrap();
    let mut sources = survey.districts.iter().filter(|it| it.district.as_str() == DISTRICT).flat_map(|it| &it.sources);
    let quiet = sources.find(|it| it.source.as_str() == "quiet").expect("it is known");
    assert!((7_200..7_320).contains(&quiet.heard_ago_s), "{quiet:?}");
}
