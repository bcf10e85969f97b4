//! A log that can be away, or stop answering after it has taken records, as a crash between two steps leaves it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use async_trait::async_trait;
use homeroom_bus::memory::MemoryLog;
use homeroom_bus::{Appended, Error, Log, NewRecord, Topic};
use homeroom_harness::{Behind, Between};

/// How the log behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    /// It takes records.
    Open,
    /// It cannot be reached.
    Away,
    /// It takes records and never answers.
    Silent,
}

/// A log behind a gate. Clones share it.
pub(crate) type Gated = Behind<Gate>;

/// Stands before a log.
#[derive(Default)]
pub(crate) struct Gate(AtomicU8);

impl Gate {
    pub(crate) fn set(&self, mood: Mood) {
        self.0.store(mood as u8, Ordering::SeqCst);
    }
}

/// An open gate before a log of its own.
pub(crate) async fn gated() -> Gated {
    let log = MemoryLog::default();
    log.create_topics(4).await.unwrap();
    Behind::new(Gate::default(), Arc::new(log))
}

#[async_trait]
impl Between for Gate {
    async fn append(&self, log: &dyn Log, topic: Topic, records: Vec<NewRecord>) -> Vec<Result<Appended, Error>> {
        let mood = self.0.load(Ordering::SeqCst);
        if mood == Mood::Away as u8 {
            return records.iter().map(|_| Err(Error::Unavailable("it is away".into()))).collect();
        }
        let answers = log.append(topic, records).await;
        if mood == Mood::Silent as u8 {
            std::future::pending::<()>().await;
        }
        answers
    }
}
