//! How an attempt ended, and what follows for the delivery and for the other words to the same recipient.
//!
//! A settlement counts when it names the lease that is in force. A late acceptance is kept (the recipient has it) and stops
//! resends; anything else that is late is refused. A lease that ends without a settlement counts as unknown.

mod leased;

use std::sync::Arc;

use homeroom_domain::id::DistrictId;
use homeroom_pg::{Districts, Error};
use jiff::Timestamp;
use sqlx::PgConnection;
use uuid::Uuid;

use super::batch::cancel_deliveries;
use super::{Store, notify, stored};
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

/// What ends an attempt.
#[derive(Debug, Clone)]
enum End {
    Settled(Settlement),
    /// The lease has run out.
    LeaseOver(Uuid),
    /// The time in which it is worth sending has run out.
    Expired(Uuid),
}

impl End {
    const fn delivery(&self) -> Uuid {
        match self {
            Self::Settled(settlement) => settlement.delivery_id,
            Self::LeaseOver(id) | Self::Expired(id) => *id,
        }
    }
}

/// How many rows one sweep of a district looks at.
const SWEEP: i64 = 500;

/// The rules and the moment of a settlement.
#[derive(Debug, Clone, Copy)]
struct Rules<'a> {
    policy: &'a Policy,
    now: Timestamp,
}

impl Store {
    /// Records how an attempt ended.
    pub(crate) async fn settle(
        &self,
        district: &DistrictId,
        settlement: Settlement,
        policy: &Arc<Policy>,
        now: Timestamp,
    ) -> Result<Standing, Error> {
        self.end(district, End::Settled(settlement), policy, now).await
    }

    /// Ends what has run out in a district: leases without a settlement, deliveries that are no longer worth sending. Says how
    /// many there were.
    pub(crate) async fn sweep(
        &self,
        district: &DistrictId,
        policy: &Arc<Policy>,
        now: Timestamp,
    ) -> Result<usize, Error> {
        let over = self
            .database
            .run("find-run-out", &Districts::one(district), |connection| {
                let name = district.as_str().to_owned();
                Box::pin(async move {
                    let rows: Vec<(Uuid, bool)> = sqlx::query_as(
                        "(select delivery_id, true from deliveries
                          where district = $3 and state = 'leased' and lease_until < moment($1)
                          order by lease_until limit $2)
                         union all
                         (select delivery_id, false from deliveries
                          where district = $3 and state = 'waiting' and expires_at <= moment($1)
                          order by expires_at limit $2)",
                    )
                    .bind(now.as_microsecond())
                    .bind(SWEEP)
                    .bind(name)
                    .fetch_all(connection)
                    .await?;
                    Ok(rows)
                })
            })
            .await?;
        let ended = over.len();
        for (id, leased) in over {
            let end = if leased { End::LeaseOver(id) } else { End::Expired(id) };
            self.end(district, end, policy, now).await?;
        }
        Ok(ended)
    }

    async fn end(
        &self,
        district: &DistrictId,
        end: End,
        policy: &Arc<Policy>,
        now: Timestamp,
    ) -> Result<Standing, Error> {
        self.database
            .run("settle-delivery", &Districts::one(district), |connection| {
                let (end, policy) = (end.clone(), Arc::clone(policy));
                Box::pin(async move { settle(connection, &end, Rules { policy: &policy, now }).await })
            })
            .await
    }
}

async fn settle(connection: &mut PgConnection, end: &End, rules: Rules<'_>) -> Result<Standing, Error> {
    let mut found = load(connection, end.delivery()).await?;
    if !matches!(end, End::Settled(Settlement { outcome: Outcome::Accepted { .. }, .. })) {
        // The locks may have been waited for until a recall was planned, and only a new statement sees it. For whoever was told
        // it goes out in any case, so that the usual end needs no second look.
        found = load(connection, end.delivery()).await?;
    }
    let Some((row, mut chain)) = found else { return Ok(Standing::NotFound) };
    let now = rules.now;
    let leased = row.state == plan::Standing::Leased;
    let outcome = match end {
        End::Settled(settlement) => {
            if !(leased && row.token.as_deref() == Some(&settlement.token[..]) && row.lease_until >= Some(now)) {
                return late(connection, &row, &mut chain, settlement, now).await;
            }
            settlement.outcome.clone()
        }
        End::LeaseOver(_) if leased && row.lease_until < Some(now) => {
            Outcome::Unknown { reason: "the lease ended without a settlement".to_owned() }
        }
        End::Expired(_) if row.state == plan::Standing::Waiting && row.expires_at <= now => {
            let reason = if row.reason.is_empty() { "it was not sent in time" } else { &row.reason };
            finish(connection, &row, &mut chain, Next::Expired(reason.to_owned()), now).await?;
            return Ok(Standing::Recorded);
        }
        // Settled by somebody else between the look and the lock.
        End::LeaseOver(_) | End::Expired(_) => return Ok(Standing::Stale),
    };
    close_attempt(connection, &row, &outcome, now).await?;
    let maybe_sent = matches!(outcome, Outcome::Unknown { .. });
    if maybe_sent {
        chain.iter_mut().filter(|delivery| delivery.id == row.id).for_each(|delivery| delivery.maybe_sent = true);
    }
    let next = if maybe_sent && rules.policy.never_resend.contains(&row.channel) {
        Next::Dead(format!("not sent again, since it may have been: {}", outcome.reason()))
    } else {
        let times = Times { now, expires_at: row.expires_at };
        // Whoever was told must hear the later word: it is tried until it expires, however often that is.
        let follows = chain.iter().any(|word| word.id == row.id && word.number > word.telling);
        let policy = Policy {
            attempts_limit: if follows { u32::MAX } else { rules.policy.attempts_limit },
            ..rules.policy.clone()
        };
        schedule::next(&outcome, row.attempts, times, &policy, chance())
    };
    finish(connection, &Leased { reason: outcome.reason().to_owned(), ..row }, &mut chain, next, now).await?;
    Ok(Standing::Recorded)
}

/// A settlement of a lease that is no longer in force.
async fn late(
    connection: &mut PgConnection,
    row: &Leased,
    chain: &mut [Delivery],
    settlement: &Settlement,
    now: Timestamp,
) -> Result<Standing, Error> {
    let attempt: Option<(i32, Option<String>)> =
        sqlx::query_as("select number, outcome from attempts where delivery_id = $1 and lease_token = $2")
            .bind(row.id)
            .bind(&settlement.token)
            .fetch_optional(&mut *connection)
            .await?;
    let Some((number, recorded)) = attempt else { return Ok(Standing::NotFound) };
    if recorded.as_deref() == Some(settlement.outcome.as_str()) {
        // The answer to the first one was lost.
        return Ok(Standing::Recorded);
    }
    if let Outcome::Accepted { provider_message_id } = &settlement.outcome {
        sqlx::query(
            "update attempts set outcome = 'sent-late', ended_at = moment($3), provider_message_id = $4
             where delivery_id = $1 and number = $2",
        )
        .bind(row.id)
        .bind(number)
        .bind(now.as_microsecond())
        .bind(clean(provider_message_id))
        .execute(&mut *connection)
        .await?;
        metrics::counter!(metric::ATTEMPTS, "channel" => row.channel.clone(), "outcome" => "sent-late").increment(1);
        if row.state != plan::Standing::Accepted {
            finish(connection, row, chain, Next::Accepted, now).await?;
        }
    }
    Ok(Standing::Stale)
}

/// Gives the delivery its next state, and cancels what is then of no use.
async fn finish(
    connection: &mut PgConnection,
    row: &Leased,
    chain: &mut [Delivery],
    next: Next,
    now: Timestamp,
) -> Result<(), Error> {
    let (standing, due, reason) = match next {
        Next::Accepted => (plan::Standing::Accepted, None, String::new()),
        Next::At(due) => (plan::Standing::Waiting, Some(due), row.reason.clone()),
        Next::Dead(reason) => (plan::Standing::Dead, None, reason),
        Next::Expired(reason) => (plan::Standing::Expired, None, reason),
    };
    if matches!(standing, plan::Standing::Dead | plan::Standing::Expired) {
        metrics::counter!(metric::GIVEN_UP, "channel" => row.channel.clone(), "state" => standing.as_str())
            .increment(1);
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
    .bind(now.as_microsecond())
    .execute(&mut *connection)
    .await?;
    cancel_deliveries(connection, &plan::settled(chain), now).await?;
    // A later word may now be free to go.
    if chain.len() > 1 { notify(connection).await } else { Ok(()) }
}

async fn close_attempt(
    connection: &mut PgConnection,
    row: &Leased,
    outcome: &Outcome,
    now: Timestamp,
) -> Result<(), Error> {
    let provider_message_id =
        if let Outcome::Accepted { provider_message_id } = outcome { provider_message_id } else { "" };
    sqlx::query(
        "update attempts set outcome = $3, ended_at = moment($4), reason = $5, provider_message_id = $6
         where delivery_id = $1 and number = $2",
    )
    .bind(row.id)
    .bind(stored(row.attempts))
    .bind(outcome.as_str())
    .bind(now.as_microsecond())
    .bind(clean(outcome.reason()))
    .bind(clean(provider_message_id))
    .execute(connection)
    .await?;
    metrics::counter!(metric::ATTEMPTS, "channel" => row.channel.clone(), "outcome" => outcome.as_str()).increment(1);
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
