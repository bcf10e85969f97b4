//! How long each call takes, and which of them fail: by seed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use crate::dice::Dice;
use crate::turns::Turns;

/// The weather of a run. Clones share it.
#[derive(Debug, Clone)]
pub struct Weather(Arc<Mutex<Sky>>);

#[derive(Debug)]
struct Sky {
    /// Nothing fails any more.
    calm: bool,
    database_away_until: Instant,
    log_away_until: Instant,
    answers_to_lose: u32,
}

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It happens, and is answered.
    Good,
    /// It does not happen.
    Fails,
    /// It happens, and the answer is lost.
    HappensUnanswered,
    /// It does not happen, and nobody says so.
    LostUnanswered,
}

impl Weather {
    /// Of a run that begins. Wants a runtime, for its clock.
    pub fn new() -> Self {
        let now = Instant::now();
        let sky = Sky { calm: false, database_away_until: now, log_away_until: now, answers_to_lose: 0 };
        Self(Arc::new(Mutex::new(sky)))
    }

    fn sky(&self) -> MutexGuard<'_, Sky> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on nothing fails.
    pub fn calm(&self) {
        let mut sky = self.sky();
        let now = Instant::now();
        (sky.calm, sky.answers_to_lose) = (true, 0);
        (sky.database_away_until, sky.log_away_until) = (now, now);
    }

    /// The database cannot be reached for a while.
    pub fn database_away(&self, millis: u64) {
        self.sky().database_away_until = Instant::now() + Duration::from_millis(millis);
    }

    /// The log cannot be reached for a while.
    pub fn log_away(&self, millis: u64) {
        self.sky().log_away_until = Instant::now() + Duration::from_millis(millis);
    }

    /// The answers to so many commits are lost.
    pub fn lose_answers(&self, many: u32) {
        self.sky().answers_to_lose = many;
    }

    /// What becomes of a commit.
    pub fn of_commit(&self, dice: &mut Dice) -> Fate {
        let mut sky = self.sky();
        if sky.answers_to_lose > 0 {
            sky.answers_to_lose -= 1;
            return if dice.one_in(2) { Fate::HappensUnanswered } else { Fate::LostUnanswered };
        }
        drop(sky);
        self.of_query(dice)
    }

    /// What becomes of a query.
    pub fn of_query(&self, dice: &mut Dice) -> Fate {
        let sky = self.sky();
        let away = Instant::now() < sky.database_away_until;
        if away || (!sky.calm && dice.one_in(150)) { Fate::Fails } else { Fate::Good }
    }

    /// What becomes of an append.
    pub fn of_append(&self, dice: &mut Dice) -> Fate {
        if Instant::now() >= self.sky().log_away_until {
            return Fate::Good;
        }
        if dice.one_in(3) { Fate::HappensUnanswered } else { Fate::Fails }
    }
}

impl Default for Weather {
    fn default() -> Self {
        Self::new()
    }
}

/// A process as the world meets it: each of its calls takes time, and while it is paused none goes on.
#[derive(Debug, Clone)]
pub struct Gate {
    /// Tells the process from others, and from itself before it started again.
    name: Arc<str>,
    turns: Turns,
    paused_until: Arc<Mutex<Instant>>,
}

impl Gate {
    /// Of a process that runs.
    pub fn new(name: &str, turns: Turns) -> Self {
        Self { name: name.into(), turns, paused_until: Arc::new(Mutex::new(Instant::now())) }
    }

    /// Stands still for a while.
    pub fn pause(&self, millis: u64) {
        *self.paused() = Instant::now() + Duration::from_millis(millis);
    }

    fn paused(&self) -> MutexGuard<'_, Instant> {
        self.paused_until.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The way of a call to where it has its effect, in a turn of its own.
    pub async fn go(&self, call: &str) -> Dice {
        self.travel(call).await;
        self.turns.mine(format!("{} {call}", self.name)).await
    }

    /// The way back of its answer.
    pub async fn come_back(&self, call: &str) {
        self.travel(call).await;
    }

    async fn travel(&self, call: &str) {
        let mut dice = self.turns.mine(format!("{} {call}", self.name)).await;
        let millis = match dice.roll(12) {
            0..9 => 0,
            9 | 10 => 4,
            _ => dice.of(&[15, 40, 150]),
        };
        if millis > 0 {
            sleep(Duration::from_millis(millis)).await;
        }
        loop {
            let until = *self.paused();
            if until <= Instant::now() {
                return;
            }
            sleep_until(until).await;
        }
    }
}
