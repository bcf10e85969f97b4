//! Members and claims in rows. Time is the database's, so that no two clocks have to agree.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use homeroom_pg::Districts;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use super::tail::PostgresTail;
use super::{Shared, TopicRow, unavailable, wake};
use crate::group::{LEASE, Plan, Registry, Standing, plan};
use crate::log::{Error, Tail};
use crate::topic::{Offset, Partition, Topic};

/// The first half of the advisory lock of a group; the second is a hash of its topic and name.
const LOCK: i32 = 0x6275_7367; // "busg"

#[derive(Clone)]
pub(super) struct PostgresRegistry {
    shared: Arc<Shared>,
    topic: Topic,
    row: TopicRow,
    group: Arc<str>,
}

impl PostgresRegistry {
    pub(super) fn new(shared: Arc<Shared>, topic: Topic, row: TopicRow, group: &str) -> Self {
        Self { shared, topic, row, group: group.into() }
    }

    async fn beat_once(
        &self,
        connection: &mut PgConnection,
        member: Uuid,
        released: &[i32],
    ) -> Result<Standing, homeroom_pg::Error> {
        // One member at a time, so that a plan is made from what is true.
        sqlx::query("select pg_advisory_xact_lock($1, hashtext($2 || ':' || $3))")
            .bind(LOCK)
            .bind(self.row.topic_id.to_string())
            .bind(&*self.group)
            .execute(&mut *connection)
            .await?;
        let joined = self.renew(connection, member).await?;
        let lost = self.forget_expired(connection).await?;
        let gave = self.give_back(connection, member, released).await?;
        let members = self.members(connection).await?;
        let mut claims = self.claims(connection).await?;
        let Plan { take, release } = plan(member, &members, &claims, self.row.partitions);
        self.take(connection, member, &take).await?;
        claims.extend(take.into_iter().map(|partition| (partition, member)));
        if joined || lost || gave {
            notify(connection).await?;
        }
        let held = claims.into_iter().filter(|(_, owner)| *owner == member).map(|(partition, _)| partition).collect();
        Ok(Standing { held, surplus: release })
    }

    /// Whether the member is new.
    async fn renew(&self, connection: &mut PgConnection, member: Uuid) -> Result<bool, sqlx::Error> {
        // xmax is 0 in a row that was inserted, not updated.
        sqlx::query_scalar(
            "insert into members (topic_id, group_name, member_id, expires_at)
             values ($1, $2, $3, clock_timestamp() + make_interval(secs => $4))
             on conflict (topic_id, group_name, member_id) do update set expires_at = excluded.expires_at
             returning xmax = 0",
        )
        .bind(self.row.topic_id)
        .bind(&*self.group)
        .bind(member)
        .bind(LEASE.as_secs_f64())
        .fetch_one(connection)
        .await
    }

    async fn forget_expired(&self, connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
        let gone = sqlx::query(
            "delete from members where topic_id = $1 and group_name = $2 and expires_at <= clock_timestamp()",
        )
        .bind(self.row.topic_id)
        .bind(&*self.group)
        .execute(connection)
        .await?;
        Ok(gone.rows_affected() > 0)
    }

    async fn give_back(
        &self,
        connection: &mut PgConnection,
        member: Uuid,
        released: &[i32],
    ) -> Result<bool, sqlx::Error> {
        if released.is_empty() {
            return Ok(false);
        }
        let gone = sqlx::query(
            "delete from claims where topic_id = $1 and group_name = $2 and member_id = $3 and partition = any($4)",
        )
        .bind(self.row.topic_id)
        .bind(&*self.group)
        .bind(member)
        .bind(released)
        .execute(connection)
        .await?;
        Ok(gone.rows_affected() > 0)
    }

    async fn members(&self, connection: &mut PgConnection) -> Result<BTreeSet<Uuid>, sqlx::Error> {
        let members: Vec<Uuid> =
            sqlx::query_scalar("select member_id from members where topic_id = $1 and group_name = $2")
                .bind(self.row.topic_id)
                .bind(&*self.group)
                .fetch_all(connection)
                .await?;
        Ok(members.into_iter().collect())
    }

    async fn claims(&self, connection: &mut PgConnection) -> Result<BTreeMap<Partition, Uuid>, sqlx::Error> {
        let rows = sqlx::query("select partition, member_id from claims where topic_id = $1 and group_name = $2")
            .bind(self.row.topic_id)
            .bind(&*self.group)
            .fetch_all(connection)
            .await?;
        rows.iter().map(|row| Ok((Partition(row.try_get(0)?), row.try_get(1)?))).collect()
    }

    async fn take(
        &self,
        connection: &mut PgConnection,
        member: Uuid,
        partitions: &BTreeSet<Partition>,
    ) -> Result<(), sqlx::Error> {
        if partitions.is_empty() {
            return Ok(());
        }
        let partitions: Vec<i32> = partitions.iter().map(|partition| partition.0).collect();
        sqlx::query(
            "insert into claims (topic_id, group_name, partition, member_id)
             select $1, $2, partition, $3 from unnest($4::integer[]) partition",
        )
        .bind(self.row.topic_id)
        .bind(&*self.group)
        .bind(member)
        .bind(partitions)
        .execute(connection)
        .await?;
        Ok(())
    }

    async fn forget(&self, connection: &mut PgConnection, member: Uuid) -> Result<(), sqlx::Error> {
        sqlx::query("delete from members where topic_id = $1 and group_name = $2 and member_id = $3")
            .bind(self.row.topic_id)
            .bind(&*self.group)
            .bind(member)
            .execute(&mut *connection)
            .await?;
        notify(connection).await
    }
}

async fn notify(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query("select pg_notify($1, $2)").bind(wake::CHANNEL).bind(wake::GROUP).execute(connection).await?;
    Ok(())
}

#[async_trait]
impl Registry for PostgresRegistry {
    async fn beat(&self, member: Uuid, released: &[Partition]) -> Result<Standing, Error> {
        let released: Arc<[i32]> = released.iter().map(|partition| partition.0).collect();
        let registry = self.clone();
        self.shared
            .database
            .run("bus group beat", &Districts::none(), move |connection| {
                let (registry, released) = (registry.clone(), Arc::clone(&released));
                Box::pin(async move { registry.beat_once(connection, member, &released).await })
            })
            .await
            .map_err(|error| unavailable(&error))
    }

    async fn leave(&self, member: Uuid) -> Result<(), Error> {
        let registry = self.clone();
        self.shared
            .database
            .run("bus group leave", &Districts::none(), move |connection| {
                let registry = registry.clone();
                Box::pin(async move { Ok(registry.forget(connection, member).await?) })
            })
            .await
            .map_err(|error| unavailable(&error))
    }

    async fn tail(&self, partition: Partition, from: Offset) -> Result<Box<dyn Tail>, Error> {
        Ok(Box::new(PostgresTail::open(Arc::clone(&self.shared), self.topic, partition, from).await?))
    }
}
