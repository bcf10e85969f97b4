//! The relay: publishes the outbox in order and deletes what the log has acknowledged.
//!
//! A reconciler: it takes no input, is woken by its process, by NOTIFY or by time, and looks at what is there; so a lost wake-up
//! costs a moment, and a crash between publishing and deleting costs a repeated record of the same revision, which readers drop.
//! One process relays at a time, by a lease that is kept while the log is slow, and given back only when nothing of ours is on
//! its way any more. Two relays at once would publish some records twice and interleave them. Readers take the higher revision
//! of a record, but a compacted topic keeps the later one.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use homeroom_bus::{Appended, Log, NewRecord, Topic, log};
use homeroom_chassis::lifecycle::TaskGroup;
use homeroom_pg::{Database, Districts, Error, Listener, Wake};
use sqlx::{PgConnection, Row as _};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::backlog::Backlog;
use crate::outbox;

/// How long a process that stopped without a word keeps others from relaying.
const LEASE: Duration = Duration::from_secs(5);

/// How often the lease is renewed while the log takes its time.
const RENEW: Duration = Duration::from_millis(1_250);

/// How long a stopping relay waits for the answer to what it has handed to the log.
const LAST_ROUND: Duration = Duration::from_secs(1);

/// How long to rest without being woken; well below the lease, so that a waiting process takes over soon.
const IDLE: Duration = Duration::from_secs(1);

/// So many rows of one round show that senders are busy. Then the next round waits a little, so that it finds more: what a round
/// costs the log and the database hardly grows with its rows. Fewer wait for nothing.
const CROWD: usize = 16;
const GATHER: Duration = Duration::from_millis(8);

/// Whether the next round waits, after one of so many rows, of which one has at most so many: a full round shows that there are more.
const fn gathers(rows: usize, most: usize) -> bool {
    CROWD <= rows && rows < most
}

/// The longest pause after failures of the log or database; it begins at a fiftieth and doubles.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The header that carries the trace.
const TRACEPARENT: &str = "traceparent";

/// What the task owns.
pub(crate) struct Relay {
    /// Where the outbox is.
    pub(crate) database: Database,
    /// All districts whose rows may be there.
    pub(crate) districts: Districts,
    /// Where the rows go.
    pub(crate) log: Arc<dyn Log>,
    /// Told of what is published.
    pub(crate) backlog: Arc<Backlog>,
    /// The most rows at once.
    pub(crate) rows: u32,
    /// Who we are to the lease.
    pub(crate) owner: Uuid,
}

struct Row {
    id: i64,
    topic: Topic,
    record: NewRecord,
}

/// What one look at the outbox came to.
enum Round {
    /// So many rows were published, and there may be more.
    More(usize),
    /// Nothing is left.
    Rest,
    /// Another process relays.
    Elsewhere,
    /// The log did not take all.
    Refused(String),
}

impl Relay {
    /// Starts the task.
    pub(crate) fn start(self, tasks: &TaskGroup) {
        let stopping = tasks.stopping();
        tasks.spawn("ingestion relay", async move {
            if self.run(stopping).await {
                self.release().await;
            }
            Ok::<_, std::convert::Infallible>(())
        });
    }

    /// Relays until told to stop; says whether the log has answered everything that it was handed.
    async fn run(&self, stopping: CancellationToken) -> bool {
        let mut listener = None;
        let mut pause = LONGEST_PAUSE / 50;
        // What the log has acknowledged and the outbox still holds.
        let mut acknowledged = Vec::new();
        // Whether the last look was asked for by this process.
        let mut ours = false;
        loop {
            let round = tokio::select! {
                round = self.round(&mut acknowledged) => round,
                () = overdue(&stopping) => return false,
            };
            if stopping.is_cancelled() {
                return true;
            }
            let trouble = match round {
                Ok(Round::More(rows)) => {
                    pause = LONGEST_PAUSE / 50;
                    if gathers(rows, self.rows as usize)
                        && stopping.run_until_cancelled(tokio::time::sleep(GATHER)).await.is_none()
                    {
                        return true;
                    }
                    continue;
                }
                // It is for whoever relays to look. A word that is lost costs it a moment.
                Ok(Round::Elsewhere) if std::mem::take(&mut ours) => {
                    outbox::wake(&self.database).await.err().map(|error| error.to_string())
                }
                Ok(Round::Rest | Round::Elsewhere) => None,
                Ok(Round::Refused(why)) => Some(why),
                Err(error) => Some(error.to_string()),
            };
            let rest = async {
                if let Some(why) = trouble {
                    tracing::warn!(why, "the outbox is not published; trying again");
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    tokio::time::sleep(pause).await;
                } else {
                    pause = LONGEST_PAUSE / 50;
                    ours = self.wait(&mut listener).await;
                }
            };
            tokio::select! {
                () = rest => {}
                () = stopping.cancelled() => return true,
            }
        }
    }

    /// Waits to be woken; whether this process has rows for whoever relays.
    async fn wait(&self, listener: &mut Option<Listener>) -> bool {
        if listener.is_none() {
            // Until it listens, it polls.
            *listener = self.database.listen(outbox::CHANNEL).await.ok();
            // What came before it listened has no wake-up: look at once.
            return false;
        }
        let elsewhere = async {
            match listener {
                Some(listening) => drop::<Wake>(listening.wait(IDLE).await),
                None => tokio::time::sleep(IDLE).await,
            }
        };
        tokio::select! {
            () = self.backlog.woken() => true,
            () = elsewhere => false,
        }
    }

    /// Lets another process go on at once. When this fails the lease runs out by itself.
    async fn release(&self) {
        let (owner, districts) = (self.owner, Districts::none());
        let released = self.database.run("ingestion.relay_lease.release", &districts, move |connection| {
            Box::pin(async move {
                let sql = "update relay_lease set leased_until = 'epoch' where owner = $1";
                sqlx::query(sql).bind(owner).execute(connection).await?;
                Ok(())
            })
        });
        if let Ok(Err(error)) = tokio::time::timeout(Duration::from_secs(1), released).await {
            tracing::debug!(error = %error, "the relay's lease was not released");
        }
    }

    async fn round(&self, acknowledged: &mut Vec<i64>) -> Result<Round, Error> {
        let rows = self.settle_and_claim(acknowledged.clone()).await?;
        self.backlog.published(acknowledged.len());
        acknowledged.clear();
        let Some(rows) = rows else { return Ok(Round::Elsewhere) };
        let claimed = rows.len();
        if claimed == 0 {
            return Ok(Round::Rest);
        }
        let (settled, refused) = self.publish(rows).await;
        *acknowledged = settled;
        Ok(refused.map_or(Round::More(claimed), |error| Round::Refused(error.to_string())))
    }

    /// Deletes what is acknowledged and claims what comes next: one transaction a round. None without the lease.
    async fn settle_and_claim(&self, acknowledged: Vec<i64>) -> Result<Option<Vec<Row>>, Error> {
        let (owner, most) = (self.owner, i64::from(self.rows));
        let acknowledged = Arc::new(acknowledged);
        self.database
            .run("ingestion.outbox.relay", &self.districts, move |connection| {
                let acknowledged = Arc::clone(&acknowledged);
                Box::pin(async move {
                    if !acknowledged.is_empty() {
                        let sql = "delete from outbox where outbox_id = any($1)";
                        sqlx::query(sql).bind(&*acknowledged).execute(&mut *connection).await?;
                    }
                    if !lease(connection, owner).await? {
                        return Ok(None);
                    }
                    let sql =
                        "select outbox_id, topic, key, value, traceparent from outbox order by outbox_id limit $1";
                    let rows = sqlx::query(sql).bind(most).fetch_all(connection).await?;
                    rows.iter().map(row).collect::<Result<_, _>>().map(Some)
                })
            })
            .await
    }

    /// Appends rows topic by topic; returns those that are done with, and the first refusal.
    async fn publish(&self, rows: Vec<Row>) -> (Vec<i64>, Option<log::Error>) {
        let mut settled = Vec::with_capacity(rows.len());
        let mut refused = None;
        for topic in Topic::ALL {
            let (ids, records): (Vec<_>, Vec<_>) =
                rows.iter().filter(|row| row.topic == topic).map(|row| (row.id, row.record.clone())).unzip();
            if records.is_empty() {
                continue;
            }
            let keys: Vec<_> = records.iter().map(|record| record.key.clone()).collect();
            let results = self.append(topic, records).await;
            let mut held: HashSet<Bytes> = HashSet::new();
            for ((id, key), result) in ids.into_iter().zip(keys).zip(results) {
                match result {
                    // A later record of a key whose earlier one was refused goes again after it, to keep their order.
                    Ok(_) if !held.contains(&key) => settled.push(id),
                    Ok(_) => {}
                    Err(error @ log::Error::TooLarge { .. }) => {
                        // It would stop everything behind it for ever.
                        tracing::error!(topic = %topic, outbox.id = id, error = %error, "a record was given up");
                        metrics::counter!(crate::edfi::GIVEN_UP_TOTAL).increment(1);
                        settled.push(id);
                    }
                    Err(error) => {
                        held.insert(key);
                        refused.get_or_insert(error);
                    }
                }
            }
        }
        (settled, refused)
    }

    /// Appends, and keeps the lease for as long as that takes.
    async fn append(&self, topic: Topic, records: Vec<NewRecord>) -> Vec<Result<Appended, log::Error>> {
        let mut append = self.log.append(topic, records);
        loop {
            match tokio::time::timeout(RENEW, &mut append).await {
                Ok(results) => return results,
                Err(_) => self.renew().await,
            }
        }
    }

    async fn renew(&self) {
        let (owner, districts) = (self.owner, Districts::none());
        let renewed = self.database.run("ingestion.relay_lease.renew", &districts, move |connection| {
            Box::pin(async move { lease(connection, owner).await })
        });
        match renewed.await {
            Ok(true) => {}
            Ok(false) => tracing::warn!("another process relays while the log still has records of ours"),
            Err(error) => tracing::warn!(error = %error, "the relay's lease was not renewed"),
        }
    }
}

/// Completes when a relay that was told to stop has waited long enough.
async fn overdue(stopping: &CancellationToken) {
    stopping.cancelled().await;
    tokio::time::sleep(LAST_ROUND).await;
}

async fn lease(connection: &mut PgConnection, owner: Uuid) -> Result<bool, Error> {
    let sql = "update relay_lease set owner = $1, leased_until = now() + make_interval(secs => $2) \
               where owner = $1 or leased_until < now()";
    let done = sqlx::query(sql).bind(owner).bind(LEASE.as_secs_f64()).execute(connection).await?;
    Ok(done.rows_affected() == 1)
}

fn row(row: &sqlx::postgres::PgRow) -> Result<Row, Error> {
    let name: String = row.try_get(1)?;
    let topic = Topic::ALL.into_iter().find(|topic| topic.name() == name).ok_or_else(|| Error::Row {
        table: "outbox",
        column: "topic",
        problem: format!("`{name}` is no topic"),
    })?;
    let traceparent: Option<String> = row.try_get(4)?;
    let record = NewRecord {
        key: Bytes::from(row.try_get::<Vec<u8>, _>(2)?),
        value: row.try_get::<Option<Vec<u8>>, _>(3)?.map(Bytes::from),
        headers: traceparent.map(|trace| (TRACEPARENT.to_owned(), Bytes::from(trace))).into_iter().collect(),
    };
    Ok(Row { id: row.try_get(0)?, topic, record })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_of_a_few_or_of_all_that_fit_is_followed_at_once() {
        let waits = [1, CROWD - 1, CROWD, 499, 500].map(|rows| gathers(rows, 500));
        assert_eq!(waits, [false, false, true, true, false]);
    }
}
