//! Each process follows what is merged, and says up to which version its records go by it.
//!
//! A process that has not said so for [`ALIVE`] is passed over, so that one that crashed does not hold up every merge. It may yet be
//! alive, and take records for the log as it knew students then: when it comes back, what was merged meanwhile is looked through once
//! more, and so it is after an hour when it does not.

use std::convert::Infallible;
use std::time::Duration;

use homeroom_chassis::lifecycle::TaskGroup;
use homeroom_pg::{Database, Districts, Error, Listener};
use sqlx::{PgConnection, Row as _};
use tokio::time::Instant;
use uuid::Uuid;

use super::{CHANNEL, Merges};

/// How long a process that says nothing is waited for.
pub(super) const ALIVE: Duration = Duration::from_secs(6);

/// How often each process reads what is merged without being told that it changed, and says that it lives.
const EVERY: Duration = Duration::from_secs(2);

/// How often it looks whether requests that know less are answered.
const DRAIN: Duration = Duration::from_millis(20);

/// After how long a process that says nothing is forgotten.
const FORGOTTEN: Duration = Duration::from_hours(1);

/// Keeps what a process knows of what is merged.
pub(crate) struct Follower {
    pub(crate) database: Database,
    pub(crate) districts: Districts,
    /// All there are, also those whose records this process takes none of: others may have.
    pub(crate) all: Districts,
    pub(crate) merges: Merges,
    /// This process to the others.
    pub(crate) reader: Uuid,
}

impl Follower {
    /// Reads what is merged and makes this process known, before it takes a record; then follows.
    pub(crate) async fn start(self, tasks: &TaskGroup) -> Result<(), Error> {
        self.say().await?;
        let stopping = tasks.stopping();
        tasks.spawn("ingestion merges", async move {
            tokio::select! {
                () = self.follow() => {}
                () = stopping.cancelled() => self.leave().await,
            }
            Ok::<_, Infallible>(())
        });
        Ok(())
    }

    async fn follow(&self) {
        let mut listener = None;
        let mut said = Some(self.merges.current().version);
        loop {
            self.wait(&mut listener, said).await;
            match self.say().await {
                Ok(version) => said = version,
                Err(error) => tracing::warn!(error = %error, "what is merged cannot be read; trying again"),
            }
        }
    }

    /// Waits for a change, or until requests are answered that go by less than what is known.
    async fn wait(&self, listener: &mut Option<Listener>, said: Option<i64>) {
        if said.is_none() {
            let until = Instant::now() + EVERY;
            while self.merges.settled().is_none() && Instant::now() < until {
                tokio::time::sleep(DRAIN).await;
            }
            return;
        }
        super::wait(&self.database, listener, EVERY).await;
    }

    /// Reads what is merged, and says what all requests go by; the version, when they all go by what is known.
    async fn say(&self) -> Result<Option<i64>, Error> {
        self.merges.refresh(&self.database, &self.districts).await?;
        let settled = self.merges.settled();
        let (reader, districts) = (self.reader, self.all.clone());
        self.database
            .run("ingestion.merge_reader.say", &districts, move |connection| {
                Box::pin(async move {
                    say(connection, reader, settled).await?;
                    forget(connection).await
                })
            })
            .await?;
        Ok(settled)
    }

    /// A process that ends takes no more, so nobody need wait for it; what it still has on its way the second look finds.
    async fn leave(&self) {
        while self.merges.settled().is_none() {
            tokio::time::sleep(DRAIN).await;
        }
        let (reader, districts) = (self.reader, Districts::none());
        let left = self.database.run("ingestion.merge_reader.leave", &districts, move |connection| {
            Box::pin(async move {
                sqlx::query("delete from merge_readers where reader = $1").bind(reader).execute(connection).await?;
                Ok(())
            })
        });
        if let Err(error) = left.await {
            tracing::debug!(error = %error, "the process did not say that it takes no more records");
        }
    }
}

/// Says that the process lives, and the version that all its requests go by, when that is known. If it was passed over meanwhile,
/// whatever was merged since is looked through again.
async fn say(connection: &mut PgConnection, reader: Uuid, settled: Option<i64>) -> Result<(), Error> {
    let sql =
        "select version, seen_at < now() - make_interval(secs => $2) from merge_readers where reader = $1 for update";
    let known = sqlx::query(sql).bind(reader).bind(ALIVE.as_secs_f64()).fetch_optional(&mut *connection).await?;
    let (version, was_away) = match &known {
        Some(row) => (row.try_get::<i64, _>(0)?, row.try_get::<bool, _>(1)?),
        // Of a process that was forgotten, whoever forgot it has asked.
        None => (0, false),
    };
    let now_known = settled.unwrap_or(version);
    if was_away && now_known > version {
        look_again(connection, version).await?;
    }
    let stays_away = was_away && settled.is_none();
    if !stays_away {
        let sql = "insert into merge_readers (reader, version, seen_at) values ($1, $2, now()) \
                   on conflict (reader) do update set version = excluded.version, seen_at = excluded.seen_at";
        sqlx::query(sql).bind(reader).bind(now_known).execute(&mut *connection).await?;
    }
    if now_known > version && known.is_some() {
        sqlx::query("select pg_notify($1, '')").bind(CHANNEL).execute(connection).await?;
    }
    Ok(())
}

/// Forgets processes that have said nothing for long. What they may have written as students were then is looked for.
async fn forget(connection: &mut PgConnection) -> Result<(), Error> {
    let sql = "delete from merge_readers where seen_at < now() - make_interval(secs => $1) returning version";
    let query = sqlx::query_scalar(sql).bind(FORGOTTEN.as_secs_f64());
    let forgotten: Vec<i64> = query.fetch_all(&mut *connection).await?;
    match forgotten.into_iter().min() {
        Some(version) => look_again(connection, version).await,
        None => Ok(()),
    }
}

/// Has what was merged or split since a version looked through once more.
async fn look_again(connection: &mut PgConnection, since: i64) -> Result<(), Error> {
    let sql = "update student_moves set due_at = clock_timestamp() where version > $1";
    sqlx::query(sql).bind(since).execute(connection).await?;
    Ok(())
}
