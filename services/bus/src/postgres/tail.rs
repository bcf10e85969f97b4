//! Reading one partition in order.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::TryStreamExt;
use homeroom_pg::Districts;
use sqlx::Row;
use sqlx::postgres::PgRow;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::{Shared, headers, topics, unavailable};
use crate::log::{Error, Record, Tail, begins};
use crate::topic::{Offset, Partition, Topic};

/// A reader looks by itself so often, in case that a notification was lost.
const LOOK: Duration = Duration::from_secs(1);
/// The most records and bytes of one look.
const MAX_RECORDS: usize = 5_000;
const MAX_BYTES: usize = 8 * 1024 * 1024;

const SELECT: &str = r#"
select "offset", key, value, headers
from records
where topic_id = $1 and partition = $2 and "offset" >= $3
order by "offset"
limit $4"#;

pub(super) struct PostgresTail {
    shared: Arc<Shared>,
    topic: Topic,
    topic_id: i16,
    partition: Partition,
    next: i64,
    appended: watch::Receiver<u64>,
}

impl PostgresTail {
    pub(super) async fn open(
        shared: Arc<Shared>,
        topic: Topic,
        partition: Partition,
        from: Offset,
    ) -> Result<Self, Error> {
        let (row, extent) = topics::extent(&shared, topic, partition).await?;
        let next = if begins(topic, from) { extent.start } else { from };
        if !(extent.start..=extent.end).contains(&next) {
            return Err(Error::OffsetOutOfRange { topic, partition: partition.0, offset: from.0 });
        }
        let appended = shared.wakes.partition(row.topic_id, partition.0);
        Ok(Self { shared, topic, topic_id: row.topic_id, partition, next: next.0, appended })
    }

    async fn look(&mut self, max: usize) -> Result<Vec<Record>, Error> {
        let (topic_id, partition, next) = (self.topic_id, self.partition, self.next);
        let limit = max.min(MAX_RECORDS);
        let records = self
            .shared
            .database
            .run("bus read", &Districts::none(), move |connection| {
                Box::pin(async move {
                    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
                    let query = sqlx::query(SELECT).bind(topic_id).bind(partition.0).bind(next).bind(limit);
                    let mut rows = query.fetch(connection);
                    let (mut records, mut bytes) = (Vec::new(), 0);
                    // At least one, then only what fits: the rest is read next time.
                    while bytes < MAX_BYTES
                        && let Some(row) = rows.try_next().await?
                    {
                        let record = parse(partition, &row)?;
                        bytes += record.key.len() + record.value.as_ref().map_or(0, Bytes::len);
                        records.push(record);
                    }
                    Ok(records)
                })
            })
            .await
            .map_err(|error| unavailable(&error))?;
        // Offsets are dense: what is left out has expired before we came to it.
        if self.topic.expires() && records.first().is_some_and(|first| first.offset.0 > next) {
            return Err(Error::OffsetOutOfRange { topic: self.topic, partition: partition.0, offset: next });
        }
        if let Some(last) = records.last() {
            self.next = last.offset.0 + 1;
        }
        Ok(records)
    }
}

#[async_trait]
impl Tail for PostgresTail {
    async fn next(&mut self, max: usize, wait: Duration) -> Result<Vec<Record>, Error> {
        let deadline = Instant::now() + wait;
        loop {
            // Before looking, so that an append during the look ends the wait after it.
            self.appended.borrow_and_update();
            let records = self.look(max).await?;
            if !records.is_empty() || Instant::now() >= deadline {
                return Ok(records);
            }
            let until = deadline.min(Instant::now() + LOOK);
            if let Ok(Err(_)) = timeout_at(until, self.appended.changed()).await {
                return Err(Error::Unavailable("the log was closed".to_owned()));
            }
        }
    }
}

fn parse(partition: Partition, row: &PgRow) -> Result<Record, homeroom_pg::Error> {
    let column = |name: &'static str, problem: &str| homeroom_pg::Error::Row {
        table: "records",
        column: name,
        problem: problem.to_owned(),
    };
    let encoded = Bytes::from(row.try_get::<Vec<u8>, _>("headers")?);
    Ok(Record {
        partition,
        offset: Offset(row.try_get("offset")?),
        key: row.try_get::<Vec<u8>, _>("key")?.into(),
        value: row.try_get::<Option<Vec<u8>>, _>("value")?.map(Bytes::from),
        headers: headers::decode(encoded).ok_or_else(|| column("headers", "are cut or not text"))?,
    })
}
