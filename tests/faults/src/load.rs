//! Many stories at once, until told to stop.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, sleep, timeout};

use crate::sender::{Door, Student};
use crate::story::{Story, Told};
use crate::{Dice, Feed, PATIENCE, POLL, Sender};

/// Stories told at the same time.
const TELLERS: u64 = 8;
/// The pause between two stories of one teller: steady work that leaves room on a small machine.
const PACE: Duration = Duration::from_millis(150);

/// A running load; it stops when dropped.
pub struct Load {
    shared: Arc<Shared>,
    tellers: JoinSet<Result<()>>,
}

struct Shared {
    sender: Arc<Sender>,
    feed: Arc<Feed>,
    students: Vec<Student>,
    next: AtomicUsize,
    stop: AtomicBool,
    told: Mutex<Vec<Told>>,
}

impl Load {
    /// Begins to tell stories of these students, each one's once.
    pub fn start(sender: &Arc<Sender>, feed: &Arc<Feed>, students: Vec<Student>, seed: u64) -> Self {
        let shared = Arc::new(Shared {
            sender: Arc::clone(sender),
            feed: Arc::clone(feed),
            students,
            next: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
            told: Mutex::default(),
        });
        let mut tellers = JoinSet::new();
        for teller in 0..TELLERS {
            let (shared, dice) = (Arc::clone(&shared), Dice::new(seed.wrapping_add(teller)));
            tellers.spawn(async move { shared.tell_stories(dice).await });
        }
        Self { shared, tellers }
    }

    /// Waits until so many stories more have been told to their end. Fails at once when a story went wrong.
    pub async fn goes_on(&mut self, more: usize) -> Result<()> {
        let goal = self.told() + more;
        let deadline = Instant::now() + PATIENCE;
        while self.told() < goal {
            if let Some(ended) = self.tellers.try_join_next() {
                ended?.context("a story could not be told")?;
                ensure!(!self.tellers.is_empty(), "there are no students left: give the load more of them");
            }
            ensure!(Instant::now() < deadline, "the load stands still: {} stories, not {goal}", self.told());
            sleep(POLL).await;
        }
        Ok(())
    }

    /// Lets every story end and begins no other; all that were told.
    pub async fn stop(mut self) -> Result<Vec<Told>> {
        self.shared.stop.store(true, Ordering::Relaxed);
        let ended = async {
            while let Some(ended) = self.tellers.join_next().await {
                ended?.context("a story could not be told")?;
            }
            anyhow::Ok(())
        };
        timeout(PATIENCE * 2, ended).await.context("the stories do not end")??;
        Ok(std::mem::take(&mut *self.shared.told.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    fn told(&self) -> usize {
        self.shared.told.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

impl Shared {
    async fn tell_stories(&self, mut dice: Dice) -> Result<()> {
        let mut pace = interval(PACE);
        while !self.stop.load(Ordering::Relaxed) {
            pace.tick().await;
            let Some(student) = self.students.get(self.next.fetch_add(1, Ordering::Relaxed)) else { return Ok(()) };
            let story = Story::pick(&mut dice);
            let door = if dice.below(3) == 0 { Door::EdFi } else { Door::Native };
            story
                .tell(student, door, &self.sender, &self.feed)
                .await
                .with_context(|| format!("{story:?} by {door:?} of {}", student.id))?;
            let told = Told { student: student.clone(), story, door };
            self.told.lock().unwrap_or_else(PoisonError::into_inner).push(told);
        }
        Ok(())
    }
}
