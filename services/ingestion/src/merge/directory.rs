//! What the directory says of a student who is another one.
//!
//! Names stay under the key that they were sent for, with the student that this one is: whoever shows people shows that one alone,
//! and a split needs no name that nobody has any more.
//!
//! A door, or an erasure, may have its word while the last one is read and said again. So what is said again tells how far it had
//! read ([`READ_TO`]), and is read back: when another word stands in between, that one counts, and is said again in turn. It is so
//! too for whoever repeats a look that was cut off in between.

use std::time::Duration;

use bytes::Bytes;
use homeroom_bus::partitioner::partition_of;
use homeroom_bus::{Log, NewRecord, Offset, Partition, Record, Tail, Topic, log};
use homeroom_domain::id::{DistrictId, StudentKey};
use homeroom_proto::directory::{self, StudentProfile};
use homeroom_proto::key;

use super::mover;

/// The header of a word that is said again: up to which offset others' were read.
const READ_TO: &str = "read-to";

/// How often others may have had their word before it is left for later.
const ATTEMPTS: usize = 10;

/// How long to wait for records at once, and how often in vain before the end is taken to be reached: what is compacted may have no
/// last record, and a fetch may be slow.
const SILENCE: Duration = Duration::from_secs(5);
const MOST_SILENT: u32 = 6;

/// Has the directory say of a student who it is. The last word stays, a name erased stays so.
pub(super) async fn mark(
    log: &dyn Log,
    district: &DistrictId,
    student: StudentKey,
    same_as: Option<StudentKey>,
) -> Result<(), log::Error> {
    let key = key::directory(district, &student);
    let partition = partition_of(&key, log.partitions(Topic::Directory).await?);
    let tail = log.tail(Topic::Directory, partition, Offset(0)).await?;
    let mut reader = Reader { log, partition, key, tail, at: 0, said: Said::default() };
    let mut own = None;
    for _ in 0..ATTEMPTS {
        let is_whole = reader.read().await?;
        if own.is_some_and(|own| reader.at <= own) {
            return Err(log::Error::Unavailable("the directory does not give what it has".to_owned()));
        }
        if is_whole && reader.said.stands(same_as) {
            return Ok(());
        }
        let value = reader.said.marked(same_as);
        let headers = vec![(READ_TO.to_owned(), Bytes::from(reader.at.to_string()))];
        let record = NewRecord { key: reader.key.clone(), value, headers };
        for appended in log.append(Topic::Directory, vec![record]).await {
            own = Some(appended?.offset.0);
        }
    }
    Err(log::Error::Unavailable("others always have their word in between".to_owned()))
}

/// Reads one student's words.
struct Reader<'l> {
    log: &'l dyn Log,
    partition: Partition,
    key: Bytes,
    tail: Box<dyn Tail>,
    /// The offset that is next.
    at: i64,
    said: Said,
}

impl Reader<'_> {
    /// Reads to the end; whether it was reached. If not, what was left may be there or not: a word that is said then shows it, since
    /// it has a place after all.
    async fn read(&mut self) -> Result<bool, log::Error> {
        let end = self.log.end_offset(Topic::Directory, self.partition).await?;
        let mut silent = 0;
        while self.at < end.0 {
            let records = self.tail.next(mover::READ_RECORDS, SILENCE).await?;
            silent = if records.is_empty() { silent + 1 } else { 0 };
            if silent == MOST_SILENT {
                return Ok(false);
            }
            self.at = records.last().map_or(self.at, |record| record.offset.0 + 1);
            for record in records.into_iter().filter(|record| record.key == self.key) {
                self.said.take(record);
            }
        }
        Ok(true)
    }
}

/// The last word on a student's name.
#[derive(Debug, Default)]
struct Said {
    /// None when there was none, or it was erased.
    word: Option<Bytes>,
    /// Where it stands.
    at: Option<i64>,
    /// Whether an older one was said again after it.
    is_hidden: bool,
}

impl Said {
    fn take(&mut self, record: Record) {
        let read_to = record.headers.iter().find(|(name, _)| name == READ_TO);
        let read_to = read_to.and_then(|(_, value)| std::str::from_utf8(value).ok()?.parse::<i64>().ok());
        if read_to.is_some_and(|read_to| self.at.is_some_and(|at| at >= read_to)) {
            self.is_hidden = true;
        } else {
            *self = Self { word: record.value, at: Some(record.offset.0), is_hidden: false };
        }
    }

    /// The name; none when there is none, and of what nobody can read.
    fn profile(&self) -> Option<StudentProfile> {
        self.word.as_ref().and_then(|word| directory::decode(word).ok())
    }

    /// Whether the last word is what is read last, and tells who the student is.
    fn stands(&self, same_as: Option<StudentKey>) -> bool {
        !self.is_hidden && self.profile().is_none_or(|profile| profile.same_as == same_as)
    }

    /// The last word, and who the student is; what nobody can read, as it is.
    fn marked(&self, same_as: Option<StudentKey>) -> Option<Bytes> {
        let marked = self.profile().map(|profile| directory::encode(&StudentProfile { same_as, ..profile }));
        marked.or_else(|| self.word.clone())
    }
}

#[cfg(test)]
mod tests;
