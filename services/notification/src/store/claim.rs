//! Taking deliveries under a lease. The lease saves work and orders attempts; what makes a second copy harmless is the
//! idempotency key, which every attempt carries.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use homeroom_domain::id::DistrictId;
use homeroom_domain::mutant::{Mutant, planted};
use homeroom_pg::{Districts, Error};
use jiff::Timestamp;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgConnection, Row};
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
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
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
    pub(crate) token: Vec<u8>,
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

/// Why nothing was taken.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) error: Error,
    /// Leases that nobody has, should the transaction have been committed after all.
    pub(crate) leases: Vec<Lease>,
}

/// What the frame of a delivery adds to its texts, about.
const FRAME: i32 = 512;

/// The most deliveries that one transaction takes: enough to make its round trips cheap, few enough that the adapter has work
/// while the next are taken.
pub(crate) const LARGEST_CLAIM: u32 = 250;

impl Claimed {
    /// About how large it is in a frame.
    pub(crate) fn bytes(&self) -> u64 {
        let texts = [&self.team, &self.address, &self.kind, &self.subject, &self.body, &self.data];
        texts.iter().map(|text| text.len() as u64).sum::<u64>() + u64::from(FRAME.unsigned_abs())
    }

    pub(crate) fn lease(&self) -> Lease {
        Lease { delivery_id: self.delivery_id, token: self.token.clone() }
    }
}

impl Store {
    /// Takes due deliveries, oldest first, none whose earlier word to the same recipient is unsettled.
    pub(crate) async fn claim(&self, terms: &Terms, limits: Limits) -> Result<Vec<Claimed>, Failed> {
        let districts = Districts::one(&terms.district);
        let taken: Arc<Mutex<Vec<Lease>>> = Arc::default();
        let claimed = self
            .database
            .run("claim-deliveries", &districts, |connection| {
                let (terms, taken) = (terms.clone(), Arc::clone(&taken));
                Box::pin(async move {
                    let claimed = claim(connection, &terms, limits).await?;
                    *taken.lock().unwrap_or_else(PoisonError::into_inner) =
                        claimed.iter().map(Claimed::lease).collect();
                    Ok(claimed)
                })
            })
            .await;
        claimed.map_err(|error| {
            let leases = std::mem::take(&mut *taken.lock().unwrap_or_else(PoisonError::into_inner));
            Failed { error, leases }
        })
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
    pub(crate) async fn extend(&self, terms: &Terms, lease: &Lease) -> Result<bool, Error> {
        let (lease, length) = (lease.clone(), microseconds(terms.lease));
        self.database
            .run("extend-lease", &Districts::one(&terms.district), move |connection| {
                let lease = lease.clone();
                Box::pin(async move {
                    let extended = sqlx::query(
                        "update deliveries set lease_until = clock() + $1 * interval '1 microsecond'
                         where delivery_id = $2 and state = 'leased' and lease_token = $3 and lease_until >= clock()",
                    )
                    .bind(length)
                    .bind(lease.delivery_id)
                    .bind(lease.token)
                    .execute(connection)
                    .await?;
                    Ok(extended.rows_affected() == 1)
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

/// One statement, since each round trip costs as much as some ten rows. What does not fit into the bytes is locked by it and
/// unlocked by the commit, and is somebody else's. The earlier word is looked for row by row: as a join it would be made for
/// everything that is due, and not for the few that the limit lets through. It is asked for with `is not true`, since the
/// planner takes a subquery that `is null` for rare, and would rather read and sort all that is due than follow the index. Before
/// an alert's first change there is none. An open case holds back what may wait for it. The attempt is kept when it ends, and until
/// then in the delivery's row.
const CLAIM: &str = "
    with due as (
        select delivery_id, due_at, change_number,
            $6 + octet_length(team) + octet_length(address) + octet_length(kind) + octet_length(subject)
                + octet_length(body) + octet_length(data) as bytes
        from deliveries d
        where district = $1 and channel = $2 and state = 'waiting' and due_at <= clock() and expires_at > clock()
            and (change_number = 1 or (select true from deliveries e
                 where e.alert_id = d.alert_id and e.channel = d.channel and e.address = d.address
                     and e.change_number < d.change_number and e.state in ('waiting', 'leased')
                 limit 1) is not true)
            and (quiet_of is null or (select true from cases c
                 where c.district = d.district and c.student = d.quiet_of and c.closed_at is null
                 limit 1) is not true)
        order by due_at, change_number
        limit $3 for update of d skip locked),
    fitting as (
        select delivery_id, place from (
            select delivery_id, row_number() over oldest as place, sum(bytes) over oldest as bytes from due
            window oldest as (order by due_at, change_number, delivery_id)) s
        where bytes <= $4),
    leased as (
        update deliveries d set state = 'leased', lease_token = uuid_send(gen_random_uuid()),
            lease_until = clock() + $5 * interval '1 microsecond', lease_adapter = $7, lease_instance = $8,
            leased_at = clock(), attempts = d.attempts + 1
        from fitting f where d.delivery_id = f.delivery_id
        returning d.*, f.place)
    select delivery_id, attempts, lease_token, microseconds(lease_until) as lease_until,
        microseconds(expires_at) as expires_at, team, address, kind, subject, body, data, traceparent, maybe_sent, follows
    from leased order by place";

async fn claim(connection: &mut PgConnection, terms: &Terms, limits: Limits) -> Result<Vec<Claimed>, Error> {
    let statement = if planted(Mutant::ClosedCaseHolds) {
        sqlx::query(AssertSqlSafe(CLAIM.replace(" and c.closed_at is null", "")))
    } else {
        sqlx::query(CLAIM)
    };
    let rows = statement
        .bind(terms.district.as_str())
        .bind(&terms.channel)
        .bind(i64::from(limits.count.min(LARGEST_CLAIM)))
        .bind(i64::try_from(limits.bytes).unwrap_or(i64::MAX))
        .bind(microseconds(terms.lease))
        .bind(FRAME)
        .bind(&terms.adapter)
        .bind(&terms.instance)
        .fetch_all(connection)
        .await?;
    rows.iter().map(read).collect()
}

fn read(row: &PgRow) -> Result<Claimed, Error> {
    Ok(Claimed {
        delivery_id: row.try_get("delivery_id")?,
        attempt: count("deliveries", "attempts", row.try_get("attempts")?)?,
        token: row.try_get("lease_token")?,
        lease_until: moment("deliveries", "lease_until", row.try_get("lease_until")?)?,
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

/// A duration as statements take it.
pub(super) fn microseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
