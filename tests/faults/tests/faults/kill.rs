//! Each role killed with SIGKILL at moments of chance while it works, and started again.

use anyhow::Result;
use homeroom_faults::{Log, Role, Scene, Setup};
use tokio::time::Instant;

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
            scene.recovers(role.name(), since).await?;
        }
    }
    scene.check().await.map(drop)
}
