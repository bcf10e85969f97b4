//! One process of the rules service: the real owner, workers and publishers, with a place in the group that the run arranges.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use homeroom_bus::memory::MemoryLog;
use homeroom_bus::{Error, Log, Offset, Partition, PartitionOwner, Record, Topic};
use homeroom_chassis::TaskGroup;
use homeroom_rules::simulation::{Limits, Process};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::dice::Dice;
use crate::log::ProcessLog;
use crate::store::Database;
use crate::turns::Turns;
use crate::weather::{Gate, Weather};

/// How long a partition rests after its owner or worker ended.
const REST: Duration = Duration::from_millis(500);

/// What all processes meet.
#[derive(Clone)]
pub struct Outside {
    /// The tables.
    pub database: Database,
    /// The log.
    pub log: MemoryLog,
    /// Something was appended.
    pub appended: Arc<Notify>,
    /// The weather.
    pub weather: Weather,
    /// Who is next.
    pub turns: Turns,
    /// Real time.
    pub time: Time,
}

/// Real time: the runtime's paused clock, and the hours that the run has skipped.
#[derive(Debug, Clone)]
pub struct Time {
    began: Instant,
    skipped_seconds: Arc<AtomicI64>,
}

impl Time {
    /// It is the morning of the first day.
    pub fn new() -> Self {
        Self { began: Instant::now(), skipped_seconds: Arc::default() }
    }

    /// Skips hours.
    pub fn skip(&self, hours: i64) {
        self.skipped_seconds.fetch_add(hours * 3_600, Ordering::Relaxed);
    }

    /// The moment now.
    ///
    /// # Panics
    ///
    /// When a run lasts for centuries.
    pub fn now(&self) -> Timestamp {
        let morning = i64::from(crate::names::date(0).days()) * 86_400 + 8 * 3_600;
        let morning = Timestamp::from_second(morning).expect("2021 is in range");
        let elapsed = SignedDuration::try_from(self.began.elapsed()).expect("a run lasts for minutes");
        morning + elapsed + SignedDuration::from_secs(self.skipped_seconds.load(Ordering::Relaxed))
    }
}

impl Default for Time {
    fn default() -> Self {
        Self::new()
    }
}

/// A process that runs.
pub struct Running {
    name: String,
    tasks: TaskGroup,
    owner: watch::Receiver<Option<Arc<dyn PartitionOwner>>>,
    log: ProcessLog,
    gate: Gate,
    turns: Turns,
    skew_minutes: Arc<AtomicI64>,
    held: BTreeMap<i32, Held>,
}

/// A partition that is, or was, a process's.
#[derive(Clone)]
struct Held {
    stop: CancellationToken,
    /// It is another's, and the process has not noticed.
    lost: Arc<AtomicBool>,
}

impl Running {
    /// Starts a process.
    pub fn start(outside: &Outside, name: String, dice: &mut Dice) -> Self {
        let tasks = TaskGroup::default();
        let gate = Gate::new(&name, outside.turns.clone());
        let appended = Arc::clone(&outside.appended);
        let log = ProcessLog::new(outside.log.clone(), gate.clone(), outside.weather.clone(), appended);
        let skew_minutes = Arc::<AtomicI64>::default();
        let (time, skew) = (outside.time.clone(), Arc::clone(&skew_minutes));
        let process = Process {
            store: Arc::new(outside.database.connect(gate.clone(), outside.weather.clone())),
            log: Arc::new(log.clone()),
            clock: Arc::new(move || time.now() + SignedDuration::from_mins(skew.load(Ordering::Relaxed))),
            limits: limits(dice),
            tasks: tasks.clone(),
            name: name.clone(),
        };
        let (sender, owner) = watch::channel(None);
        tasks.spawn("simulation.start", async move {
            sender.send_replace(Some(process.owner().await?));
            // Those who wait for the owner may come later.
            sender.closed().await;
            Ok::<(), Error>(())
        });
        Self { name, tasks, owner, log, gate, turns: outside.turns.clone(), skew_minutes, held: BTreeMap::new() }
    }

    /// Why it stopped by itself, if it did.
    pub fn failure(&self) -> Option<String> {
        self.tasks.failure()
    }

    /// Its clock is wrong by so many minutes.
    pub fn skew(&self, minutes: i64) {
        self.skew_minutes.store(minutes, Ordering::Relaxed);
    }

    /// It stands still.
    pub fn pause(&self, millis: u64) {
        self.gate.pause(millis);
    }

    /// Reference records reach it late.
    pub fn lag(&self, millis: u64) {
        self.log.lag(millis);
    }

    /// Ends it where it stands.
    pub fn crash(&self) {
        self.tasks.cut();
    }

    /// Ends it as a signal would.
    pub fn stop(&self) {
        for held in self.held.values() {
            held.stop.cancel();
        }
        self.tasks.stop();
    }

    /// A partition is another's from now on; the process notices after a while.
    pub fn take_away(&mut self, partition: i32, unnoticed: u64) {
        let Some(held) = self.held.remove(&partition) else { return };
        held.lost.store(true, Ordering::Relaxed);
        if unnoticed == 0 {
            held.stop.cancel();
            return;
        }
        self.tasks.spawn("simulation.notice", async move {
            sleep(Duration::from_millis(unnoticed)).await;
            held.stop.cancel();
            Ok::<(), Infallible>(())
        });
    }

    /// A partition is this process's from now on.
    pub fn give(&mut self, partition: i32) {
        let held = Held { stop: CancellationToken::new(), lost: Arc::default() };
        self.held.insert(partition, held.clone());
        let member = Member {
            partition,
            held,
            owner: self.owner.clone(),
            log: self.log.clone(),
            name: format!("{} member {partition}", self.name),
            turns: self.turns.clone(),
        };
        self.tasks.spawn("simulation.member", async move {
            member.run().await;
            Ok::<(), Infallible>(())
        });
    }
}

/// Small, so that every bound is met.
fn limits(dice: &mut Dice) -> Limits {
    let batch_events = dice.of(&[2, 7, 100]);
    let cached_students = dice.of(&[2, 100]);
    Limits {
        batch_events,
        inbox_batches: 2,
        cached_students,
        sweep_students: 2,
        publish_batches: 1,
        // Behind soon, or never.
        behind_events: dice.of(&[2, 2, 5, 1_000]),
        unwritten_students: dice.of(&[1, 3, 1_000]),
        unwritten_bytes: 100_000,
        unwritten_seconds: dice.of(&[1, 30]),
    }
}

/// What a log does for a member with one partition.
struct Member {
    partition: i32,
    held: Held,
    owner: watch::Receiver<Option<Arc<dyn PartitionOwner>>>,
    log: ProcessLog,
    name: String,
    turns: Turns,
}

impl Member {
    async fn run(mut self) {
        let Ok(owner) = self.owner.wait_for(Option::is_some).await.map(|owner| owner.clone()) else { return };
        let Some(owner) = owner else { return };
        while !self.held.stop.is_cancelled() {
            if let Ok((from, inbox)) = owner.assign(Partition(self.partition)).await {
                let stop = self.held.stop.clone();
                stop.run_until_cancelled(self.forward(from, inbox)).await;
                owner.revoke(Partition(self.partition)).await;
            }
            if self.held.lost.load(Ordering::Relaxed) {
                return;
            }
            self.held.stop.run_until_cancelled(sleep(REST)).await;
        }
    }

    /// Reads and hands over, until the inbox closes.
    async fn forward(&self, from: Offset, inbox: mpsc::Sender<Vec<Record>>) {
        let Ok(mut tail) = self.log.tail(Topic::Events, Partition(self.partition), from).await else { return };
        let mut before = Vec::new();
        loop {
            let Ok(room) = inbox.reserve().await else { return };
            let mut dice = self.turns.mine(self.name.clone()).await;
            match tail.next(1 + dice.roll(6), Duration::from_secs(1)).await {
                Ok(records) if records.is_empty() => {}
                // A log that went back gives again what it gave before.
                Ok(records) if dice.one_in(12) => {
                    before.extend(records);
                    room.send(std::mem::take(&mut before));
                }
                Ok(records) => {
                    before.clone_from(&records);
                    room.send(records);
                }
                Err(_) => sleep(REST).await,
            }
        }
    }
}
