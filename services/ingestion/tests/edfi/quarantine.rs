//! What is forgotten in time, and what must not be forgotten: records of a district whose secret is gone.

use homeroom_chassis::component::Readiness;
use homeroom_ingestion::config::Limits;

use crate::door::{Door, SOON, door, door_with};

/// Waits until the owner of the database reads this number.
async fn until(door: &Door, select: &'static str, expected: i64) {
    let deadline = tokio::time::Instant::now() + SOON;
    loop {
        let found = door.number(select).await;
        if found == expected {
            return;
        }
        assert!(tokio::time::Instant::now() < deadline, "{select}: {found}, not {expected}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn the_quarantine_is_bounded_in_days_and_rows_oldest_first() {
    let door = door_with(Limits { quarantine_days: 30, quarantine_rows: 3, ..Limits::default() }).await;
    // Each a day older than the one before; one is of a district whose secret is gone.
    door.execute("insert into ingestion.known_districts values ('gone')").await;
    door.execute(
        "insert into ingestion.quarantine \
         select gen_random_uuid(), case when n = 40 then 'gone' else 'grand-bend' end, 'sis', 'http', 'x', 1, '$', 'a record', 'is none', \
                now() - make_interval(days => n) from generate_series(0, 1500) n",
    )
    .await;
    let door = door.restarted().await;
    until(&door, "select count(*) from ingestion.quarantine", 3).await;
    let oldest = "select count(*) from ingestion.quarantine where received_at < now() - interval '2 days 1 hour'";
    assert_eq!(door.number(oldest).await, 0, "the newest stay");
}

#[tokio::test]
async fn records_of_a_district_whose_key_is_gone_make_the_service_unready_until_they_are_dealt_with() {
    let door = door().await;
    assert_eq!(door.number("select count(*) from ingestion.known_districts").await, 2, "each key is remembered");
    assert_eq!(door.readiness(), Readiness::Ready);
    door.execute("insert into ingestion.known_districts values ('gone')").await;
    door.execute(
        "insert into ingestion.outbox (district, topic, key, value, created_at) \
         values ('gone', 'homeroom.events.v1', 'k', 'v', now())",
    )
    .await;
    let door = door.restarted().await;
    let Readiness::NotReady(why) = door.readiness() else { panic!("a record waits for ever and nobody is told") };
    assert_eq!(why, "1 records wait that are not published: a pseudonym key is gone");
    door.execute("delete from ingestion.outbox where district = 'gone'").await;
    let deadline = tokio::time::Instant::now() + SOON;
    while door.readiness() != Readiness::Ready {
        assert!(tokio::time::Instant::now() < deadline, "it is never ready again");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn the_outbox_is_dated_by_the_clock_that_measures_it() {
    let door = door().await;
    door.log.between.set(crate::gate::Mood::Away);
    door.post("ed-fi/schools", &crate::door::school(1)).await.expect(201);
    // The document has the door's moment, taken before the transaction began; the row has the transaction's own.
    let later = "select count(*) from ingestion.outbox o, ingestion.documents d \
                where o.created_at > d.modified_at";
    assert_eq!(door.number(later).await, 1);
}
