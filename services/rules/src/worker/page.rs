//! A page of a sweep's students: read beside the worker's other work, then looked at again a few at a time.
//!
//! A school's students are of all partitions, so a calendar that is edited, or a date that moves, moves every worker at once. Were
//! each to read and write its page as one, a mark of today would wait for that, for a core, and for the alerts of all pages. So the
//! process has one turn for all its partitions: whoever has it works a page off in steps that last milliseconds, and takes what has
//! come in between two of them.

use std::collections::HashSet;
use std::hash::BuildHasherDefault;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use homeroom_domain::id::StudentKey;
use homeroom_domain::quick::Quick;

use crate::store::{self, Found, Key, SweepTurn, Wanted};
use crate::worker::Shared;
use crate::worker::patience::patiently;

/// How long a step may last. A mark of today that comes during one waits for its end.
const STEP: Duration = Duration::from_millis(20);
/// Students of a step at least: a commit costs some milliseconds whatever it holds, and more where the database is far.
const FEWEST: usize = 32;

/// A page.
pub(crate) struct Page {
    stage: Stage,
    /// Who was committed since it was asked for: evaluated with what is in force, and with events that the page may lack.
    overtaken: HashSet<Key, BuildHasherDefault<Quick>>,
}

enum Stage {
    /// It waits for the turn, or is being read. Never locked: a future alone cannot be part of what threads share.
    Coming(Mutex<BoxFuture<'static, Result<Read, store::Error>>>),
    Here(Read),
}

/// A page that was read.
pub(crate) struct Read {
    /// Who is not looked at again yet, the first one last.
    students: Vec<Found>,
    /// Ends with the page.
    _turn: Option<SweepTurn>,
}

impl Page {
    /// Asks for a page.
    pub(super) fn ask(shared: &Arc<Shared>, wanted: Wanted) -> Self {
        let shared = Arc::clone(shared);
        let coming = async move {
            let turn = shared.store.turn_to_sweep(wanted.partition).await;
            let mut students = patiently(&shared.stopping, || shared.store.behind(&wanted)).await?;
            students.reverse();
            Ok(Read { students, _turn: Some(turn) })
        };
        Self { stage: Stage::Coming(Mutex::new(Box::pin(coming))), overtaken: HashSet::default() }
    }

    /// Whether it is still to come.
    pub(super) fn is_coming(&self) -> bool {
        matches!(self.stage, Stage::Coming(_))
    }

    /// Waits until it is here; may be dropped and called again. Answers with the last student, and how many there are.
    pub(super) async fn come(&mut self) -> Result<(Option<StudentKey>, usize), store::Error> {
        if let Stage::Coming(coming) = &mut self.stage {
            let coming = coming.get_mut().unwrap_or_else(PoisonError::into_inner);
            self.stage = Stage::Here(coming.await?);
        }
        let Stage::Here(Read { students, .. }) = &self.stage else { return Ok((None, 0)) };
        Ok((students.first().map(|((_, student), _)| *student), students.len()))
    }

    /// Somebody was committed meanwhile.
    pub(super) fn overtake(&mut self, key: Key) {
        self.overtaken.insert(key);
    }

    /// So many students to look at again, or fewer; none when that was all, or it is still to come.
    pub(super) fn step(&mut self, students: usize, is_unwritten: impl Fn(&Key) -> bool) -> Vec<Found> {
        let Stage::Here(read) = &mut self.stage else { return Vec::new() };
        let mut step = Vec::with_capacity(students.min(read.students.len()));
        while step.len() < students
            && let Some((key, student)) = read.students.pop()
        {
            // Who is ahead of its row was evaluated with all that this pass is about, since everything is written before that moves.
            if !self.overtaken.contains(&key) && !is_unwritten(&key) {
                step.push((key, student));
            }
        }
        step
    }

    /// Whether everyone of it was looked at again.
    pub(super) fn is_done(&self) -> bool {
        matches!(&self.stage, Stage::Here(read) if read.students.is_empty())
    }
}

/// How many students make a step of about the time that it may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stride(usize);

impl Stride {
    /// Before anything is known.
    pub(super) const fn first() -> Self {
        Self(FEWEST)
    }

    pub(super) const fn students(self) -> usize {
        self.0
    }

    /// The next one after a step of so many students that took so long, with at most so many.
    #[must_use]
    pub(super) fn after(self, students: usize, took: Duration, most: usize) -> Self {
        let next = if took > STEP {
            self.0 / 2
        } else if took * 2 < STEP && students >= self.0 {
            self.0 * 2
        } else {
            self.0
        };
        Self(next.max(FEWEST).min(most.max(1)))
    }
}

#[cfg(test)]
mod tests {
    use homeroom_domain::id::DistrictId;
    use tokio::sync::oneshot;

    use super::*;
    use crate::evaluate::Student;

    fn key(n: u8) -> Key {
        (DistrictId::parse("home").unwrap(), StudentKey::new([n; 16]))
    }

    fn keys(step: &[Found]) -> Vec<Key> {
        step.iter().map(|(key, _)| key.clone()).collect()
    }

    #[tokio::test]
    async fn whoever_is_committed_while_a_page_is_read_or_worked_off_is_left_to_that_commit() {
        let (sender, read) = oneshot::channel();
        let coming = async { Ok(read.await.unwrap()) };
        let mut page = Page { stage: Stage::Coming(Mutex::new(Box::pin(coming))), overtaken: HashSet::default() };
        page.overtake(key(2));
        // The worker has something else to do first.
        assert!(tokio::time::timeout(Duration::ZERO, page.come()).await.is_err());
        assert!(page.is_coming() && page.step(10, |_| false).is_empty() && !page.is_done());
        let students = (1..=6).rev().map(|n| (key(n), Student::default())).collect();
        assert!(sender.send(Read { students, _turn: None }).is_ok());
        assert_eq!(page.come().await.unwrap(), (Some(key(6).1), 6));
        assert_eq!(keys(&page.step(2, |_| false)), [key(1), key(3)]);
        page.overtake(key(4));
        assert_eq!(keys(&page.step(2, |key| *key == self::key(5))), [key(6)]);
        assert!(page.is_done());
    }

    #[test]
    fn steps_grow_while_they_are_short_and_shrink_when_they_last_too_long() {
        let most = 500;
        let mut stride = Stride::first();
        for _ in 0..10 {
            stride = stride.after(stride.students(), STEP / 3, most);
        }
        assert_eq!(stride.students(), most);
        assert_eq!(stride.after(most, STEP, most), stride);
        // Few students left are quick whatever a step may hold.
        assert_eq!(Stride(64).after(3, Duration::ZERO, most), Stride(64));
        for _ in 0..10 {
            stride = stride.after(stride.students(), STEP * 3, most);
        }
        assert_eq!(stride, Stride::first());
        assert_eq!(stride.after(FEWEST, STEP, 2).students(), 2);
    }
}
