//! Runs a scenario on one thread under a paused clock: what happens is a function of the scenario alone.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use homeroom_bus::memory::MemoryLog;
use homeroom_bus::{Appended, Log, NewRecord, Topic};
use homeroom_chassis::TaskGroup;
use homeroom_domain::event::Event;
use homeroom_domain::id::{DistrictId, EventId, StudentKey};
use homeroom_domain::reference::ReferenceChange;
use homeroom_proto::event::Sent;
use homeroom_rules::simulation::{self, Snapshot};
use tokio::time::sleep;

use crate::check;
use crate::dice::Dice;
use crate::generate::Word;
use crate::model::Truth;
use crate::moves::Moves;
use crate::names::of_student;
use crate::process::{Outside, Running, Time};
use crate::scenario::{Happening, PARTITIONS, PROCESSES, Scenario};
use crate::store::{Database, Tables, Written};
use crate::turns::Turns;
use crate::weather::Weather;

/// What a run came to.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Every promise that was broken, in words.
    pub wrongs: Vec<String>,
    /// Changes of alerts that were told.
    pub changes: usize,
    /// Those of them that told late news.
    pub late: usize,
    /// Those of them that told of a duty whose date had come.
    pub due: usize,
    /// Events by which records were moved from one student to another.
    pub moved: usize,
    /// Commits that happened.
    pub commits: i64,
    /// What was written of students, in order.
    pub written: Vec<Written>,
    /// How much of that was written when each word was said, in their order.
    pub written_before: Vec<usize>,
}

/// How long the processes may take to catch up once nothing fails any more, seconds.
const PATIENCE: u32 = 900;

/// Runs a scenario and checks every promise. A panic breaks one too, so that its seed is known and shortened like others.
pub fn run(scenario: &Scenario) -> Outcome {
    catch_unwind(AssertUnwindSafe(|| live(scenario))).unwrap_or_else(|panic| {
        let words = panic.downcast_ref::<String>().cloned();
        let words = words.or_else(|| panic.downcast_ref::<&str>().map(|&words| words.to_owned()));
        let wrong = format!("it panics: {}", words.unwrap_or_default());
        Outcome { wrongs: vec![wrong], ..Outcome::default() }
    })
}

fn live(scenario: &Scenario) -> Outcome {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build().expect("a runtime of one thread can be built");
    runtime.block_on(async {
        let mut world = World::new(scenario.seed).await;
        let turns = world.outside.turns.clone();
        world.around.spawn("simulation.turns", async move {
            turns.give().await;
            Ok::<(), Infallible>(())
        });
        for step in &scenario.steps {
            if step.after > 0 {
                sleep(Duration::from_millis(step.after)).await;
                world.outside.turns.mine("the world".to_owned()).await;
            }
            world.let_happen(&step.happening).await;
        }
        world.settle().await
    })
}

/// A simulated country of districts.
pub struct World {
    pub(crate) outside: Outside,
    pub(crate) truth: Truth,
    pub(crate) garbage: usize,
    /// Who is who, of districts where students were merged or said something of.
    pub(crate) moves: BTreeMap<DistrictId, Moves>,
    around: TaskGroup,
    dice: Dice,
    running: Vec<Running>,
    backup: Tables,
    /// How many processes were ever started.
    started: usize,
    /// Which process has which partition.
    assigned: Vec<usize>,
    wrongs: Vec<String>,
    events: u64,
    written_before: Vec<usize>,
}

impl World {
    async fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed ^ 0x90f1);
        let log = MemoryLog::default();
        log.create_topics(PARTITIONS).await.expect("topics of an empty log can be created");
        let outside = Outside {
            database: Database::default(),
            log,
            appended: Arc::default(),
            weather: Weather::new(),
            turns: Turns::new(seed),
            time: Time::new(),
        };
        let running = (0..PROCESSES).map(|at| Running::start(&outside, format!("process {at}"), &mut dice)).collect();
        let assigned = (0..PARTITIONS).map(|_| dice.roll(PROCESSES)).collect();
        let mut world = Self {
            outside,
            truth: Truth::default(),
            garbage: 0,
            moves: BTreeMap::new(),
            around: TaskGroup::default(),
            dice,
            backup: Tables::default(),
            running,
            assigned,
            started: PROCESSES,
            wrongs: Vec::new(),
            events: 0,
            written_before: Vec::new(),
        };
        for (partition, process) in (0..).zip(world.assigned.clone()) {
            world.running[process].give(partition);
        }
        world
    }

    async fn let_happen(&mut self, happening: &Happening) {
        match happening {
            Happening::Say { district, student, said, revision } => {
                self.say(*district, *student, said.clone().with(*revision)).await;
            }
            Happening::Garbage { district, student } => {
                let key = homeroom_proto::key::events(&named(*district), &pseudonym(*student));
                self.append(Topic::Events, key, Bytes::from_static(b"\xff no event")).await;
                self.garbage += 1;
            }
            Happening::Merge { district, from, into, unheard } => {
                self.moves(*district).merge(pseudonym(*from), pseudonym(*into), *unheard);
            }
            Happening::Split { district, from, unheard } => self.moves(*district).split(pseudonym(*from), *unheard),
            Happening::Look { district, many, anew } => {
                let now = self.outside.time.now();
                let moving = self.moves(*district).look(*many, *anew, now);
                self.append_all(moving).await;
            }
            Happening::Hours(hours) => self.outside.time.skip(*hours),
            Happening::Skew(process, minutes) => self.running[*process].skew(*minutes),
            Happening::Give { partition, to, unnoticed } => self.give(*partition, *to, *unnoticed),
            Happening::Crash(process) => {
                self.running[*process].crash();
                self.replace(*process);
            }
            Happening::Restart(process) => {
                self.running[*process].stop();
                self.replace(*process);
            }
            Happening::Pause(process, millis) => self.running[*process].pause(*millis),
            Happening::Away(millis) => self.outside.weather.database_away(*millis),
            Happening::LoseAnswers(many) => self.outside.weather.lose_answers(*many),
            Happening::LogAway(millis) => self.outside.weather.log_away(*millis),
            Happening::BackUp => self.backup = self.outside.database.back_up(),
            Happening::Restore => self.restore(),
            Happening::Lag(process, millis) => self.running[*process].lag(*millis),
        }
    }

    async fn say(&mut self, district: usize, student: usize, word: Word) {
        let (district, received_at) = (named(district), self.outside.time.now());
        self.written_before.push(self.outside.database.tables().written.len());
        match word {
            Word::Fact(origin, change) => {
                let origin = of_student(origin, student);
                let sender = (district, pseudonym(student));
                let moves = self.moves.entry(sender.0.clone()).or_default();
                // Which of two equals is later depends on the doors while a student is moved. No source says two things by one.
                if moves.is_used() && self.truth.says_otherwise(&sender, &origin, &change) {
                    return;
                }
                let sent = moves.take(Event {
                    event_id: EventId::new([0; 16]),
                    district: sender.0.clone(),
                    student: sender.1,
                    origin: origin.clone(),
                    received_at,
                    occurred_at: None,
                    change: change.clone(),
                });
                self.truth.send(sender, origin, change);
                self.append_all(vec![sent]).await;
            }
            Word::Reference(origin, change) => {
                let key = Bytes::from(format!("{district}/{}", origin.key));
                let record = ReferenceChange {
                    district: district.clone(),
                    origin: origin.clone(),
                    received_at,
                    change: change.clone(),
                };
                let at = self.append(Topic::Reference, key, homeroom_proto::reference::encode(&record)).await;
                self.truth.accept_reference(district, at.offset.0, origin, change);
            }
        }
    }

    fn moves(&mut self, district: usize) -> &mut Moves {
        self.moves.entry(named(district)).or_default()
    }

    /// Events come into the log, each by itself.
    async fn append_all(&mut self, sent: Vec<Sent>) {
        for mut sent in sent {
            self.events += 1;
            let event = &mut sent.event;
            event.event_id = EventId::new(u128::from(self.events).to_be_bytes());
            let (origin, change, whose) =
                (event.origin.clone(), event.change.clone(), (event.district.clone(), event.student));
            let key = homeroom_proto::key::events(&whose.0, &whose.1);
            let at = self.append(Topic::Events, key, sent.encode()).await;
            self.moves.entry(whose.0.clone()).or_default().keep(sent);
            self.truth.accept(whose, at.offset.0, origin, change);
        }
    }

    /// Jobs go on to their end: what one was cut at is done, and what came late is found.
    async fn finish_moves(&mut self) {
        let districts: Vec<DistrictId> = self.moves.keys().cloned().collect();
        for district in districts {
            let left = self.moves.get_mut(&district).map(Moves::look_again).unwrap_or_default();
            for _ in 0..left {
                let now = self.outside.time.now();
                let moving = self.moves.get_mut(&district).map(|moves| moves.look_left(now)).unwrap_or_default();
                self.append_all(moving).await;
            }
        }
    }

    async fn append(&self, topic: Topic, key: Bytes, value: Bytes) -> Appended {
        let record = NewRecord { key, value: Some(value), headers: Vec::new() };
        let mut kept = self.outside.log.append(topic, vec![record]).await;
        self.outside.appended.notify_waiters();
        kept.pop().expect("each record is answered").expect("the memory log has room for a small district")
    }

    fn give(&mut self, partition: i32, to: usize, unnoticed: u64) {
        let at = usize::try_from(partition).expect("partitions are counted from 0");
        let from = std::mem::replace(&mut self.assigned[at], to);
        if from == to {
            return;
        }
        self.running[from].take_away(partition, unnoticed);
        self.running[to].give(partition);
    }

    /// Nobody's connection survives the loss of the database.
    fn restore(&mut self) {
        for running in &self.running {
            running.crash();
        }
        self.outside.database.restore(&self.backup);
        for process in 0..PROCESSES {
            self.replace(process);
        }
    }

    /// A process that has ended starts again; its partitions go to whom chance says.
    fn replace(&mut self, process: usize) {
        self.wrongs.extend(self.running[process].failure());
        self.running[process] = Running::start(&self.outside, format!("process {}", self.started), &mut self.dice);
        self.started += 1;
        for (partition, owner) in (0..).zip(self.assigned.clone()) {
            if owner == process {
                let to = self.dice.roll(PROCESSES);
                self.assigned[usize::try_from(partition).expect("partitions are counted from 0")] = to;
                self.running[to].give(partition);
            }
        }
    }

    /// Lets everybody catch up under a calm sky, and checks.
    async fn settle(mut self) -> Outcome {
        self.outside.weather.calm();
        for running in &self.running {
            running.skew(0);
            running.lag(0);
        }
        self.finish_moves().await;
        let snapshot = simulation::reference(&self.outside.log).await.expect("the memory log can be read");
        let mut behind = None;
        for _ in 0..PATIENCE {
            sleep(Duration::from_secs(1)).await;
            self.outside.turns.mine("the world".to_owned()).await;
            behind = self.behind(&snapshot).await;
            if behind.is_none() {
                break;
            }
        }
        self.wrongs.extend(behind.map(|what| format!("it does not catch up: {what}")));
        self.wrongs.extend(self.running.iter().filter_map(Running::failure));
        let commits = self.outside.database.tables().partitions.values().map(|lease| lease.commits).sum();
        let (wrongs, written_before) = (std::mem::take(&mut self.wrongs), std::mem::take(&mut self.written_before));
        let moved = self.moves.values().map(|moves| moves.said).sum();
        let mut outcome = Outcome { wrongs, moved, commits, written_before, ..Outcome::default() };
        check::everything(&self, &snapshot, &mut outcome).await;
        outcome.written = std::mem::take(&mut self.outside.database.tables().written);
        outcome
    }

    /// What has not had its effect yet.
    async fn behind(&self, snapshot: &Arc<Snapshot>) -> Option<String> {
        let ends = self.outside.log.end_offsets(Topic::Events).await.expect("the memory log can be read");
        let now = self.outside.time.now();
        let tables = self.outside.database.tables();
        for (partition, end) in (0..).zip(ends) {
            let Some(lease) = tables.partitions.get(&partition) else {
                return Some(format!("partition {partition} was never taken"));
            };
            if (lease.next_offset, lease.state_offset) != (end.0, end.0) || lease.reference_offset != snapshot.offset {
                return Some(format!(
                    "{lease:?}, where events end at {} and reference records at {}",
                    end.0, snapshot.offset
                ));
            }
            for (id, district) in snapshot.districts.iter().filter(|(_, district)| district.view.has_settings()) {
                let dates = tables.dates.get(&(id.clone(), partition));
                let clock = district.settings.clock.now(now).expect("simulated clocks can be read");
                if dates.is_none_or(|dates| *dates < clock) {
                    return Some(format!(
                        "partition {partition} has {dates:?} in force in {id}, where it is {clock:?}"
                    ));
                }
            }
        }
        if let Some((partition, topic, seq)) = tables.outbox.keys().next() {
            return Some(format!("row {seq} of partition {partition} for {topic} is not published"));
        }
        for (key, (partition, student)) in &tables.students {
            let settled = snapshot.districts.get(&key.0).is_some_and(|district| district.view.has_settings());
            let dates = tables.dates.get(&(key.0.clone(), *partition)).copied();
            if settled && student.read().evaluated != dates {
                return Some(format!("student {} of {} is not evaluated as of {dates:?}", key.1, key.0));
            }
        }
        None
    }
}

/// The district of a number.
fn named(district: usize) -> DistrictId {
    DistrictId::parse(&format!("district-{district}")).expect("`district-0` is an id")
}

/// The student of a number. Two districts' students have the same keys, so that whoever takes one for the other is seen.
fn pseudonym(student: usize) -> StudentKey {
    StudentKey::new((student as u128 + 1).to_be_bytes())
}
