//! Who is next: all that concerns more than one task happens in turns, and turns of one moment come in an order of their own.
//!
//! Tokio wakes those who wait for one thing in an order that it draws. So that a seed replays exactly, no effect depends on
//! that order: a task that wants to touch the world says who it is and waits; when nobody has anything left to do at this
//! moment, those who wait are woken in the order of what they said, each with a roll of the dice.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::time::sleep;

use crate::dice::Dice;

/// The turns of a run. Clones share them.
#[derive(Debug, Clone)]
pub struct Turns {
    waiting: Arc<Mutex<Waiting>>,
    arrived: Arc<Notify>,
}

#[derive(Debug)]
struct Waiting {
    dice: Dice,
    /// By what they said. Those who said the same are alike, and get the same roll.
    by_name: BTreeMap<String, Vec<oneshot::Sender<u64>>>,
}

impl Turns {
    /// Of a seed.
    pub fn new(seed: u64) -> Self {
        let waiting = Waiting { dice: Dice::new(seed ^ 0x7412), by_name: BTreeMap::new() };
        Self { waiting: Arc::new(Mutex::new(waiting)), arrived: Arc::default() }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until it is the caller's turn, and brings dice of its own. What the caller does before it next waits is done in
    /// its turn.
    pub async fn mine(&self, name: String) -> Dice {
        let (sender, turn) = oneshot::channel();
        self.waiting().by_name.entry(name).or_default().push(sender);
        self.arrived.notify_one();
        // It is dropped only when the run is over, and so is the caller then.
        Dice::new(turn.await.unwrap_or(0))
    }

    /// Gives turns, one moment after the other, as long as the run lasts.
    pub async fn give(self) {
        loop {
            self.arrived.notified().await;
            // The paused clock moves when nobody has anything to do.
            sleep(Duration::from_millis(1)).await;
            let mut waiting = self.waiting();
            for (_, alike) in std::mem::take(&mut waiting.by_name) {
                let roll = waiting.dice.number();
                for one in alike {
                    // Whoever is gone has crashed.
                    one.send(roll).ok();
                }
            }
        }
    }
}
