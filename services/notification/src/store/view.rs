//! What operators look at: deliveries with their state, and the numbers behind the gauges.

use std::time::Duration;

use homeroom_domain::id::DistrictId;
use homeroom_pg::{Districts, Error};
use jiff::Timestamp;
use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::{Reach, Store, count, moment};

/// A delivery in the view.
#[derive(Debug, Clone)]
pub(crate) struct DeliveryState {
    pub(crate) delivery_id: Uuid,
    pub(crate) alert_id: Uuid,
    pub(crate) change_number: u32,
    pub(crate) channel: String,
    pub(crate) team: String,
    pub(crate) state: String,
    pub(crate) attempts: u32,
    pub(crate) last_reason: String,
    pub(crate) due_at: Timestamp,
    pub(crate) settled_at: Option<Timestamp>,
}

impl Store {
    /// Deliveries of one alert, or of all, within reach: those given up first, then the newest. Of all, the newest are
    /// those of the alerts that the last [`LOOKED_AT`] changes of the district are of.
    pub(crate) async fn list_deliveries(
        &self,
        reach: &Reach,
        alert: Option<Uuid>,
        most: u32,
    ) -> Result<Vec<DeliveryState>, Error> {
        self.database
            .run("list-deliveries", &Districts::one(&reach.district), |connection| {
                let reach = reach.clone();
                Box::pin(async move {
                    let rows = sqlx::query(LIST)
                        .bind(alert)
                        .bind(i64::from(most))
                        .bind(reach.channels)
                        .bind(reach.district.as_str())
                        .bind(LOOKED_AT)
                        .fetch_all(connection)
                        .await?;
                    rows.iter().map(read).collect()
                })
            })
            .await
    }

    /// How many deliveries there are of each state in which somebody may have to look after them.
    pub(crate) async fn count_deliveries(&self, districts: &[DistrictId]) -> Result<Vec<(String, i64)>, Error> {
        self.database
            .run("count-deliveries", &Districts::of(districts), |connection| {
                Box::pin(async move {
                    // Each part is counted in the index that holds nothing else.
                    let counts = sqlx::query_as(
                        "select case when set_aside_due_at is null then 'waiting' else 'held' end, count(*) from deliveries
                             where state = 'waiting' group by 1
                         union all select 'leased', count(*) from deliveries where state = 'leased'
                         union all select state, count(*) from deliveries where state in ('dead', 'expired') group by state",
                    )
                    .fetch_all(connection)
                    .await?;
                    Ok(counts)
                })
            })
            .await
    }

    /// How many cases are open.
    pub(crate) async fn count_open_cases(&self, districts: &[DistrictId]) -> Result<i64, Error> {
        self.database
            .run("count-open-cases", &Districts::of(districts), |connection| {
                Box::pin(async move {
                    let sql = "select count(*) from cases where closed_at is null";
                    Ok(sqlx::query_scalar(sql).fetch_one(connection).await?)
                })
            })
            .await
    }

    /// How many recipients there are of whom a delivery was given up within the last day, as far as the newest
    /// [`GIVEN_UP_LOOKED_AT`] of them show.
    pub(crate) async fn count_unreachable(&self, districts: &[DistrictId]) -> Result<i64, Error> {
        self.database
            .run("count-unreachable", &Districts::of(districts), |connection| {
                Box::pin(async move {
                    let sql = "select count(distinct (channel, address)) from (
                                   select channel, address from deliveries
                                   where state in ('dead', 'expired') and settled_at > clock() - interval '1 day'
                                   order by settled_at desc limit $1) given_up";
                    Ok(sqlx::query_scalar(sql).bind(GIVEN_UP_LOOKED_AT).fetch_one(connection).await?)
                })
            })
            .await
    }

    /// By partition of the alerts topic, the offset below which every change has been taken.
    pub(crate) async fn reached(&self) -> Result<Vec<(i32, i64)>, Error> {
        self.database
            .run("find-reached", &Districts::none(), |connection| {
                Box::pin(async move {
                    let rows = sqlx::query_as("select \"partition\", next_offset from inbox");
                    Ok(rows.fetch_all(connection).await?)
                })
            })
            .await
    }

    /// For how long the oldest delivery that is due and not settled has been due.
    pub(crate) async fn oldest_due(&self, districts: &[DistrictId]) -> Result<Duration, Error> {
        self.database
            .run("find-oldest-due", &Districts::of(districts), |connection| {
                Box::pin(async move {
                    let age: Option<i64> = sqlx::query_scalar(
                        "select microseconds(clock()) - microseconds(min(due_at)) from (
                             select min(due_at) as due_at from deliveries where state = 'waiting' and due_at <= clock()
                             union all select min(due_at) from deliveries where state = 'leased' and due_at <= clock()) d",
                    )
                    .fetch_one(connection)
                    .await?;
                    Ok(Duration::from_micros(u64::try_from(age.unwrap_or_default()).unwrap_or_default()))
                })
            })
            .await
    }
}

/// How many of a district's changes are looked at for what is newest.
const LOOKED_AT: i64 = 2_000;

/// How many deliveries that were given up are looked at for whom they were to reach.
const GIVEN_UP_LOOKED_AT: i64 = 10_000;

/// Of one alert, or else what was given up, what waits and what is newest, each in the order of an index.
const LIST: &str = "
    select delivery_id, alert_id, change_number, channel, team,
        case when state = 'waiting' and set_aside_due_at is not null then 'held'
            when state = 'waiting' and due_at <= clock() then 'due' else state end as state,
        attempts, last_reason, microseconds(coalesce(set_aside_due_at, due_at)) as due_at, microseconds(settled_at) as settled_at
    from (
        (select * from deliveries where alert_id = $1 and ($3::text[] is null or channel = any($3)))
        union all
        (select * from deliveries
         where $1 is null and district = $4 and state in ('dead', 'expired') and ($3::text[] is null or channel = any($3))
         order by planned_at desc limit $2)
        union all
        (select * from deliveries
         where $1 is null and district = $4 and state in ('waiting', 'leased') and ($3::text[] is null or channel = any($3))
         order by due_at limit $2)
        union all
        (select * from deliveries
         where alert_id = any (array(
                 select alert_id from alert_changes where $1 is null and district = $4 order by sequence desc limit $5))
             and state not in ('dead', 'expired', 'waiting', 'leased') and ($3::text[] is null or channel = any($3))
         order by planned_at desc limit $2)) d
    order by state in ('dead', 'expired') desc, planned_at desc, change_number desc, delivery_id
    limit $2";

fn read(row: &PgRow) -> Result<DeliveryState, Error> {
    let settled_at: Option<i64> = row.try_get("settled_at")?;
    Ok(DeliveryState {
        delivery_id: row.try_get("delivery_id")?,
        alert_id: row.try_get("alert_id")?,
        change_number: count("deliveries", "change_number", row.try_get("change_number")?)?,
        channel: row.try_get("channel")?,
        team: row.try_get("team")?,
        state: row.try_get("state")?,
        attempts: count("deliveries", "attempts", row.try_get("attempts")?)?,
        last_reason: row.try_get("last_reason")?,
        due_at: moment("deliveries", "due_at", row.try_get("due_at")?)?,
        settled_at: settled_at.map(|at| moment("deliveries", "settled_at", at)).transpose()?,
    })
}
