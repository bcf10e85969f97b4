//! The delivery that is settled, with the other words of its telling to the same recipient.

use homeroom_pg::Error;
use jiff::Timestamp;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use crate::plan::{self, Delivery};
use crate::store::{count, delivery, moment};

/// What settling looks at.
pub(super) struct Leased {
    pub(super) id: Uuid,
    pub(super) alert_id: Uuid,
    pub(super) channel: String,
    pub(super) state: plan::Standing,
    pub(super) attempts: u32,
    pub(super) token: Option<Vec<u8>>,
    pub(super) lease_until: Option<Timestamp>,
    pub(super) due_at: Timestamp,
    pub(super) expires_at: Timestamp,
    pub(super) reason: String,
    /// Somebody has acknowledged the alert as it was when it got these words, or later.
    pub(super) acknowledged: bool,
    /// The moment of the look.
    pub(super) now: Timestamp,
}

/// The delivery and its chain, locked in order of id as planning locks them.
pub(super) async fn load(connection: &mut PgConnection, id: Uuid) -> Result<Option<(Leased, Vec<Delivery>)>, Error> {
    let rows = sqlx::query(
        "select d.delivery_id, d.alert_id, d.change_number, d.telling, d.kind, d.team, d.channel, d.address, d.told_after, d.state, d.maybe_sent, d.late_since, d.attempts,
             d.lease_token, microseconds(d.lease_until) as lease_until, microseconds(d.due_at) as due_at,
             microseconds(d.expires_at) as expires_at, d.last_reason, microseconds(clock()) as now,
             coalesce((select a.acknowledged_number >= d.content_number from alerts a where a.alert_id = d.alert_id), false)
                 as acknowledged
         from deliveries d
         join deliveries one on one.alert_id = d.alert_id and one.channel = d.channel and one.address = d.address
             and one.telling = d.telling
         where one.delivery_id = $1
         order by d.delivery_id for update of d",
    )
    .bind(id)
    .fetch_all(connection)
    .await?;
    let mut own = None;
    let mut chain = Vec::with_capacity(rows.len());
    for row in &rows {
        let delivery = delivery(row)?;
        if delivery.id == id {
            let lease_until: Option<i64> = row.try_get("lease_until")?;
            own = Some(Leased {
                id,
                alert_id: row.try_get("alert_id")?,
                channel: delivery.to.channel.clone(),
                state: delivery.standing,
                attempts: count("deliveries", "attempts", row.try_get("attempts")?)?,
                token: row.try_get("lease_token")?,
                lease_until: lease_until.map(|at| moment("deliveries", "lease_until", at)).transpose()?,
                due_at: moment("deliveries", "due_at", row.try_get("due_at")?)?,
                expires_at: moment("deliveries", "expires_at", row.try_get("expires_at")?)?,
                reason: row.try_get("last_reason")?,
                acknowledged: row.try_get("acknowledged")?,
                now: moment("deliveries", "now", row.try_get("now")?)?,
            });
        }
        chain.push(delivery);
    }
    Ok(own.map(|row| (row, chain)))
}
