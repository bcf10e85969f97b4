//! Clocks that jump: one process thinks that it is hours later than it is, or earlier, while the others do not.

use anyhow::Result;
use homeroom_faults::{Log, Role, Scene, Setup};
use tokio::time::Instant;

/// From 08:40 it stays the same day, and before its close.
const HOURS: [i64; 3] = [3, -3, 0];

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_there_and_back_loses_and_doubles_nothing() -> Result<()> {
    let setup = Setup { clocks: true, ..Setup::on(Log::on_kafka()) };
    let mut scene = Scene::open("a clock that jumps", setup).await?;
    for role in Role::ALL {
        for hours in HOURS {
            let since = Instant::now();
            scene.world.move_clock(role, hours * 3_600)?;
            scene.recovers(&format!("{}, by {hours} hours", role.name()), since).await?;
        }
    }
    scene.check().await.map(drop)
}
