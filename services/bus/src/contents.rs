//! All that a partition of a topic that [expires](Topic::expires) holds now, read to its end.
//!
//! Offsets go on when records go, so a partition may be at 1,000 and hold nothing. Whoever waits for what comes before such an end
//! waits in vain: here that is known at once. Silence where records are known to be there is an error, and no end.

use std::time::Duration;

use crate::log::{Error, Log, Record, Tail};
use crate::topic::{Offset, Partition, Topic};

/// How long one read may bring nothing, and how often in a row.
const SILENCE: Duration = Duration::from_secs(10);
const MOST_SILENT: u32 = 3;

/// A reader of what was there when it began.
pub struct Whole {
    /// None of a partition that holds nothing.
    tail: Option<Box<dyn Tail>>,
    topic: Topic,
    partition: Partition,
    /// The offset that is next.
    at: i64,
    end: i64,
}

impl Whole {
    /// Begins with the first record that is kept.
    ///
    /// # Errors
    ///
    /// When the log cannot be reached, or has no such partition.
    pub async fn open(log: &dyn Log, topic: Topic, partition: Partition) -> Result<Self, Error> {
        let end = log.end_offset(topic, partition).await?.0;
        let is_empty = is_empty(log, topic, partition, end).await?;
        let tail = if is_empty { None } else { Some(log.tail(topic, partition, Offset(0)).await?) };
        Ok(Self { tail, topic, partition, at: 0, end })
    }

    /// The offset after the last record when it began.
    pub fn end(&self) -> Offset {
        Offset(self.end)
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
            // Of a single record only silence can tell that it has expired.
            if self.end == 1 {
                self.tail = None;
                return Ok(None);
            }
        }
        let Self { topic, partition, at, end, .. } = self;
        let problem = format!("partition {} of `{topic}` gives nothing at {at}, before its end {end}", partition.0);
        Err(Error::Unavailable(problem))
    }
}

/// Whether a partition with this end holds nothing, as far as can be asked: offset 0 means the first record kept, wherever it is.
async fn is_empty(log: &dyn Log, topic: Topic, partition: Partition, end: i64) -> Result<bool, Error> {
    if end <= 1 {
        return Ok(end == 0);
    }
    match log.tail(topic, partition, Offset(end - 1)).await {
        Ok(_) => Ok(false),
        Err(Error::OffsetOutOfRange { .. }) => Ok(true),
        Err(error) => Err(error),
    }
}
