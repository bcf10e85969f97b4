//! When each source was last heard from, and other gauges of what the tables hold.
//!
//! That a source says nothing is a fault that no request shows: attendance of a school is missing, and nobody is told of anything.
//! Doors note here whose records they kept; every five seconds that is written, and what all processes have written is shown.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use homeroom_chassis::access::{Access, Grant, Scope};
use homeroom_chassis::lifecycle::TaskGroup;
use homeroom_domain::id::{DistrictId, SourceId};
use homeroom_pg::{Database, Districts, Error};
use jiff::Timestamp;
use sqlx::{PgConnection, Row as _};
use tokio::time::{MissedTickBehavior, interval};

/// How long ago a record of a source was kept, by `district` and `source`; of sources that a key may send for.
pub(crate) const SILENT_SECONDS: &str = "homeroom_ingestion_source_silent_seconds";
/// Records in quarantine, counted up to 20,000.
pub(crate) const QUARANTINE_RECORDS: &str = "homeroom_ingestion_quarantine_records";
/// The size of the whole database.
pub(crate) const DATABASE_BYTES: &str = "homeroom_ingestion_database_bytes";

/// How often what was heard is written, and the gauges are set.
const EVERY: Duration = Duration::from_secs(5);

/// How far the quarantine is counted: whether it holds more changes nothing of what is to be done.
const COUNTED: i64 = 20_000;

/// A source of a district.
type Name = (DistrictId, SourceId);

/// What was heard and is not written yet. Bounded by the sources that keys are for.
#[derive(Debug, Default)]
pub(crate) struct Hearing {
    heard: Mutex<BTreeMap<Name, Timestamp>>,
}

/// What is shown.
struct Shown {
    silent: Vec<(Name, f64)>,
    quarantined: i64,
    database_bytes: i64,
}

impl Hearing {
    /// A record of a source was kept at this moment.
    pub(crate) fn note(&self, district: &DistrictId, source: &SourceId, at: Timestamp) {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let last = heard.entry((district.clone(), source.clone())).or_insert(at);
        *last = at.max(*last);
    }

    /// Writes and shows until the group stops.
    pub(crate) fn start(self: Arc<Self>, database: Database, districts: Districts, access: Access, tasks: &TaskGroup) {
        let stopping = tasks.stopping();
        tasks.spawn("ingestion hearing", async move {
            let mut turn = interval(EVERY);
            turn.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let mut shown = Vec::new();
            while stopping.run_until_cancelled(turn.tick()).await.is_some() {
                match self.turn(&database, &districts).await {
                    Ok(now) => shown = show(now, &shown, &access),
                    Err(error) => {
                        tracing::warn!(error = %error, "who was heard from is not written; the next turn follows");
                    }
                }
            }
            // What was heard last; a database that is away costs a little of the truth.
            drop(self.turn(&database, &districts).await);
            Ok::<_, Infallible>(())
        });
    }

    async fn turn(&self, database: &Database, districts: &Districts) -> Result<Shown, Error> {
        let heard = Arc::new(std::mem::take(&mut *self.heard.lock().unwrap_or_else(PoisonError::into_inner)));
        let written = Arc::clone(&heard);
        let result = database
            .run("ingestion.sources.hear", districts, move |connection| {
                let heard = Arc::clone(&written);
                Box::pin(async move {
                    write(connection, &heard).await?;
                    look(connection).await
                })
            })
            .await;
        if result.is_err() {
            for ((district, source), at) in &*heard {
                self.note(district, source, *at);
            }
        }
        result
    }
}

async fn write(connection: &mut PgConnection, heard: &BTreeMap<Name, Timestamp>) -> Result<(), Error> {
    if heard.is_empty() {
        return Ok(());
    }
    // Sorted, as the map is, so that two processes wait for each other and never both.
    let sql = "insert into sources as s (district, source, heard_at) \
               select district, source, at::timestamptz from unnest($1::text[], $2::text[], $3::text[]) w (district, source, at) \
               on conflict (district, source) do update set heard_at = greatest(s.heard_at, excluded.heard_at)";
    sqlx::query(sql)
        .bind(heard.keys().map(|(district, _)| district.to_string()).collect::<Vec<_>>())
        .bind(heard.keys().map(|(_, source)| source.to_string()).collect::<Vec<_>>())
        .bind(heard.values().map(ToString::to_string).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    Ok(())
}

async fn look(connection: &mut PgConnection) -> Result<Shown, Error> {
    let sql = "select district, source, greatest(0, date_part('epoch', now() - heard_at)) from sources";
    let rows = sqlx::query(sql).fetch_all(&mut *connection).await?;
    let silent = rows.iter().map(|row| {
        let district = DistrictId::parse(&row.try_get::<String, _>(0)?).map_err(|e| bad_row("district", &e))?;
        let source = SourceId::parse(&row.try_get::<String, _>(1)?).map_err(|e| bad_row("source", &e))?;
        Ok(((district, source), row.try_get(2)?))
    });
    let silent = silent.collect::<Result<_, Error>>()?;
    let sql = "select (select count(*) from (select 1 from quarantine limit $1) counted), pg_database_size(current_database())";
    let (quarantined, database_bytes) = sqlx::query_as(sql).bind(COUNTED).fetch_one(connection).await?;
    Ok(Shown { silent, quarantined, database_bytes })
}

fn bad_row(column: &'static str, problem: &dyn std::fmt::Display) -> Error {
    Error::Row { table: "sources", column, problem: problem.to_string() }
}

/// Sets the gauges; returns whom they name. Of a source that no key may send for any more nothing is expected: its gauge is no number
/// from then on, which no alert takes for silence.
fn show(now: Shown, before: &[Name], access: &Access) -> Vec<Name> {
    let keys = access.keys();
    let may_send = |(district, source): &Name| {
        let sends = |grant: &Grant| {
            grant.scopes.contains(&Scope::Ingest) && (&grant.district, &grant.source) == (district, source)
        };
        keys.grants().any(sends)
    };
    let expected = now.silent.into_iter().filter(|(name, _)| may_send(name));
    let expected: Vec<(Name, f64)> = expected.collect();
    for name in before.iter().filter(|name| !expected.iter().any(|(shown, _)| shown == *name)) {
        gauge(name).set(f64::NAN);
    }
    for (name, seconds) in &expected {
        gauge(name).set(*seconds);
    }
    #[expect(clippy::cast_precision_loss, reason = "a gauge shows a few digits")]
    metrics::gauge!(QUARANTINE_RECORDS).set(now.quarantined as f64);
    #[expect(clippy::cast_precision_loss, reason = "a gauge shows a few digits")]
    metrics::gauge!(DATABASE_BYTES).set(now.database_bytes as f64);
    expected.into_iter().map(|(name, _)| name).collect()
}

fn gauge((district, source): &Name) -> metrics::Gauge {
    metrics::gauge!(SILENT_SECONDS, "district" => district.to_string(), "source" => source.to_string())
}
