//! Clocks that jump: one process thinks that it is hours later than it is, or earlier, while the others do not.

use anyhow::Result;
use homeroom_faults::ownership::TOOK;
use homeroom_faults::story::AT_CLOSE;
use homeroom_faults::world::PARTITIONS;
use homeroom_faults::{Log, PATIENCE, Role, Scene, Setup};
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

/// From 08:40 it is after the close at 16:00, and the same day.
const ACROSS_THE_CLOSE: i64 = 8 * 3_600;

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_across_the_close_of_the_day_closes_it_once() -> Result<()> {
    let setup = Setup { clocks: true, names_stay: false, ..Setup::on(Log::on_kafka()) };
    let mut scene = Scene::open("a clock across the close", setup).await?;
    scene.world.wait_said(Role::Rules, TOOK, PARTITIONS).await?;
    scene.some_while().await?;
    // Under load: what is said while the day closes counts on either side of it.
    let since = Instant::now();
    scene.world.move_clock(Role::Rules, ACROSS_THE_CLOSE)?;
    scene.allowed.day_closed = true;
    let counted = || scene.feed.changes().iter().any(|change| change.rule == AT_CLOSE);
    scene.feed.wait_until(PATIENCE, counted).await?;
    scene.recovers("forward", since).await?;

    // A day that was closed too early is not opened again, neither by the clock that was wrong nor by one that never was.
    let since = Instant::now();
    scene.world.move_clock(Role::Rules, 0)?;
    scene.recovers("back", since).await?;
    scene.world.place(Role::SecondRules)?;
    scene.world.start_role(Role::SecondRules)?;
    scene.world.wait_said(Role::SecondRules, TOOK, 1).await?;
    scene.some_while().await?;
    let since = Instant::now();
    scene.world.kill(Role::Rules)?;
    scene.recovers("its partitions are another's, whose clock is right", since).await?;

    // The real close finds it closed.
    let since = Instant::now();
    scene.world.move_clock(Role::SecondRules, ACROSS_THE_CLOSE)?;
    scene.world.start_role(Role::Rules)?;
    scene.recovers("forward for the other one", since).await?;
    scene.world.wait_ready(Role::Rules).await?;
    scene.check().await.map(drop)
}
