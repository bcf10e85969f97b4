//! All that a partition holds now, read to its end.

use std::time::Duration;

use crate::log::{Error, Log, Record, Tail};
use crate::topic::{Offset, Partition, Topic};

/// How long one read may bring nothing while records are known to be there, and how often in a row.
const SILENCE: Duration = Duration::from_secs(10);
const MOST_SILENT: u32 = 3;

/// A reader of what a partition of a topic that [expires](Topic::expires) held when it began. Offsets go on when records go, so a
/// partition may be at 1,000 and hold nothing: that is an end at once, while silence where records are known to be there is an error.
pub struct Contents {
    /// None of a partition that holds nothing.
    tail: Option<Box<dyn Tail>>,
    topic: Topic,
    partition: Partition,
    first: Offset,
    /// The offset that is next.
    at: i64,
    end: i64,
}

impl Contents {
    /// Begins with the first record that is kept.
    ///
    /// # Errors
    ///
    /// When the log cannot be reached, or has no such partition.
    pub async fn open(log: &dyn Log, topic: Topic, partition: Partition) -> Result<Self, Error> {
        let extent = log.extent(topic, partition).await?;
        let tail = if extent.is_empty() { None } else { Some(log.tail(topic, partition, Offset(0)).await?) };
        let first = extent.start;
        Ok(Self { tail, topic, partition, first, at: first.0, end: extent.end.0 })
    }

    /// The offset of the first record that is kept, or of the next to come: what came before it has expired.
    pub fn begins_at(&self) -> Offset {
        self.first
    }

    /// The next records, at most so many, and some that came since among them; none at the end.
    ///
    /// # Errors
    ///
    /// When the log cannot be reached, or does not give what it holds, or what is next has expired meanwhile.
    pub async fn next(&mut self, max: usize) -> Result<Option<Vec<Record>>, Error> {
        let Some(tail) = self.tail.as_mut().filter(|_| self.at < self.end) else { return Ok(None) };
        for _ in 0..MOST_SILENT {
            let records = tail.next(max, SILENCE).await?;
            if let Some(last) = records.last() {
                self.at = last.offset.0 + 1;
                return Ok(Some(records));
            }
        }
        let Self { topic, partition, at, end, .. } = self;
        let problem = format!("partition {} of `{topic}` gives nothing at {at}, before its end {end}", partition.0);
        Err(Error::Unavailable(problem))
    }
}
