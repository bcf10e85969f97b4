//! How the service's tables stand, for whoever looks at a system from outside: positions, counts and ages, nothing of an alert.

use homeroom_domain::id::DistrictId;
use homeroom_pg::size::{Server, TableSize};
use homeroom_pg::{Database, Districts};
use serde::Serialize;

use crate::app::{Error, SCHEMA};
use crate::store::Store;

/// How the tables stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Survey {
    /// The server that they are on.
    pub server: Server,
    /// How large they are.
    pub tables: Vec<TableSize>,
    /// How far each partition of the alerts topic is.
    pub inbox: Vec<InboxSurvey>,
    /// Alert changes that could not be understood.
    pub dead_letters: i64,
    /// Each district that has alerts.
    pub districts: Vec<DistrictSurvey>,
}

/// How far a partition of the alerts topic is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InboxSurvey {
    /// Its number.
    pub partition: i32,
    /// Every change below is kept, and what follows from it is planned.
    pub next_offset: i64,
    /// What stands below may have been told by a database that was lost; 0 when none was.
    pub told_below: i64,
}

/// What waits of one district.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DistrictSurvey {
    /// The institution.
    pub district: DistrictId,
    /// Deliveries that are due and not settled; at most 100,000 are counted.
    pub overdue: i64,
    /// For how long the first of them has been due, in seconds; none when nothing is.
    pub overdue_age_s: Option<i64>,
    /// Deliveries that were given up or expired within the last day; at most 100,000 are counted.
    pub given_up_today: i64,
}

const INBOX: &str = r#"select "partition", next_offset, told_below from inbox order by "partition""#;

const COUNTS: &str = "select
     (select count(*) from (
        select from deliveries where state in ('waiting', 'leased') and due_at <= clock() limit 100000) counted),
     (select extract(epoch from clock() - min(due_at))::bigint from deliveries
        where state in ('waiting', 'leased') and due_at <= clock()),
     (select count(*) from (
        select from deliveries where state in ('dead', 'expired') and settled_at > clock() - interval '1 day' limit 100000
     ) counted)";

/// Looks at the tables. Fails on a schema that this program does not know.
pub async fn survey(database: &homeroom_pg::Config) -> Result<Survey, Error> {
    let database = Database::connect(database, &SCHEMA).await?;
    let store = Store::new(database.clone());
    let (server, tables) = (database.server().await?, database.table_sizes().await?);
    let (inbox, dead_letters) = positions(&database).await?;
    let mut districts = Vec::new();
    for district in store.districts().await? {
        districts.push(of_district(&database, district).await?);
    }
    database.close().await;
    Ok(Survey { server, tables, inbox, dead_letters, districts })
}

async fn positions(database: &Database) -> Result<(Vec<InboxSurvey>, i64), homeroom_pg::Error> {
    database
        .run("notification.survey", &Districts::none(), |tx| {
            Box::pin(async move {
                let rows: Vec<(i32, i64, i64)> = sqlx::query_as(INBOX).fetch_all(&mut *tx).await?;
                let letters = "select count(*) from (select from dead_letters limit 100000) counted";
                let dead_letters: i64 = sqlx::query_scalar(letters).fetch_one(tx).await?;
                let position =
                    |(partition, next_offset, told_below)| InboxSurvey { partition, next_offset, told_below };
                Ok((rows.into_iter().map(position).collect(), dead_letters))
            })
        })
        .await
}

async fn of_district(database: &Database, district: DistrictId) -> Result<DistrictSurvey, homeroom_pg::Error> {
    let (overdue, overdue_age_s, given_up_today): (i64, Option<i64>, i64) = database
        .run("notification.survey.district", &Districts::one(&district), |tx| {
            Box::pin(async move { Ok(sqlx::query_as(COUNTS).fetch_one(tx).await?) })
        })
        .await?;
    Ok(DistrictSurvey { district, overdue, overdue_age_s, given_up_today })
}
