//! Forgets deletes after some time: `/deletes` tells them to those who copy our documents, and each copier soon knows.
//!
//! Each district remembers up to which change version deletes were forgotten. `availableChangeVersions` says so as
//! `oldestChangeVersion`: a copier that was away for longer must copy everything again.

use homeroom_chassis::lifecycle::TaskGroup;
use homeroom_pg::{Database, Districts, Error};
use sqlx::PgConnection;

use crate::config::Limits;
use crate::sweep::{self, BATCH};

/// Deletes that were forgotten.
pub(crate) const FORGOTTEN_TOTAL: &str = "homeroom_ingestion_deletes_forgotten_total";

/// Starts the task. `districts` are all that rows may be of.
pub(crate) fn start(database: Database, districts: Districts, limits: &Limits, tasks: &TaskGroup) {
    let days = i32::try_from(limits.deletes_days).unwrap_or(i32::MAX);
    sweep::start("ingestion deletes", FORGOTTEN_TOTAL, tasks, move || {
        let (database, districts) = (database.clone(), districts.clone());
        async move {
            database
                .run("ingestion.document_deletes.sweep", &districts, move |connection| {
                    Box::pin(forget(connection, days))
                })
                .await
        }
    });
}

/// Deletes a batch, oldest first. Looks before it locks, since batches of documents wait for the districts' rows.
async fn forget(connection: &mut PgConnection, days: i32) -> Result<u64, Error> {
    let sql = "with forgotten as ( \
                   delete from document_deletes where (district, source, resource, change_version) in \
                       (select district, source, resource, change_version from document_deletes \
                        where deleted_at < now() - make_interval(days => $1) order by deleted_at limit $2) \
                   returning district, change_version), \
               told as ( \
                   update change_versions v set oldest = greatest(v.oldest, f.last + 1) \
                   from (select district, max(change_version) as last from forgotten group by district order by district) f \
                   where v.district = f.district) \
               select count(*) from forgotten";
    let forgotten: i64 = sqlx::query_scalar(sql).bind(days).bind(BATCH).fetch_one(connection).await?;
    Ok(forgotten.cast_unsigned())
}
