//! What came outside and what is recorded of it, as the library of invariants wants to see it.

use anyhow::{Context as _, Result, ensure};
use homeroom_domain::alert::ChangeKind;
use homeroom_invariant::delivery::{Delivery, Outcome, State, Word, check as check_outcome};
use homeroom_invariant::{Change, Findings, History};
use secrecy::ExposeSecret as _;
use sqlx::postgres::PgRow;
use sqlx::{Connection as _, PgConnection, Row as _};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::outside::Outside;
use crate::world::World;
use crate::{PATIENCE, POLL};

use super::Copies;

pub(super) async fn check(world: &World, history: &History, copies: Copies, findings: &mut Findings) -> Result<()> {
    let mut deliveries = settled(world).await?;
    let words = words(&Outside::read(&world.sink)?, copies)?;
    if copies == Copies::MayRepeat {
        forget(&words, &mut deliveries);
    }
    let outcome = Outcome { history, words: &words, deliveries: &deliveries };
    check_outcome(&outcome, routed, findings);
    Ok(())
}

/// What came outside is not recorded where the database is from a backup: it may have come, is all that is known of it.
fn forget(words: &[Word], deliveries: &mut Vec<Delivery>) {
    for word in words {
        match deliveries.iter_mut().find(|delivery| delivery.key == word.key) {
            Some(delivery) => delivery.unknown = delivery.unknown.max(1),
            None => deliveries.push(Delivery {
                key: word.key,
                alert: word.alert,
                number: word.number,
                to: word.to.clone(),
                state: State::Accepted,
                unknown: 1,
            }),
        }
    }
}

/// The team of each school has one webhook, whose address ends with the school.
fn routed(change: &Change) -> Vec<String> {
    vec![recipient(change.school.as_str())]
}

fn recipient(school: &str) -> String {
    format!("webhook of school {school}")
}

fn words(outside: &Outside, copies: Copies) -> Result<Vec<Word>> {
    let word = |(word, (key, count)): (&crate::outside::Word, &(Uuid, u32))| {
        Ok(Word {
            alert: word.alert_id.parse::<Uuid>()?.into(),
            number: word.number.try_into()?,
            kind: kind(&word.kind)?,
            to: recipient(&word.school),
            key: *key,
            // That all copies have one key, `Outside` has seen.
            copies: if copies == Copies::MayRepeat { 1 } else { *count },
        })
    };
    outside.words.iter().map(word).collect()
}

fn kind(name: &str) -> Result<ChangeKind> {
    Ok(match name {
        "opened" => ChangeKind::Opened,
        "amended" => ChangeKind::Amended,
        "escalated" => ChangeKind::Escalated,
        "cleared" => ChangeKind::Cleared,
        "recalled" => ChangeKind::Recalled,
        other => anyhow::bail!("`{other}` is no kind of change"),
    })
}

/// Waits until no delivery is due or under lease; all deliveries.
async fn settled(world: &World) -> Result<Vec<Delivery>> {
    let deadline = Instant::now() + PATIENCE;
    let mut database = PgConnection::connect(world.admin_url()?.expose_secret()).await?;
    let open = "select count(*) from notification.deliveries where state in ('waiting', 'leased')";
    loop {
        let open: i64 = sqlx::query_scalar(open).fetch_one(&mut database).await?;
        if open == 0 {
            break;
        }
        ensure!(Instant::now() < deadline, "{open} deliveries are not settled");
        sleep(POLL).await;
    }
    // What a lost database may have sent is an attempt that nobody knows of.
    let all = "select d.delivery_id, d.alert_id, d.change_number, d.state, d.address,
                      greatest(d.maybe_sent::int, (select count(*) from notification.attempts a
                       where a.delivery_id = d.delivery_id and a.outcome in ('unknown', 'sent-late'))) as unknown
               from notification.deliveries d";
    sqlx::query(all).fetch_all(&mut database).await?.iter().map(delivery).collect()
}

fn delivery(row: &PgRow) -> Result<Delivery> {
    let address: String = row.try_get("address")?;
    let school = address.rsplit('/').next().unwrap_or_default();
    let state: String = row.try_get("state")?;
    Ok(Delivery {
        key: row.try_get("delivery_id")?,
        alert: row.try_get::<Uuid, _>("alert_id")?.into(),
        number: row.try_get::<i32, _>("change_number")?.try_into()?,
        to: recipient(school),
        state: match state.as_str() {
            "waiting" | "leased" => State::Pending,
            "accepted" => State::Accepted,
            "cancelled" => State::Cancelled,
            "expired" | "dead" => State::GivenUp,
            other => anyhow::bail!("`{other}` is no state of a delivery"),
        },
        unknown: row.try_get::<i64, _>("unknown")?.try_into().context("a count")?,
    })
}
