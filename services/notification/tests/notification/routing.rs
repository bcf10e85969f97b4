//! Who is told changes while the service runs.

use homeroom_domain::alert::ChangeKind::Opened;

use crate::world::{SOON, TEAM, World};

/// Opens alerts until one goes to this team.
async fn until_told(world: &World, team: &str) {
    let told = async {
        for alert in 1.. {
            world.publish(&world.change(alert, 1, Opened)).await;
            world.until_count(&format!("alerts where alert_id = '{}'", uuid::Uuid::from_bytes([alert; 16])), 1).await;
            if world.count(&format!("deliveries where team = '{team}'")).await > 0 {
                return;
            }
        }
    };
    tokio::time::timeout(SOON, told).await.expect("the team is told");
}

#[tokio::test]
async fn a_changed_file_counts_while_the_service_runs_and_a_mistake_in_it_does_not() {
    let world = World::start().await;
    until_told(&world, "Team").await;
    world.route("teams: [{name: Nobody}]");
    // A second file after the mistake is read too.
    world.route(&TEAM.replace("name: Team", "name: Another team"));
    until_told(&world, "Another team").await;
    assert_eq!(world.count("deliveries where team = 'Nobody'").await, 0);
}

#[tokio::test]
async fn a_hangup_has_the_file_read_at_once() {
    // Nothing else has it read.
    let world = World::start_with(TEAM, |config| config.routing_poll_ms = 3_600_000).await;
    until_told(&world, "Team").await;
    world.route(&TEAM.replace("name: Team", "name: Another team"));
    // The services of other tests in this process read their files again, which changes nothing.
    let hangup = format!("kill -HUP {}", std::process::id());
    assert!(std::process::Command::new("sh").args(["-c", &hangup]).status().unwrap().success());
    until_told(&world, "Another team").await;
}
