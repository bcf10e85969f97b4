//! Documents that were kept before their references were: they get their rows in the background, a page to a transaction.
//!
//! Until a district's documents all have them, whoever changes a key looks through collections instead. Nothing is locked: a batch
//! that changes a document of before writes only the references that are new to it, and a pass comes to the document under its new
//! version for the others; a row that is left of what a batch changed is only looked at in vain. A process of an earlier version that
//! goes on beside this one writes documents without their rows; `change_versions` shows it, and they get them in another pass.

use std::convert::Infallible;
use std::time::Duration;

use homeroom_chassis::lifecycle::TaskGroup;
use homeroom_domain::id::{DistrictId, SourceId};
use homeroom_pg::{Database, Districts, Error};
use sqlx::{PgConnection, Row as _};
use tokio::time::Instant;
use uuid::Uuid;

use super::store::{self, Referral};
use super::{may_refer, referrals};
use crate::edfi::command::Collection;
use crate::edfi::store::parse_body;

/// How often to look whether anything is to be done: it is after an upgrade.
const EVERY: Duration = Duration::from_mins(1);

/// The most documents of one transaction.
const PAGE: i64 = 1_000;

/// How far a pass through a district's documents has come.
#[derive(Debug)]
struct Pass {
    upto: i64,
    source: String,
    resource: String,
    after: i64,
    /// Of what was changed up to this version every row is there.
    floor: i64,
}

/// Starts the task.
pub(crate) fn start(database: Database, districts: Vec<DistrictId>, tasks: &TaskGroup) {
    let stopping = tasks.stopping();
    tasks.spawn("ingestion references", async move {
        tokio::select! {
            () = run(&database, &districts) => {}
            () = stopping.cancelled() => {}
        }
        Ok::<_, Infallible>(())
    });
}

async fn run(database: &Database, districts: &[DistrictId]) {
    loop {
        for district in districts {
            if let Err(error) = fill(database, district).await {
                tracing::warn!(district = %district, error = %error, "documents of before do not get their references; trying again");
            }
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// All pages of a district, with as long a pause after each as it took: those who send are not to notice.
async fn fill(database: &Database, district: &DistrictId) -> Result<(), Error> {
    loop {
        let begun = Instant::now();
        let is_left = database
            .run("ingestion.document_references.fill", &Districts::one(district), |connection| {
                let district = district.clone();
                Box::pin(async move { page(connection, &district).await })
            })
            .await?;
        if !is_left {
            return Ok(());
        }
        tokio::time::sleep(begun.elapsed()).await;
    }
}

/// One page; whether there may be more to do now.
async fn page(connection: &mut PgConnection, district: &DistrictId) -> Result<bool, Error> {
    let Some(mut pass) = claim(connection, district).await? else { return Ok(false) };
    if may_refer(&pass.resource) {
        let (found, last) = find(connection, district, &pass).await?;
        store::insert(connection, &found).await?;
        if let Some(last) = last {
            pass.after = last;
            save(connection, district, &pass).await?;
            return Ok(true);
        }
    }
    let sql = "select source, resource from documents where district = $1 and (source, resource) > ($2, $3) \
               order by source, resource limit 1";
    let query = sqlx::query(sql).bind(district.as_str()).bind(&pass.source).bind(&pass.resource);
    match query.fetch_optional(&mut *connection).await? {
        Some(row) => {
            (pass.source, pass.resource, pass.after) = (row.try_get(0)?, row.try_get(1)?, pass.floor);
            save(connection, district, &pass).await?;
        }
        None => end(connection, district, &pass).await?,
    }
    Ok(true)
}

/// The pass that is under way, or a new one when documents may lack rows; locked until the end of the transaction. None when
/// nothing is to be done, or another process is at it.
async fn claim(connection: &mut PgConnection, district: &DistrictId) -> Result<Option<Pass>, Error> {
    let sql = "select case when last = referenced_last then unreferenced_to else last end, referenced_floor \
               from change_versions where district = $1";
    let Some(row) = sqlx::query(sql).bind(district.as_str()).fetch_optional(&mut *connection).await? else {
        return Ok(None);
    };
    let (upto, floor): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
    if upto <= floor {
        return Ok(None);
    }
    let sql =
        "insert into reference_backfills (district, upto, after_version) values ($1, $2, $3) on conflict do nothing";
    sqlx::query(sql).bind(district.as_str()).bind(upto).bind(floor).execute(&mut *connection).await?;
    let sql = "select upto, source, resource, after_version from reference_backfills where district = $1 for update skip locked";
    let row = sqlx::query(sql).bind(district.as_str()).fetch_optional(connection).await?;
    row.map(|row| {
        Ok(Pass {
            upto: row.try_get(0)?,
            source: row.try_get(1)?,
            resource: row.try_get(2)?,
            after: row.try_get(3)?,
            floor,
        })
    })
    .transpose()
}

/// The references of the next documents of the pass's collection, and the version of the last of these when there may be more. One
/// that was created later than the pass goes has its rows from then; one that was only changed later may lack them.
async fn find(
    connection: &mut PgConnection,
    district: &DistrictId,
    pass: &Pass,
) -> Result<(Vec<Referral>, Option<i64>), Error> {
    let source = SourceId::parse(&pass.source).map_err(|error| Error::Row {
        table: "reference_backfills",
        column: "source",
        problem: error.to_string(),
    })?;
    let collection = Collection { district: district.clone(), source, resource: pass.resource.as_str().into() };
    let sql = "select document_id, created_version, change_version, case when created_version <= $5 then body::text end from documents \
               where district = $1 and source = $2 and resource = $3 and change_version > $4 \
               order by change_version limit $6";
    let query = sqlx::query(sql).bind(district.as_str()).bind(&pass.source).bind(&pass.resource);
    let rows = query.bind(pass.after).bind(pass.upto).bind(PAGE).fetch_all(connection).await?;
    let mut found = Vec::new();
    for row in &rows {
        let (id, created_version): (Uuid, i64) = (row.try_get(0)?, row.try_get(1)?);
        let Some(body) = row.try_get(3)? else { continue };
        let body = parse_body(body)?;
        let referral = |reference| Referral { district: district.clone(), reference, created_version, id };
        found.extend(referrals(&collection, &body).into_iter().map(referral));
    }
    let is_full = i64::try_from(rows.len()).is_ok_and(|found| found >= PAGE);
    let last = rows.last().filter(|_| is_full).map(|row| row.try_get(2)).transpose()?;
    Ok((found, last))
}

async fn save(connection: &mut PgConnection, district: &DistrictId, pass: &Pass) -> Result<(), Error> {
    let sql = "update reference_backfills set source = $2, resource = $3, after_version = $4 where district = $1";
    let query = sqlx::query(sql).bind(district.as_str()).bind(&pass.source).bind(&pass.resource).bind(pass.after);
    query.execute(connection).await?;
    Ok(())
}

/// Every collection was looked through.
async fn end(connection: &mut PgConnection, district: &DistrictId, pass: &Pass) -> Result<(), Error> {
    sqlx::query("delete from reference_backfills where district = $1")
        .bind(district.as_str())
        .execute(&mut *connection)
        .await?;
    let sql = "update change_versions set referenced_floor = greatest(referenced_floor, $2) where district = $1";
    sqlx::query(sql).bind(district.as_str()).bind(pass.upto).execute(connection).await?;
    Ok(())
}
