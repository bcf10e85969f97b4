//! Documents follow a document whose natural key was changed.
//!
//! As in the standard's own implementation, what refers to a section by its old key refers to it by the new one after it was
//! changed, without being sent again. Here it is work in the background, a page of documents at a time and each page one
//! transaction with how far it has come: so a crash costs nothing, and nobody who sends waits for more than a page. Each document
//! that follows is changed like any other, so its events go out, and what refers to it follows in turn.
//!
//! A document that was sent with the new key meanwhile is the later word: the one that would follow into its place gives way. One
//! that was created after the change, with the old key, means whoever has that key now, and stays.
//!
//! What refers to a key is found by the references that are kept with the documents (`referral`). While a district has documents of
//! before these were kept, a collection is looked through instead, for all changes together that may be (`scan`), some thousand
//! documents to a transaction.

mod scan;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use homeroom_chassis::clock;
use homeroom_chassis::lifecycle::TaskGroup;
use homeroom_pg::{Database, Districts, Error};
use serde_json::{Map, Value};
use tokio::sync::Notify;

use self::scan::{Due, Scan};
use super::backlog::Backlog;
use super::batch::{Batch, Document};
use super::command::{Action, Collection, Command, Condition, Draft, Outcome};
use super::reference::{Place, places};
use super::store;
use super::table::{Resource, table};
use crate::app::State;
use crate::merge::Merges;
use crate::pseudonym::Pseudonyms;
use crate::sweep;

/// Key changes that are no longer told of.
const FORGOTTEN_TOTAL: &str = "homeroom_ingestion_key_changes_forgotten_total";

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
            match self.turn().await {
                Ok(Some(appended)) => self.backlog.appended(appended),
                // The time may pass: a change made by another process has no other word.
                Ok(None) => drop(tokio::time::timeout(IDLE, self.changed.notified()).await),
                Err(error) => {
                    tracing::warn!(error = %error, "what is to follow a changed key cannot be read; trying again");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    /// One page of the look that has waited longest; how much it left to be published. None when nothing is due.
    async fn turn(&self) -> Result<Option<usize>, Error> {
        let picked = self
            .database
            .run("ingestion.key_change.pick", &self.districts, |connection| Box::pin(scan::pick(connection)))
            .await?;
        let Some(due) = picked else { return Ok(None) };
        match self.page(&due).await {
            Ok(Some(appended)) => Ok(Some(appended)),
            // Another process took it in between.
            Ok(None) => {
                tokio::time::sleep(PAUSE).await;
                Ok(Some(0))
            }
            Err(error) => {
                tracing::warn!(district = %due.district, version = due.version, error = %error, "documents do not follow a changed key");
                self.put_off(due).await?;
                Ok(Some(0))
            }
        }
    }

    /// One page of one look; how much it left to be published. None when another process is at it.
    async fn page(&self, due: &Due) -> Result<Option<usize>, Error> {
        let known = self.merges.current();
        // Of one district alone: the policy reads the list for every row that is looked at.
        self.database
            .run("ingestion.key_change.follow", &Districts::one(&due.district), |connection| {
                let (pseudonyms, known, due) = (Arc::clone(&self.pseudonyms), Arc::clone(&known), due.clone());
                Box::pin(async move {
                    let Some(scan) = scan::claim(connection, due).await? else { return Ok(None) };
                    let places = table().find(&scan.resource).map(places).unwrap_or_default();
                    let mut left = places.iter().filter(|place| place.name() >= scan.place);
                    let Some(place) = left.next() else {
                        scan::settle(connection, &scan).await?;
                        return Ok(Some(0));
                    };
                    let found = scan::find(connection, &scan, place).await?;
                    match (found.next, left.next()) {
                        (Some(after), _) => scan::go_on(connection, &scan, &place.name(), after).await?,
                        (None, Some(next)) => scan::go_on(connection, &scan, &next.name(), 0).await?,
                        (None, None) => scan::settle(connection, &scan).await?,
                    }
                    if found.documents.is_empty() {
                        return Ok(Some(0));
                    }
                    let now = clock::now();
                    // As many versions as documents; what they are to say is known once nobody else can change them.
                    let touched: Vec<_> =
                        found.documents.iter().map(|id| scan.command(place, Action::Delete(*id))).collect();
                    let versions = store::reserve_versions(connection, &touched, now).await?;
                    let crosswalks = store::load_crosswalks(connection, &versions, &known).await?;
                    let commands = scan.commands(place, store::load(connection, &touched).await?);
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

    async fn put_off(&self, due: Due) -> Result<(), Error> {
        let districts = Districts::one(&due.district);
        self.database
            .run("ingestion.key_change.put_off", &districts, |connection| {
                let due = due.clone();
                Box::pin(async move { scan::put_off(connection, &due).await })
            })
            .await
    }
}

impl Scan {
    fn command(&self, place: &Place, action: Action) -> Command {
        let collection = Collection {
            district: self.due.district.clone(),
            source: self.due.source.clone(),
            resource: scan::collection(place).into(),
        };
        Command {
            collection,
            resource: Some(place.resource),
            action,
            condition: Condition::default(),
            traceparent: None,
        }
    }

    /// What the documents are to say that still refer to an old key.
    fn commands(&self, place: &Place, loaded: Vec<(Collection, Document)>) -> Vec<Command> {
        let follow = |(collection, document): (Collection, Document)| {
            let body = self.follow(place, &document)?;
            let draft = Draft::new(&collection, Some(place.resource), body);
            Some(self.command(place, Action::Replace(document.id, draft, true)))
        };
        loaded.into_iter().filter_map(follow).collect()
    }

    /// The document after the changes that were made after it was created: one that is newer means whoever has the old key now.
    fn follow(&self, place: &Place, document: &Document) -> Option<Map<String, Value>> {
        let later = self.changes.iter().filter(|change| document.created_version < change.version.cast_unsigned());
        later.fold(None, |body, change| {
            let followed = place.follow(body.as_ref().unwrap_or(&document.body), &change.old, &change.new);
            followed.or(body)
        })
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
