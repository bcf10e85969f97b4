//! How an attempt ended, and what follows for the delivery and for the other words to the same recipient.
//!
//! A settlement counts when it names the lease that is in force. A late acceptance is kept (the recipient has it) and stops
//! resends; anything else that is late is refused. A lease that ends without a settlement counts as unknown, one whose
//! delivery never left this process is taken back as if it had not been given. Acceptances within their lease, which is
//! nearly all there is, are one statement for all (`accepted`); each other end is looked at on its own.

mod accepted;
mod late;
mod leased;

use std::collections::HashSet;
use std::sync::Arc;

use homeroom_domain::id::DistrictId;
use homeroom_pg::{Districts, Error};
use jiff::Timestamp;
use sqlx::PgConnection;
use uuid::Uuid;

use super::acknowledge;
use super::batch::cancel_deliveries;
use super::{Lease, Store, notify, stored};
use crate::metric;
use crate::plan::{self, Delivery};
use crate::schedule::{self, Next, Outcome, Policy, Times};

use leased::{Leased, load};

/// An adapter's word on a delivery.
#[derive(Debug, Clone)]
pub(crate) struct Settlement {
    /// Which.
    pub(crate) delivery_id: Uuid,
    /// Of the lease that it had.
    pub(crate) token: Vec<u8>,
    /// How it ended.
    pub(crate) outcome: Outcome,
}

impl Settlement {
    pub(crate) fn lease(&self) -> Lease {
        Lease { delivery_id: self.delivery_id, token: self.token.clone() }
    }
}

/// What became of a settlement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It counts.
    Recorded,
    /// The lease had ended.
    Stale,
    /// No such delivery or lease.
    NotFound,
}

/// The deliveries that somebody may settle and see.
#[derive(Debug, Clone)]
pub(crate) struct Reach {
    /// Of this district.
    pub(crate) district: DistrictId,
    /// Of these channels; none for all.
    pub(crate) channels: Option<Vec<String>>,
}

/// What ends an attempt.
#[derive(Debug)]
enum End<'a> {
    Settled(&'a Settlement),
    /// The delivery never left this process.
    Unsent(&'a Lease),
    /// The lease has run out.
    LeaseOver(Uuid),
    /// The time in which it is worth sending has run out.
    Expired(Uuid),
}

impl End<'_> {
    const fn delivery(&self) -> Uuid {
        match self {
            Self::Settled(settlement) => settlement.delivery_id,
            Self::Unsent(lease) => lease.delivery_id,
            Self::LeaseOver(id) | Self::Expired(id) => *id,
        }
    }
}

/// How many rows one sweep of a district looks at.
const SWEEP: i64 = 500;

impl Store {
    /// Records how attempts ended, in one transaction; says of each what became of it.
    pub(crate) async fn settle(
        &self,
        reach: &Reach,
        settlements: &Arc<Vec<Settlement>>,
        policy: &Arc<Policy>,
    ) -> Result<Vec<Standing>, Error> {
        self.database
            .run("settle-deliveries", &Districts::one(&reach.district), |connection| {
                let (reach, settlements, policy) = (reach.clone(), Arc::clone(settlements), Arc::clone(policy));
                Box::pin(async move { settle(connection, &reach, &settlements, &policy).await })
            })
            .await
    }

    /// Takes back deliveries that were claimed and never left this process: they are due as before, and no attempt was made.
    pub(crate) async fn release(
        &self,
        district: &DistrictId,
        leases: &Arc<Vec<Lease>>,
        policy: &Arc<Policy>,
    ) -> Result<(), Error> {
        self.database
            .run("release-deliveries", &Districts::one(district), |connection| {
                let (leases, policy) = (Arc::clone(leases), Arc::clone(policy));
                Box::pin(async move {
                    for lease in leases.iter() {
                        end(connection, &End::Unsent(lease), None, &policy).await?;
                    }
                    notify(connection).await
                })
            })
            .await
    }

    /// Ends what has run out in a district: leases without a settlement, deliveries that are no longer worth sending. Says how
    /// many there were.
    pub(crate) async fn sweep(&self, district: &DistrictId, policy: &Arc<Policy>) -> Result<usize, Error> {
        let over = self
            .database
            .run("find-run-out", &Districts::one(district), |connection| {
                let name = district.as_str().to_owned();
                Box::pin(async move { find_run_out(connection, &name).await })
            })
            .await?;
        let ended = over.len();
        for (id, leased) in over {
            self.database
                .run("end-delivery", &Districts::one(district), |connection| {
                    let policy = Arc::clone(policy);
                    Box::pin(async move {
                        let run_out = if leased { End::LeaseOver(id) } else { End::Expired(id) };
                        end(connection, &run_out, None, &policy).await
                    })
                })
                .await?;
        }
        Ok(ended)
    }
}

/// Deliveries that have run out; true of those whose lease it was.
async fn find_run_out(connection: &mut PgConnection, district: &str) -> Result<Vec<(Uuid, bool)>, Error> {
    let rows = sqlx::query_as(
        "(select delivery_id, true from deliveries
          where district = $2 and state = 'leased' and lease_until < clock()
          order by lease_until limit $1)
         union all
         (select delivery_id, false from deliveries
          where district = $2 and state = 'waiting' and expires_at <= clock()
              and (quiet_of is null or not exists (select from cases c
                  where c.district = $2 and c.student = quiet_of and c.closed_at is null))
          order by expires_at limit $1)",
    )
    .bind(SWEEP)
    .bind(district)
    .fetch_all(connection)
    .await?;
    Ok(rows)
}

async fn settle(
    connection: &mut PgConnection,
    reach: &Reach,
    settlements: &[Settlement],
    policy: &Policy,
) -> Result<Vec<Standing>, Error> {
    let channels = reach.channels.as_deref();
    let accepted: HashSet<Lease> = accepted::settle(connection, settlements, channels).await?;
    let mut standings = vec![Standing::Recorded; settlements.len()];
    let mut others: Vec<(&Settlement, &mut Standing)> = settlements
        .iter()
        .zip(&mut standings)
        .filter(|(settlement, _)| !(settlement.outcome.is_accepted() && accepted.contains(&settlement.lease())))
        .collect();
    // In the order in which rows are locked everywhere.
    others.sort_by_key(|(settlement, _)| settlement.delivery_id);
    for (settlement, standing) in others {
        *standing = end(connection, &End::Settled(settlement), channels, policy).await?;
    }
    Ok(standings)
}

/// Ends one attempt, or takes in a late word on it.
async fn end(
    connection: &mut PgConnection,
    end: &End<'_>,
    channels: Option<&[String]>,
    policy: &Policy,
) -> Result<Standing, Error> {
    load(connection, end.delivery()).await?;
    // The locks may have been waited for until a recall was planned, and only a new statement sees it.
    let found = load(connection, end.delivery()).await?;
    let found = found.filter(|(row, _)| channels.is_none_or(|channels| channels.contains(&row.channel)));
    let Some((row, mut chain)) = found else { return Ok(Standing::NotFound) };
    let in_force = |token: &[u8]| row.state == plan::Standing::Leased && row.token.as_deref() == Some(token);
    let outcome = match end {
        End::Settled(settlement) if !(in_force(&settlement.token) && row.lease_until >= Some(row.now)) => {
            return late::settle(connection, &row, &mut chain, settlement, policy).await;
        }
        End::Settled(settlement) => settlement.outcome.clone(),
        End::Unsent(lease) if in_force(&lease.token) => {
            erase_attempt(connection, &row).await?;
            let next = Next::At(row.due_at);
            finish(connection, &row, &mut chain, next).await?;
            return Ok(Standing::Recorded);
        }
        End::LeaseOver(_) if row.state == plan::Standing::Leased && row.lease_until < Some(row.now) => {
            Outcome::Unknown { reason: "the lease ended without a settlement".to_owned() }
        }
        End::Expired(_) if row.state == plan::Standing::Waiting && row.expires_at <= row.now => {
            let reason = if row.reason.is_empty() { "it was not sent in time" } else { &row.reason };
            finish(connection, &row, &mut chain, Next::Expired(reason.to_owned())).await?;
            return Ok(Standing::Recorded);
        }
        // Settled by somebody else between the look and the lock.
        End::Unsent(_) | End::LeaseOver(_) | End::Expired(_) => return Ok(Standing::Stale),
    };
    close_attempt(connection, &row, &outcome).await?;
    let next = next(&row, &mut chain, &outcome, policy);
    finish(connection, &Leased { reason: outcome.reason().to_owned(), ..row }, &mut chain, next).await?;
    Ok(Standing::Recorded)
}

/// What becomes of the delivery after the attempt.
fn next(row: &Leased, chain: &mut [Delivery], outcome: &Outcome, policy: &Policy) -> Next {
    let maybe_sent = matches!(outcome, Outcome::Unknown { .. });
    if maybe_sent {
        chain.iter_mut().filter(|delivery| delivery.id == row.id).for_each(|delivery| delivery.maybe_sent = true);
    }
    if maybe_sent && policy.never_resend.contains(&row.channel) {
        return Next::Dead(format!("not sent again, since it may have been: {}", outcome.reason()));
    }
    let times = Times { now: row.now, expires_at: row.expires_at };
    // Whoever was told must hear the later word: it is tried until it expires, however often that is.
    let follows = chain.iter().any(|word| word.id == row.id && word.number > word.telling);
    let attempts_limit = if follows { u32::MAX } else { policy.attempts_limit };
    schedule::next(outcome, row.attempts, times, &Policy { attempts_limit, ..policy.clone() }, chance())
}

/// Gives the delivery its next state, and cancels what is then of no use.
async fn finish(connection: &mut PgConnection, row: &Leased, chain: &mut [Delivery], next: Next) -> Result<(), Error> {
    // Nobody misses a word that was for want of somebody who acts.
    let spared = next != Next::Accepted && row.acknowledged && plan::waits_for_others(chain.iter());
    let (standing, due, reason) = match next {
        Next::Accepted => (plan::Standing::Accepted, None, String::new()),
        _ if spared => (plan::Standing::Cancelled, None, acknowledge::REASON.to_owned()),
        Next::At(due) => (plan::Standing::Waiting, Some(due), row.reason.clone()),
        Next::Dead(reason) => (plan::Standing::Dead, None, reason),
        Next::Expired(reason) => (plan::Standing::Expired, None, reason),
    };
    if matches!(standing, plan::Standing::Dead | plan::Standing::Expired) {
        let (channel, state) = (row.channel.clone(), standing.as_str());
        tracing::warn!(delivery.id = %row.id, channel, state, reason, "a delivery was given up");
        metrics::counter!(metric::GIVEN_UP, "channel" => channel, "state" => state).increment(1);
    }
    let mut maybe_sent = false;
    for delivery in chain.iter_mut().filter(|delivery| delivery.id == row.id) {
        delivery.standing = standing;
        maybe_sent = delivery.maybe_sent;
    }
    sqlx::query(
        "update deliveries set state = $2, due_at = coalesce(moment($3), due_at), last_reason = $4, maybe_sent = $5,
             settled_at = case when $2 = 'waiting' then null else moment($6) end, lease_token = null, lease_until = null
         where delivery_id = $1",
    )
    .bind(row.id)
    .bind(standing.as_str())
    .bind(due.map(Timestamp::as_microsecond))
    .bind(clean(&reason))
    .bind(maybe_sent)
    .bind(row.now.as_microsecond())
    .execute(&mut *connection)
    .await?;
    cancel_deliveries(connection, &plan::settled(chain), row.now).await?;
    if spared {
        acknowledge::ask_anew(connection, chain).await?;
    }
    // A later word may now be free to go.
    if chain.len() > 1 { notify(connection).await } else { Ok(()) }
}

/// Keeps the attempt that the delivery's row tells of, and how it ended. It is there already when it is known to have run out, or
/// when a process of an earlier version began it.
async fn close_attempt(connection: &mut PgConnection, row: &Leased, outcome: &Outcome) -> Result<(), Error> {
    sqlx::query(
        "insert into attempts as a (delivery_id, number, district, lease_token, adapter, instance, started_at,
             content_number, outcome, ended_at, reason, provider_message_id)
         select delivery_id, attempts, district, lease_token, lease_adapter, lease_instance, coalesce(leased_at, moment($3)),
             content_number, $2, moment($3), $4, $5
         from deliveries where delivery_id = $1
         on conflict (delivery_id, number) do update set outcome = excluded.outcome, ended_at = excluded.ended_at,
             reason = excluded.reason, provider_message_id = excluded.provider_message_id",
    )
    .bind(row.id)
    .bind(outcome.as_str())
    .bind(row.now.as_microsecond())
    .bind(clean(outcome.reason()))
    .bind(clean(outcome.provider_message_id()))
    .execute(connection)
    .await?;
    metrics::counter!(metric::ATTEMPTS, "channel" => row.channel.clone(), "outcome" => outcome.as_str()).increment(1);
    Ok(())
}

/// The attempt was none.
async fn erase_attempt(connection: &mut PgConnection, row: &Leased) -> Result<(), Error> {
    sqlx::query(
        "with erased as (delete from attempts where delivery_id = $1 and number = $2)
         update deliveries set attempts = attempts - 1 where delivery_id = $1",
    )
    .bind(row.id)
    .bind(stored(row.attempts))
    .execute(connection)
    .await?;
    metrics::counter!(metric::RELEASED, "channel" => row.channel.clone()).increment(1);
    Ok(())
}

/// The longest reason that is kept, in characters.
const LONGEST_REASON: usize = 1_000;

/// An adapter's words as the database can hold them.
fn clean(text: &str) -> String {
    text.chars().filter(|&c| c != '\0').take(LONGEST_REASON).collect()
}

/// From -1 to 1; spreads retries, where quality does not matter.
fn chance() -> f64 {
    let byte = Uuid::new_v4().as_bytes()[0];
    f64::from(byte) / 127.5 - 1.0
}
