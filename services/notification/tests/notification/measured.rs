//! How long it took is measured: from the mark to the alert, and from a delivery being due to its acceptance.

use homeroom_chassis::telemetry;
use homeroom_domain::alert::ChangeKind;
use jiff::SignedDuration;

use crate::adapter::{Adapter, retry};
use crate::world::{SOON, World};

const HOOK: &str = r#"
teams:
  - name: Team
    district: grand-bend
    schools: ["*"]
    channels:
      - webhook: https://example.org/hook
"#;

/// A series' value; none while it is not there.
fn series(name: &str) -> Option<f64> {
    telemetry::metrics_text().lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
}

/// Deliveries by this channel that were accepted one to five minutes after they were due.
fn minutes_old() -> f64 {
    let bucket = |le| {
        let name = format!("homeroom_notification_delivery_age_seconds_bucket{{channel=\"webhook\",le=\"{le}\"}}");
        series(&name).unwrap_or_default()
    };
    bucket(300) - bucket(60)
}

#[tokio::test]
async fn a_delivery_is_as_old_as_its_first_try_and_an_alert_as_the_mark_behind_it() {
    telemetry::install_metrics();
    let world = World::start_with(HOOK, |_| {}).await;
    let mut change = world.change(1, 1, ChangeKind::Opened);
    change.caused_at = Some(world.now() - SignedDuration::from_secs(70));
    world.publish(&change).await;
    let mut adapter = Adapter::open(&world, "webhook", 10).await;
    let delivery = adapter.one().await;
    // The only test whose alert has a cause.
    assert_eq!(series("homeroom_notification_alert_age_seconds_bucket{le=\"60\"}"), Some(0.0));
    assert_eq!(series("homeroom_notification_alert_age_seconds_bucket{le=\"300\"}"), Some(1.0));

    adapter.settle(&delivery, retry()).await;
    let before = minutes_old();
    world.pass(200).await;
    let again = adapter.one().await;
    adapter.accept(&again).await;
    assert!(minutes_old() > before, "a retry makes it no younger");
}

#[tokio::test]
async fn what_no_process_takes_lags() {
    telemetry::install_metrics();
    let world = World::start_with(HOOK, |config| config.group = "measured".to_owned()).await;
    let lag = || {
        (0..4)
            .map(|n| {
                series(&format!(
                    "homeroom_bus_lag_records{{topic=\"homeroom.alerts.v1\",group=\"measured\",partition=\"{n}\"}}"
                ))
            })
            .sum::<Option<f64>>()
    };
    let until = async |what: &str, expected: f64| {
        let deadline = tokio::time::Instant::now() + 3 * SOON;
        while lag() != Some(expected) {
            assert!(tokio::time::Instant::now() < deadline, "{what}: the lag is {:?}", lag());
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    until("nothing has come", 0.0).await;
    // Somebody holds the rows that a change would move: those of partitions that are taken, as also one that is not lags by nothing.
    world.until_count("inbox", 4).await;
    let mut admin = world.database.admin().await;
    sqlx::raw_sql("begin; select from notification.inbox for update").execute(&mut admin).await.unwrap();
    world.publish(&world.change(1, 1, ChangeKind::Opened)).await;
    until("a change is not taken", 1.0).await;
}
