//! Alert changes into rows: loads what is known of a batch's alerts, plans change by change in memory, writes once.

mod rows;
mod write;

use std::collections::HashMap;

use bytes::Bytes;
use homeroom_domain::alert::{AlertChange, ChangeKind};
use homeroom_domain::id::AlertId;
use homeroom_pg::Error;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use super::{Batch, bad_row, count, delivery, notify};
use crate::plan::{self, Delivery};
use crate::routing::Routing;

pub(super) use rows::cancel_deliveries;
use write::Writes;

/// A change as it came.
#[derive(Debug, Clone)]
pub(crate) struct Incoming {
    /// What it says.
    pub(crate) change: AlertChange,
    /// Its bytes in the topic.
    pub(crate) encoded: Bytes,
    /// W3C trace context of its record; may be empty.
    pub(crate) traceparent: String,
}

/// What a batch did, for metrics.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Changes taken, by kind.
    pub(crate) changes: Vec<ChangeKind>,
    /// Changes that were known already.
    pub(crate) repeats: u64,
    /// Openings that no team is routed to.
    pub(crate) unrouted: u64,
    /// Records that were not understood.
    pub(crate) dead: u64,
}

/// What is known of an alert, and what is new since it was loaded.
#[derive(Default)]
struct Alert {
    /// None when it is new.
    district: Option<String>,
    last: u32,
    telling: u32,
    deliveries: Vec<Delivery>,
}

/// Applies the batch within the caller's transaction.
pub(super) async fn apply(connection: &mut PgConnection, batch: &Batch, routing: &Routing) -> Result<Outcome, Error> {
    let mut outcome = Outcome { dead: batch.dead.len() as u64, ..Outcome::default() };
    if batch.incoming.is_empty() {
        return Ok(outcome);
    }
    let mut sequences = lock_sequences(connection, batch).await?;
    let mut alerts = load(connection, batch).await?;
    let mut writes = Writes::default();
    for incoming in &batch.incoming {
        let alert = alerts.entry(incoming.change.alert_id).or_default();
        let change = &incoming.change;
        if alert.district.as_ref().is_some_and(|district| district != change.district.as_str()) {
            return Err(bad_row(
                "alerts",
                "district",
                &format_args!("alert `{}` is another district's", change.alert_id),
            ));
        }
        if change.number <= alert.last {
            outcome.repeats += 1;
            continue;
        }
        if change.number != alert.last + 1 {
            tracing::warn!(alert.id = %change.alert_id, number = change.number, last = alert.last, "an alert's changes have a gap");
        }
        let routed = routing.recipients(change);
        outcome.unrouted += u64::from(change.kind == ChangeKind::Opened && routed.is_empty());
        outcome.changes.push(change.kind);
        alert.last = change.number;
        alert.district.get_or_insert_with(|| change.district.as_str().to_owned());
        if change.kind == ChangeKind::Opened || alert.telling == 0 {
            alert.telling = change.number;
        }
        let effects = plan::change(change, alert.telling, &alert.deliveries, &routed);
        writes.perform(incoming, alert, effects);
    }
    writes.write(connection, batch, &alerts, &mut sequences).await?;
    if !outcome.changes.is_empty() {
        notify(connection).await?;
    }
    Ok(outcome)
}

/// The commit sequences of the batch's districts, locked until commit. In order of district, so that two batches cannot wait
/// for each other.
async fn lock_sequences(connection: &mut PgConnection, batch: &Batch) -> Result<HashMap<String, i64>, Error> {
    let mut districts: Vec<&str> = batch.incoming.iter().map(|incoming| incoming.change.district.as_str()).collect();
    districts.sort_unstable();
    districts.dedup();
    let mut sequences = HashMap::new();
    for district in districts {
        sqlx::query("insert into districts (name) values ($1) on conflict do nothing")
            .bind(district)
            .execute(&mut *connection)
            .await?;
        // An update that changes nothing, for its lock.
        let last: i64 = sqlx::query_scalar(
            "insert into feed_positions (district, last_sequence) values ($1, 0)
             on conflict (district) do update set last_sequence = feed_positions.last_sequence
             returning last_sequence",
        )
        .bind(district)
        .fetch_one(&mut *connection)
        .await?;
        sequences.insert(district.to_owned(), last);
    }
    Ok(sequences)
}

async fn load(connection: &mut PgConnection, batch: &Batch) -> Result<HashMap<AlertId, Alert>, Error> {
    let ids: Vec<Uuid> = batch.incoming.iter().map(|incoming| uuid(incoming.change.alert_id)).collect();
    let mut alerts: HashMap<AlertId, Alert> = HashMap::new();
    let rows = sqlx::query(
        "select alert_id, district, last_number, telling from alerts where alert_id = any($1) order by alert_id for update",
    )
    .bind(&ids)
    .fetch_all(&mut *connection)
    .await?;
    for row in rows {
        let last = count("alerts", "last_number", row.try_get("last_number")?)?;
        let telling = count("alerts", "telling", row.try_get("telling")?)?;
        let district = Some(row.try_get("district")?);
        let id = AlertId::from(row.try_get::<Uuid, _>("alert_id")?);
        alerts.insert(id, Alert { district, last, telling, deliveries: Vec::new() });
    }
    let rows = sqlx::query(
        "select alert_id, delivery_id, change_number, telling, kind, team, channel, address, state, maybe_sent
         from deliveries where alert_id = any($1) order by delivery_id for update",
    )
    .bind(&ids)
    .fetch_all(&mut *connection)
    .await?;
    for row in rows {
        let id = AlertId::from(row.try_get::<Uuid, _>("alert_id")?);
        let alert =
            alerts.get_mut(&id).ok_or_else(|| bad_row("deliveries", "alert_id", &format_args!("no alert `{id}`")))?;
        alert.deliveries.push(delivery(&row)?);
    }
    Ok(alerts)
}

fn uuid(id: AlertId) -> Uuid {
    Uuid::from_bytes(*id.as_bytes())
}
