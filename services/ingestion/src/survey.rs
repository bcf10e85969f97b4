//! How the service's tables stand, for whoever looks at a system from outside: counts and ages, nothing of a record.

use homeroom_domain::id::{DistrictId, SourceId};
use homeroom_pg::size::{Server, TableSize};
use homeroom_pg::{Database, Districts};
use serde::Serialize;

use crate::app::{Error, SCHEMA};
use crate::district;

/// No count goes further: what is more is as bad, and would take long to count.
pub const MOST_COUNTED: i64 = 100_000;

/// How the tables stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Survey {
    /// The server that they are on.
    pub server: Server,
    /// How large they are.
    pub tables: Vec<TableSize>,
    /// Each district that has, or had, a secret here.
    pub districts: Vec<DistrictSurvey>,
}

/// What waits of one district.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DistrictSurvey {
    /// The institution.
    pub district: DistrictId,
    /// Records that were accepted and are not in the log; at most [`MOST_COUNTED`] are counted.
    pub outbox_rows: i64,
    /// For how long the first of them has waited, in seconds; none when none waits.
    pub outbox_age_s: Option<i64>,
    /// Records in quarantine; at most [`MOST_COUNTED`] are counted.
    pub quarantined: i64,
    /// How long ago the last one came, in seconds.
    pub quarantined_ago_s: Option<i64>,
    /// Students whose records cannot be moved to another id.
    pub moves_set_aside: i64,
    /// The sources that records were kept of.
    pub sources: Vec<SourceSurvey>,
}

/// A source that was heard from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SourceSurvey {
    /// The source.
    pub source: SourceId,
    /// How long ago a record of it was last kept, in seconds. Processes note it every few seconds, so it may be less.
    pub heard_ago_s: i64,
}

const COUNTS: &str = "select
     (select count(*) from (select from outbox limit $1) counted),
     (select extract(epoch from clock_timestamp() - created_at)::bigint from outbox order by outbox_id limit 1),
     (select count(*) from (select from quarantine limit $1) counted),
     (select extract(epoch from clock_timestamp() - max(received_at))::bigint from quarantine),
     (select count(*) from student_moves where set_aside)";

const SOURCES: &str =
    "select source, greatest(0, extract(epoch from clock_timestamp() - heard_at))::bigint from sources
     where heard_at is not null order by source";

/// What [`COUNTS`] gives, in its order.
type Counts = (i64, Option<i64>, i64, Option<i64>, i64);

/// Looks at the tables. Fails on a schema that this program does not know.
pub async fn survey(database: &homeroom_pg::Config) -> Result<Survey, Error> {
    let database = Database::connect(database, &SCHEMA).await?;
    let (server, tables) = (database.server().await?, database.table_sizes().await?);
    let mut districts = Vec::new();
    for district in district::known(&database).await? {
        districts.push(of_district(&database, district).await?);
    }
    database.close().await;
    Ok(Survey { server, tables, districts })
}

async fn of_district(database: &Database, district: DistrictId) -> Result<DistrictSurvey, homeroom_pg::Error> {
    let (counts, heard): (Counts, Vec<(String, i64)>) = database
        .run("ingestion.survey", &Districts::one(&district), |tx| {
            Box::pin(async move {
                let counts = sqlx::query_as(COUNTS).bind(MOST_COUNTED).fetch_one(&mut *tx).await?;
                Ok((counts, sqlx::query_as(SOURCES).fetch_all(tx).await?))
            })
        })
        .await?;
    let sources = heard.into_iter().map(|(source, heard_ago_s)| {
        let source = SourceId::parse(&source).map_err(|problem| homeroom_pg::Error::Row {
            table: "sources",
            column: "source",
            problem: problem.to_string(),
        })?;
        Ok(SourceSurvey { source, heard_ago_s })
    });
    let sources = sources.collect::<Result<_, homeroom_pg::Error>>()?;
    let (outbox_rows, outbox_age_s, quarantined, quarantined_ago_s, moves_set_aside) = counts;
    Ok(DistrictSurvey { district, outbox_rows, outbox_age_s, quarantined, quarantined_ago_s, moves_set_aside, sources })
}
