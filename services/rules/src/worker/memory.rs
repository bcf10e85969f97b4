//! Students in memory: those that the tables hold too, as a cache, and those whose last events are not written yet.
//!
//! The cache is bounded and drops what was not used for a while: it lives in turns, and a turn ends when so many students were
//! taken in since it began; who was not is dropped then. What is not written stays until a checkpoint writes it; it is
//! kept in the order in which it fell behind, so that writing the oldest moves the partition's `state_offset`.
//!
//! One map for both: each look at another is a wait for memory, and there are some for every event.

use std::collections::{HashSet, VecDeque};
use std::hash::BuildHasherDefault;
use std::sync::Arc;
use std::time::Duration;

use homeroom_domain::quick;
use tokio::time::Instant;

use crate::config::Limits;
use crate::evaluate::{Student, Written};
use crate::store::{Key, StudentChange};

pub(crate) struct Memory {
    students: quick::Map<Key, Place>,
    /// Students of a turn.
    generation: usize,
    turn: u64,
    /// Written students that were taken in during this turn.
    taken_in: usize,
    /// How many students are ahead of their rows.
    unwritten: usize,
    /// They, oldest first, each with its `since`; an entry that does not agree is a former one. The first one agrees.
    order: VecDeque<(i64, Key)>,
    /// About how much they take.
    bytes: usize,
}

struct Place {
    student: Arc<Student>,
    /// The turn in which the student was last taken in as written.
    turn: u64,
    ahead: Option<Ahead>,
}

/// What is kept of a student who is ahead of its row.
struct Ahead {
    /// What the tables beside the row hold.
    before: Arc<Written>,
    /// The row includes the student's events below this offset, at least.
    since: i64,
    at: Instant,
    bytes: usize,
}

impl Place {
    /// What the tables beside the row hold.
    fn before(&self) -> &Arc<Written> {
        self.ahead.as_ref().map_or(&self.student.written, |ahead| &ahead.before)
    }

    fn change(&self, key: &Key) -> StudentChange {
        StudentChange {
            district: key.0.clone(),
            student: key.1,
            before: Arc::clone(self.before()),
            after: Arc::clone(&self.student),
        }
    }

    fn is_since(&self, since: i64) -> bool {
        self.ahead.as_ref().is_some_and(|ahead| ahead.since == since)
    }
}

impl Memory {
    pub(super) fn new(cached_students: usize) -> Self {
        Self {
            students: quick::Map::default(),
            generation: cached_students,
            turn: 1,
            taken_in: 0,
            unwritten: 0,
            order: VecDeque::new(),
            bytes: 0,
        }
    }

    /// Drops cached students that were not used for a while. Between batches only, so that a batch keeps what it loaded.
    pub(super) fn turn(&mut self) {
        if self.taken_in >= self.generation {
            let turn = self.turn;
            self.students.retain(|_, place| place.turn == turn || place.ahead.is_some());
            (self.turn, self.taken_in) = (turn + 1, 0);
        }
    }

    pub(super) fn contains(&self, key: &Key) -> bool {
        self.students.contains_key(key)
    }

    pub(super) fn get(&self, key: &Key) -> Option<&Arc<Student>> {
        self.students.get(key).map(|place| &place.student)
    }

    /// What the tables beside a known student's row hold.
    pub(super) fn before(&self, key: &Key) -> Option<&Arc<Written>> {
        self.students.get(key).map(Place::before)
    }

    /// Takes in a student as the tables hold it.
    pub(super) fn loaded(&mut self, key: Key, student: Arc<Student>) {
        let place = Place { student, turn: self.turn, ahead: None };
        let known = self.students.insert(key, place);
        if known.as_ref().is_none_or(|known| known.turn != self.turn) {
            self.taken_in += 1;
        }
        self.settle(known);
    }

    /// The change is in the tables.
    pub(super) fn written(&mut self, change: &StudentChange) {
        self.loaded((change.district.clone(), change.student), Arc::clone(&change.after));
    }

    /// The change stays in memory. Its events begin at `since`, unless earlier ones are unwritten too.
    pub(super) fn keep(&mut self, change: StudentChange, since: i64, now: Instant) {
        let key = (change.district, change.student);
        let bytes = change.after.approximate_bytes();
        self.bytes += bytes;
        let ahead = Ahead { before: change.before, since, at: now, bytes };
        match self.students.get_mut(&key) {
            Some(Place { student, ahead: Some(known), .. }) => {
                self.bytes -= std::mem::replace(&mut known.bytes, bytes);
                *student = change.after;
                return;
            }
            Some(place) => (place.student, place.ahead) = (change.after, Some(ahead)),
            None => {
                let place = Place { student: change.after, turn: 0, ahead: Some(ahead) };
                self.students.insert(key.clone(), place);
            }
        }
        self.unwritten += 1;
        self.order.push_back((since, key));
    }

    /// Forgets what is known of a student, who is then read from the tables again.
    pub(super) fn forget(&mut self, key: &Key) {
        let known = self.students.remove(key);
        self.settle(known);
    }

    /// Counts one less who is ahead, if this one was.
    fn settle(&mut self, known: Option<Place>) {
        if let Some(Ahead { bytes, .. }) = known.and_then(|place| place.ahead) {
            self.bytes -= bytes;
            self.unwritten -= 1;
            while let Some((since, key)) = self.order.front()
                && self.students.get(key).is_none_or(|place| !place.is_since(*since))
            {
                self.order.pop_front();
            }
        }
    }

    pub(super) fn is_unwritten(&self, key: &Key) -> bool {
        self.students.get(key).is_some_and(|place| place.ahead.is_some())
    }

    pub(super) fn all_written(&self) -> bool {
        self.unwritten == 0
    }

    /// Unwritten students, oldest first.
    fn oldest(&self) -> impl Iterator<Item = (&Key, &Place, &Ahead)> {
        self.order.iter().filter_map(|(since, key)| {
            let (key, place) = self.students.get_key_value(key)?;
            let ahead = place.ahead.as_ref().filter(|ahead| ahead.since == *since)?;
            Some((key, place, ahead))
        })
    }

    /// Unwritten students who satisfy a condition, oldest first.
    pub(super) fn unwritten(&self, wanted: impl Fn(&Student) -> bool) -> Vec<Key> {
        self.oldest().filter(|(_, place, _)| wanted(&place.student)).map(|(key, ..)| key.clone()).collect()
    }

    /// The oldest unwritten students, as changes to write in order of key.
    pub(super) fn page(&self, rows: usize) -> Vec<StudentChange> {
        let mut page: Vec<StudentChange> = self.oldest().take(rows).map(|(key, place, _)| place.change(key)).collect();
        page.sort_unstable_by(|a, b| (&a.district, &a.student).cmp(&(&b.district, &b.student)));
        page
    }

    /// One unwritten student, as a change to write.
    pub(super) fn change(&self, key: &Key) -> Option<StudentChange> {
        let (key, place) = self.students.get_key_value(key).filter(|(_, place)| place.ahead.is_some())?;
        Some(place.change(key))
    }

    /// The first offset that some row may lack when these changes are written; none when nothing stays unwritten.
    pub(super) fn unwritten_since(&self, writing: &[StudentChange]) -> Option<i64> {
        if self.unwritten == 0 {
            return None;
        }
        let writing: HashSet<_, BuildHasherDefault<quick::Quick>> =
            writing.iter().map(|change| (&change.district, &change.student)).collect();
        let stays = |((district, student), ..): &(&Key, &Place, &Ahead)| !writing.contains(&(district, student));
        self.oldest().find(stays).map(|(.., ahead)| ahead.since)
    }

    /// Whether so much is unwritten, or for so long, that a checkpoint is due.
    pub(super) fn is_due(&self, limits: &Limits, now: Instant) -> bool {
        let oldest = self.oldest().next();
        self.unwritten > limits.unwritten_students
            || self.bytes > limits.unwritten_bytes
            || oldest.is_some_and(|(.., oldest)| now.duration_since(oldest.at) > seconds(limits))
    }
}

fn seconds(limits: &Limits) -> Duration {
    Duration::from_secs(limits.unwritten_seconds)
}

#[cfg(test)]
mod tests {
    use homeroom_domain::id::{DistrictId, StudentKey};

    use super::*;

    fn change(n: u8) -> StudentChange {
        StudentChange {
            district: DistrictId::parse("d").unwrap(),
            student: StudentKey::new([n; 16]),
            before: Arc::default(),
            after: Arc::default(),
        }
    }

    fn write(memory: &mut Memory, page: &[StudentChange]) {
        for change in page {
            memory.written(change);
        }
    }

    fn keys(page: &[StudentChange]) -> Vec<u8> {
        page.iter().map(|change| change.student.as_bytes()[0]).collect()
    }

    #[test]
    fn the_oldest_are_written_first_and_what_stays_says_how_far_the_rows_are() {
        let mut memory = Memory::new(10);
        let now = Instant::now();
        for (n, since) in [(3, 10), (1, 10), (2, 20), (3, 30)] {
            memory.keep(change(n), since, now);
        }
        let page = memory.page(2);
        assert_eq!(keys(&page), [1, 3]);
        assert_eq!(memory.unwritten_since(&page), Some(20));
        write(&mut memory, &page);
        // Behind again, and behind a student who fell behind earlier.
        memory.keep(change(1), 40, now);
        let page = memory.page(1);
        assert_eq!((keys(&page), memory.unwritten_since(&page)), (vec![2], Some(40)));
        write(&mut memory, &page);
        let page = memory.page(5);
        assert_eq!((keys(&page), memory.unwritten_since(&page)), (vec![1], None));
        write(&mut memory, &page);
        assert!(memory.all_written() && memory.bytes == 0);
    }

    #[test]
    fn a_checkpoint_is_due_by_number_bytes_or_age() {
        let mut memory = Memory::new(10);
        let now = Instant::now();
        let limits = Limits { unwritten_students: 1, unwritten_seconds: 5, ..Limits::default() };
        memory.keep(change(1), 0, now);
        assert!(!memory.is_due(&limits, now));
        assert!(memory.is_due(&limits, now + Duration::from_secs(6)));
        assert!(memory.is_due(&Limits { unwritten_bytes: 0, ..limits }, now));
        memory.keep(change(2), 1, now);
        assert!(memory.is_due(&limits, now));
    }

    #[test]
    fn what_was_not_used_for_a_generation_is_dropped_unless_it_is_unwritten() {
        let mut memory = Memory::new(2);
        let key = |n: u8| (DistrictId::parse("d").unwrap(), StudentKey::new([n; 16]));
        memory.keep(change(9), 0, Instant::now());
        for n in 0..6 {
            // Again and again the same one is no use of room.
            memory.loaded(key(n), Arc::default());
            memory.loaded(key(n), Arc::default());
            memory.turn();
        }
        assert!(!memory.contains(&key(0)) && memory.contains(&key(5)) && memory.is_unwritten(&key(9)));
        assert!(memory.students.len() <= 5);
    }
}
