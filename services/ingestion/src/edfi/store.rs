//! The tables of the door, written a batch at a time: set-based, one transaction, one round trip per statement.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use homeroom_domain::id::{DistrictId, SourceId};
use homeroom_pg::Error;
use jiff::Timestamp;
use serde_json::{Map, Value};
use sqlx::{PgConnection, Row as _};
use uuid::Uuid;

use super::batch::{Crosswalks, Document, Versions, Writes};
use super::command::{Action, Collection, Command};
use super::key::KeyHash;
use super::referral;
use crate::merge::{self, Snapshot};
use crate::outbox;

/// Reserves a change version for each command and locks the districts' rows until the end of the transaction; returns the
/// version before the first one of each district. Since every batch does so first, batches of one district happen one after the
/// other, and versions grow in the order of their commits. Those that a batch does not use are skipped.
///
/// A version is the time in microseconds, so that what is written after the database was restored from a backup counts as later
/// than what the log had before; it is more than the last one also where the clock is behind that.
///
/// A row that is not as a batch of this version left it was moved by a process that knows nothing of `document_references`.
pub(crate) async fn reserve_versions(
    connection: &mut PgConnection,
    commands: &[Command],
    now: Timestamp,
) -> Result<HashMap<DistrictId, Versions>, Error> {
    // Sorted, so that two batches of several districts wait for each other and never both.
    let mut counts = BTreeMap::<&DistrictId, i64>::new();
    for command in commands {
        *counts.entry(&command.collection.district).or_default() += 1;
    }
    let sql = "insert into change_versions as v (district, last, referenced_last) \
               select district, $3 + versions, $3 + versions from unnest($1::text[], $2::bigint[]) with ordinality w (district, versions, place) \
               order by place \
               on conflict (district) do update set last = greatest(v.last, $3) + excluded.last - $3, \
                   referenced_last = greatest(v.last, $3) + excluded.last - $3, \
                   unreferenced_to = case when v.referenced_last = v.last then v.unreferenced_to else v.last end \
               returning district, last, unsure_below, merge_version";
    let rows = sqlx::query(sql)
        .bind(counts.keys().map(ToString::to_string).collect::<Vec<_>>())
        .bind(counts.values().copied().collect::<Vec<_>>())
        .bind(now.as_microsecond().saturating_sub(1).max(0))
        .fetch_all(connection)
        .await?;
    rows.iter()
        .map(|row| {
            let district = parse("change_versions", "district", &row.try_get::<String, _>(0)?, DistrictId::parse)?;
            let before = row.try_get::<i64, _>(1)? - counts.get(&district).copied().unwrap_or_default();
            let unsure_below = row.try_get::<i64, _>(2)?.cast_unsigned();
            let merge_version = row.try_get(3)?;
            Ok((district, Versions { last: before.cast_unsigned(), unsure_below, merge_version }))
        })
        .collect()
}

/// Which students are one, as of this transaction: as this process knows it, unless a district's row says that there is more to know.
/// A merge locks that row too, so it is ahead of the batch or behind it.
pub(crate) async fn load_crosswalks(
    connection: &mut PgConnection,
    versions: &HashMap<DistrictId, Versions>,
    known: &Snapshot,
) -> Result<Crosswalks, Error> {
    let mut crosswalks = Crosswalks::new();
    for (district, versions) in versions {
        let crosswalk = if known.knows(versions.merge_version) {
            known.of(district)
        } else {
            Arc::new(merge::find_in(&mut *connection, district).await?)
        };
        crosswalks.insert(district.clone(), crosswalk);
    }
    Ok(crosswalks)
}

/// The documents that commands may touch: by natural key, by the id that follows from it, and by id. One may come twice, and
/// those of another collection that happen to have an equal natural key come too.
pub(crate) async fn load(
    connection: &mut PgConnection,
    commands: &[Command],
) -> Result<Vec<(Collection, Document)>, Error> {
    let (mut ids, mut keys) = (Vec::new(), Vec::new());
    for command in commands {
        match &command.action {
            Action::Upsert(draft) => {
                ids.push(draft.id);
                keys.push(draft.key_hash.to_vec());
            }
            Action::Replace(id, draft, _) => {
                ids.push(*id);
                keys.push(draft.key_hash.to_vec());
            }
            Action::Delete(id) => ids.push(*id),
        }
    }
    let columns = "d.district, d.source, d.resource, d.document_id, d.natural_key_hash, d.body::text, d.etag, \
                   d.change_version, d.created_version, (extract(epoch from d.created_at) * 1000000)::bigint";
    // The offset keeps each look-up one of an index: joined, a table without statistics, as of a district that sends for the
    // first time, would be read whole for each batch. For the same reason nothing but the id or key is named.
    let sql = format!(
        "select d.* from unnest($1::uuid[]) w (id) \
         cross join lateral (select {columns} from documents d where d.document_id = w.id offset 0) d \
         union all \
         select d.* from unnest($2::bytea[]) w (hash) \
         cross join lateral (select {columns} from documents d where d.natural_key_hash = w.hash offset 0) d"
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(ids).bind(keys).fetch_all(connection).await?;
    rows.iter().map(document).collect()
}

/// Writes what a batch came to. The order matters: removed documents free their keys for those that take them.
pub(crate) async fn write(connection: &mut PgConnection, writes: &Writes, now: Timestamp) -> Result<(), Error> {
    let now = now.to_string();
    if !writes.removed.is_empty() {
        remove(&mut *connection, writes).await?;
    }
    if !writes.upserted.is_empty() {
        upsert(&mut *connection, writes, &now).await?;
    }
    referral::store::delete(&mut *connection, &writes.unreferred).await?;
    referral::store::insert(&mut *connection, &writes.referred).await?;
    if !writes.deleted.is_empty() {
        record_deletes(&mut *connection, writes, &now).await?;
    }
    if !writes.key_changes.is_empty() {
        record_key_changes(&mut *connection, writes, &now).await?;
    }
    if !writes.outbox.is_empty() {
        // After the districts' lock: the outbox's ids grow with change versions.
        outbox::append_quietly(connection, &writes.outbox).await?;
    }
    Ok(())
}

async fn remove(connection: &mut PgConnection, writes: &Writes) -> Result<(), Error> {
    // An id is of one collection, since it is made of it. Looked up one by one for the reason given in `load`.
    let sql = "delete from documents where ctid = any(array(select d.ctid from unnest($1::uuid[]) w (id) \
               cross join lateral (select ctid from documents d where d.document_id = w.id offset 0) d))";
    let ids = writes.removed.iter().map(|(_, id)| *id).collect::<Vec<_>>();
    sqlx::query(sql).bind(ids).execute(connection).await?;
    Ok(())
}

async fn upsert(connection: &mut PgConnection, writes: &Writes, now: &str) -> Result<(), Error> {
    let columns = columns_of(writes.upserted.iter().map(|(collection, _)| collection));
    let documents = || writes.upserted.iter().map(|(_, document)| document);
    let sql = "insert into documents (district, source, resource, document_id, natural_key_hash, body, etag, change_version, \
                   created_version, created_at, modified_at) \
               select district, source, resource, id, hash, body::jsonb, etag, version, created, $10::text::timestamptz, $10::text::timestamptz \
               from unnest($1::text[], $2::text[], $3::text[], $4::uuid[], $5::bytea[], $6::text[], $7::text[], $8::bigint[], $9::bigint[]) \
                   w (district, source, resource, id, hash, body, etag, version, created) \
               on conflict (district, source, resource, document_id) do update set natural_key_hash = excluded.natural_key_hash, \
                   body = excluded.body, etag = excluded.etag, change_version = excluded.change_version, \
                   created_version = excluded.created_version, modified_at = excluded.modified_at";
    sqlx::query(sql)
        .bind(columns.districts)
        .bind(columns.sources)
        .bind(columns.resources)
        .bind(documents().map(|document| document.id).collect::<Vec<_>>())
        .bind(documents().map(|document| document.key_hash.to_vec()).collect::<Vec<_>>())
        .bind(documents().map(|document| json(&document.body)).collect::<Vec<_>>())
        .bind(documents().map(|document| document.etag.clone()).collect::<Vec<_>>())
        .bind(documents().map(|document| document.change_version.cast_signed()).collect::<Vec<_>>())
        .bind(documents().map(|document| document.created_version.cast_signed()).collect::<Vec<_>>())
        .bind(now)
        .execute(connection)
        .await?;
    Ok(())
}

async fn record_deletes(connection: &mut PgConnection, writes: &Writes, now: &str) -> Result<(), Error> {
    let columns = columns_of(writes.deleted.iter().map(|deleted| &deleted.collection));
    let deleted = || writes.deleted.iter();
    let sql = "insert into document_deletes (district, source, resource, change_version, document_id, natural_key_hash, key_values, deleted_at) \
               select district, source, resource, version, id, hash, key_values::jsonb, $8::text::timestamptz \
               from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::uuid[], $6::bytea[], $7::text[]) \
                   w (district, source, resource, version, id, hash, key_values)";
    sqlx::query(sql)
        .bind(columns.districts)
        .bind(columns.sources)
        .bind(columns.resources)
        .bind(deleted().map(|deleted| deleted.change_version.cast_signed()).collect::<Vec<_>>())
        .bind(deleted().map(|deleted| deleted.id).collect::<Vec<_>>())
        .bind(deleted().map(|deleted| deleted.key_hash.to_vec()).collect::<Vec<_>>())
        .bind(deleted().map(|deleted| deleted.key_values.to_string()).collect::<Vec<_>>())
        .bind(now)
        .execute(connection)
        .await?;
    Ok(())
}

async fn record_key_changes(connection: &mut PgConnection, writes: &Writes, now: &str) -> Result<(), Error> {
    let columns = columns_of(writes.key_changes.iter().map(|changed| &changed.collection));
    let changed = || writes.key_changes.iter();
    let sql = "insert into key_changes (district, source, resource, change_version, document_id, old_key, new_key, is_pending, changed_at) \
               select district, source, resource, version, id, old_key::jsonb, new_key::jsonb, is_pending, $9::text::timestamptz \
               from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::uuid[], $6::text[], $7::text[], $8::boolean[]) \
                   w (district, source, resource, version, id, old_key, new_key, is_pending)";
    sqlx::query(sql)
        .bind(columns.districts)
        .bind(columns.sources)
        .bind(columns.resources)
        .bind(changed().map(|changed| changed.change_version.cast_signed()).collect::<Vec<_>>())
        .bind(changed().map(|changed| changed.id).collect::<Vec<_>>())
        .bind(changed().map(|changed| changed.old.to_string()).collect::<Vec<_>>())
        .bind(changed().map(|changed| changed.new.to_string()).collect::<Vec<_>>())
        .bind(changed().map(|changed| changed.is_referred_to).collect::<Vec<_>>())
        .bind(now)
        .execute(connection)
        .await?;
    Ok(())
}

struct Columns {
    districts: Vec<String>,
    sources: Vec<String>,
    resources: Vec<String>,
}

fn columns_of<'a>(collections: impl Iterator<Item = &'a Collection>) -> Columns {
    let mut columns = Columns { districts: Vec::new(), sources: Vec::new(), resources: Vec::new() };
    for collection in collections {
        columns.districts.push(collection.district.to_string());
        columns.sources.push(collection.source.to_string());
        columns.resources.push((*collection.resource).to_owned());
    }
    columns
}

fn document(row: &sqlx::postgres::PgRow) -> Result<(Collection, Document), Error> {
    const TABLE: &str = "documents";
    let collection = Collection {
        district: parse(TABLE, "district", &row.try_get::<String, _>(0)?, DistrictId::parse)?,
        source: parse(TABLE, "source", &row.try_get::<String, _>(1)?, SourceId::parse)?,
        resource: Arc::from(row.try_get::<String, _>(2)?),
    };
    let key_hash: Vec<u8> = row.try_get(4)?;
    let document = Document {
        id: row.try_get::<Uuid, _>(3)?,
        key_hash: KeyHash::try_from(key_hash.as_slice())
            .map_err(|_| bad_row(TABLE, "natural_key_hash", "not 32 bytes"))?,
        body: Arc::new(parse_body(&row.try_get::<String, _>(5)?)?),
        etag: row.try_get(6)?,
        change_version: row.try_get::<i64, _>(7)?.cast_unsigned(),
        created_version: row.try_get::<i64, _>(8)?.cast_unsigned(),
        created_at: Timestamp::from_microsecond(row.try_get(9)?)
            .map_err(|_| bad_row(TABLE, "created_at", "out of range"))?,
    };
    Ok((collection, document))
}

pub(super) fn parse_body(text: &str) -> Result<Map<String, Value>, Error> {
    serde_json::from_str(text).map_err(|_| bad_row("documents", "body", "not a JSON object"))
}

fn json(body: &Map<String, Value>) -> String {
    // Names and values of JSON always serialize.
    serde_json::to_string(body).unwrap_or_default()
}

fn parse<T, E: ToString>(
    table: &'static str,
    column: &'static str,
    text: &str,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<T, Error> {
    parse(text).map_err(|error| Error::Row { table, column, problem: error.to_string() })
}

fn bad_row(table: &'static str, column: &'static str, problem: &str) -> Error {
    Error::Row { table, column, problem: problem.to_owned() }
}
