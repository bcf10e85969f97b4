//! A word on an attempt whose lease is no longer in force.
//!
//! An acceptance says that the recipient has the words of that attempt, whatever was recorded of it, and so must hear what
//! became of the alert since: a recall, too, that was not planned or was cancelled because nobody seemed to have been told.

use homeroom_pg::Error;
use sqlx::{PgConnection, Row as _};

use super::{Leased, Settlement, Standing, clean, finish};
use crate::message;
use crate::metric;
use crate::plan::{self, Delivery};
use crate::schedule::{Next, Outcome, Policy};
use crate::store::batch::{Incoming, When, deliver_again};
use crate::store::{bad_row, count, notify, stored};

/// Takes in what is worth it.
pub(super) async fn settle(
    connection: &mut PgConnection,
    row: &Leased,
    chain: &mut [Delivery],
    settlement: &Settlement,
    policy: &Policy,
) -> Result<Standing, Error> {
    if row.token.as_ref() == Some(&settlement.token) {
        keep_attempt(connection, row).await?;
    }
    let attempt: Option<(i32, i32, Option<String>)> = sqlx::query_as(
        "select number, content_number, outcome from attempts where delivery_id = $1 and lease_token = $2",
    )
    .bind(row.id)
    .bind(&settlement.token)
    .fetch_optional(&mut *connection)
    .await?;
    let Some((number, content, recorded)) = attempt else { return Ok(Standing::NotFound) };
    if recorded.as_deref() == Some(settlement.outcome.as_str()) {
        // The answer to the first one was lost.
        return Ok(Standing::Recorded);
    }
    let Outcome::Accepted { provider_message_id } = &settlement.outcome else { return Ok(Standing::Stale) };
    sqlx::query(
        "update attempts set outcome = 'sent-late', ended_at = moment($3), provider_message_id = $4
         where delivery_id = $1 and number = $2",
    )
    .bind(row.id)
    .bind(number)
    .bind(row.now.as_microsecond())
    .bind(clean(provider_message_id))
    .execute(&mut *connection)
    .await?;
    metrics::counter!(metric::ATTEMPTS, "channel" => row.channel.clone(), "outcome" => "sent-late").increment(1);
    if row.state != plan::Standing::Accepted {
        finish(connection, row, chain, Next::Accepted).await?;
        let heard = count("attempts", "content_number", content)?;
        catch_up(connection, row, chain, heard, policy).await?;
    }
    Ok(Standing::Stale)
}

/// Keeps an attempt whose lease is over and that nobody has ended yet.
async fn keep_attempt(connection: &mut PgConnection, row: &Leased) -> Result<(), Error> {
    sqlx::query(
        "insert into attempts (delivery_id, number, district, lease_token, adapter, instance, started_at, content_number)
         select delivery_id, attempts, district, lease_token, lease_adapter, lease_instance, coalesce(leased_at, moment($2)),
             content_number
         from deliveries where delivery_id = $1
         on conflict (delivery_id, number) do nothing",
    )
    .bind(row.id)
    .bind(row.now.as_microsecond())
    .execute(connection)
    .await?;
    Ok(())
}

/// Plans the word that brings the recipient from the change that they heard of to where the alert stands.
async fn catch_up(
    connection: &mut PgConnection,
    row: &Leased,
    chain: &[Delivery],
    heard: u32,
    policy: &Policy,
) -> Result<(), Error> {
    let Some(own) = chain.iter().find(|delivery| delivery.id == row.id) else { return Ok(()) };
    let others: Vec<_> = chain.iter().filter(|delivery| delivery.id != row.id).map(|delivery| delivery.id).collect();
    // Planning takes the alert's lock first and reads deliveries after it, so either it sees what is planned here, or this
    // sees the change that it has planned.
    sqlx::query("select from alerts where alert_id = $1 for update")
        .bind(row.alert_id)
        .execute(&mut *connection)
        .await?;
    let last = sqlx::query(
        "select message, traceparent, (select max(content_number) from deliveries
             where delivery_id = any($3) and (state <> 'cancelled' or maybe_sent)) as heard
         from alert_changes
         where alert_id = $1 and not untold and number >= $2 and number < coalesce(
             (select min(number) from alert_changes where alert_id = $1 and number > $2 and kind = 'opened'), 2147483647)
         order by number desc limit 1",
    )
    .bind(row.alert_id)
    .bind(stored(own.telling))
    .bind(others)
    .fetch_optional(&mut *connection)
    .await?;
    // Forgotten, as alerts are that were over long ago.
    let Some(last) = last else { return Ok(()) };
    let heard_by_others = last.try_get::<Option<i32>, _>("heard")?.unwrap_or_default();
    let heard = heard.max(own.number).max(count("deliveries", "content_number", heard_by_others)?);
    let encoded: bytes::Bytes = last.try_get::<Vec<u8>, _>("message")?.into();
    let change = homeroom_proto::alert::decode(&encoded).map_err(|e| bad_row("alert_changes", "message", &e))?;
    let Some(planned) = plan::catch_up(&change, own, heard, row.now) else { return Ok(()) };
    let message = message::render(&change, planned.kind, planned.late_since, planned.follows);
    let traceparent = last.try_get("traceparent")?;
    let incoming = Incoming { change, moved_to: None, encoded, traceparent, maybe_told: false };
    deliver_again(connection, planned, &incoming, message, When { now: row.now, worth: policy.worth }).await?;
    notify(connection).await
}
