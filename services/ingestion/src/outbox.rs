//! What is to be published, kept in the transaction that makes it true; the relay publishes it in order.

use bytes::Bytes;
use homeroom_bus::Topic;
use homeroom_domain::id::DistrictId;
use homeroom_pg::{Database, Error};
use sqlx::PgConnection;

/// The channel on which relays are woken.
pub(crate) const CHANNEL: &str = "homeroom_outbox";

/// A message for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    /// Where it goes.
    pub(crate) topic: Topic,
    /// Its key there.
    pub(crate) key: Bytes,
    /// What it says; none for a tombstone.
    pub(crate) value: Option<Bytes>,
}

/// A message with what the outbox keeps beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Whose row it is.
    pub(crate) district: DistrictId,
    /// What is published.
    pub(crate) message: Message,
    /// The trace of the request that made it.
    pub(crate) traceparent: Option<String>,
}

/// Appends in order, and wakes the relay when the transaction commits: for what is rare. A transaction that notifies takes a lock
/// of the whole cluster when it commits, and keeps it until it is on disk.
pub(crate) async fn append(connection: &mut PgConnection, entries: &[Entry]) -> Result<(), Error> {
    append_quietly(connection, entries).await?;
    sqlx::query("select pg_notify($1, '')").bind(CHANNEL).execute(connection).await?;
    Ok(())
}

/// Wakes the relays of other processes.
pub(crate) async fn wake(database: &Database) -> Result<(), Error> {
    sqlx::query("select pg_notify($1, '')").bind(CHANNEL).execute(database.pool()).await?;
    Ok(())
}

/// Appends in order. Whoever commits wakes the relay with [`Backlog::appended`](crate::edfi::Backlog::appended). The moment is the
/// database's: its age is measured there.
pub(crate) async fn append_quietly(connection: &mut PgConnection, entries: &[Entry]) -> Result<(), Error> {
    // The sequence is drawn in the order of the rows.
    let sql = "insert into outbox (district, topic, key, value, traceparent, created_at) \
               select district, topic, key, value, traceparent, now() \
               from unnest($1::text[], $2::text[], $3::bytea[], $4::bytea[], $5::text[]) \
                   with ordinality w (district, topic, key, value, traceparent, place) order by place";
    sqlx::query(sql)
        .bind(entries.iter().map(|entry| entry.district.to_string()).collect::<Vec<_>>())
        .bind(entries.iter().map(|entry| entry.message.topic.name().to_owned()).collect::<Vec<_>>())
        .bind(entries.iter().map(|entry| entry.message.key.to_vec()).collect::<Vec<_>>())
        .bind(entries.iter().map(|entry| entry.message.value.as_ref().map(|value| value.to_vec())).collect::<Vec<_>>())
        .bind(entries.iter().map(|entry| entry.traceparent.clone()).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    Ok(())
}
