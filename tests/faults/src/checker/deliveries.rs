//! Whoever was told is told again, nobody else is, and a second copy is explained.

use std::collections::{BTreeMap, HashMap};

use anyhow::{Context as _, Result, ensure};
use homeroom_proto::wire::alert::{AlertChange, Kind};
use secrecy::ExposeSecret as _;
use sqlx::{Connection as _, PgConnection, Row as _};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::outside::{Outside, Word};
use crate::world::World;
use crate::{PATIENCE, POLL};

/// What is recorded of a delivery.
struct Recorded {
    alert_id: Uuid,
    change_number: i32,
    /// Attempts of which nobody knows whether they arrived.
    unknown: i64,
    state: String,
}

pub(super) async fn check(world: &World, changes: &[AlertChange]) -> Result<()> {
    let recorded = settled(world).await?;
    let outside = Outside::read(&world.sink)?;
    let mut alerts: BTreeMap<&str, Vec<&AlertChange>> = BTreeMap::new();
    for change in changes {
        alerts.entry(&change.alert_id).or_default().push(change);
    }
    for (alert, changes) in &alerts {
        check_alert(alert, changes, &outside, &recorded)?;
    }
    for (word, (key, copies)) in &outside.words {
        check_word(word, alerts.get(word.alert_id.as_str()).map_or(&[], Vec::as_slice))?;
        let delivery = recorded.get(key).with_context(|| format!("{word:?} came with a key of no delivery"))?;
        ensure!(
            *copies == 1 || delivery.unknown > 0,
            "{word:?} came {copies} times, and no attempt of delivery {key} ended unknown"
        );
        ensure!(
            delivery.state == "accepted" || delivery.unknown > 0,
            "{word:?} came, and its delivery {key} is {}",
            delivery.state
        );
    }
    Ok(())
}

/// The alert's openings were told as far as they stand, and each that was told was taken back when the alert was.
fn check_alert(
    alert: &str,
    changes: &[&AlertChange],
    outside: &Outside,
    recorded: &HashMap<Uuid, Recorded>,
) -> Result<()> {
    let told = |change: &AlertChange, kind: &str| outside.has(&change.school, alert, change.number, kind);
    for (place, opening) in changes.iter().enumerate().filter(|(_, change)| change.kind() == Kind::Opened) {
        let was_told = told(opening, "opened");
        let Some(recall) = changes.get(place + 1) else {
            ensure!(was_told, "nobody was told of alert {alert}, change {}, which stands", opening.number);
            continue;
        };
        let was_recalled = told(recall, "recalled");
        ensure!(!was_told || was_recalled, "alert {alert} was told and taken back, and nobody was told of that");
        let maybe = || {
            recorded.values().any(|delivery| {
                delivery.alert_id.to_string() == alert
                    && u32::try_from(delivery.change_number) == Ok(opening.number)
                    && delivery.unknown > 0
            })
        };
        ensure!(
            was_told || !was_recalled || maybe(),
            "the recall of alert {alert} went to somebody who was not told of the alert"
        );
    }
    Ok(())
}

/// The word is a change of an alert, at its school.
fn check_word(word: &Word, changes: &[&AlertChange]) -> Result<()> {
    let name = |kind| match kind {
        Kind::Opened => "opened",
        Kind::Recalled => "recalled",
        Kind::Amended => "amended",
        Kind::Escalated => "escalated",
        Kind::Cleared => "cleared",
        Kind::Unspecified => "unspecified",
    };
    let is_change = |change: &&&AlertChange| {
        u64::from(change.number) == word.number && change.school == word.school && name(change.kind()) == word.kind
    };
    ensure!(changes.iter().any(|change| is_change(&change)), "{word:?} is of no alert, or went to the wrong school");
    Ok(())
}

/// Waits until no delivery is due or under lease; all deliveries by id.
async fn settled(world: &World) -> Result<HashMap<Uuid, Recorded>> {
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
    let all = "select d.delivery_id, d.alert_id, d.change_number, d.state,
                      (select count(*) from notification.attempts a
                       where a.delivery_id = d.delivery_id and a.outcome in ('unknown', 'sent-late')) as unknown
               from notification.deliveries d";
    let rows = sqlx::query(all).fetch_all(&mut database).await?;
    rows.iter()
        .map(|row| {
            let recorded = Recorded {
                alert_id: row.try_get("alert_id")?,
                change_number: row.try_get("change_number")?,
                unknown: row.try_get("unknown")?,
                state: row.try_get("state")?,
            };
            Ok((row.try_get("delivery_id")?, recorded))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::change;
    use super::*;

    const ALERT: &str = "00000000-0000-0000-0000-000000000001";

    fn outside(words: &[(u64, &str)]) -> Outside {
        let word = |&(number, kind): &(u64, &str)| {
            let word = Word { school: "1".to_owned(), alert_id: ALERT.to_owned(), number, kind: kind.to_owned() };
            (word, (Uuid::nil(), 1))
        };
        Outside { words: words.iter().map(word).collect() }
    }

    fn judge(words: &[(u64, &str)], unknown: i64) -> Result<()> {
        let changes = [change(ALERT, 1, Kind::Opened), change(ALERT, 2, Kind::Recalled)];
        let alert_id = ALERT.parse().expect("an id");
        let opening = Recorded { alert_id, change_number: 1, unknown, state: "accepted".to_owned() };
        check_alert(ALERT, &changes.each_ref(), &outside(words), &HashMap::from([(Uuid::nil(), opening)]))
    }

    #[test]
    fn a_recall_goes_to_whoever_was_told_and_to_nobody_else() {
        assert!(judge(&[(1, "opened"), (2, "recalled")], 0).is_ok());
        assert!(judge(&[], 0).is_ok());
        assert!(judge(&[(1, "opened")], 0).is_err(), "told, and not told of the recall");
        assert!(judge(&[(2, "recalled")], 0).is_err(), "the recall of what was never said");
        assert!(judge(&[(2, "recalled")], 1).is_ok(), "it may have been said");
    }

    #[test]
    fn an_alert_that_stands_was_told() {
        let standing = change(ALERT, 1, Kind::Opened);
        assert!(check_alert(ALERT, &[&standing], &outside(&[(1, "opened")]), &HashMap::new()).is_ok());
        assert!(check_alert(ALERT, &[&standing], &outside(&[]), &HashMap::new()).is_err());
    }

    #[test]
    fn a_word_at_the_wrong_school_or_of_no_alert_is_seen() {
        let opened = change(ALERT, 1, Kind::Opened);
        let word = Word { school: "1".to_owned(), alert_id: ALERT.to_owned(), number: 1, kind: "opened".to_owned() };
        assert!(check_word(&word, &[&opened]).is_ok());
        assert!(check_word(&Word { school: "2".to_owned(), ..word.clone() }, &[&opened]).is_err());
        assert!(check_word(&word, &[]).is_err());
    }
}
