//! Where a district's settings are kept, and how a change of them gets to the log: with the outbox, in one transaction.

use std::sync::Arc;

use homeroom_bus::Topic;
use homeroom_chassis::telemetry::trace;
use homeroom_domain::event::{Change, Origin};
use homeroom_domain::id::{DistrictId, RecordKey, Revision, SourceId};
use homeroom_domain::reference::{Entry, ReferenceChange};
use homeroom_domain::rule::succession::Retired;
use homeroom_domain::settings::Settings;
use homeroom_pg::{Database, Districts, Error};
use homeroom_proto::{key, reference};
use jiff::Timestamp;
use serde_json::Value;
use sqlx::{PgConnection, Row as _};
use uuid::Uuid;

use crate::outbox::{self, Message};

/// The source that settings are published under: they are nobody's records but ours.
const SOURCE: &str = "homeroom";

/// The kind of the document that remembers rules which are out of force. It is never published.
pub(crate) const RETIRED_RULES: &str = "retired-rules";

/// Fixed for ever: readers know settings by their record key.
const RECORD_KEYS: Uuid = Uuid::from_u128(0x0b7a_94d1_3c58_4e26_9d0f_6ad2_81b5_c3e7);

/// A district's settings; none when nobody has set any, and the defaults hold.
pub async fn find_settings(database: &Database, district: &DistrictId) -> Result<Option<Settings>, Error> {
    find(database, district, reference::Kind::Settings).await?.map(read_settings).transpose()
}

/// What a district's author wrote of a kind (rules, calculators), as it was written; none when what is shipped holds.
pub async fn find_text(
    database: &Database,
    district: &DistrictId,
    kind: reference::Kind,
) -> Result<Option<String>, Error> {
    let body = find(database, district, kind).await?;
    body.map(|body| body.as_str().map(str::to_owned).ok_or_else(|| unreadable("not a text"))).transpose()
}

async fn find(database: &Database, district: &DistrictId, kind: reference::Kind) -> Result<Option<Value>, Error> {
    let district = district.clone();
    database
        .run("ingestion.setting.find", &Districts::one(&district.clone()), move |connection| {
            let district = district.clone();
            Box::pin(async move { Ok(select(connection, &district, kind.as_str()).await?.map(|(body, _)| body)) })
        })
        .await
}

/// Changes a district's settings: `decide` is given those in force, and its refusal is handed back.
pub async fn change_settings<R, F>(
    database: &Database,
    district: &DistrictId,
    now: Timestamp,
    decide: F,
) -> Result<Result<Settings, R>, Error>
where
    R: Send + 'static,
    F: Fn(Option<Settings>) -> Result<Settings, R> + Send + Sync + 'static,
{
    let (district, decide) = (district.clone(), Arc::new(decide));
    let traceparent = trace::current_traceparent();
    database
        .run("ingestion.settings.change", &Districts::one(&district.clone()), move |connection| {
            let (district, decide, traceparent) = (district.clone(), Arc::clone(&decide), traceparent.clone());
            Box::pin(async move {
                lock(connection, &district).await?;
                let current = select(connection, &district, reference::Kind::Settings.as_str()).await?;
                let last = current.as_ref().map_or(0, |(_, revision)| *revision);
                let settings = match decide(current.map(|(body, _)| read_settings(body)).transpose()?) {
                    Ok(settings) => settings,
                    Err(refusal) => return Ok(Err(refusal)),
                };
                let body = serde_json::to_value(&settings).map_err(|error| unreadable(&error.to_string()))?;
                let change = published(&district, Entry::Settings(settings.clone()), now, last);
                keep(connection, &body, &change, traceparent).await?;
                Ok(Ok(settings))
            })
        })
        .await
}

/// Replaces a district's calculators.
pub async fn put_calculators(
    database: &Database,
    district: &DistrictId,
    now: Timestamp,
    yaml: String,
) -> Result<(), Error> {
    let (district, yaml) = (district.clone(), Arc::<str>::from(yaml));
    let traceparent = trace::current_traceparent();
    database
        .run("ingestion.calculators.put", &Districts::one(&district.clone()), move |connection| {
            let (district, yaml, traceparent) = (district.clone(), Arc::clone(&yaml), traceparent.clone());
            Box::pin(async move {
                lock(connection, &district).await?;
                let entry = Entry::Calculators((*yaml).to_owned());
                let current = select(connection, &district, reference::Kind::Calculators.as_str()).await?;
                let last = current.map_or(0, |(_, revision)| revision);
                let change = published(&district, entry, now, last);
                keep(connection, &Value::from(&*yaml), &change, traceparent).await
            })
        })
        .await
}

/// Rules that are out of force.
pub(crate) async fn find_retired(connection: &mut PgConnection, district: &DistrictId) -> Result<Retired, Error> {
    let row = select(connection, district, RETIRED_RULES).await?;
    let read = |(body, _)| serde_json::from_value(body).map_err(|error| unreadable(&error.to_string()));
    Ok(row.map(read).transpose()?.unwrap_or_default())
}

/// The change as it is published. Its revision grows even when the clock of this machine does not.
pub(crate) fn published(district: &DistrictId, entry: Entry, now: Timestamp, last: i64) -> ReferenceChange {
    let micros = now.as_microsecond().max(last.saturating_add(1));
    ReferenceChange {
        district: district.clone(),
        origin: Origin {
            source: SourceId::parse(SOURCE).expect("it is lower case"),
            key: record_key(district, reference::Kind::of(&entry)),
            revision: Revision(u64::try_from(micros).unwrap_or(0)),
        },
        received_at: now,
        change: Change::Recorded(entry),
    }
}

fn record_key(district: &DistrictId, kind: reference::Kind) -> RecordKey {
    let name = format!("{district}/{}", kind.as_str());
    RecordKey::from(Uuid::new_v5(&RECORD_KEYS, name.as_bytes()))
}

/// Two changes of one district wait for each other, the first of all too, when there is no row to lock.
pub(crate) async fn lock(connection: &mut PgConnection, district: &DistrictId) -> Result<(), Error> {
    let sql = "select pg_advisory_xact_lock(hashtextextended('ingestion.settings ' || $1, 0))";
    sqlx::query(sql).bind(district.as_str()).execute(connection).await?;
    Ok(())
}

/// A document and its revision.
pub(crate) async fn select(
    connection: &mut PgConnection,
    district: &DistrictId,
    kind: &str,
) -> Result<Option<(Value, i64)>, Error> {
    let sql = "select body, revision from settings where district = $1 and kind = $2";
    let row = sqlx::query(sql).bind(district.as_str()).bind(kind).fetch_optional(connection).await?;
    row.map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).transpose()
}

/// Writes the document and hands the change to the relay.
pub(crate) async fn keep(
    connection: &mut PgConnection,
    body: &Value,
    change: &ReferenceChange,
    traceparent: Option<String>,
) -> Result<(), Error> {
    let Change::Recorded(entry) = &change.change else { return Err(Error::Abandoned("ingestion.settings")) };
    let kind = reference::Kind::of(entry);
    upsert(connection, &change.district, kind.as_str(), body, change.origin.revision).await?;
    let message = Message {
        topic: Topic::Reference,
        key: key::reference(&change.district, kind, &change.origin.key),
        value: Some(reference::encode(change)),
    };
    outbox::append(connection, &[outbox::Entry { district: change.district.clone(), message, traceparent }]).await
}

/// Writes a document.
pub(crate) async fn upsert(
    connection: &mut PgConnection,
    district: &DistrictId,
    kind: &str,
    body: &Value,
    revision: Revision,
) -> Result<(), Error> {
    let sql = "insert into settings (district, kind, body, revision) values ($1, $2, $3, $4) \
               on conflict (district, kind) do update set body = excluded.body, revision = excluded.revision";
    let query = sqlx::query(sql).bind(district.as_str()).bind(kind).bind(body).bind(revision.0.cast_signed());
    query.execute(connection).await?;
    Ok(())
}

fn read_settings(body: Value) -> Result<Settings, Error> {
    serde_json::from_value(body).map_err(|error| unreadable(&error.to_string()))
}

/// A stored document that is none.
pub(crate) fn unreadable(problem: &str) -> Error {
    Error::Row { table: "settings", column: "body", problem: problem.to_owned() }
}
