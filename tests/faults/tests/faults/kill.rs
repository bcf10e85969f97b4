//! Each role killed with SIGKILL at moments of chance while it works, and started again.

use std::time::Duration;

use anyhow::Result;
use homeroom_faults::{Log, Role, Scene, Setup};
use tokio::time::{Instant, sleep};

#[tokio::test(flavor = "multi_thread")]
async fn every_role_killed_under_load_on_kafka() -> Result<()> {
    kill_every_role("kill on Kafka", Log::on_kafka(), 2).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_role_killed_under_load_on_the_embedded_log() -> Result<()> {
    kill_every_role("kill on the embedded log", Log::Postgres, 1).await
}

/// Kills each role once a round.
async fn kill_every_role(name: &'static str, log: Log, rounds: usize) -> Result<()> {
    let mut scene = Scene::open(name, Setup::on(log)).await?;
    for _ in 0..rounds {
        for role in Role::ALL {
            scene.some_while().await?;
            let since = Instant::now();
            scene.world.crash(role)?;
            scene.recovers_from_kill(role.name(), since).await?;
        }
    }
    storm(&mut scene).await?;
    scene.check().await.map(drop)
}

/// Kills of a storm, and the longest time between two of them: less than a recovery, so that roles die while they catch up.
const KILLS: usize = 12;
const LONGEST_CALM_MS: u64 = 800;

/// Kills roles by chance, one after the other.
async fn storm(scene: &mut Scene) -> Result<()> {
    let mut since = Instant::now();
    for _ in 0..KILLS {
        // When the fault happens, and not what anything waits for.
        sleep(Duration::from_millis(scene.dice.below(LONGEST_CALM_MS))).await;
        let role = Role::ALL[usize::try_from(scene.dice.below(Role::ALL.len() as u64))?];
        since = Instant::now();
        scene.world.crash(role)?;
    }
    scene.recovers("the last of a storm of kills", since).await?;
    for role in Role::ALL {
        scene.world.wait_ready(role).await?;
    }
    Ok(())
}
