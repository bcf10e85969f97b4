//! Students in memory: those that the tables hold too, as a cache, and those whose last events are not written yet.
//!
//! The cache is bounded and drops what was not used for a while. What is not written stays until a checkpoint writes it; it is
//! kept in the order in which it fell behind, so that writing the oldest moves the partition's `state_offset`.

use std::collections::hash_map::Entry;
use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use homeroom_domain::quick;
use tokio::time::Instant;

use crate::config::Limits;
use crate::evaluate::{Student, Written};
use crate::store::{Key, StudentChange};
use crate::worker::cache::Cache;

pub(crate) struct Memory {
    cache: Cache,
    unwritten: quick::Map<Key, Unwritten>,
    /// The students of `unwritten`, oldest first, each with its `since`; an entry that does not agree is a former one.
    order: VecDeque<(i64, Key)>,
    bytes: usize,
}

/// A student who is ahead of its row.
struct Unwritten {
    student: Arc<Student>,
    /// What the tables beside the row hold.
    before: Arc<Written>,
    /// The row includes the student's events below this offset, at least.
    since: i64,
    at: Instant,
    bytes: usize,
}

impl Unwritten {
    fn change(&self, key: &Key) -> StudentChange {
        StudentChange {
            district: key.0.clone(),
            student: key.1,
            before: Arc::clone(&self.before),
            after: Arc::clone(&self.student),
        }
    }
}

impl Memory {
    pub(super) fn new(cached_students: usize) -> Self {
        Self { cache: Cache::new(cached_students), unwritten: quick::Map::default(), order: VecDeque::new(), bytes: 0 }
    }

    /// Drops cached students that were not used for a while. Between batches only, so that a batch keeps what it loaded.
    pub(super) fn turn(&mut self) {
        self.cache.turn();
    }

    pub(super) fn contains(&self, key: &Key) -> bool {
        self.unwritten.contains_key(key) || self.cache.contains(key)
    }

    pub(super) fn get(&self, key: &Key) -> Option<&Arc<Student>> {
        match self.unwritten.get(key) {
            Some(unwritten) => Some(&unwritten.student),
            None => self.cache.get(key),
        }
    }

    /// What the tables beside a known student's row hold.
    pub(super) fn before(&self, key: &Key) -> Option<&Arc<Written>> {
        match self.unwritten.get(key) {
            Some(unwritten) => Some(&unwritten.before),
            None => self.cache.get(key).map(|student| &student.written),
        }
    }

    /// Takes in a student as the tables hold it.
    pub(super) fn loaded(&mut self, key: Key, student: Arc<Student>) {
        self.cache.insert(key, student);
    }

    /// The change is in the tables.
    pub(super) fn written(&mut self, change: &StudentChange) {
        let key = (change.district.clone(), change.student);
        self.forget_unwritten(&key);
        self.cache.insert(key, Arc::clone(&change.after));
    }

    /// The change stays in memory. Its events begin at `since`, unless earlier ones are unwritten too.
    pub(super) fn keep(&mut self, change: StudentChange, since: i64, now: Instant) {
        let key = (change.district, change.student);
        let bytes = change.after.approximate_bytes();
        self.bytes += bytes;
        match self.unwritten.entry(key) {
            Entry::Occupied(mut known) => {
                let known = known.get_mut();
                self.bytes -= std::mem::replace(&mut known.bytes, bytes);
                known.student = change.after;
            }
            Entry::Vacant(place) => {
                self.order.push_back((since, place.key().clone()));
                place.insert(Unwritten { student: change.after, before: change.before, since, at: now, bytes });
            }
        }
    }

    /// Forgets what is known of a student, who is then read from the tables again.
    pub(super) fn forget(&mut self, key: &Key) {
        self.forget_unwritten(key);
        self.cache.remove(key);
    }

    fn forget_unwritten(&mut self, key: &Key) {
        let known = self.unwritten.remove(key);
        self.bytes -= known.map_or(0, |known| known.bytes);
    }

    pub(super) fn is_unwritten(&self, key: &Key) -> bool {
        self.unwritten.contains_key(key)
    }

    pub(super) fn all_written(&self) -> bool {
        self.unwritten.is_empty()
    }

    /// Unwritten students, oldest first.
    fn oldest(&self) -> impl Iterator<Item = (&Key, &Unwritten)> {
        self.order.iter().filter_map(|(since, key)| {
            self.unwritten.get_key_value(key).filter(|(_, unwritten)| unwritten.since == *since)
        })
    }

    /// Unwritten students who satisfy a condition, oldest first.
    pub(super) fn unwritten(&self, wanted: impl Fn(&Student) -> bool) -> Vec<Key> {
        self.oldest().filter(|(_, unwritten)| wanted(&unwritten.student)).map(|(key, _)| key.clone()).collect()
    }

    /// The oldest unwritten students, as changes to write in order of key.
    pub(super) fn page(&mut self, rows: usize) -> Vec<StudentChange> {
        while let Some((since, key)) = self.order.front()
            && self.unwritten.get(key).is_none_or(|unwritten| unwritten.since != *since)
        {
            self.order.pop_front();
        }
        let mut page: Vec<StudentChange> =
            self.oldest().take(rows).map(|(key, unwritten)| unwritten.change(key)).collect();
        page.sort_unstable_by(|a, b| (&a.district, &a.student).cmp(&(&b.district, &b.student)));
        page
    }

    /// One unwritten student, as a change to write.
    pub(super) fn change(&self, key: &Key) -> Option<StudentChange> {
        let (key, unwritten) = self.unwritten.get_key_value(key)?;
        Some(unwritten.change(key))
    }

    /// The first offset that some row may lack when these changes are written; none when nothing stays unwritten.
    pub(super) fn unwritten_since(&self, writing: &[StudentChange]) -> Option<i64> {
        if self.unwritten.is_empty() {
            return None;
        }
        let writing: HashSet<_> = writing.iter().map(|change| (&change.district, &change.student)).collect();
        self.oldest().find(|((district, student), _)| !writing.contains(&(district, student))).map(|(_, it)| it.since)
    }

    /// Whether so much is unwritten, or for so long, that a checkpoint is due.
    pub(super) fn is_due(&self, limits: &Limits, now: Instant) -> bool {
        let oldest = self.oldest().next();
        self.unwritten.len() > limits.unwritten_students
            || self.bytes > limits.unwritten_bytes
            || oldest.is_some_and(|(_, oldest)| now.duration_since(oldest.at) > seconds(limits))
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
}
