//! How the service's tables stand, for whoever looks at a system from outside: positions, counts and ages, nothing of a student.

use homeroom_domain::id::DistrictId;
use homeroom_pg::size::{Server, TableSize};
use homeroom_pg::{Database, Districts};
use serde::Serialize;

use crate::app::{Error, SCHEMA};

/// How the tables stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Survey {
    /// The server that they are on.
    pub server: Server,
    /// How large they are.
    pub tables: Vec<TableSize>,
    /// How far each partition is.
    pub partitions: Vec<PartitionSurvey>,
    /// Alert changes and dead letters that are decided and not in the log.
    pub outbox_rows: i64,
    /// Events that could not be understood or applied.
    pub dead_letters: i64,
    /// Rules that could not be evaluated for somebody, of the districts asked for.
    pub failing: Vec<FailingRule>,
}

/// How far a partition of the events topic is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PartitionSurvey {
    /// Its number.
    pub partition: i32,
    /// Every event below has had its effect.
    pub next_offset: i64,
    /// Every student's row has every event below.
    pub state_offset: i64,
    /// Every student was evaluated with the reference records below.
    pub reference_offset: i64,
    /// How often it was claimed.
    pub epoch: i64,
}

/// A rule that says nothing of somebody, because it cannot be evaluated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FailingRule {
    /// The institution.
    pub district: DistrictId,
    /// The rule's id.
    pub rule: String,
    /// How often, ever.
    pub failures: i64,
    /// Why, the last time; it names no student.
    pub last_failure: String,
    /// How long ago that was, in seconds.
    pub last_failed_ago_s: i64,
}

const COUNTS: &str = "select (select count(*) from (select from outbox limit 100000) counted),
     (select count(*) from (select from dead_letters limit 100000) counted)";

const FAILING: &str = "select rule, sum(failures)::bigint,
       (array_agg(last_failure order by last_failed_at desc))[1],
       extract(epoch from clock_timestamp() - max(last_failed_at))::bigint
     from rule_tallies where last_failed_at is not null group by rule order by rule limit 1000";

/// Looks at the tables. Fails on a schema that this program does not know. Failing rules are those of these districts, since rows
/// of others are not seen.
pub async fn survey(database: &homeroom_pg::Config, districts: &[DistrictId]) -> Result<Survey, Error> {
    let database = Database::connect(database, &SCHEMA).await?;
    let (server, tables) = (database.server().await?, database.table_sizes().await?);
    let mut survey = standing(&database, server, tables).await?;
    for district in districts {
        survey.failing.extend(failing(&database, district).await?);
    }
    database.close().await;
    Ok(survey)
}

async fn standing(database: &Database, server: Server, tables: Vec<TableSize>) -> Result<Survey, homeroom_pg::Error> {
    let (partitions, (outbox_rows, dead_letters)) = database
        .run("rules.survey", &Districts::none(), |tx| {
            Box::pin(async move {
                let partitions: Vec<(i32, i64, i64, i64, i64)> = sqlx::query_as(
                    "select partition, next_offset, state_offset, reference_offset, epoch from partitions order by partition",
                )
                .fetch_all(&mut *tx)
                .await?;
                let counts: (i64, i64) = sqlx::query_as(COUNTS).fetch_one(tx).await?;
                Ok((partitions, counts))
            })
        })
        .await?;
    let partition = |(partition, next_offset, state_offset, reference_offset, epoch)| PartitionSurvey {
        partition,
        next_offset,
        state_offset,
        reference_offset,
        epoch,
    };
    let partitions = partitions.into_iter().map(partition).collect();
    Ok(Survey { server, tables, partitions, outbox_rows, dead_letters, failing: Vec::new() })
}

async fn failing(database: &Database, district: &DistrictId) -> Result<Vec<FailingRule>, homeroom_pg::Error> {
    let rows: Vec<(String, i64, Option<String>, i64)> = database
        .run("rules.survey.failing", &Districts::one(district), |tx| {
            Box::pin(async move { Ok(sqlx::query_as(FAILING).fetch_all(tx).await?) })
        })
        .await?;
    let rule = |(rule, failures, last_failure, last_failed_ago_s): (String, i64, Option<String>, i64)| FailingRule {
        district: district.clone(),
        rule,
        failures,
        last_failure: last_failure.unwrap_or_default(),
        last_failed_ago_s,
    };
    Ok(rows.into_iter().map(rule).collect())
}
