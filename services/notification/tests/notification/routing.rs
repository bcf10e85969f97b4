//! Who is told changes while the service runs.

use std::time::{Duration, Instant};

use homeroom_domain::alert::ChangeKind::Opened;

use crate::world::{SOON, TEAM, World};

/// Opens an alert again, and says which team is told.
async fn told(world: &World, number: &mut u32) -> String {
    *number += 1;
    world.publish(&world.change(1, *number, Opened)).await;
    world.until_count(&format!("alerts where last_number = {number}"), 1).await;
    let deliveries = world.deliveries().await;
    deliveries.into_iter().find(|delivery| delivery.change_number == *number).unwrap().team
}

async fn until_told(world: &World, number: &mut u32, team: &str) {
    let wait = async { while told(world, number).await != team {} };
    tokio::time::timeout(SOON, wait).await.expect("the team is told");
}

#[tokio::test]
async fn a_changed_file_counts_while_the_service_runs_and_a_mistake_in_it_does_not() {
    let world = World::start().await;
    let mut number = 0;
    assert_eq!(told(&world, &mut number).await, "Team");
    world.route("teams: [{name: Nobody}]");
    // Many looks at the mistake.
    let written = Instant::now();
    while written.elapsed() < 20 * Duration::from_millis(world.config.routing_poll_ms) {
        assert_eq!(told(&world, &mut number).await, "Team");
    }
    world.route(&TEAM.replace("name: Team", "name: Another team"));
    until_told(&world, &mut number, "Another team").await;
}

#[tokio::test]
async fn a_hangup_has_the_file_read_at_once() {
    // Nothing else has it read.
    let world = World::start_with(TEAM, |config| config.routing_poll_ms = 3_600_000).await;
    let mut number = 0;
    assert_eq!(told(&world, &mut number).await, "Team");
    world.route(&TEAM.replace("name: Team", "name: Another team"));
    // The services of other tests in this process read their files again, which changes nothing.
    let hangup = format!("kill -HUP {}", std::process::id());
    assert!(std::process::Command::new("sh").args(["-c", &hangup]).status().unwrap().success());
    until_told(&world, &mut number, "Another team").await;
}
