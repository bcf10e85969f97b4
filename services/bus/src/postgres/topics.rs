//! Topics in their tables.

use std::ops::Range;

use homeroom_pg::{Database, Districts};
use sqlx::Row;
use sqlx::postgres::PgRow;

use super::{Shared, TopicRow, unavailable};
use crate::log::{Error, no_partition};
use crate::topic::{Offset, Partition, Topic};

/// A topic's row; none when it is not there.
pub(super) async fn find(database: &Database, topic: Topic) -> Result<Option<TopicRow>, Error> {
    let row = database
        .run("bus find topic", &Districts::none(), move |connection| {
            Box::pin(async move {
                let select = "select topic_id, partitions, compacted from topics where name = $1";
                Ok(sqlx::query(select).bind(topic.name()).fetch_optional(connection).await?)
            })
        })
        .await
        .map_err(|error| unavailable(&error))?;
    row.map(|row| parse(&row).map(|(row, _)| row)).transpose().map_err(|error| broken(topic, &error))
}

/// The offset after the last of each partition.
pub(super) async fn end_offsets(database: &Database, row: TopicRow) -> Result<Vec<Offset>, Error> {
    Ok(bounds(database, row).await?.into_iter().map(|(_, end)| end).collect())
}

/// A topic's row, and which offsets one of its partitions keeps.
pub(super) async fn extent(
    shared: &Shared,
    topic: Topic,
    partition: Partition,
) -> Result<(TopicRow, Range<Offset>), Error> {
    let row = shared.topic(topic).await?;
    let bounds = bounds(&shared.database, row).await?;
    let found = usize::try_from(partition.0).ok().and_then(|partition| bounds.get(partition));
    let (swept, end) = *found.ok_or_else(|| no_partition(topic, partition))?;
    Ok((row, if topic.expires() { swept } else { Offset(0) }..end))
}

/// How far each partition was swept, and the offset after its last record.
pub(super) async fn bounds(database: &Database, row: TopicRow) -> Result<Vec<(Offset, Offset)>, Error> {
    let offsets: Vec<(i64, i64)> = database
        .run("bus end offsets", &Districts::none(), move |connection| {
            Box::pin(async move {
                let select = "select coalesce(swept_to, 0), next_offset
                              from partitions left join sweeps using (topic_id, partition)
                              where topic_id = $1 order by partition";
                Ok(sqlx::query_as(select).bind(row.topic_id).fetch_all(connection).await?)
            })
        })
        .await
        .map_err(|error| unavailable(&error))?;
    Ok(offsets.into_iter().map(|(swept, end)| (Offset(swept), Offset(end))).collect())
}

/// Makes what is missing, in one transaction, and refuses what is not as wanted.
pub(super) async fn create(database: &Database, partitions: i32) -> Result<(), Error> {
    database
        .run("bus create topics", &Districts::none(), move |connection| {
            Box::pin(async move {
                for topic in Topic::ALL {
                    sqlx::query(
                        "insert into topics (name, partitions, compacted) values ($1, $2, $3) on conflict do nothing",
                    )
                    .bind(topic.name())
                    .bind(topic.partitions(partitions))
                    .bind(topic.compacted())
                    .execute(&mut *connection)
                    .await?;
                }
                let rows = "insert into partitions (topic_id, partition)
                            select topic_id, generate_series(0, partitions - 1) from topics on conflict do nothing";
                sqlx::query(rows).execute(&mut *connection).await?;
                let rows = "insert into sweeps (topic_id, partition)
                            select topic_id, partition from partitions on conflict do nothing";
                sqlx::query(rows).execute(&mut *connection).await?;
                Ok(())
            })
        })
        .await
        .map_err(|error| unavailable(&error))?;
    check_against(database, Some(partitions)).await
}

/// Fails unless every topic is there and as it should be.
pub(super) async fn check(database: &Database) -> Result<(), Error> {
    check_against(database, None).await
}

async fn check_against(database: &Database, partitions: Option<i32>) -> Result<(), Error> {
    let rows = database
        .run("bus check topics", &Districts::none(), |connection| {
            Box::pin(async move {
                Ok(sqlx::query("select topic_id, partitions, compacted, name from topics")
                    .fetch_all(connection)
                    .await?)
            })
        })
        .await
        .map_err(|error| unavailable(&error))?;
    for topic in Topic::ALL {
        let named = |row: &&PgRow| row.try_get::<&str, _>("name").is_ok_and(|name| name == topic.name());
        let row = rows.iter().find(named).ok_or_else(|| missing(topic))?;
        let (found, compacted) = parse(row).map_err(|error| broken(topic, &error))?;
        // What the topic would have if the others had as many: one, or the same.
        let wanted = topic.partitions(partitions.unwrap_or(found.partitions));
        if found.partitions != wanted {
            return Err(problem(topic, format!("has {} partitions instead of {wanted}", found.partitions)));
        }
        if compacted != topic.compacted() {
            return Err(problem(topic, "has the other cleanup policy".to_owned()));
        }
    }
    Ok(())
}

pub(super) fn missing(topic: Topic) -> Error {
    problem(topic, "is missing".to_owned())
}

fn problem(topic: Topic, problem: String) -> Error {
    Error::Topic { topic: topic.name().to_owned(), problem }
}

fn broken(topic: Topic, error: &sqlx::Error) -> Error {
    problem(topic, format!("its row cannot be read: {error}"))
}

fn parse(row: &PgRow) -> Result<(TopicRow, bool), sqlx::Error> {
    let found = TopicRow { topic_id: row.try_get("topic_id")?, partitions: row.try_get("partitions")? };
    Ok((found, row.try_get("compacted")?))
}
