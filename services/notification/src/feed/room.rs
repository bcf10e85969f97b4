//! How many streams may be open: in all, which bounds this process's memory, and by one key, so that none takes the room of
//! the others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tonic::Status;

/// Room for streams of one sort.
#[derive(Debug)]
pub(crate) struct Room {
    /// What they are, for the refused.
    what: &'static str,
    most: usize,
    most_per_key: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_key: HashMap<String, usize>,
}

/// A place in a room, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    room: Arc<Room>,
    key: String,
}

impl Room {
    /// An empty room.
    pub(crate) fn new(what: &'static str, most: usize, most_per_key: usize) -> Arc<Self> {
        Arc::new(Self { what, most, most_per_key, taken: Mutex::default() })
    }

    /// A place for a stream of this key; `RESOURCE_EXHAUSTED` says whose limit is reached.
    pub(super) fn take(self: &Arc<Self>, key: &str) -> Result<Place, Status> {
        let mut taken = self.lock();
        if taken.all >= self.most {
            let Self { what, most, .. } = &**self;
            return Err(Status::resource_exhausted(format!("this process has {most} {what} open, and takes no more")));
        }
        let by_key = taken.by_key.entry(key.to_owned()).or_default();
        if *by_key >= self.most_per_key {
            let Self { what, most_per_key, .. } = &**self;
            return Err(Status::resource_exhausted(format!(
                "the key has {most_per_key} {what} open on this process, and may have no more"
            )));
        }
        *by_key += 1;
        taken.all += 1;
        Ok(Place { room: Arc::clone(self), key: key.to_owned() })
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.room.lock();
        taken.all -= 1;
        if let Some(by_key) = taken.by_key.get_mut(&self.key) {
            *by_key -= 1;
            if *by_key == 0 {
                taken.by_key.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_cannot_take_the_room_of_others_and_a_place_left_is_free() {
        let room = Room::new("watchers", 3, 2);
        let held = [room.take("one").unwrap(), room.take("one").unwrap()];
        assert!(room.take("one").unwrap_err().message().contains("the key has 2 watchers"));
        let other = room.take("two").unwrap();
        assert!(room.take("three").unwrap_err().message().contains("this process has 3 watchers"));
        drop(other);
        drop(held);
        room.take("one").unwrap();
        assert_eq!(room.lock().by_key.len(), 0, "who has nothing open is not remembered");
    }
}
