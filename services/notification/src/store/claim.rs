//! Taking deliveries under a lease. The lease saves work and orders attempts; what makes a second copy harmless is the
//! idempotency key, which every attempt carries.

use std::time::Duration;

use homeroom_domain::id::DistrictId;
use homeroom_pg::{Districts, Error};
use jiff::{SignedDuration, Timestamp};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use super::{Store, count, moment};

/// Who takes, and for how long.
#[derive(Debug, Clone)]
pub(crate) struct Terms {
    /// The only district that the adapter sees.
    pub(crate) district: DistrictId,
    /// Its channel.
    pub(crate) channel: String,
    /// Its name.
    pub(crate) adapter: String,
    /// Which of its processes.
    pub(crate) instance: String,
    /// How long each delivery is its.
    pub(crate) lease: Duration,
}

/// One lease of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lease {
    pub(crate) delivery_id: Uuid,
    pub(crate) token: Vec<u8>,
}

/// How much may still be taken.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Deliveries.
    pub(crate) count: u32,
    /// Bytes, as [`Claimed::bytes`] counts them.
    pub(crate) bytes: u64,
}

/// A delivery under our lease.
#[derive(Debug, Clone)]
pub(crate) struct Claimed {
    pub(crate) delivery_id: Uuid,
    pub(crate) attempt: u32,
    pub(crate) token: Uuid,
    pub(crate) lease_until: Timestamp,
    pub(crate) expires_at: Timestamp,
    pub(crate) team: String,
    pub(crate) address: String,
    pub(crate) kind: String,
    pub(crate) subject: String,
    pub(crate) body: String,
    pub(crate) data: String,
    pub(crate) traceparent: String,
    pub(crate) maybe_sent: bool,
    pub(crate) follows: Option<Uuid>,
}

/// What the frame of a delivery adds to its texts, about.
const FRAME: usize = 512;

/// The most deliveries that one transaction takes.
const LARGEST_CLAIM: u32 = 100;

impl Claimed {
    /// About how large it is in a frame.
    pub(crate) fn bytes(&self) -> u64 {
        let texts = [&self.team, &self.address, &self.kind, &self.subject, &self.body, &self.data];
        (texts.iter().map(|text| text.len()).sum::<usize>() + FRAME) as u64
    }
}

impl Store {
    /// Takes due deliveries, oldest first, none whose earlier word to the same recipient is unsettled.
    pub(crate) async fn claim(&self, terms: &Terms, limits: Limits, now: Timestamp) -> Result<Vec<Claimed>, Error> {
        let districts = Districts::one(&terms.district);
        self.database
            .run("claim-deliveries", &districts, |connection| {
                let terms = terms.clone();
                Box::pin(async move { claim(connection, &terms, limits, now).await })
            })
            .await
    }

    /// Those of the leases that are over, whoever settled them.
    pub(crate) async fn list_over(&self, district: &DistrictId, leases: &[Lease]) -> Result<Vec<Lease>, Error> {
        self.database
            .run("list-leases-over", &Districts::one(district), |connection| {
                let leases = leases.to_vec();
                Box::pin(async move { list_over(connection, &leases).await })
            })
            .await
    }

    /// Makes a lease last from now on once more; false when it is no longer held.
    pub(crate) async fn extend(
        &self,
        terms: &Terms,
        id: Uuid,
        token: &[u8],
        now: Timestamp,
    ) -> Result<Option<Timestamp>, Error> {
        let until = lease_end(now, terms.lease);
        let token = token.to_vec();
        self.database
            .run("extend-lease", &Districts::one(&terms.district), move |connection| {
                let token = token.clone();
                Box::pin(async move {
                    let extended = sqlx::query(
                        "update deliveries set lease_until = moment($1)
                     where delivery_id = $2 and state = 'leased' and lease_token = $3 and lease_until >= moment($4)",
                    )
                    .bind(until.as_microsecond())
                    .bind(id)
                    .bind(token)
                    .bind(now.as_microsecond())
                    .execute(connection)
                    .await?;
                    Ok((extended.rows_affected() == 1).then_some(until))
                })
            })
            .await
    }
}

/// Those of the leases that are over.
async fn list_over(connection: &mut PgConnection, leases: &[Lease]) -> Result<Vec<Lease>, Error> {
    let ids: Vec<Uuid> = leases.iter().map(|lease| lease.delivery_id).collect();
    let tokens: Vec<&[u8]> = leases.iter().map(|lease| lease.token.as_slice()).collect();
    let rows: Vec<(Uuid, Vec<u8>)> = sqlx::query_as(
        "select n.id, n.token from unnest($1::uuid[], $2::bytea[]) as n (id, token)
         where not exists (select from deliveries d where d.delivery_id = n.id and d.lease_token = n.token)",
    )
    .bind(&ids)
    .bind(&tokens)
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|(delivery_id, token)| Lease { delivery_id, token }).collect())
}

async fn claim(
    connection: &mut PgConnection,
    terms: &Terms,
    limits: Limits,
    now: Timestamp,
) -> Result<Vec<Claimed>, Error> {
    // The earlier word is looked for row by row: as a join it would be made for everything that is due, and not for the few
    // that the limit lets through.
    let rows = sqlx::query(
        "select delivery_id, attempts, microseconds(expires_at) as expires_at, team, address, kind, subject, body, data,
             traceparent, maybe_sent, follows
         from deliveries d
         where district = $1 and channel = $2 and state = 'waiting' and due_at <= moment($3) and expires_at > moment($3)
             and (select true from deliveries e
                  where e.alert_id = d.alert_id and e.channel = d.channel and e.address = d.address
                      and e.change_number < d.change_number and e.state in ('waiting', 'leased')
                  limit 1) is null
         order by due_at, change_number
         limit $4 for update of d skip locked",
    )
    .bind(terms.district.as_str())
    .bind(&terms.channel)
    .bind(now.as_microsecond())
    .bind(i64::from(limits.count.min(LARGEST_CLAIM)))
    .fetch_all(&mut *connection)
    .await?;
    let until = lease_end(now, terms.lease);
    let mut left = limits.bytes;
    let mut claimed = Vec::with_capacity(rows.len());
    for row in &rows {
        let delivery = read(row, until)?;
        // What does not fit is unlocked by the commit, and is somebody else's.
        let Some(rest) = left.checked_sub(delivery.bytes()) else { break };
        left = rest;
        claimed.push(delivery);
    }
    if !claimed.is_empty() {
        lease(connection, terms, &claimed, now).await?;
    }
    Ok(claimed)
}

fn read(row: &PgRow, lease_until: Timestamp) -> Result<Claimed, Error> {
    Ok(Claimed {
        delivery_id: row.try_get("delivery_id")?,
        attempt: count("deliveries", "attempts", row.try_get("attempts")?)? + 1,
        token: Uuid::new_v4(),
        lease_until,
        expires_at: moment("deliveries", "expires_at", row.try_get("expires_at")?)?,
        team: row.try_get("team")?,
        address: row.try_get("address")?,
        kind: row.try_get("kind")?,
        subject: row.try_get("subject")?,
        body: row.try_get("body")?,
        data: row.try_get("data")?,
        traceparent: row.try_get("traceparent")?,
        maybe_sent: row.try_get("maybe_sent")?,
        follows: row.try_get("follows")?,
    })
}

async fn lease(connection: &mut PgConnection, terms: &Terms, claimed: &[Claimed], now: Timestamp) -> Result<(), Error> {
    let ids: Vec<Uuid> = claimed.iter().map(|delivery| delivery.delivery_id).collect();
    let tokens: Vec<Vec<u8>> = claimed.iter().map(|delivery| delivery.token.as_bytes().to_vec()).collect();
    sqlx::query(
        "update deliveries d set state = 'leased', lease_token = n.token, lease_until = moment($3), attempts = d.attempts + 1
         from unnest($1::uuid[], $2::bytea[]) as n (id, token) where d.delivery_id = n.id",
    )
    .bind(&ids)
    .bind(&tokens)
    .bind(lease_end(now, terms.lease).as_microsecond())
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "insert into attempts (delivery_id, number, district, lease_token, adapter, instance, started_at)
         select d.delivery_id, d.attempts, d.district, d.lease_token, $2, $3, moment($4) from deliveries d
         where d.delivery_id = any($1)",
    )
    .bind(&ids)
    .bind(&terms.adapter)
    .bind(&terms.instance)
    .bind(now.as_microsecond())
    .execute(connection)
    .await?;
    Ok(())
}

fn lease_end(now: Timestamp, lease: Duration) -> Timestamp {
    SignedDuration::try_from(lease).ok().and_then(|lease| now.checked_add(lease).ok()).unwrap_or(Timestamp::MAX)
}
