//! Documents follow a document whose natural key was changed.
//!
//! As in the standard's own implementation, what refers to a section by its old key refers to it by the new one after it was
//! changed, without being sent again. Here it is work in the background, a page of documents at a time and each page one
//! transaction with how far it has come: so a crash costs nothing, and nobody who sends waits for more than a page. Each document
//! that follows is changed like any other, so its events go out, and what refers to it follows in turn.
//!
//! A document that was sent with the new key meanwhile is the later word: the one that would follow into its place gives way.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use homeroom_chassis::clock;
use homeroom_chassis::lifecycle::TaskGroup;
use homeroom_domain::id::{DistrictId, SourceId};
use homeroom_pg::{Database, Districts, Error};
use serde_json::{Map, Value};
use sqlx::{PgConnection, Row as _};
use tokio::sync::Notify;
use uuid::Uuid;

use super::backlog::Backlog;
use super::batch::{Batch, Document};
use super::command::{Action, Collection, Command, Condition, Draft, Outcome};
use super::reference::{Place, places};
use super::store;
use super::table::{ED_FI, Resource, table};
use crate::app::State;
use crate::merge::Merges;
use crate::pseudonym::Pseudonyms;
use crate::sweep;

/// Key changes that are no longer told of.
const FORGOTTEN_TOTAL: &str = "homeroom_ingestion_key_changes_forgotten_total";

/// The most documents of one transaction.
const PAGE: i64 = 100;

/// How often to look for work without being told.
const IDLE: Duration = Duration::from_secs(5);

/// How long to leave alone what failed, or an outbox that is full.
const PAUSE: Duration = Duration::from_secs(1);

/// What the task owns.
pub(crate) struct Cascade {
    database: Database,
    districts: Districts,
    pseudonyms: Arc<Pseudonyms>,
    merges: Merges,
    backlog: Arc<Backlog>,
    changed: Arc<Notify>,
}

/// A change of a key that is to be followed.
struct Change {
    district: DistrictId,
    source: SourceId,
    resource: String,
    version: i64,
    old: Map<String, Value>,
    new: Map<String, Value>,
    place: i32,
    after: i64,
}

/// Whether documents may refer to one of a resource.
pub(crate) fn is_referred_to(resource: &Resource) -> bool {
    !places(resource).is_empty()
}

impl Cascade {
    /// Starts the task; `changed` wakes it.
    pub(crate) fn start(
        state: &State,
        districts: Districts,
        backlog: Arc<Backlog>,
        changed: Arc<Notify>,
        tasks: &TaskGroup,
    ) {
        let (database, pseudonyms) = (state.database.clone(), Arc::clone(&state.pseudonyms));
        let merges = state.merges.clone();
        forget_old(&database, &districts, state.limits.deletes_days, tasks);
        let cascade = Self { database, districts, pseudonyms, merges, backlog, changed };
        let stopping = tasks.stopping();
        tasks.spawn("ingestion cascade", async move {
            tokio::select! {
                () = cascade.run() => {}
                () = stopping.cancelled() => {}
            }
            Ok::<_, Infallible>(())
        });
    }

    async fn run(&self) {
        loop {
            if self.backlog.refusal().is_some() {
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            match self.page().await {
                Ok(Some(appended)) => self.backlog.appended(appended),
                // The time may pass: a change made by another process has no other word.
                Ok(None) => drop(tokio::time::timeout(IDLE, self.changed.notified()).await),
                Err(error) => {
                    tracing::warn!(error = %error, "documents do not follow a changed key; trying again");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    /// One page of one change; how much it left to be published. None when nothing is to be followed.
    async fn page(&self) -> Result<Option<usize>, Error> {
        let known = self.merges.current();
        self.database
            .run("ingestion.key_change.follow", &self.districts, |connection| {
                let (pseudonyms, known) = (Arc::clone(&self.pseudonyms), Arc::clone(&known));
                Box::pin(async move {
                    let Some(change) = claim(connection).await? else { return Ok(None) };
                    let mut places = table().find(&change.resource).map(places).unwrap_or_default();
                    let at = usize::try_from(change.place).unwrap_or(usize::MAX);
                    if at >= places.len() {
                        settle(connection, &change).await?;
                        return Ok(Some(0));
                    }
                    let place = places.swap_remove(at);
                    let found = find(connection, &change, &place).await?;
                    move_on(connection, &change, found.last().map(|(_, version)| *version)).await?;
                    if found.is_empty() {
                        return Ok(Some(0));
                    }
                    let now = clock::now();
                    // As many versions as documents; what they are to say is known once nobody else can change them.
                    let touched: Vec<_> =
                        found.iter().map(|(id, _)| change.command(&place, Action::Delete(*id))).collect();
                    let versions = store::reserve_versions(connection, &touched, now).await?;
                    let crosswalks = store::load_crosswalks(connection, &versions, &known).await?;
                    let commands = change.commands(&place, store::load(connection, &touched).await?);
                    let loaded = store::load(connection, &commands).await?;
                    let mut batch = Batch::new(&pseudonyms, crosswalks, now, versions, loaded);
                    for command in &commands {
                        decide(&mut batch, command);
                    }
                    let writes = batch.finish();
                    store::write(connection, &writes, now).await?;
                    Ok(Some(writes.outbox.len()))
                })
            })
            .await
    }
}

impl Change {
    fn command(&self, place: &Place, action: Action) -> Command {
        let resource = format!("{ED_FI}/{}", place.resource.endpoint);
        let collection =
            Collection { district: self.district.clone(), source: self.source.clone(), resource: resource.into() };
        Command {
            collection,
            resource: Some(place.resource),
            action,
            condition: Condition::default(),
            traceparent: None,
        }
    }

    /// What the documents are to say that still refer to the old key.
    fn commands(&self, place: &Place, loaded: Vec<(Collection, Document)>) -> Vec<Command> {
        let follow = |(collection, document): (Collection, Document)| {
            let body = place.follow(&document.body, &self.old, &self.new)?;
            let draft = Draft::new(&collection, Some(place.resource), body);
            Some(self.command(place, Action::Replace(document.id, draft, true)))
        };
        loaded.into_iter().filter_map(follow).collect()
    }
}

/// Changes the document, or deletes it where another has come into its place.
fn decide(batch: &mut Batch<'_>, command: &Command) {
    if batch.decide(command) == Outcome::KeyTaken
        && let Action::Replace(id, ..) = command.action
    {
        batch.decide(&Command { action: Action::Delete(id), ..command.clone() });
    }
}

/// The next change, locked: those of one source one after the other, since a later one may be of the key that an earlier one left.
async fn claim(connection: &mut PgConnection) -> Result<Option<Change>, Error> {
    let sql = "select k.district, k.source, k.resource, k.change_version, k.old_key, k.new_key, k.place, k.after_version \
               from key_changes k where k.is_pending and not exists (select from key_changes e \
                   where e.district = k.district and e.source = k.source and e.is_pending and e.change_version < k.change_version) \
               order by k.change_version limit 1 for update of k skip locked";
    let Some(row) = sqlx::query(sql).fetch_optional(connection).await? else { return Ok(None) };
    let bad = |column, problem: String| Error::Row { table: "key_changes", column, problem };
    let key = |value: Value, column| match value {
        Value::Object(key) => Ok(key),
        _ => Err(bad(column, "not an object".to_owned())),
    };
    let resource: String = row.try_get(2)?;
    Ok(Some(Change {
        district: DistrictId::parse(row.try_get::<&str, _>(0)?).map_err(|error| bad("district", error.to_string()))?,
        source: SourceId::parse(row.try_get::<&str, _>(1)?).map_err(|error| bad("source", error.to_string()))?,
        resource: resource.rsplit('/').next().unwrap_or_default().to_owned(),
        version: row.try_get(3)?,
        old: key(row.try_get(4)?, "old_key")?,
        new: key(row.try_get(5)?, "new_key")?,
        place: row.try_get(6)?,
        after: row.try_get(7)?,
    }))
}

/// The next documents that refer to the old key, in the order in which they were created. Without a lock: a collection may be large,
/// and those who send do not wait while it is looked through.
async fn find(connection: &mut PgConnection, change: &Change, place: &Place) -> Result<Vec<(Uuid, i64)>, Error> {
    let sql = "select document_id, created_version from documents \
               where district = $1 and source = $2 and resource = $3 and created_version > $4 and body @> $5 \
               order by created_version limit $6";
    let rows = sqlx::query(sql)
        .bind(change.district.as_str())
        .bind(change.source.as_str())
        .bind(format!("{ED_FI}/{}", place.resource.endpoint))
        .bind(change.after)
        .bind(place.pattern(&change.old))
        .bind(PAGE)
        .fetch_all(connection)
        .await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

/// To the documents after this one, or to the next place when there was none.
async fn move_on(connection: &mut PgConnection, change: &Change, last: Option<i64>) -> Result<(), Error> {
    let (place, after) = last.map_or((change.place + 1, 0), |last| (change.place, last));
    let sql = "update key_changes set place = $4, after_version = $5 \
               where district = $1 and source = $2 and change_version = $3 and is_pending";
    let query = sqlx::query(sql).bind(change.district.as_str()).bind(change.source.as_str()).bind(change.version);
    query.bind(place).bind(after).execute(connection).await?;
    Ok(())
}

async fn settle(connection: &mut PgConnection, change: &Change) -> Result<(), Error> {
    let sql = "update key_changes set is_pending = false where district = $1 and source = $2 and change_version = $3";
    let query = sqlx::query(sql).bind(change.district.as_str()).bind(change.source.as_str()).bind(change.version);
    query.execute(connection).await?;
    Ok(())
}

/// What was followed is kept as long as deletes are.
fn forget_old(database: &Database, districts: &Districts, days: u32, tasks: &TaskGroup) {
    let (database, districts) = (database.clone(), districts.clone());
    let days = i32::try_from(days).unwrap_or(i32::MAX);
    sweep::start("ingestion key changes", FORGOTTEN_TOTAL, tasks, move || {
        let (database, districts) = (database.clone(), districts.clone());
        async move {
            database
                .run("ingestion.key_changes.sweep", &districts, move |connection| {
                    Box::pin(async move {
                        // Copiers are told that they may have missed some, as with deletes.
                        let sql = "with forgotten as ( \
                                       delete from key_changes where ctid = any(array(select ctid from key_changes \
                                           where not is_pending and changed_at < now() - make_interval(days => $1) limit $2)) \
                                       returning district, change_version), \
                                   told as ( \
                                       update change_versions v set oldest = greatest(v.oldest, f.last + 1) \
                                       from (select district, max(change_version) as last from forgotten group by district order by district) f \
                                       where v.district = f.district) \
                                   select count(*) from forgotten";
                        let query = sqlx::query_scalar(sql).bind(days).bind(sweep::BATCH);
                        let forgotten: i64 = query.fetch_one(connection).await?;
                        Ok(forgotten.cast_unsigned())
                    })
                })
                .await
        }
    });
}
