//! Sweeping: superseded records of compacted topics go, and records of topics that expire when they are old enough.
//!
//! Each partition remembers how far it was swept, and a stretch from there on is swept when its records are old enough. So what
//! there is to do is found by one look into the index for each partition, however many records there are: with a million in the
//! directory and nothing superseded, a millisecond, where a scan of it took six seconds. A thousand superseded take 80 ms.

use std::sync::Arc;
use std::time::Duration;

use homeroom_pg::Districts;
use sqlx::PgConnection;
use tokio::time::sleep;

use super::{Config, Shared, compaction, unavailable};
use crate::log::Error;
use crate::topic::Topic;

/// How many records of a partition one transaction sweeps, at most.
const STEP: i64 = 10_000;
/// Only one process sweeps at a time: "busswept" in hexadecimal.
const LOCK: i64 = 0x6275_7373_7765_7074;
const DAY: Duration = Duration::from_hours(24);

/// A stretch ends before the first record that is too young, though older ones may come after it: commits of several processes
/// are not in the order of their clocks.
const NEXT: &str = r#"
select partition, swept_to, until
from (
    select s.partition, s.swept_to, coalesce(
        (select "offset" from (
            select r."offset", r.recorded_at from records r
            where r.topic_id = s.topic_id and r.partition = s.partition and r."offset" >= s.swept_to
            order by r."offset" limit $3
        ) head where recorded_at >= clock_timestamp() - make_interval(secs => $2) order by "offset" limit 1),
        (select max("offset") + 1 from (
            select r."offset" from records r
            where r.topic_id = s.topic_id and r.partition = s.partition and r."offset" >= s.swept_to
            order by r."offset" limit $3
        ) head)
    ) as until
    from sweeps s
    where s.topic_id = $1
) stretches
where until > swept_to
limit 1"#;

const EXPIRE: &str =
    r#"delete from records where topic_id = $1 and partition = $2 and "offset" >= $3 and "offset" < $4"#;

/// How old records must be to be swept.
pub(super) struct Ages(Vec<(Topic, Duration)>);

impl Ages {
    pub(super) fn of(config: &Config) -> Self {
        Self(vec![
            (Topic::Directory, Duration::from_secs(config.compaction_age_seconds)),
            (Topic::Alerts, DAY * config.alerts_days.max(1)),
            (Topic::DeadLetters, DAY * config.dead_letters_days.max(1)),
        ])
    }
}

/// Consecutive offsets of a partition that are swept together.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stretch {
    pub(super) topic_id: i16,
    pub(super) partition: i32,
    pub(super) from: i64,
    /// Not included.
    pub(super) until: i64,
}

/// Sweeps again and again until the log is dropped.
pub(super) async fn sweep_regularly(shared: Arc<Shared>, pause: Duration, ages: Ages) {
    loop {
        sleep(pause).await;
        for (topic, age) in &ages.0 {
            match sweep_topic(&shared, *topic, *age).await {
                Ok(records) => tracing::debug!(%topic, records, "swept"),
                Err(error) => tracing::warn!(%topic, %error, "a topic could not be swept"),
            }
        }
    }
}

/// Sweeps the topics that are wanted, and says how many records went.
pub(super) async fn sweep(shared: &Shared, wanted: fn(Topic) -> bool, age: Duration) -> Result<u64, Error> {
    let mut total = 0;
    for topic in Topic::ALL.into_iter().filter(|topic| wanted(*topic)) {
        total += sweep_topic(shared, topic, age).await?;
    }
    Ok(total)
}

async fn sweep_topic(shared: &Shared, topic: Topic, age: Duration) -> Result<u64, Error> {
    let topic_id = shared.topic(topic).await?.topic_id;
    let mut total = 0;
    while let Some(deleted) = step(shared, topic, topic_id, age).await.map_err(|error| unavailable(&error))? {
        total += deleted;
    }
    Ok(total)
}

/// Sweeps one stretch; none is left, or another process sweeps, when it says nothing.
async fn step(shared: &Shared, topic: Topic, topic_id: i16, age: Duration) -> Result<Option<u64>, homeroom_pg::Error> {
    shared
        .database
        .run("bus sweep", &Districts::none(), move |connection| {
            Box::pin(async move {
                let free = "select pg_try_advisory_xact_lock($1)";
                if !sqlx::query_scalar::<_, bool>(free).bind(LOCK).fetch_one(&mut *connection).await? {
                    return Ok(None);
                }
                let Some(stretch) = next(connection, topic_id, age).await? else { return Ok(None) };
                let deleted = if topic.compacted() {
                    compaction::compact(connection, stretch).await?
                } else {
                    expire(connection, stretch).await?
                };
                let update = "update sweeps set swept_to = $3 where topic_id = $1 and partition = $2";
                sqlx::query(update)
                    .bind(topic_id)
                    .bind(stretch.partition)
                    .bind(stretch.until)
                    .execute(connection)
                    .await?;
                Ok(Some(deleted))
            })
        })
        .await
}

async fn next(connection: &mut PgConnection, topic_id: i16, age: Duration) -> Result<Option<Stretch>, sqlx::Error> {
    let found: Option<(i32, i64, i64)> =
        sqlx::query_as(NEXT).bind(topic_id).bind(age.as_secs_f64()).bind(STEP).fetch_optional(connection).await?;
    Ok(found.map(|(partition, from, until)| Stretch { topic_id, partition, from, until }))
}

async fn expire(connection: &mut PgConnection, stretch: Stretch) -> Result<u64, sqlx::Error> {
    let Stretch { topic_id, partition, from, until } = stretch;
    let delete = sqlx::query(EXPIRE).bind(topic_id).bind(partition).bind(from).bind(until);
    Ok(delete.execute(connection).await?.rows_affected())
}
