//! The table of references to keys that may change: written with the documents, read by whoever changes a key.

use std::collections::BTreeSet;

use homeroom_domain::id::DistrictId;
use homeroom_pg::Error;
use sqlx::{PgConnection, Row as _};
use uuid::Uuid;

use super::referrals;
use crate::edfi::batch::Document;
use crate::edfi::command::Collection;

/// A reference of a document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Referral {
    /// Whose document.
    pub(crate) district: DistrictId,
    /// What it refers to, as a hash.
    pub(crate) reference: i64,
    /// The version in which the document was created.
    pub(crate) created_version: i64,
    /// The document.
    pub(crate) id: Uuid,
}

/// The references of a document.
pub(crate) fn of_document(collection: &Collection, document: &Document) -> BTreeSet<Referral> {
    let referral = |reference| Referral {
        district: collection.district.clone(),
        reference,
        created_version: document.created_version.cast_signed(),
        id: document.id,
    };
    referrals(collection, &document.body).into_iter().map(referral).collect()
}

/// Whether every document of a district has its rows.
pub(crate) async fn is_whole(connection: &mut PgConnection, district: &DistrictId) -> Result<bool, Error> {
    let sql = "select last = referenced_last and unreferenced_to <= referenced_floor from change_versions where district = $1";
    let query = sqlx::query_scalar(sql).bind(district.as_str());
    Ok(query.fetch_optional(connection).await?.unwrap_or(false))
}

/// The next documents that have one of these references, with the version in which each was created: after one version and before
/// another, in that order.
pub(crate) async fn find(
    connection: &mut PgConnection,
    references: Vec<i64>,
    (after, before): (i64, i64),
    limit: i64,
) -> Result<Vec<(Uuid, i64)>, Error> {
    // Each look-up one of the index, as in `load` of the documents.
    let sql = "select r.document_id, r.created_version from unnest($1::bigint[]) w (reference) \
               cross join lateral (select document_id, created_version from document_references r \
                   where r.reference = w.reference and created_version > $2 and created_version < $3 \
                   order by created_version limit $4) r \
               order by r.created_version, r.document_id limit $4";
    let query = sqlx::query(sql).bind(references).bind(after).bind(before).bind(limit);
    let rows = query.fetch_all(connection).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

/// Writes rows; one that is there stays.
pub(crate) async fn insert(connection: &mut PgConnection, referrals: &[Referral]) -> Result<(), Error> {
    if referrals.is_empty() {
        return Ok(());
    }
    let sql = "insert into document_references (district, reference, created_version, document_id) \
               select * from unnest($1::text[], $2::bigint[], $3::bigint[], $4::uuid[]) on conflict do nothing";
    sqlx::query(sql)
        .bind(referrals.iter().map(|it| it.district.to_string()).collect::<Vec<_>>())
        .bind(referrals.iter().map(|it| it.reference).collect::<Vec<_>>())
        .bind(referrals.iter().map(|it| it.created_version).collect::<Vec<_>>())
        .bind(referrals.iter().map(|it| it.id).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    Ok(())
}

/// Deletes rows.
pub(crate) async fn delete(connection: &mut PgConnection, referrals: &[Referral]) -> Result<(), Error> {
    if referrals.is_empty() {
        return Ok(());
    }
    let sql = "delete from document_references where ctid = any(array(select r.ctid \
               from unnest($1::bigint[], $2::bigint[], $3::uuid[]) w (reference, created_version, id) \
               cross join lateral (select ctid from document_references r where r.reference = w.reference \
                   and r.created_version = w.created_version and r.document_id = w.id offset 0) r))";
    sqlx::query(sql)
        .bind(referrals.iter().map(|it| it.reference).collect::<Vec<_>>())
        .bind(referrals.iter().map(|it| it.created_version).collect::<Vec<_>>())
        .bind(referrals.iter().map(|it| it.id).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    Ok(())
}
