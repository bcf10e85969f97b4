//! What every test of a fault has: a world under load, students to try it with, and the check at the end.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use homeroom_journeys::District;
use tokio::time::Instant;

use crate::checker::Allowed;
use crate::dice::seed;
use crate::recovery::{self, Fault, Recovery};
use crate::sender::Student;
use crate::story::Told;
use crate::world::{Setup, World};
use crate::{Dice, Feed, Load, Sender, checker};

/// Students of the load: more than a test has time for.
const STUDENTS: usize = 800;
/// Students to try with, and of each trial: so many that each of four partitions has one of them (but for one trial in thirty).
const PROBES: usize = 192;
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
    pub allowed: Allowed,
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
        let (dice, allowed) = (Dice::new(seed), Allowed::default());
        Ok(Self { world, feed, sender, dice, allowed, name, load, probes, told: Vec::new() })
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
        self.recovers_from(Fault::Other, from, since).await
    }

    /// The same, of one thing that was killed: the table of recoveries has it.
    pub async fn recovers_from_kill(&mut self, of: &str, since: Instant) -> Result<Recovery> {
        self.recovers_from(Fault::Kill, of, since).await
    }

    async fn recovers_from(&mut self, fault: Fault, what: &str, since: Instant) -> Result<Recovery> {
        let students = self.probes()?;
        let of = format!("{}, {what}", self.name);
        let (recovery, told) = recovery::measure(&of, since, &self.world, &self.sender, &self.feed, &students).await?;
        self.told.extend(told);
        recovery.record(fault, self.name, what)?;
        Ok(recovery)
    }

    /// Students to try something with, of each partition one.
    pub fn probes(&mut self) -> Result<Vec<Student>> {
        let left = self.probes.len().checked_sub(OF_A_TRIAL).context("no students are left to try with")?;
        Ok(self.probes.split_off(left))
    }

    /// Counts stories that the test told itself.
    pub fn also_told(&mut self, told: Vec<Told>) {
        self.told.extend(told);
    }

    /// Ends the load and checks everything; the world goes on.
    pub async fn check(mut self) -> Result<World> {
        self.rest().await?;
        self.holds(&self.told, self.allowed).await?;
        Ok(self.world)
    }

    /// What has been told so far and has come to its end: of a load at rest, everything.
    pub fn told(&self) -> &[Told] {
        &self.told
    }

    /// Checks everything as if this had been told, and nothing else.
    pub async fn holds(&self, told: &[Told], allowed: Allowed) -> Result<()> {
        checker::check(&self.world, &self.feed, told, allowed).await.with_context(|| format!("after {}", self.name))
    }
}
