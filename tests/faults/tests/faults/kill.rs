//! Each role killed with SIGKILL at moments of chance while it works, and started again.

use std::sync::Arc;

use anyhow::Result;
use homeroom_faults::dice::seed;
use homeroom_faults::world::Role;
use homeroom_faults::{Dice, Feed, Load, Log, Sender, World, checker, recovery};
use homeroom_journeys::District;
use tokio::time::Instant;

const STUDENTS: usize = 400;
/// Stories told between two kills, at most.
const BETWEEN: u64 = 10;
/// Each role is killed so often: once for the time to recover, and once more while it is still catching up.
const ROUNDS: usize = 2;

#[tokio::test(flavor = "multi_thread")]
async fn every_role_killed_under_load_on_kafka() -> Result<()> {
    kill_every_role(Log::Kafka, "kill on Kafka").await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_role_killed_under_load_on_the_embedded_log() -> Result<()> {
    kill_every_role(Log::Postgres, "kill on the embedded log").await
}

async fn kill_every_role(log: Log, name: &str) -> Result<()> {
    let seed = seed(name);
    let mut dice = Dice::new(seed);
    let mut world = World::start(log).await?;
    District::new(world.edfi().await?).send_frame().await?;
    let sender = Arc::new(Sender::new(&world).await?);
    let feed = Arc::new(Feed::follow(&world)?);
    let probes = sender.enroll("probe", Role::ALL.len() * ROUNDS).await?;
    let students = sender.enroll("load", STUDENTS).await?;
    let mut told = Vec::new();
    let mut load = Load::start(&sender, &feed, students, seed);
    for round in 0..ROUNDS {
        for (place, role) in Role::ALL.into_iter().enumerate() {
            load.goes_on(usize::try_from(1 + dice.below(BETWEEN))?).await?;
            let since = Instant::now();
            world.crash(role)?;
            let what = format!("{name}, {}", role.name());
            let probe = &probes[round * Role::ALL.len() + place];
            told.push(recovery::measure(&what, since, &world, &sender, &feed, probe).await?.1);
        }
    }
    told.extend(load.stop().await?);
    checker::check(&world, &feed, &told).await
}
