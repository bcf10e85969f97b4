//! A rule that cannot be evaluated.

use crate::district::{day, student};
use crate::world::World;

#[tokio::test]
async fn a_rule_that_fails_says_so_in_the_summary_and_stops_no_other() {
    let (world, service) = World::start().await;
    let pack = homeroom_domain::rule::DEFAULT_PACK;
    let broken = pack.replace("opens-when: failing_core >= 1", "opens-when: 1 / (enrolled - enrolled) > 0");
    assert_ne!(broken, pack);
    world.home.rules(&broken).await;
    world.home.attends(student("ada"), "1").await;
    world.home.absent(student("ada"), day(12)).await;
    world.settled(&service).await;
    let summary = service.summary().await.unwrap();
    let failing: Vec<_> = summary.rules.iter().filter(|rule| rule.failures > 0).collect();
    let [rule] = failing.as_slice() else { panic!("{failing:?}") };
    assert_eq!((rule.rule.as_str(), rule.last_failure.as_str()), ("failing-core-course", "division by zero"));
    assert_eq!(summary.open_alerts, 1);
}
