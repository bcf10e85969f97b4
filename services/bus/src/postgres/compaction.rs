//! Compaction: of each key the last record stays at its offset, a tombstone too.
//!
//! `latest` knows the last record of each key before a stretch, so only the stretch itself is read.

use sqlx::PgConnection;

use super::sweep::Stretch;

/// What the stretch supersedes: within it, and before it. Without a join, whose plan would be a guess: nothing is known of a
/// young table, and a wrong guess took longer than a statement may.
const SUPERSEDED: &str = r#"
with stretch as materialized (
    select key, "offset", lead("offset") over (partition by key order by "offset") as later
    from records
    where topic_id = $1 and partition = $2 and "offset" >= $3 and "offset" < $4
)
select "offset" from stretch where later is not null
union all
select before from (
    select (select k."offset" from latest k where k.topic_id = $1 and k.partition = $2 and k.key = s.key) as before
    from stretch s where later is null
) known
where before is not null"#;

const DELETE: &str = r#"delete from records where topic_id = $1 and partition = $2 and "offset" = any($3)"#;

/// After the deletion, the stretch has one record of each key.
const REMEMBER: &str = r#"
insert into latest (topic_id, partition, key, "offset")
select topic_id, partition, key, "offset" from records
where topic_id = $1 and partition = $2 and "offset" >= $3 and "offset" < $4
on conflict (topic_id, partition, key) do update set "offset" = excluded."offset""#;

/// Deletes what the stretch supersedes, and says how many records went.
pub(super) async fn compact(connection: &mut PgConnection, stretch: Stretch) -> Result<u64, sqlx::Error> {
    let Stretch { topic_id, partition, from, until } = stretch;
    let superseded: Vec<i64> = sqlx::query_scalar(SUPERSEDED)
        .bind(topic_id)
        .bind(partition)
        .bind(from)
        .bind(until)
        .fetch_all(&mut *connection)
        .await?;
    let delete = sqlx::query(DELETE).bind(topic_id).bind(partition).bind(superseded);
    let deleted = delete.execute(&mut *connection).await?.rows_affected();
    sqlx::query(REMEMBER).bind(topic_id).bind(partition).bind(from).bind(until).execute(connection).await?;
    Ok(deleted)
}
