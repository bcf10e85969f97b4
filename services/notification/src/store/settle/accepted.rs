//! Acceptances within their lease: one statement for all of them.
//!
//! Nothing of the chain needs a look. That the recipient has the word cancels nothing: a change that takes an alert back has
//! cancelled what waited when it was planned, and what came back since then (a retry) was looked at when it did.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use homeroom_pg::Error;
use sqlx::{PgConnection, Row as _};
use uuid::Uuid;

use super::{Settlement, clean};
use crate::metric;
use crate::schedule::Outcome;
use crate::store::{Lease, notify};

/// Only what is leased has a token. To ask for the state as well would invite the planner to compare everything that is leased,
/// which it takes for nothing, with each settlement. A retry moves `due_at`, so the age of one that was tried before is that of
/// its first try, or from when it was let go since then. An attempt is there already when a process of an earlier version began it.
const ACCEPT: &str = "
    with n as (select * from unnest($1::uuid[], $2::bytea[], $3::text[]) as n (id, token, provider)),
    taken as (
        update deliveries d set state = 'accepted', settled_at = clock(), last_reason = '', lease_token = null,
            lease_until = null
        from n
        where d.delivery_id = n.id and d.lease_token = n.token and d.lease_until >= clock()
            and ($4::text[] is null or d.channel = any($4))
        returning d.*, n.token, n.provider),
    closed as (
        insert into attempts as a (delivery_id, number, district, lease_token, adapter, instance, started_at,
            content_number, outcome, ended_at, provider_message_id)
        select delivery_id, attempts, district, token, lease_adapter, lease_instance, coalesce(leased_at, clock()),
            content_number, 'accepted', clock(), provider from taken
        on conflict (delivery_id, number) do update set outcome = excluded.outcome, ended_at = excluded.ended_at,
            provider_message_id = excluded.provider_message_id)
    select delivery_id, token, channel,
        microseconds(clock()) - microseconds(greatest(let_go_at, coalesce((select min(started_at) from attempts a
            where t.attempts > 1 and a.delivery_id = t.delivery_id), due_at))) as age,
        exists (select from deliveries e
            where e.alert_id = t.alert_id and e.channel = t.channel and e.address = t.address
                and e.change_number > t.change_number and e.state = 'waiting') as followed
    from taken t";

/// Records the acceptances among the settlements whose lease is in force; returns their leases.
pub(super) async fn settle(
    connection: &mut PgConnection,
    settlements: &[Settlement],
    channels: Option<&[String]>,
) -> Result<HashSet<Lease>, Error> {
    // Sorted, so that rows are locked in the order in which planning locks them.
    let mut accepted: BTreeMap<Uuid, (&[u8], String)> = BTreeMap::new();
    for settlement in settlements {
        if let Outcome::Accepted { provider_message_id } = &settlement.outcome {
            accepted.insert(settlement.delivery_id, (&settlement.token, clean(provider_message_id)));
        }
    }
    if accepted.is_empty() {
        return Ok(HashSet::new());
    }
    let rows = sqlx::query(ACCEPT)
        .bind(accepted.keys().copied().collect::<Vec<_>>())
        .bind(accepted.values().map(|(token, _)| *token).collect::<Vec<_>>())
        .bind(accepted.values().map(|(_, provider)| provider.as_str()).collect::<Vec<_>>())
        .bind(channels)
        .fetch_all(&mut *connection)
        .await?;
    let mut taken = HashSet::with_capacity(rows.len());
    let mut channels: BTreeMap<String, u64> = BTreeMap::new();
    let mut followed = false;
    for row in &rows {
        taken.insert(Lease { delivery_id: row.try_get("delivery_id")?, token: row.try_get("token")? });
        let channel: String = row.try_get("channel")?;
        metrics::histogram!(metric::DELIVERY_AGE, "channel" => channel.clone()).record(seconds(row.try_get("age")?));
        *channels.entry(channel).or_default() += 1;
        followed |= row.try_get::<bool, _>("followed")?;
    }
    for (channel, count) in channels {
        metrics::counter!(metric::ATTEMPTS, "channel" => channel, "outcome" => "accepted").increment(count);
    }
    if followed {
        // A later word is now free to go.
        notify(connection).await?;
    }
    Ok(taken)
}

/// A clock that was set back makes no age negative.
fn seconds(microseconds: i64) -> f64 {
    Duration::from_micros(u64::try_from(microseconds).unwrap_or_default()).as_secs_f64()
}
