//! The table of what was in force.

use homeroom_domain::id::DistrictId;
use homeroom_pg::{Database, Districts, Error};
use jiff::Timestamp;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgConnection, Row as _};

/// The most activations that are listed at once.
pub const MOST_LISTED: i64 = 1_000;

const COLUMNS: &str =
    "number, version, (extract(epoch from activated_at) * 1000000)::bigint, activated_by, reason, again";

/// A text that was put in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activation {
    /// Counts the district's, from 1.
    pub number: i64,
    /// The document's own version.
    pub version: u32,
    /// When.
    pub activated_at: Timestamp,
    /// The name of the key; empty for a text that a program put in force that kept no history.
    pub activated_by: String,
    /// Why; empty when nobody said.
    pub reason: String,
    /// The version whose text it is, when it was put in force again.
    pub again: Option<u32>,
}

/// The newest of a district, those with a lower number than `before` when that is given; at most [`MOST_LISTED`].
pub async fn list(
    database: &Database,
    district: &DistrictId,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<Activation>, Error> {
    let district = district.clone();
    database
        .run("ingestion.rules.history", &Districts::one(&district.clone()), move |connection| {
            let district = district.clone();
            Box::pin(async move { select(connection, &district, before, limit).await })
        })
        .await
}

async fn select(
    connection: &mut PgConnection,
    district: &DistrictId,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<Activation>, Error> {
    let sql = format!(
        "select {COLUMNS} from rule_activations where district = $1 and number < $2 order by number desc limit $3"
    );
    let query = sqlx::query(AssertSqlSafe(sql)).bind(district.as_str()).bind(before.unwrap_or(i64::MAX));
    let rows = query.bind(limit.clamp(1, MOST_LISTED)).fetch_all(connection).await?;
    rows.iter().map(read).collect()
}

/// The last one of a district.
pub(super) async fn last(connection: &mut PgConnection, district: &DistrictId) -> Result<Option<Activation>, Error> {
    Ok(select(connection, district, None, 1).await?.pop())
}

/// Its text.
pub(super) async fn last_document(
    connection: &mut PgConnection,
    district: &DistrictId,
) -> Result<Option<String>, Error> {
    let sql = "select document from rule_activations where district = $1 order by number desc limit 1";
    Ok(sqlx::query_scalar(sql).bind(district.as_str()).fetch_optional(connection).await?)
}

/// The highest version that was ever in force.
pub(super) async fn highest_version(connection: &mut PgConnection, district: &DistrictId) -> Result<u32, Error> {
    let sql = "select coalesce(max(version), 0) from rule_activations where district = $1";
    let version: i64 = sqlx::query_scalar(sql).bind(district.as_str()).fetch_one(connection).await?;
    number(version)
}

/// The text that was in force last under a version.
pub(super) async fn find_document(
    connection: &mut PgConnection,
    district: &DistrictId,
    version: u32,
) -> Result<Option<String>, Error> {
    let sql = "select document from rule_activations where district = $1 and version = $2 order by number desc limit 1";
    let query = sqlx::query_scalar(sql).bind(district.as_str()).bind(i64::from(version));
    Ok(query.fetch_optional(connection).await?)
}

/// Adds one.
pub(super) async fn insert(
    connection: &mut PgConnection,
    district: &DistrictId,
    activation: &Activation,
    document: &str,
) -> Result<(), Error> {
    let sql = "insert into rule_activations \
                   (district, number, version, document, activated_at, activated_by, reason, again) \
               values ($1, $2, $3, $4, $5::text::timestamptz, $6, $7, $8)";
    sqlx::query(sql)
        .bind(district.as_str())
        .bind(activation.number)
        .bind(i64::from(activation.version))
        .bind(document)
        .bind(activation.activated_at.to_string())
        .bind(&activation.activated_by)
        .bind(&activation.reason)
        .bind(activation.again.map(i64::from))
        .execute(connection)
        .await?;
    Ok(())
}

fn read(row: &PgRow) -> Result<Activation, Error> {
    let again: Option<i64> = row.try_get(5)?;
    Ok(Activation {
        number: row.try_get(0)?,
        version: number(row.try_get(1)?)?,
        activated_at: Timestamp::from_microsecond(row.try_get(2)?)
            .map_err(|error| bad_row("activated_at", &error.to_string()))?,
        activated_by: row.try_get(3)?,
        reason: row.try_get(4)?,
        again: again.map(number).transpose()?,
    })
}

fn number(version: i64) -> Result<u32, Error> {
    u32::try_from(version).map_err(|_| bad_row("version", "beyond 32 bits"))
}

fn bad_row(column: &'static str, problem: &str) -> Error {
    Error::Row { table: "rule_activations", column, problem: problem.to_owned() }
}
