//! The rows of a batch: collected change by change, written at its end.

use std::collections::{BTreeMap, HashMap};

use homeroom_domain::alert::{AlertChange, ChangeKind};
use homeroom_domain::id::AlertId;
use homeroom_pg::Error;
use jiff::{SignedDuration, Timestamp};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Alert, Incoming, uuid};
use crate::message::{self, Message};
use crate::plan::{Delivery, Effect, Planned, Standing};
use crate::store::{Batch, stored};

/// Rows to write.
#[derive(Default)]
pub(super) struct Writes<'a> {
    changes: Vec<(&'a Incoming, Vec<String>)>,
    deliveries: BTreeMap<Uuid, New<'a>>,
    rewritten: BTreeMap<Uuid, Content<'a>>,
    cancelled: Vec<Uuid>,
}

struct New<'a> {
    planned: Planned,
    change_number: u32,
    content: Content<'a>,
    cancelled: bool,
}

struct Content<'a> {
    of: &'a Incoming,
    message: Message,
}

impl<'a> Writes<'a> {
    /// Does in memory what planning asks for.
    pub(super) fn perform(&mut self, incoming: &'a Incoming, alert: &mut Alert, effects: Vec<Effect>) {
        let change = &incoming.change;
        let mut teams: Vec<String> = Vec::new();
        for effect in effects {
            let touched = match effect {
                Effect::Deliver(planned) => {
                    let message = message::render(change, planned.kind, planned.follows);
                    alert.deliveries.push(Delivery {
                        id: planned.id,
                        number: change.number,
                        telling: planned.telling,
                        kind: planned.kind,
                        to: planned.to.clone(),
                        standing: Standing::Waiting,
                        maybe_sent: false,
                    });
                    let (id, content) = (planned.id, Content { of: incoming, message });
                    self.deliveries
                        .insert(id, New { planned, change_number: change.number, content, cancelled: false });
                    Some(id)
                }
                Effect::Rewrite(id) => {
                    self.rewrite(id, incoming, &alert.deliveries);
                    Some(id)
                }
                Effect::Cancel(id) => {
                    self.cancel(id, &mut alert.deliveries);
                    None
                }
            };
            let team = touched.and_then(|id| alert.deliveries.iter().find(|d| d.id == id)).map(|d| &d.to.team);
            teams.extend(team.filter(|team| !teams.contains(*team)).cloned());
        }
        self.changes.push((incoming, teams));
    }

    fn rewrite(&mut self, id: Uuid, incoming: &'a Incoming, known: &[Delivery]) {
        let Some(delivery) = known.iter().find(|delivery| delivery.id == id) else { return };
        if let Some(new) = self.deliveries.get_mut(&id) {
            let message = message::render(&incoming.change, delivery.kind, new.planned.follows);
            new.content = Content { of: incoming, message };
        } else {
            // Only first words and amendments of untold ones are rewritten, so there is nothing that the words would follow.
            let message = message::render(&incoming.change, delivery.kind, None);
            self.rewritten.insert(id, Content { of: incoming, message });
        }
    }

    fn cancel(&mut self, id: Uuid, known: &mut [Delivery]) {
        if let Some(delivery) = known.iter_mut().find(|delivery| delivery.id == id) {
            delivery.standing = Standing::Cancelled;
        }
        match self.deliveries.get_mut(&id) {
            Some(new) => new.cancelled = true,
            None => self.cancelled.push(id),
        }
    }

    /// Writes everything.
    pub(super) async fn write(
        &self,
        connection: &mut PgConnection,
        batch: &Batch,
        alerts: &HashMap<AlertId, Alert>,
        sequences: &mut HashMap<String, i64>,
    ) -> Result<(), Error> {
        self.write_changes(connection, batch.now, sequences).await?;
        self.write_alerts(connection, alerts).await?;
        for chunk in self.deliveries.values().collect::<Vec<_>>().chunks(WRITE_CHUNK) {
            insert(connection, batch, chunk).await?;
        }
        for (id, content) in &self.rewritten {
            sqlx::query(
                "update deliveries set subject = $2, body = $3, data = $4, content_number = $5, traceparent = $6 where delivery_id = $1",
            )
            .bind(id)
            .bind(&content.message.subject)
            .bind(&content.message.text)
            .bind(&content.message.data)
            .bind(stored(content.of.change.number))
            .bind(&content.of.traceparent)
            .execute(&mut *connection)
            .await?;
        }
        sqlx::query("update deliveries set state = 'cancelled', settled_at = moment($2), last_reason = $3 where delivery_id = any($1)")
            .bind(&self.cancelled)
            .bind(batch.now.as_microsecond())
            .bind(CANCELLED)
            .execute(connection)
            .await?;
        Ok(())
    }

    async fn write_changes(
        &self,
        connection: &mut PgConnection,
        now: Timestamp,
        sequences: &mut HashMap<String, i64>,
    ) -> Result<(), Error> {
        for (incoming, teams) in &self.changes {
            let change = &incoming.change;
            let last = sequences.entry(change.district.as_str().to_owned()).or_default();
            *last += 1;
            sqlx::query(
                "insert into alert_changes
                     (alert_id, number, district, sequence, school, kind, message, teams, traceparent, recorded_at)
                 values ($1, $2, $3, $4, $5, $6, $7, $8, $9, moment($10))",
            )
            .bind(uuid(change.alert_id))
            .bind(stored(change.number))
            .bind(change.district.as_str())
            .bind(*last)
            .bind(change.school.as_str())
            .bind(message::kind_name(change.kind))
            .bind(&incoming.encoded[..])
            .bind(teams)
            .bind(&incoming.traceparent)
            .bind(now.as_microsecond())
            .execute(&mut *connection)
            .await?;
        }
        for (district, last) in sequences {
            sqlx::query("update feed_positions set last_sequence = $2 where district = $1")
                .bind(district.as_str())
                .bind(*last)
                .execute(&mut *connection)
                .await?;
        }
        Ok(())
    }

    async fn write_alerts(&self, connection: &mut PgConnection, alerts: &HashMap<AlertId, Alert>) -> Result<(), Error> {
        // The last change of each alert says where it stands.
        let last: BTreeMap<AlertId, &AlertChange> =
            self.changes.iter().map(|(incoming, _)| (incoming.change.alert_id, &incoming.change)).collect();
        for (id, change) in last {
            sqlx::query(
                "insert into alerts (alert_id, district, school, rule, last_number, telling, state) values ($1, $2, $3, $4, $5, $6, $7)
                 on conflict (alert_id) do update set school = excluded.school, last_number = excluded.last_number,
                     telling = excluded.telling, state = excluded.state",
            )
            .bind(uuid(id))
            .bind(change.district.as_str())
            .bind(change.school.as_str())
            .bind(change.claim.rule.as_str())
            .bind(stored(change.number))
            .bind(stored(alerts.get(&id).map_or(change.number, |alert| alert.telling)))
            .bind(state_after(change.kind))
            .execute(&mut *connection)
            .await?;
        }
        Ok(())
    }
}

/// Why a delivery ended that nobody will get.
pub(in crate::store) const CANCELLED: &str = "taken back before it was told";

/// Deliveries per statement, so that none grows without end.
const WRITE_CHUNK: usize = 1_000;

async fn insert(connection: &mut PgConnection, batch: &Batch, chunk: &[&New<'_>]) -> Result<(), Error> {
    let text = |of: for<'n> fn(&'n New<'n>) -> &'n str| -> Vec<String> {
        chunk.iter().map(|new| of(new).to_owned()).collect()
    };
    let worth = SignedDuration::try_from(batch.worth).unwrap_or(SignedDuration::MAX);
    let expires = |new: &New<'_>| {
        new.planned.due_at.max(batch.now).saturating_add(worth).unwrap_or(Timestamp::MAX).as_microsecond()
    };
    let settled = |new: &New<'_>| new.cancelled.then(|| batch.now.as_microsecond());
    sqlx::query(
        "insert into deliveries (delivery_id, district, alert_id, change_number, telling, kind, channel, team, address, follows,
             state, due_at, expires_at, subject, body, data, content_number, traceparent, planned_at, settled_at, last_reason)
         select n.id, n.district, n.alert_id, n.number, n.telling, n.kind, n.channel, n.team, n.address, n.follows,
             n.state, moment(n.due_at), moment(n.expires_at), n.subject, n.body, n.data, n.content_number, n.traceparent,
             moment($19), moment(n.settled_at), case when n.settled_at is null then '' else $20 end
         from unnest($1::uuid[], $2::text[], $3::uuid[], $4::int[], $5::int[], $6::text[], $7::text[], $8::text[], $9::text[],
             $10::uuid[], $11::text[], $12::bigint[], $13::bigint[], $14::text[], $15::text[], $16::text[], $17::int[], $18::text[],
             $21::bigint[])
             as n (id, district, alert_id, number, telling, kind, channel, team, address, follows, state, due_at, expires_at,
                 subject, body, data, content_number, traceparent, settled_at)",
    )
    .bind(chunk.iter().map(|new| new.planned.id).collect::<Vec<_>>())
    .bind(text(|new| new.content.of.change.district.as_str()))
    .bind(chunk.iter().map(|new| uuid(new.content.of.change.alert_id)).collect::<Vec<_>>())
    .bind(chunk.iter().map(|new| stored(new.change_number)).collect::<Vec<_>>())
    .bind(chunk.iter().map(|new| stored(new.planned.telling)).collect::<Vec<_>>())
    .bind(text(|new| message::kind_name(new.planned.kind)))
    .bind(text(|new| &new.planned.to.channel))
    .bind(text(|new| &new.planned.to.team))
    .bind(text(|new| &new.planned.to.address))
    .bind(chunk.iter().map(|new| new.planned.follows).collect::<Vec<_>>())
    .bind(text(|new| if new.cancelled { Standing::Cancelled.as_str() } else { Standing::Waiting.as_str() }))
    .bind(chunk.iter().map(|new| new.planned.due_at.as_microsecond()).collect::<Vec<_>>())
    .bind(chunk.iter().map(|new| expires(new)).collect::<Vec<_>>())
    .bind(text(|new| &new.content.message.subject))
    .bind(text(|new| &new.content.message.text))
    .bind(text(|new| &new.content.message.data))
    .bind(chunk.iter().map(|new| stored(new.content.of.change.number)).collect::<Vec<_>>())
    .bind(text(|new| &new.content.of.traceparent))
    .bind(batch.now.as_microsecond())
    .bind(CANCELLED)
    .bind(chunk.iter().map(|new| settled(new)).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}

const fn state_after(kind: ChangeKind) -> &'static str {
    match kind {
        ChangeKind::Opened | ChangeKind::Amended | ChangeKind::Escalated => "open",
        ChangeKind::Cleared => "cleared",
        ChangeKind::Recalled => "recalled",
    }
}
