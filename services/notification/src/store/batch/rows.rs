//! The statements of a batch: one for all rows of a table, and for the changes one for each district.

use std::time::Duration;

use std::collections::{BTreeMap, HashMap};

use homeroom_domain::alert::{AlertChange, ChangeKind};
use homeroom_domain::date::Date;
use homeroom_domain::id::AlertId;
use homeroom_pg::Error;
use jiff::{SignedDuration, Timestamp};
use sqlx::PgConnection;
use uuid::Uuid;

use super::write::{Content, Kept, New};
use super::{Alert, Incoming, When, uuid};
use crate::message::{self, Message};
use crate::plan::{self, Planned, Standing};
use crate::store::stored;

/// Why a delivery ended that nobody will get, or get again.
pub(in crate::store) const CANCELLED: &str = "superseded before it was sent";

/// Inserts changes with the next sequences of their districts. A district's order is locked from here to the commit; districts
/// come in the order of their names, so that two batches cannot wait for each other.
pub(super) async fn insert_changes(
    connection: &mut PgConnection,
    changes: &[Kept<'_>],
    now: Timestamp,
) -> Result<(), Error> {
    let mut by_district: BTreeMap<&str, Vec<&Kept<'_>>> = BTreeMap::new();
    for kept in changes {
        by_district.entry(kept.of.change.district.as_str()).or_default().push(kept);
    }
    for (district, changes) in by_district {
        insert_changes_of(connection, district, &changes, now).await?;
    }
    Ok(())
}

async fn insert_changes_of(
    connection: &mut PgConnection,
    district: &str,
    changes: &[&Kept<'_>],
    now: Timestamp,
) -> Result<(), Error> {
    let all = || changes.iter().map(|kept| &kept.of.change);
    // Arrays of arrays cannot be unnested, so each row's teams travel as one JSON text.
    let teams = changes.iter().map(|kept| serde_json::Value::from(kept.teams.clone()).to_string());
    sqlx::query(
        "with taken as (
             insert into feed_positions (district, last_sequence) values ($1, $2)
             on conflict (district) do update set last_sequence = feed_positions.last_sequence + excluded.last_sequence
             returning last_sequence - $2 as before),
         named as (insert into districts (name) select $1 from taken where before = 0 on conflict do nothing)
         insert into alert_changes
             (alert_id, number, district, sequence, school, kind, message, teams, traceparent, recorded_at, untold)
         select n.alert_id, n.number, $1, taken.before + n.place, n.school, n.kind, n.message,
             array(select jsonb_array_elements_text(n.teams::jsonb)), n.traceparent, moment($3), n.untold
         from taken, unnest($4::uuid[], $5::int[], $6::text[], $7::text[], $8::bytea[], $9::text[], $10::text[], $11::bool[])
             with ordinality as n (alert_id, number, school, kind, message, teams, traceparent, untold, place)",
    )
    .bind(district)
    .bind(i64::try_from(changes.len()).unwrap_or(i64::MAX))
    .bind(now.as_microsecond())
    .bind(all().map(|change| uuid(change.alert_id)).collect::<Vec<_>>())
    .bind(all().map(|change| stored(change.number)).collect::<Vec<_>>())
    .bind(all().map(|change| change.school.as_str()).collect::<Vec<_>>())
    .bind(all().map(|change| message::kind_name(change.kind)).collect::<Vec<_>>())
    .bind(changes.iter().map(|kept| &kept.of.encoded[..]).collect::<Vec<_>>())
    .bind(teams.collect::<Vec<_>>())
    .bind(changes.iter().map(|kept| kept.of.traceparent.as_str()).collect::<Vec<_>>())
    .bind(changes.iter().map(|kept| kept.untold).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}

/// Brings each alert to where its last change leaves it.
pub(super) async fn upsert_alerts(
    connection: &mut PgConnection,
    changes: &[Kept<'_>],
    alerts: &HashMap<AlertId, Alert>,
    now: Timestamp,
) -> Result<(), Error> {
    // The last change of each alert says where it stands.
    let last: BTreeMap<AlertId, &AlertChange> =
        changes.iter().map(|kept| (kept.of.change.alert_id, &kept.of.change)).collect();
    let telling = |change: &AlertChange| alerts.get(&change.alert_id).map_or(change.number, |alert| alert.telling);
    sqlx::query(
        "insert into alerts (alert_id, district, school, rule, last_number, telling, state, closed_at)
         select n.*, case when n.state <> 'open' then moment($8) end
         from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::int[], $6::int[], $7::text[])
             as n (alert_id, district, school, rule, last_number, telling, state)
         on conflict (alert_id) do update set school = excluded.school, last_number = excluded.last_number,
             telling = excluded.telling, state = excluded.state, closed_at = excluded.closed_at",
    )
    .bind(last.keys().map(|id| uuid(*id)).collect::<Vec<_>>())
    .bind(last.values().map(|change| change.district.as_str()).collect::<Vec<_>>())
    .bind(last.values().map(|change| change.school.as_str()).collect::<Vec<_>>())
    .bind(last.values().map(|change| change.claim.rule.as_str()).collect::<Vec<_>>())
    .bind(last.values().map(|change| stored(change.number)).collect::<Vec<_>>())
    .bind(last.values().map(|change| stored(telling(change))).collect::<Vec<_>>())
    .bind(last.values().map(|change| state_after(change.kind)).collect::<Vec<_>>())
    .bind(now.as_microsecond())
    .execute(connection)
    .await?;
    Ok(())
}

/// Gives waiting deliveries new words. Whether a case may hold them back is as their rule has it now; what is set aside and may not be
/// any more is let go by the next sweep.
pub(super) async fn rewrite_deliveries(
    connection: &mut PgConnection,
    rewritten: &BTreeMap<Uuid, Content<'_>>,
) -> Result<(), Error> {
    if rewritten.is_empty() {
        return Ok(());
    }
    let all = || rewritten.values();
    sqlx::query(
        "update deliveries d set subject = n.subject, body = n.body, data = n.data, content_number = n.content_number,
             traceparent = n.traceparent, late_since = n.late_since, quiet_of = n.quiet_of,
             due_at = case when d.set_aside_due_at is null then least(d.due_at, moment(n.due_by)) else d.due_at end,
             set_aside_due_at = case when d.set_aside_due_at is not null
                 then least(d.set_aside_due_at, moment(n.due_by)) end
         from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::int[], $6::text[], $7::bigint[], $8::int[], $9::bytea[])
             as n (id, subject, body, data, content_number, traceparent, due_by, late_since, quiet_of)
         where d.delivery_id = n.id",
    )
    .bind(rewritten.keys().copied().collect::<Vec<_>>())
    .bind(all().map(|content| content.message.subject.as_str()).collect::<Vec<_>>())
    .bind(all().map(|content| content.message.text.as_str()).collect::<Vec<_>>())
    .bind(all().map(|content| content.message.data.as_str()).collect::<Vec<_>>())
    .bind(all().map(|content| stored(content.of.change.number)).collect::<Vec<_>>())
    .bind(all().map(|content| content.of.traceparent.as_str()).collect::<Vec<_>>())
    .bind(all().map(|content| content.due_by.map(Timestamp::as_microsecond)).collect::<Vec<_>>())
    .bind(all().map(|content| content.late_since.map(Date::days)).collect::<Vec<_>>())
    .bind(all().map(|content| quiet_of(&content.of.change)).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}

/// Ends waiting deliveries without sending them, or sending them again.
pub(in crate::store) async fn cancel_deliveries(
    connection: &mut PgConnection,
    cancelled: &[Uuid],
    now: Timestamp,
) -> Result<(), Error> {
    if cancelled.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "update deliveries set state = 'cancelled', settled_at = moment($2), last_reason = $3
         where delivery_id = any($1)",
    )
    .bind(cancelled)
    .bind(now.as_microsecond())
    .bind(CANCELLED)
    .execute(connection)
    .await?;
    Ok(())
}

/// How long a later word of a telling is tried at least: a week.
const FOLLOWING_WORTH: Duration = Duration::from_hours(7 * 24);

/// Inserts deliveries.
pub(super) async fn insert_deliveries(
    connection: &mut PgConnection,
    when: When,
    chunk: &[&New<'_>],
) -> Result<(), Error> {
    let text = |of: for<'n> fn(&'n New<'n>) -> &'n str| -> Vec<String> {
        chunk.iter().map(|new| of(new).to_owned()).collect()
    };
    let worth = SignedDuration::try_from(when.worth).unwrap_or(SignedDuration::MAX);
    // What corrects or takes back an earlier word is worth sending for longer than the word was: a mail server may be down over
    // a weekend.
    let following = SignedDuration::try_from(when.worth.max(FOLLOWING_WORTH)).unwrap_or(SignedDuration::MAX);
    let expires = |new: &New<'_>| {
        let worth = if new.planned.follows.is_some() { following } else { worth };
        new.planned.due_at.max(when.now).saturating_add(worth).unwrap_or(Timestamp::MAX).as_microsecond()
    };
    let settled = |new: &New<'_>| new.cancelled.then(|| when.now.as_microsecond());
    sqlx::query(
        "insert into deliveries (delivery_id, district, alert_id, change_number, telling, kind, channel, team, address, follows,
             state, due_at, expires_at, subject, body, data, content_number, traceparent, planned_at, settled_at, last_reason,
             maybe_sent, late_since, told_after, quiet_of)
         select n.id, n.district, n.alert_id, n.number, n.telling, n.kind, n.channel, n.team, n.address, n.follows,
             n.state, moment(n.due_at), moment(n.expires_at), n.subject, n.body, n.data, n.content_number, n.traceparent,
             moment($19), moment(n.settled_at), case when n.settled_at is null then '' else $20 end, n.maybe_sent, n.late_since, n.told_after,
             n.quiet_of
         from unnest($1::uuid[], $2::text[], $3::uuid[], $4::int[], $5::int[], $6::text[], $7::text[], $8::text[], $9::text[],
             $10::uuid[], $11::text[], $12::bigint[], $13::bigint[], $14::text[], $15::text[], $16::text[], $17::int[], $18::text[],
             $21::bigint[], $22::bool[], $23::int[], $24::int[], $25::bytea[])
             as n (id, district, alert_id, number, telling, kind, channel, team, address, follows, state, due_at, expires_at,
                 subject, body, data, content_number, traceparent, settled_at, maybe_sent, late_since, told_after, quiet_of)",
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
    .bind(when.now.as_microsecond())
    .bind(CANCELLED)
    .bind(chunk.iter().map(|new| settled(new)).collect::<Vec<_>>())
    .bind(chunk.iter().map(|new| new.maybe_sent).collect::<Vec<_>>())
    .bind(chunk.iter().map(|new| new.content.late_since.map(Date::days)).collect::<Vec<_>>())
    .bind(chunk.iter().map(|new| i32::try_from(new.planned.to.after.as_secs()).unwrap_or(i32::MAX)).collect::<Vec<_>>())
    .bind(chunk.iter().map(|new| quiet_of(&new.content.of.change)).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}

/// Whose case may hold a change's words back. Who was told hears that it is taken back, whatever is open.
fn quiet_of(change: &AlertChange) -> Option<&[u8]> {
    let may_wait = change.claim.terms.quiet_while_case_open && !plan::takes_back(change.kind);
    may_wait.then(|| &change.student.as_bytes()[..])
}

/// Plans a word once more that was cancelled, or for the first time.
pub(in crate::store) async fn deliver_again(
    connection: &mut PgConnection,
    planned: Planned,
    of: &Incoming,
    message: Message,
    when: When,
) -> Result<(), Error> {
    let worth = SignedDuration::try_from(when.worth.max(FOLLOWING_WORTH)).unwrap_or(SignedDuration::MAX);
    let due_at = planned.due_at.max(when.now);
    let expires = due_at.saturating_add(worth).unwrap_or(Timestamp::MAX);
    let revived = sqlx::query(
        "update deliveries set state = 'waiting', due_at = moment($2), expires_at = moment($3), settled_at = null,
             set_aside_due_at = null, last_reason = ''
         where delivery_id = $1 and state = 'cancelled'",
    )
    .bind(planned.id)
    .bind(due_at.as_microsecond())
    .bind(expires.as_microsecond())
    .execute(&mut *connection)
    .await?;
    if revived.rows_affected() > 0 {
        return Ok(());
    }
    let (change_number, maybe_sent) = (of.change.number, of.maybe_told);
    let content = Content { of, message, late_since: planned.late_since, due_by: None };
    let new = New { planned, change_number, content, cancelled: false, maybe_sent };
    insert_deliveries(connection, when, &[&new]).await
}

const fn state_after(kind: ChangeKind) -> &'static str {
    match kind {
        ChangeKind::Opened | ChangeKind::Amended | ChangeKind::Escalated => "open",
        ChangeKind::Cleared => "cleared",
        ChangeKind::Recalled => "recalled",
    }
}
