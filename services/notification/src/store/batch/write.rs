//! The rows of a batch: collected change by change, written at its end.

use std::collections::{BTreeMap, HashMap};

use homeroom_domain::date::Date;
use homeroom_domain::id::AlertId;
use homeroom_pg::Error;
use jiff::Timestamp;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Alert, Incoming, When, rows};
use crate::message::{self, Message};
use crate::plan::{self, Delivery, Effect, Planned, Standing};

/// Rows to write.
#[derive(Default)]
pub(super) struct Writes<'a> {
    changes: Vec<Kept<'a>>,
    deliveries: BTreeMap<Uuid, New<'a>>,
    rewritten: BTreeMap<Uuid, Content<'a>>,
    cancelled: Vec<Uuid>,
}

/// A change to insert.
pub(super) struct Kept<'a> {
    pub(super) of: &'a Incoming,
    /// Whom it goes, or will go, to.
    pub(super) teams: Vec<String>,
    /// Nobody is told of it, and it asks for no acknowledgement.
    pub(super) untold: bool,
}

/// A row to insert.
pub(super) struct New<'a> {
    pub(super) planned: Planned,
    pub(super) change_number: u32,
    pub(super) content: Content<'a>,
    pub(super) cancelled: bool,
    pub(super) maybe_sent: bool,
}

/// Words, and the change that they are of.
pub(super) struct Content<'a> {
    pub(super) of: &'a Incoming,
    pub(super) message: Message,
    /// What they are late news of, if they are.
    pub(super) late_since: Option<Date>,
    /// When the delivery is due at the latest, if that changes.
    pub(super) due_by: Option<Timestamp>,
}

impl<'a> Writes<'a> {
    /// Does in memory what planning asks for, and keeps the change.
    pub(super) fn perform(&mut self, incoming: &'a Incoming, alert: &mut Alert, effects: Vec<Effect>, now: Timestamp) {
        let teams = self.plan(incoming, alert, effects, now);
        self.changes.push(Kept { of: incoming, teams, untold: false });
    }

    /// Keeps a change of which nobody is told.
    pub(super) fn keep_untold(&mut self, incoming: &'a Incoming) {
        self.changes.push(Kept { of: incoming, teams: Vec::new(), untold: true });
    }

    /// Does in memory what planning asks for; returns the teams concerned.
    pub(super) fn plan(
        &mut self,
        incoming: &'a Incoming,
        alert: &mut Alert,
        effects: Vec<Effect>,
        now: Timestamp,
    ) -> Vec<String> {
        let change = &incoming.change;
        let mut teams: Vec<String> = Vec::new();
        for effect in effects {
            let touched = match effect {
                Effect::Deliver(planned) => {
                    let message = message::render(change, planned.kind, planned.late_since, planned.follows);
                    let message = if planned.follows.is_none() { message.in_reserve(&planned.to) } else { message };
                    alert.deliveries.push(Delivery {
                        id: planned.id,
                        number: change.number,
                        telling: planned.telling,
                        kind: planned.kind,
                        to: planned.to.clone(),
                        standing: Standing::Waiting,
                        maybe_sent: incoming.maybe_told,
                        late_since: planned.late_since,
                    });
                    let (id, late_since) = (planned.id, planned.late_since);
                    let content = Content { of: incoming, message, late_since, due_by: None };
                    let (change_number, maybe_sent) = (change.number, incoming.maybe_told);
                    self.deliveries.insert(id, New { planned, change_number, content, cancelled: false, maybe_sent });
                    Some(id)
                }
                Effect::Rewrite(id) => {
                    self.rewrite(id, incoming, &mut alert.deliveries, now);
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
        teams
    }

    fn rewrite(&mut self, id: Uuid, incoming: &'a Incoming, known: &mut [Delivery], now: Timestamp) {
        let Some(delivery) = known.iter_mut().find(|delivery| delivery.id == id) else { return };
        let late_since = plan::rewritten_late_since(&incoming.change, delivery);
        delivery.late_since = late_since;
        let due_by = plan::hastened(&incoming.change, &delivery.to, now);
        if let Some(new) = self.deliveries.get_mut(&id) {
            let message = message::render(&incoming.change, delivery.kind, late_since, new.planned.follows);
            let message = if new.planned.follows.is_none() { message.in_reserve(&delivery.to) } else { message };
            new.content = Content { of: incoming, message, late_since, due_by: None };
            new.planned.due_at = due_by.map_or(new.planned.due_at, |by| new.planned.due_at.min(by));
        } else {
            // Only first words and amendments of untold ones are rewritten, so there is nothing that the words would follow.
            let message = message::render(&incoming.change, delivery.kind, late_since, None).in_reserve(&delivery.to);
            // Another change of this batch may have hastened it before.
            let before = self.rewritten.get(&id).and_then(|content| content.due_by);
            let due_by = due_by.into_iter().chain(before).min();
            self.rewritten.insert(id, Content { of: incoming, message, late_since, due_by });
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
        when: When,
        alerts: &HashMap<AlertId, Alert>,
    ) -> Result<(), Error> {
        for chunk in self.deliveries.values().collect::<Vec<_>>().chunks(WRITE_CHUNK) {
            rows::insert_deliveries(connection, when, chunk).await?;
        }
        rows::rewrite_deliveries(connection, &self.rewritten).await?;
        rows::cancel_deliveries(connection, &self.cancelled, when.now).await?;
        // Late, since it locks the order of the whole district until commit; and before the alerts, so that an alert that is another
        // district's is refused as known, and not as forbidden.
        rows::insert_changes(connection, &self.changes, when.now).await?;
        rows::upsert_alerts(connection, &self.changes, alerts, when.now).await
    }
}

/// Deliveries per statement, so that none grows without end.
const WRITE_CHUNK: usize = 1_000;
