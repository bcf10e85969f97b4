//! What every test of a fault has: a world under load, students to try it with, and the check at the end.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use homeroom_journeys::District;
use tokio::time::Instant;

use crate::checker::Copies;
use crate::dice::seed;
use crate::recovery::{self, Recovery};
use crate::sender::Student;
use crate::story::Told;
use crate::world::{Setup, World};
use crate::{Dice, Feed, Load, Sender, checker};

/// Students of the load: more than a test has time for.
const STUDENTS: usize = 800;
/// Students to try with, and of each trial: so many that each of four partitions has one of them (but for one trial in thirty).
const PROBES: usize = 160;
const OF_A_TRIAL: usize = 12;
/// Stories told between two faults, at most.
const BETWEEN: u64 = 10;

/// A world under load.
pub struct Scene {
    /// The processes.
    pub world: World,
    /// The feed, followed all the while.
    pub feed: Arc<Feed>,
    /// A sender.
    pub sender: Arc<Sender>,
    /// Chance.
    pub dice: Dice,
    /// What the check allows.
    pub copies: Copies,
    name: &'static str,
    load: Option<Load>,
    probes: Vec<Student>,
    told: Vec<Told>,
}

impl Scene {
    /// Starts a world and the load on it.
    pub async fn open(name: &'static str, setup: Setup) -> Result<Self> {
        let seed = seed(name);
        let world = World::start(setup).await?;
        District::new(world.edfi().await?).send_frame().await?;
        let sender = Arc::new(Sender::new(&world).await?);
        let feed = Arc::new(Feed::follow(&world)?);
        let probes = sender.enroll("probe", PROBES).await?;
        let students = sender.enroll("load", STUDENTS).await?;
        let load = Some(Load::start(&sender, &feed, students, seed));
        let (dice, copies) = (Dice::new(seed), Copies::OnlyAfterUnknown);
        Ok(Self { world, feed, sender, dice, copies, name, load, probes, told: Vec::new() })
    }

    /// What the fault is called.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Lets the load go on until a moment of chance.
    pub async fn some_while(&mut self) -> Result<()> {
        let more = usize::try_from(1 + self.dice.below(BETWEEN))?;
        self.load.as_mut().context("the load rests")?.goes_on(more).await
    }

    /// Ends the load, each story of it at its end.
    pub async fn rest(&mut self) -> Result<()> {
        if let Some(load) = self.load.take() {
            self.told.extend(load.stop().await?);
        }
        Ok(())
    }

    /// Begins another load, with so many students of its own.
    pub async fn load_again(&mut self, prefix: &str, students: usize) -> Result<()> {
        self.rest().await?;
        let students = self.sender.enroll(prefix, students).await?;
        self.load = Some(Load::start(&self.sender, &self.feed, students, self.dice.below(u64::MAX)));
        Ok(())
    }

    /// Posts new marks and waits until they are alerts and somebody is told; how long that took since the fault is printed.
    pub async fn recovers(&mut self, from: &str, since: Instant) -> Result<Recovery> {
        let left = self.probes.len().checked_sub(OF_A_TRIAL).context("no students are left to try with")?;
        let students = self.probes.split_off(left);
        let what = format!("{}, {from}", self.name);
        let (recovery, told) =
            recovery::measure(&what, since, &self.world, &self.sender, &self.feed, &students).await?;
        self.told.extend(told);
        Ok(recovery)
    }

    /// Counts stories that the test told itself.
    pub fn also_told(&mut self, told: Vec<Told>) {
        self.told.extend(told);
    }

    /// Ends the load and checks everything; the world goes on.
    pub async fn check(mut self) -> Result<World> {
        self.rest().await?;
        let Self { world, feed, told, name, copies, .. } = self;
        checker::check(&world, &feed, &told, copies).await.with_context(|| format!("after {name}"))?;
        Ok(world)
    }
}
