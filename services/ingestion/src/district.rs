//! Which districts have rows here, also those whose secret is gone.
//!
//! A process names the districts whose rows it wants to see, and would otherwise name only those that it has a secret of: the
//! outbox rows of another would neither be published nor missed.

use homeroom_domain::id::DistrictId;
use homeroom_pg::{Database, Districts, Error};
use sqlx::PgConnection;

use crate::pseudonym::Pseudonyms;

/// The districts that have, or had, a secret here.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    /// Those that have one.
    pub(crate) with_key: Districts,
    /// Those that had one.
    pub(crate) without_key: Districts,
    /// All of them.
    pub(crate) all: Districts,
    /// Outbox rows of those without, when the process started.
    pub(crate) stranded: u64,
}

/// Remembers the districts that have a secret, and finds those that had one.
pub(crate) async fn register(database: &Database, pseudonyms: &Pseudonyms) -> Result<Known, Error> {
    let known = register_names(database, pseudonyms.districts().map(ToString::to_string).collect()).await?;
    let without_key: Vec<_> = known.iter().filter(|district| pseudonyms.find(district).is_none()).collect();
    let mut stranded = 0;
    for district in &without_key {
        let rows = count_outbox(database, &Districts::one(district), i64::MAX).await?;
        stranded += rows;
        if rows > 0 {
            tracing::error!(district = %district, outbox.rows = rows, "the district's pseudonym key is gone, and records wait that are not published");
        } else {
            tracing::warn!(district = %district, "the district's pseudonym key is gone: none of its records is taken");
        }
    }
    Ok(Known {
        with_key: Districts::of(pseudonyms.districts()),
        without_key: Districts::of(without_key.iter().copied()),
        all: Districts::of(&known),
        stranded,
    })
}

/// All districts that have, or had, a secret here.
pub(crate) async fn known(database: &Database) -> Result<Vec<DistrictId>, Error> {
    register_names(database, Vec::new()).await
}

async fn register_names(database: &Database, names: Vec<String>) -> Result<Vec<DistrictId>, Error> {
    database
        .run("ingestion.districts.register", &Districts::none(), move |connection| {
            let names = names.clone();
            Box::pin(async move { remember(connection, &names).await })
        })
        .await
}

async fn remember(connection: &mut PgConnection, names: &[String]) -> Result<Vec<DistrictId>, Error> {
    let insert = "insert into known_districts (name) select unnest($1::text[]) on conflict do nothing";
    sqlx::query(insert).bind(names).execute(&mut *connection).await?;
    let known: Vec<String> =
        sqlx::query_scalar("select name from known_districts order by name").fetch_all(connection).await?;
    let parse = |name: &String| {
        DistrictId::parse(name).map_err(|error| Error::Row {
            table: "known_districts",
            column: "name",
            problem: error.to_string(),
        })
    };
    known.iter().map(parse).collect()
}

/// How many rows of these districts wait to be published, counted no further than `most`.
pub(crate) async fn count_outbox(database: &Database, districts: &Districts, most: i64) -> Result<u64, Error> {
    database
        .run("ingestion.outbox.count", districts, move |connection| {
            Box::pin(async move {
                let sql = "select count(*) from (select 1 from outbox limit $1) counted";
                let rows: i64 = sqlx::query_scalar(sql).bind(most).fetch_one(connection).await?;
                Ok(rows.cast_unsigned())
            })
        })
        .await
}
