//! When each source was last heard from, and other gauges of what the tables hold.
//!
//! That a source says nothing is a fault that no request shows: attendance of a school is missing, and nobody is told of anything.
//! Doors note here whose records they kept; every five seconds that is written, and what all processes have written is shown. A source
//! that never sent counts from when it was first expected. While the database is away what was last shown goes on counting: a gauge that
//! stood still would look like a source that speaks.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use homeroom_chassis::access::{Access, Scope};
use homeroom_chassis::clock;
use homeroom_chassis::lifecycle::TaskGroup;
use homeroom_domain::id::{DistrictId, SourceId};
use homeroom_pg::{Database, Districts, Error};
use jiff::Timestamp;
use sqlx::{PgConnection, Row as _};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// How long ago a record of a source was kept, or the source was first expected when it never sent; by `district` and `source`, of
/// sources that a key may send for.
pub(crate) const SILENT_SECONDS: &str = "homeroom_ingestion_source_silent_seconds";
/// Records in quarantine, counted up to 20,000.
pub(crate) const QUARANTINE_RECORDS: &str = "homeroom_ingestion_quarantine_records";
/// The size of the whole database.
pub(crate) const DATABASE_BYTES: &str = "homeroom_ingestion_database_bytes";

/// How often what was heard is written, and silence is shown.
const EVERY: Duration = Duration::from_secs(5);

/// How often the tables are measured, which reads many rows and asks for the size of every file.
const MEASURED_EVERY: Duration = Duration::from_mins(1);

/// How far the quarantine is counted: whether it holds more changes nothing of what is to be done.
const COUNTED: i64 = 20_000;

/// A source of a district.
type Name = (DistrictId, SourceId);

/// What was heard and is not written yet. Bounded by the sources that keys are for.
#[derive(Debug, Default)]
pub(crate) struct Hearing {
    heard: Mutex<BTreeMap<Name, Timestamp>>,
}

/// The silence of sources in seconds.
type Silence = BTreeMap<Name, f64>;

impl Hearing {
    /// A record of a source was kept at this moment.
    pub(crate) fn note(&self, district: &DistrictId, source: &SourceId, at: Timestamp) {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let last = heard.entry((district.clone(), source.clone())).or_insert(at);
        *last = at.max(*last);
    }

    /// Writes and shows until the group stops.
    pub(crate) fn start(self: Arc<Self>, database: Database, districts: Districts, access: Access, tasks: &TaskGroup) {
        tasks.spawn("ingestion measuring", measure(database.clone(), districts.clone(), tasks.stopping()));
        let stopping = tasks.stopping();
        tasks.spawn("ingestion hearing", async move {
            let mut turn = interval(EVERY);
            turn.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let (mut shown, mut looked, mut expected) = (Silence::new(), Instant::now(), BTreeSet::new());
            while stopping.run_until_cancelled(turn.tick()).await.is_some() {
                let senders = senders(&access);
                match self.turn(&database, &districts, senders.difference(&expected)).await {
                    Ok(silence) => {
                        looked = Instant::now();
                        shown = show(silence, &shown, &senders);
                        expected = senders;
                    }
                    Err(error) => {
                        tracing::warn!(error = %error, "who was heard from is not written; the next turn follows");
                        for (name, seconds) in self.count_on(&shown, looked.elapsed(), clock::now()) {
                            gauge(&name).set(seconds);
                        }
                    }
                }
            }
            // What was heard last; a database that is away costs a little of the truth.
            if let Err(error) = self.write(&database, &districts).await {
                tracing::info!(error = %error, "stopping without writing who was heard from last");
            }
            Ok::<_, Infallible>(())
        });
    }

    /// Writes what was heard and whom a key now lets send, and tells how long each was silent. Each by itself: what waits for a row holds
    /// no other.
    async fn turn(
        &self,
        database: &Database,
        districts: &Districts,
        new: impl Iterator<Item = &Name>,
    ) -> Result<Silence, Error> {
        self.write(database, districts).await?;
        let new: Arc<Vec<Name>> = Arc::new(new.cloned().collect());
        if !new.is_empty() {
            let run = database.run("ingestion.sources.expect", districts, move |connection| {
                let new = Arc::clone(&new);
                Box::pin(async move { expect(connection, &new).await })
            });
            run.await?;
        }
        database.run("ingestion.sources.look", districts, |connection| Box::pin(look(connection))).await
    }

    async fn write(&self, database: &Database, districts: &Districts) -> Result<(), Error> {
        let heard = Arc::new(std::mem::take(&mut *self.heard.lock().unwrap_or_else(PoisonError::into_inner)));
        if heard.is_empty() {
            return Ok(());
        }
        let written = Arc::clone(&heard);
        let result = database
            .run("ingestion.sources.hear", districts, move |connection| {
                let heard = Arc::clone(&written);
                Box::pin(async move { write(connection, &heard).await })
            })
            .await;
        if result.is_err() {
            for ((district, source), at) in &*heard {
                self.note(district, source, *at);
            }
        }
        result
    }

    /// The silence that was last shown, this much later. What this process has heard meanwhile, and could not write, ends it.
    fn count_on(&self, shown: &Silence, since: Duration, now: Timestamp) -> Silence {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let count = |(name, seconds): (&Name, &f64)| {
            let silent = seconds + since.as_secs_f64();
            let heard = heard.get(name).map(|at| now.duration_since(*at).as_secs_f64().max(0.0));
            (name.clone(), heard.map_or(silent, |heard| silent.min(heard)))
        };
        shown.iter().map(count).collect()
    }
}

/// Whom a key lets send. A canary that nobody lets sing is no fault, and one that falls silent has an alert of its own.
fn senders(access: &Access) -> BTreeSet<Name> {
    let keys = access.keys();
    let sends = keys.grants().filter(|it| it.scopes.contains(&Scope::Ingest) && !it.district.is_canary());
    sends.map(|it| (it.district.clone(), it.source.clone())).collect()
}

async fn write(connection: &mut PgConnection, heard: &BTreeMap<Name, Timestamp>) -> Result<(), Error> {
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

/// A source that never sent, or not since this is kept, is silent from now on. One whose district has no secret here can send nothing.
async fn expect(connection: &mut PgConnection, new: &[Name]) -> Result<(), Error> {
    let sql = "insert into sources (district, source) \
               select district, source from unnest($1::text[], $2::text[]) w (district, source) \
               where district = any (string_to_array(current_setting('homeroom.districts', true), ',')) \
               on conflict (district, source) do nothing";
    sqlx::query(sql)
        .bind(new.iter().map(|(district, _)| district.to_string()).collect::<Vec<_>>())
        .bind(new.iter().map(|(_, source)| source.to_string()).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    Ok(())
}

async fn look(connection: &mut PgConnection) -> Result<Silence, Error> {
    let sql = "select district, source, greatest(0, date_part('epoch', now() - coalesce(heard_at, expected_since))) from sources";
    let rows = sqlx::query(sql).fetch_all(&mut *connection).await?;
    let silent = rows.iter().map(|row| {
        let district = DistrictId::parse(&row.try_get::<String, _>(0)?).map_err(|e| bad_row("district", &e))?;
        let source = SourceId::parse(&row.try_get::<String, _>(1)?).map_err(|e| bad_row("source", &e))?;
        Ok(((district, source), row.try_get(2)?))
    });
    silent.collect()
}

fn bad_row(column: &'static str, problem: &dyn std::fmt::Display) -> Error {
    Error::Row { table: "sources", column, problem: problem.to_string() }
}

/// Sets the gauges; returns what they say. Of a source that no key may send for any more nothing is expected: its gauge is no number from
/// then on, which no alert takes for silence.
fn show(mut silence: Silence, before: &Silence, senders: &BTreeSet<Name>) -> Silence {
    silence.retain(|name, _| senders.contains(name));
    for name in before.keys().filter(|name| !silence.contains_key(name)) {
        gauge(name).set(f64::NAN);
    }
    for (name, seconds) in &silence {
        gauge(name).set(*seconds);
    }
    silence
}

fn gauge((district, source): &Name) -> metrics::Gauge {
    metrics::gauge!(SILENT_SECONDS, "district" => district.to_string(), "source" => source.to_string())
}

/// Shows what the tables hold until the process stops.
async fn measure(database: Database, districts: Districts, stopping: CancellationToken) -> Result<(), Infallible> {
    let mut turn = interval(MEASURED_EVERY);
    turn.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while stopping.run_until_cancelled(turn.tick()).await.is_some() {
        let sizes = database.run("ingestion.measure", &districts, |connection| Box::pin(sizes(connection)));
        match stopping.run_until_cancelled(sizes).await {
            None => break,
            Some(Err(error)) => tracing::debug!(error = %error, "what the tables hold is not known"),
            Some(Ok((quarantined, database_bytes))) => {
                #[expect(clippy::cast_precision_loss, reason = "a gauge shows a few digits")]
                metrics::gauge!(QUARANTINE_RECORDS).set(quarantined as f64);
                #[expect(clippy::cast_precision_loss, reason = "a gauge shows a few digits")]
                metrics::gauge!(DATABASE_BYTES).set(database_bytes as f64);
            }
        }
    }
    Ok(())
}

/// Records in quarantine and bytes of the database.
async fn sizes(connection: &mut PgConnection) -> Result<(i64, i64), Error> {
    let sql = "select (select count(*) from (select 1 from quarantine limit $1) counted), pg_database_size(current_database())";
    Ok(sqlx::query_as(sql).bind(COUNTED).fetch_one(connection).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_goes_on_while_the_database_is_away_and_ends_with_what_is_heard() {
        let district = DistrictId::parse("grand-bend").expect("an id");
        let [quiet, loud] = ["quiet", "loud"].map(|name| SourceId::parse(name).expect("an id"));
        let shown =
            [(quiet.clone(), 50.0), (loud.clone(), 40.0)].map(|(it, seconds)| ((district.clone(), it), seconds));
        let now: Timestamp = "2026-11-26T12:00:00Z".parse().expect("a moment");
        let hearing = Hearing::default();
        hearing.note(&district, &loud, "2026-11-26T11:59:57Z".parse().expect("a moment"));
        let counted = hearing.count_on(&shown.into(), Duration::from_hours(1), now);
        assert_eq!(counted, [((district.clone(), quiet), 3_650.0), ((district, loud), 3.0)].into());
    }
}
