//! Who is told, and who is told again.

use homeroom_domain::alert::ChangeKind::{Amended, Cleared, Opened, Recalled};
use homeroom_proto::wire::notification as pb;
use pb::settlement::Outcome;

use crate::adapter::{accepted, retry};
use crate::world::{TEAM, TRACE, World};

#[tokio::test]
async fn a_recall_within_the_settle_window_cancels_unsent_and_tells_nobody() {
    let world = World::start().await;
    let mut opened = world.change(1, 1, Opened);
    opened.claim.settle_seconds = 600;
    world.publish(&opened).await;
    world.until_states(&[(1, "waiting")]).await;
    world.publish(&world.change(1, 2, Recalled)).await;
    world.until_states(&[(1, "cancelled")]).await;
    world.pass(700).await;

    // Another alert comes through; the recalled one does not.
    let mut adapter = world.adapter().await;
    world.publish(&world.change(2, 1, Opened)).await;
    let delivery = adapter.accept_one("alert.opened").await;
    assert!(delivery.message.unwrap().text.contains(&uuid::Uuid::from_bytes([2; 16]).to_string()));
    world.until_states(&[(1, "cancelled"), (1, "accepted")]).await;
}

#[tokio::test]
async fn changes_that_come_together_are_planned_one_after_the_other() {
    let world = World::start().await;
    let opened = world.change(1, 1, Opened);
    let mut amended = world.change(1, 2, Amended);
    amended.claim.title = "Absent two periods".into();
    let (recalled, again) = (world.change(1, 3, Recalled), world.change(1, 4, Opened));
    let other = world.change(2, 1, Opened);
    world.publish_together(&[&opened, &amended, &recalled, &again, &other]).await;
    let mut adapter = world.adapter().await;
    for delivery in adapter.take(2).await {
        adapter.accept(&delivery).await;
    }
    world.until_states(&[(1, "cancelled"), (4, "accepted"), (1, "accepted")]).await;
}

#[tokio::test]
async fn a_correction_within_the_settle_window_goes_out_as_the_opening() {
    let world = World::start().await;
    let mut opened = world.change(1, 1, Opened);
    opened.claim.settle_seconds = 600;
    world.publish(&opened).await;
    let mut amended = world.change(1, 2, Amended);
    amended.claim.title = "Absent two periods".into();
    world.publish(&amended).await;
    let mut adapter = world.adapter().await;
    world.until_states(&[(1, "waiting")]).await;
    world.pass(600).await;
    let delivery = adapter.accept_one("alert.opened").await;
    assert!(delivery.message.unwrap().subject.starts_with("Absent two periods"));
    world.until_states(&[(1, "accepted")]).await;
}

#[tokio::test]
async fn a_recall_reaches_those_told_by_the_channel_they_were_told_by() {
    let world = World::start().await;
    let mut adapter = world.adapter().await;
    world.publish(&world.change(1, 1, Opened)).await;
    let first = adapter.accept_one("alert.opened").await;
    assert_eq!(first.traceparent, TRACE);
    assert_eq!(first.follows, "");
    // The team has moved; the student too.
    world.route(&TEAM.replace("team@example.org", "new@example.org"));
    drop(adapter);
    let world = world.restart().await;
    let mut adapter = world.adapter().await;
    let mut recalled = world.change(1, 2, Recalled);
    recalled.school = homeroom_domain::id::SchoolId::parse("255901044").unwrap();
    world.publish(&recalled).await;
    let second = adapter.accept_one("alert.recalled").await;
    assert_eq!(second.to, first.to);
    assert_eq!(second.follows, first.idempotency_key);
    let message = second.message.unwrap();
    assert!(message.subject.starts_with("Taken back: "), "{}", message.subject);
    let data: serde_json::Value = serde_json::from_slice(&message.data).unwrap();
    assert_eq!(data["type"], "alert.recalled");
    assert_eq!(data["data"]["change_number"], 2);
}

#[tokio::test]
async fn a_recall_waits_for_the_opening_under_lease_and_follows_what_became_of_it() {
    let world = World::start().await;
    let mut adapter = world.adapter().await;
    let unknown = Outcome::Unknown(pb::Unknown { reason: "hung".to_owned() });
    let permanent = Outcome::Permanent(pb::Permanent { reason: "no such address".to_owned() });
    for (alert, outcome, reaches) in
        [(1, accepted(), true), (2, unknown, true), (3, permanent, false), (4, retry(), false)]
    {
        world.publish(&world.change(alert, 1, Opened)).await;
        let opening = adapter.one().await;
        world.publish(&world.change(alert, 2, Recalled)).await;
        // A marker shows that the recall was read and is held.
        world.publish(&world.change(100 + alert, 1, Opened)).await;
        adapter.accept_one("alert.opened").await;
        assert_eq!(adapter.settle(&opening, outcome).await, pb::Standing::Recorded);
        if reaches {
            adapter.accept_one("alert.recalled").await;
        }
    }
    world.until_states(&[(1, "accepted"), (2, "accepted"), (1, "cancelled"), (2, "cancelled"), (1, "dead")]).await;
}

#[tokio::test]
async fn a_settlement_that_waits_for_a_change_sees_what_it_has_planned() {
    let world = World::start().await;
    let mut adapter = world.adapter().await;
    world.publish(&world.change(1, 1, Opened)).await;
    let opening = adapter.one().await;
    // Plays the consumer, which holds the alert's deliveries while it plans the recall.
    let mut consumer = world.database.admin().await;
    let lock = "begin; select from notification.deliveries for update";
    sqlx::raw_sql(lock).execute(&mut consumer).await.unwrap();
    let plan = async {
        let mut waiting = 0_i64;
        while waiting == 0 {
            let count = sqlx::query_scalar("select count(*) from pg_locks where not granted");
            waiting = count.fetch_one(&mut consumer).await.unwrap();
        }
        let recall = "insert into notification.deliveries (delivery_id, district, alert_id, change_number, telling, kind, channel,
                          team, address, follows, state, due_at, expires_at, subject, body, data, content_number, traceparent, planned_at)
                      select gen_random_uuid(), district, alert_id, 2, telling, 'recalled', channel, team, address, delivery_id,
                          'waiting', due_at, expires_at, subject, body, data, 2, traceparent, planned_at from notification.deliveries;
                      commit";
        sqlx::raw_sql(recall).execute(&mut consumer).await.unwrap();
    };
    let (standing, ()) = tokio::join!(adapter.settle(&opening, retry()), plan);
    assert_eq!(standing, pb::Standing::Recorded);
    world.until_states(&[(1, "cancelled"), (2, "cancelled")]).await;
}

#[tokio::test]
async fn what_cannot_be_delivered_is_in_view_and_its_clearing_tells_nobody() {
    let world = World::start_with(TEAM, |config| config.retry.attempts_limit = 2).await;
    let mut adapter = world.adapter().await;
    world.publish(&world.change(1, 1, Opened)).await;
    for _ in 0..2 {
        let delivery = adapter.one().await;
        adapter.settle(&delivery, retry()).await;
        world.pass(10).await;
    }
    world.until_states(&[(1, "dead")]).await;
    let dead = world.deliveries().await.remove(0);
    assert_eq!((dead.attempts, dead.last_reason.as_str()), (2, "given up after 2 attempts: busy"));
    world.publish(&world.change(1, 2, Cleared)).await;
    world.publish(&world.change(2, 1, Opened)).await;
    adapter.accept_one("alert.opened").await;
    world.until_states(&[(1, "dead"), (1, "accepted")]).await;
}

#[tokio::test]
async fn a_recall_is_tried_beyond_the_limits_of_what_it_takes_back() {
    let world = World::start_with(TEAM, |config| config.retry.attempts_limit = 2).await;
    let mut adapter = world.adapter().await;
    world.publish(&world.change(1, 1, Opened)).await;
    adapter.accept_one("alert.opened").await;
    world.publish(&world.change(1, 2, Recalled)).await;
    for _ in 0..4 {
        let recall = adapter.one().await;
        adapter.settle(&recall, retry()).await;
        world.pass(10 * 3_600).await;
    }
    adapter.accept_one("alert.recalled").await;
    world.until_states(&[(1, "accepted"), (2, "accepted")]).await;
}

#[tokio::test]
async fn a_channel_that_is_never_resent_shows_the_unknown_and_still_takes_back() {
    let world = World::start_with(TEAM, |config| config.retry.never_resend = vec!["mail".to_owned()]).await;
    let mut adapter = world.adapter().await;
    world.publish(&world.change(1, 1, Opened)).await;
    let opening = adapter.one().await;
    adapter.settle(&opening, Outcome::Unknown(pb::Unknown { reason: "hung".to_owned() })).await;
    world.until_states(&[(1, "dead")]).await;
    world.publish(&world.change(1, 2, Recalled)).await;
    adapter.accept_one("alert.recalled").await;
}

#[tokio::test]
async fn what_nobody_takes_in_time_expires_in_view() {
    let world = World::start().await;
    world.publish(&world.change(1, 1, Opened)).await;
    world.until_states(&[(1, "due")]).await;
    world.pass(25 * 3_600).await;
    world.until_states(&[(1, "expired")]).await;
}

#[tokio::test]
async fn an_adapter_that_takes_its_word_back_ends_with_the_recall_sent() {
    let world = World::start().await;
    let mut adapter = world.adapter().await;
    // The recall comes while the opening is out and is cancelled with its retry, or when the opening waits again.
    for (alert, recall_first) in [(1, true), (2, false)] {
        world.publish(&world.change(alert, 1, Opened)).await;
        let opening = adapter.one().await;
        let recall = world.change(alert, 2, Recalled);
        if recall_first {
            world.publish(&recall).await;
            world.until_count("deliveries where kind = 'recalled' and state = 'waiting'", 1).await;
        }
        assert_eq!(adapter.settle(&opening, retry()).await, pb::Standing::Recorded);
        if !recall_first {
            world.publish(&recall).await;
        }
        let id = uuid::Uuid::from_bytes([alert; 16]);
        world
            .until_count(
                &format!("deliveries where alert_id = '{id}' and change_number = 1 and state = 'cancelled'"),
                1,
            )
            .await;
        // It was sent after all.
        assert_eq!(adapter.settle(&opening, accepted()).await, pb::Standing::Stale);
        let recall = adapter.accept_one("alert.recalled").await;
        assert_eq!(recall.follows, opening.idempotency_key);
        // The same word once more changes nothing.
        assert_eq!(adapter.settle(&opening, accepted()).await, pb::Standing::Stale);
    }
    world.until_states(&[(1, "accepted"), (2, "accepted")]).await;
    assert_eq!(world.deliveries().await.len(), 4);
}

#[tokio::test]
async fn a_correction_follows_old_words_that_were_accepted_late() {
    let world = World::start().await;
    let mut adapter = world.adapter().await;
    world.publish(&world.change(1, 1, Opened)).await;
    let opening = adapter.one().await;
    assert_eq!(adapter.settle(&opening, retry()).await, pb::Standing::Recorded);
    world.publish(&world.change(1, 2, Amended)).await;
    world.until_count("deliveries where content_number = 2", 1).await;
    assert_eq!(adapter.settle(&opening, accepted()).await, pb::Standing::Stale);
    adapter.accept_one("alert.amended").await;
    world.until_states(&[(1, "accepted"), (2, "accepted")]).await;
}

#[tokio::test]
async fn an_acceptance_after_the_lease_counts_also_before_anybody_has_seen_that_it_is_over() {
    let world = World::start_with(TEAM, |config| config.feed.sweep_ms = 3_600_000).await;
    let mut adapter = world.adapter().await;
    world.publish(&world.change(1, 1, Opened)).await;
    let opening = adapter.one().await;
    assert_eq!(world.count("attempts").await, 0, "an attempt is kept when it ends");
    world.pass(61).await;
    assert_eq!(adapter.settle(&opening, retry()).await, pb::Standing::Stale);
    world.until_states(&[(1, "leased")]).await;
    assert_eq!(adapter.settle(&opening, accepted()).await, pb::Standing::Stale);
    world.until_states(&[(1, "accepted")]).await;
    assert_eq!(world.count("attempts where outcome = 'sent-late' and number = 1 and adapter <> ''").await, 1);
    world.publish(&world.change(1, 2, Recalled)).await;
    adapter.accept_one("alert.recalled").await;
}

#[tokio::test]
async fn an_attempt_that_an_earlier_version_began_ends_once() {
    let world = World::start().await;
    let mut adapter = world.adapter().await;
    for alert in 1..=2 {
        world.publish(&world.change(alert, 1, Opened)).await;
    }
    let given = adapter.take(2).await;
    // It kept an attempt when it began, and nothing of it in the delivery's row.
    let began = "insert into notification.attempts (delivery_id, number, district, lease_token, adapter, instance, started_at)
                     select delivery_id, attempts, district, lease_token, 'old', '1', clock_timestamp() from notification.deliveries;
                 update notification.deliveries set lease_adapter = '', lease_instance = '', leased_at = null";
    sqlx::raw_sql(began).execute(&mut world.database.admin().await).await.unwrap();
    adapter.accept(&given[0]).await;
    assert_eq!(adapter.settle(&given[1], retry()).await, pb::Standing::Recorded);
    assert_eq!(world.count("attempts where adapter = 'old' and outcome in ('accepted', 'retry')").await, 2);
    assert_eq!(world.count("attempts").await, 2);
}
