//! Students in memory, bounded: two generations, of which the older is dropped when the younger is full.

use std::sync::Arc;

use homeroom_domain::quick;

use crate::evaluate::Student;
use crate::store::Key;

/// Holds between one and two times `generation` students. What it drops is in the database.
pub(crate) struct Cache {
    young: quick::Map<Key, Arc<Student>>,
    old: quick::Map<Key, Arc<Student>>,
    generation: usize,
}

impl Cache {
    pub(super) fn new(generation: usize) -> Self {
        Self { young: quick::Map::default(), old: quick::Map::default(), generation }
    }

    pub(super) fn contains(&self, key: &Key) -> bool {
        self.young.contains_key(key) || self.old.contains_key(key)
    }

    pub(super) fn get(&self, key: &Key) -> Option<&Arc<Student>> {
        self.young.get(key).or_else(|| self.old.get(key))
    }

    pub(super) fn insert(&mut self, key: Key, student: Arc<Student>) {
        self.old.remove(&key);
        self.young.insert(key, student);
    }

    pub(super) fn remove(&mut self, key: &Key) {
        self.old.remove(key);
        self.young.remove(key);
    }

    /// Drops the older generation when the younger is full. Between batches only, so that a batch keeps what it loaded.
    pub(super) fn turn(&mut self) {
        if self.young.len() >= self.generation {
            self.old = std::mem::take(&mut self.young);
        }
    }
}

#[cfg(test)]
mod tests {
    use homeroom_domain::id::{DistrictId, StudentKey};

    use super::*;

    fn key(n: u8) -> Key {
        (DistrictId::parse("d").unwrap(), StudentKey::new([n; 16]))
    }

    #[test]
    fn what_was_not_used_for_a_generation_is_dropped() {
        let mut cache = Cache::new(2);
        for n in 0..6 {
            cache.insert(key(n), Arc::default());
            cache.turn();
        }
        assert!(!cache.contains(&key(0)));
        assert!(cache.contains(&key(5)));
        assert!(cache.young.len() + cache.old.len() <= 4);
    }
}
