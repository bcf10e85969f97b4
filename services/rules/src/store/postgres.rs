//! The store in PostgreSQL: the tables of schema `rules`. Knows the database and the domain, decides nothing.

pub(crate) mod claim;
pub(crate) mod commit;
pub(crate) mod gather;
pub(crate) mod load;
pub(crate) mod outbox;
pub(crate) mod progress;
pub(crate) mod reached;
pub(crate) mod sweep;
pub(crate) mod watchers;

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use homeroom_bus::Topic;
use homeroom_domain::id::DistrictId;
use homeroom_domain::settings::Now;
use homeroom_pg::Database;

use crate::store::postgres::commit::Commit;
use crate::store::postgres::gather::Gather;
use crate::store::postgres::watchers::Watchers;
use crate::store::{Committed, Effects, Error, Found, Key, Lease, OutboxRow, Store, SweepTurn, SweepTurns, Wanted};

/// The database of the service. Clones share its connections.
#[derive(Clone)]
pub(crate) struct PostgresStore {
    database: Database,
    watchers: Watchers,
    gather: Gather,
    sweeping: SweepTurns,
}

impl PostgresStore {
    pub(crate) fn new(database: Database, watchers: Watchers, gather: Gather) -> Self {
        Self { database, watchers, gather, sweeping: SweepTurns::default() }
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn claim(&self, partition: i32, owner: &str) -> Result<Lease, Error> {
        Ok(claim::claim(&self.database, partition, owner).await?)
    }

    async fn reread(&self, partition: i32) -> Result<Option<Lease>, Error> {
        Ok(claim::reread(&self.database, partition).await?)
    }

    async fn students(&self, wanted: Vec<Key>) -> Result<Vec<Found>, Error> {
        Ok(load::students(&self.database, wanted).await?)
    }

    async fn district_date(&self, district: &DistrictId, partition: i32) -> Result<Option<Now>, Error> {
        Ok(load::district_date(&self.database, district, partition).await?)
    }

    async fn turn_to_sweep(&self, _partition: i32) -> SweepTurn {
        self.sweeping.take().await
    }

    async fn behind(&self, wanted: &Wanted) -> Result<Vec<Found>, Error> {
        Ok(sweep::behind(&self.database, wanted).await?)
    }

    async fn given_up(&self, partition: i32, offsets: Range<i64>) -> Result<BTreeSet<i64>, Error> {
        Ok(load::given_up(&self.database, partition, offsets).await?)
    }

    async fn commit(&self, from: Lease, to: Lease, effects: Arc<Effects>) -> Result<Committed, Error> {
        self.gather.commit(Commit { from, to, effects }).await
    }

    fn tell(&self, partition: i32, committed: &Effects) {
        self.watchers.tell(partition, &committed.students);
    }

    async fn list_outbox(
        &self,
        partition: i32,
        topic: Topic,
        seqs: Range<i64>,
        limit: i64,
    ) -> Result<Vec<(i64, OutboxRow)>, Error> {
        Ok(outbox::list(&self.database, partition, topic, seqs, limit).await?)
    }

    async fn delete_outbox(&self, partition: i32, topic: Topic, up_to_seq: i64) -> Result<(), Error> {
        Ok(outbox::delete(&self.database, partition, topic, up_to_seq).await?)
    }
}

/// A stored value that its type cannot hold.
pub(crate) fn bad_row(table: &'static str, column: &'static str, problem: &impl ToString) -> homeroom_pg::Error {
    homeroom_pg::Error::Row { table, column, problem: problem.to_string() }
}

impl From<homeroom_pg::Error> for Error {
    fn from(error: homeroom_pg::Error) -> Self {
        match error {
            error if error.is_transient() => Self::Away(error.into()),
            error @ homeroom_pg::Error::CommitUnknown { .. } => Self::CommitUnknown(error.into()),
            error if refused(&error) => Self::Refused(error.into()),
            error => Self::Failed(error.into()),
        }
    }
}

/// Whether the database refuses what is written itself, or what is stored cannot be read.
fn refused(error: &homeroom_pg::Error) -> bool {
    match error {
        homeroom_pg::Error::Row { .. } | homeroom_pg::Error::Statement { source: sqlx::Error::Encode(_), .. } => true,
        homeroom_pg::Error::Statement { source: sqlx::Error::Database(error), .. } => {
            // Data exception, integrity violation, program limit, raised by a trigger.
            error.code().is_some_and(|code| ["22", "23", "54", "P0"].iter().any(|class| code.starts_with(class)))
        }
        _ => false,
    }
}
