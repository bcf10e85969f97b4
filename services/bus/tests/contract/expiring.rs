//! Topics whose records go when they are old.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use homeroom_bus::partitioner::partition_of;
use homeroom_bus::{Contents, Error, Offset, Partition, PartitionOwner, Record, Topic};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{DEADLINE, Logs, PARTITIONS, append, record, with_topics};

const TOPIC: Topic = Topic::DeadLetters;

/// The partition of everything in these tests: they have one key.
fn partition() -> Partition {
    partition_of(b"key", PARTITIONS)
}

async fn append_some(logs: &Logs, values: std::ops::Range<u32>) {
    append(&logs.one, TOPIC, values.map(|value| record("key", &value.to_string())).collect()).await;
}

/// Five records have expired, and three came after them.
async fn with_expired(logs: Logs) -> Logs {
    let logs = with_topics(logs).await;
    append_some(&logs, 0..5).await;
    logs.expire(TOPIC).await;
    append_some(&logs, 5..8).await;
    logs
}

fn assert_kept(records: &[Record]) {
    let read: Vec<_> = records.iter().map(|record| (record.offset.0, record.value.clone().unwrap())).collect();
    assert_eq!(read, [(5, Bytes::from("5")), (6, Bytes::from("6")), (7, Bytes::from("7"))]);
}

pub(crate) async fn a_reader_from_the_beginning_starts_at_the_first_record_kept(logs: Logs) {
    let logs = with_expired(logs).await;
    let mut tail = logs.two.tail(TOPIC, partition(), Offset(0)).await.unwrap();
    let mut read = Vec::new();
    while read.len() < 3 {
        read.extend(tail.next(10, DEADLINE).await.unwrap());
    }
    assert_kept(&read);
    // Offsets go on when nothing is left, and such a partition has a beginning too.
    logs.expire(TOPIC).await;
    let mut tail = logs.two.tail(TOPIC, partition(), Offset(0)).await.unwrap();
    assert!(tail.next(10, Duration::from_millis(100)).await.unwrap().is_empty());
    append_some(&logs, 8..9).await;
    assert_eq!(tail.next(10, DEADLINE).await.unwrap()[0].offset, Offset(8));
}

/// Hands over everything from the beginning.
struct Beginner(mpsc::Sender<Vec<Record>>);

#[async_trait::async_trait]
impl PartitionOwner for Beginner {
    async fn assign(&self, _: Partition) -> Result<(Offset, mpsc::Sender<Vec<Record>>), Error> {
        Ok((Offset(0), self.0.clone()))
    }

    async fn revoke(&self, _: Partition) {}
}

pub(crate) async fn a_member_from_the_beginning_starts_at_the_first_record_kept(logs: Logs) {
    let logs = with_expired(logs).await;
    let (inbox, mut batches) = mpsc::channel(10);
    let leave = CancellationToken::new();
    let joined = logs.two.join(TOPIC, "notification", Arc::new(Beginner(inbox)), leave.clone()).await.unwrap();
    let mut read = Vec::new();
    while read.len() < 3 {
        read.extend(tokio::time::timeout(DEADLINE, batches.recv()).await.unwrap().unwrap());
    }
    assert_kept(&read);
    leave.cancel();
    joined.left.await.unwrap().unwrap();
}

/// Whoever reads to the end that there is now learns it at once when nothing is left.
pub(crate) async fn what_is_kept_is_read_to_its_end_also_when_that_is_nothing(logs: Logs) {
    let logs = with_expired(logs).await;
    let log = &*logs.two;
    let mut kept = Contents::open(log, TOPIC, partition()).await.unwrap();
    let mut read = Vec::new();
    while let Some(records) = kept.next(2).await.unwrap() {
        assert!(records.len() <= 2);
        read.extend(records);
    }
    assert_kept(&read);
    assert_eq!(kept.begins_at(), Offset(5));
    logs.expire(TOPIC).await;
    let mut kept = Contents::open(log, TOPIC, partition()).await.unwrap();
    let nothing = tokio::time::timeout(Duration::from_secs(5), kept.next(2));
    assert!(nothing.await.expect("before a read in vain would end").unwrap().is_none());
    assert_eq!(kept.begins_at(), Offset(8));
    let other = Partition((partition().0 + 1) % PARTITIONS);
    assert_eq!(log.extent(TOPIC, other).await.unwrap(), Offset(0)..Offset(0));
    assert!(Contents::open(log, TOPIC, other).await.unwrap().next(2).await.unwrap().is_none());
}

pub(crate) async fn an_offset_that_has_expired_is_refused(logs: Logs) {
    let logs = with_expired(logs).await;
    let error = match logs.two.tail(TOPIC, partition(), Offset(4)).await {
        Err(error) => error,
        Ok(mut tail) => tail.next(1, DEADLINE).await.unwrap_err(),
    };
    assert!(matches!(error, Error::OffsetOutOfRange { offset: 4, .. }), "{error:?}");
    let mut tail = logs.two.tail(TOPIC, partition(), Offset(5)).await.unwrap();
    assert_eq!(tail.next(1, DEADLINE).await.unwrap()[0].offset, Offset(5));
}

pub(crate) async fn a_reader_whose_next_record_has_expired_is_told(logs: Logs) {
    let logs = with_topics(logs).await;
    append_some(&logs, 0..1).await;
    let mut tail = logs.two.tail(TOPIC, partition(), Offset(0)).await.unwrap();
    assert_eq!(tail.next(10, DEADLINE).await.unwrap().len(), 1);
    drop(tail);
    append_some(&logs, 1..5).await;
    let mut tail = logs.two.tail(TOPIC, partition(), Offset(1)).await.unwrap();
    logs.expire(TOPIC).await;
    append_some(&logs, 5..6).await;
    // Kafka's reader fetches ahead, so it may have had the four before they went; no log skips them in silence.
    let mut next = 1;
    while next < 6 {
        match tail.next(10, DEADLINE).await {
            Ok(records) => {
                assert_eq!(records[0].offset.0, next);
                next += i64::try_from(records.len()).unwrap();
            }
            Err(error) => {
                assert!(matches!(error, Error::OffsetOutOfRange { .. }), "{error:?}");
                return;
            }
        }
    }
}
