//! Messages that were committed and not yet published: alert changes and dead letters.

use std::ops::Range;

use homeroom_bus::Topic;
use homeroom_pg::{Database, Districts, Error};

use crate::store::OutboxRow;

/// Number, topic, key, value and trace context.
type Stored = (i64, String, Vec<u8>, Vec<u8>, Option<String>);

const DEAD_LETTERS: &str = "dead-letters";

/// What the table calls a topic.
pub(crate) fn name(topic: Topic) -> &'static str {
    if topic == Topic::DeadLetters { DEAD_LETTERS } else { "alerts" }
}

fn read((seq, topic, key, value, traceparent): Stored) -> (i64, OutboxRow) {
    let topic = if topic == DEAD_LETTERS { Topic::DeadLetters } else { Topic::Alerts };
    (seq, OutboxRow { topic, key, value, traceparent })
}

/// The partition's unpublished rows for a topic of these numbers, in order, at most so many.
pub(crate) async fn list(
    database: &Database,
    partition: i32,
    topic: Topic,
    seqs: Range<i64>,
    limit: i64,
) -> Result<Vec<(i64, OutboxRow)>, Error> {
    database
        .run("rules.outbox.list", &Districts::none(), move |tx| {
            let seqs = seqs.clone();
            Box::pin(async move {
                let rows: Vec<Stored> = sqlx::query_as(
                    "select seq, topic, key, value, traceparent from outbox where partition = $1 and topic = $2 and seq >= $3 and seq < $4 order by seq limit $5",
                )
                .bind(partition)
                .bind(name(topic))
                .bind(seqs.start)
                .bind(seqs.end)
                .bind(limit)
                .fetch_all(tx)
                .await?;
                Ok(rows.into_iter().map(read).collect())
            })
        })
        .await
}

/// Forgets the partition's rows for a topic up to a number: they are published. Does not wait for the disk, where commits that
/// do are waiting: rows that a crash brings back are published again, and readers drop the repeat.
pub(crate) async fn delete(database: &Database, partition: i32, topic: Topic, up_to_seq: i64) -> Result<(), Error> {
    database
        .run("rules.outbox.delete", &Districts::none(), move |tx| {
            Box::pin(async move {
                sqlx::query(
                    "with quick as (select set_config('synchronous_commit', 'off', true))
                     delete from outbox using quick where partition = $1 and topic = $2 and seq <= $3",
                )
                .bind(partition)
                .bind(name(topic))
                .bind(up_to_seq)
                .execute(tx)
                .await?;
                Ok(())
            })
        })
        .await
}
