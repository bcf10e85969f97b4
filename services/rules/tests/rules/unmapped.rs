//! A code that nobody has given a meaning is counted as it comes, by source, so that somebody maps it.

use homeroom_chassis::telemetry;

use crate::district::{District, day, student};
use crate::world::World;

#[tokio::test]
async fn a_mark_with_a_code_that_means_nothing_is_counted_and_one_that_is_mapped_is_not() {
    telemetry::install_metrics();
    let world = World::new().await;
    // A name of its own: the counters are the process's.
    let home = District::new("unmapped", &world.log);
    home.open().await;
    home.attends(student("ada"), "1").await;
    home.mark(student("ada"), "1", day(10), "Zebra").await;
    home.mark(student("ada"), "1", day(11), "Unexcused Absence").await;
    let service = world.service().await;
    world.settled(&service).await;
    let counted = "homeroom_rules_unmapped_codes_total{district=\"unmapped\",source=\"sis\"} 1";
    let text = telemetry::metrics_text();
    assert!(text.lines().any(|line| line == counted), "{text}");
}
