//! What was over long ago is forgotten, and nothing else.

use homeroom_domain::alert::ChangeKind::{Amended, Opened, Recalled};
use homeroom_domain::id::SchoolId;
use homeroom_notification::SCHEMA;
use homeroom_pg::{RolePasswords, Schema};
use homeroom_proto::wire::notification as pb;
use tonic::{Code, Status};

use crate::watch::{next, sequence, watch};
use crate::world::{World, request};

const DAY: i64 = 24 * 3_600;

async fn watch_from(world: &World, cursor: &str) -> Result<(), Status> {
    let message = pb::WatchAlertsRequest { cursor: cursor.to_owned(), ..pb::WatchAlertsRequest::default() };
    world.client().watch_alerts(request("feed", message)).await.map(drop)
}

/// Alert 1 is told and taken back (sequences 1 and 2), alert 2 told and stays open (3).
async fn one_over_and_one_open() -> World {
    let world = World::start().await;
    let mut adapter = world.adapter().await;
    world.publish(&world.change(1, 1, Opened)).await;
    adapter.accept_one("alert.opened").await;
    world.publish(&world.change(1, 2, Recalled)).await;
    adapter.accept_one("alert.recalled").await;
    world.publish(&world.change(2, 1, Opened)).await;
    adapter.accept_one("alert.opened").await;
    adapter.leave().await;
    world
}

#[tokio::test]
async fn an_alert_that_was_over_for_the_time_is_forgotten_with_all_that_was_said_of_it() {
    let world = one_over_and_one_open().await;
    world.pass(399 * DAY).await;
    // It is swept: what was not sent in time ends.
    world.publish(&world.change(3, 1, Opened)).await;
    world.until_count("deliveries where state = 'waiting'", 1).await;
    world.pass(DAY - 1).await;
    world.until_count("alerts", 3).await;
    world.pass(1).await;
    world.until_count("deliveries where state = 'expired'", 1).await;
    assert_eq!((world.count("deliveries").await, world.count("attempts").await), (4, 3));

    world.pass(DAY).await;
    world.until_count("alerts where state = 'recalled'", 0).await;
    let forgotten = "alert_id = '01010101-0101-0101-0101-010101010101'";
    for table in ["alert_changes", "deliveries"] {
        assert_eq!(world.count(&format!("{table} where {forgotten}")).await, 0, "{table}");
    }
    assert_eq!(world.count("attempts").await, 1);
    // Whoever was told of what is still open is told again.
    world.publish(&world.change(2, 2, Recalled)).await;
    world.adapter().await.accept_one("alert.recalled").await;
}

#[tokio::test]
async fn what_has_expired_counts_as_given_up_for_a_day_from_then() {
    let world = World::start().await;
    world.publish(&world.change(1, 1, Opened)).await;
    world.until_count("deliveries where state = 'waiting'", 1).await;
    // More than a day after it was planned.
    world.pass(DAY + 1).await;
    world.until_count("deliveries where state = 'expired'", 1).await;
    let given_up = async || {
        let survey = homeroom_notification::survey(&world.config.database).await.unwrap();
        survey.districts.iter().map(|district| district.given_up_today).sum::<i64>()
    };
    assert_eq!(given_up().await, 1);
    world.pass(DAY).await;
    assert_eq!(given_up().await, 0);
}

#[tokio::test]
async fn a_cursor_before_what_is_forgotten_is_refused_and_the_start_is_what_is_kept() {
    let world = one_over_and_one_open().await;
    world.pass(401 * DAY).await;
    world.until_count("alerts", 1).await;
    for old in ["0", "1"] {
        let refused = watch_from(&world, old).await.unwrap_err();
        assert_eq!(refused.code(), Code::OutOfRange);
        assert!(refused.message().contains("watch from the start"), "{}", refused.message());
    }
    watch_from(&world, "2").await.unwrap();
    let mut stream = watch(&world, "", true, "").await;
    assert_eq!(sequence(&next(&mut stream).await.1), 3);
}

#[tokio::test]
async fn a_watcher_whose_school_is_quiet_watches_on_when_others_alerts_are_forgotten() {
    let world = World::start().await;
    let mut stream = watch(&world, "", true, "255901044").await;
    world.publish(&world.change(1, 1, Opened)).await;
    world.publish(&world.change(1, 2, Recalled)).await;
    world.until_states(&[(1, "cancelled")]).await;
    world.pass(401 * DAY).await;
    world.until_count("alerts", 0).await;
    let mut change = world.change(2, 1, Opened);
    change.school = SchoolId::parse("255901044").unwrap();
    world.publish(&change).await;
    assert_eq!(sequence(&next(&mut stream).await.1), 3);
}

#[tokio::test]
async fn years_of_alerts_are_forgotten_batch_by_batch() {
    let world = World::start().await;
    // More than two batches.
    for alert in 1..=210 {
        let (opened, recalled) = (world.change(alert, 1, Opened), world.change(alert, 2, Recalled));
        world.publish_together(&[&opened, &recalled]).await;
    }
    world.until_count("alerts where closed_at is not null", 210).await;
    // One was taken up again.
    world.publish(&world.change(210, 3, Opened)).await;
    world.until_count("alerts where closed_at is null", 1).await;
    world.pass(401 * DAY).await;
    world.until_count("alerts", 1).await;
    world.publish(&world.change(210, 4, Amended)).await;
    world.until_count("alert_changes", 4).await;
}

#[tokio::test]
async fn what_could_not_be_understood_is_kept_for_its_time() {
    let world = World::start().await;
    world.append(vec![bytes::Bytes::from_static(b"\xff\xff not protobuf")]).await;
    world.until_count("dead_letters", 1).await;
    world.pass(89 * DAY).await;
    world.append(vec![bytes::Bytes::from_static(b"\xff\xff not protobuf either")]).await;
    world.until_count("dead_letters", 2).await;
    world.pass(2 * DAY).await;
    world.until_count("dead_letters", 1).await;
}

#[tokio::test]
async fn alerts_that_were_over_before_this_version_are_forgotten_too() {
    let before = Schema { name: SCHEMA.name, migrations: &SCHEMA.migrations[..1] };
    let database = homeroom_harness::test_database(&[before]).await;
    let mut admin = database.admin().await;
    let rows = "insert into notification.districts values ('grand-bend');
                insert into notification.alerts
                    values (gen_random_uuid(), 'grand-bend', '1', 'streak', 2, 1, 'cleared'),
                        (gen_random_uuid(), 'grand-bend', '1', 'streak', 2, 1, 'open');
                insert into notification.alert_changes
                    select alert_id, 2, district, row_number() over (), '1', 'cleared', '', '{}', '', '2021-04-13Z'
                    from notification.alerts";
    sqlx::raw_sql(rows).execute(&mut admin).await.unwrap();
    homeroom_pg::migrate(&database.admin_url(), &[SCHEMA], &RolePasswords::none()).await.unwrap();
    let closed: Vec<(String, bool)> =
        sqlx::query_as("select state, (closed_at = '2021-04-13Z') is true from notification.alerts order by state")
            .fetch_all(&mut admin)
            .await
            .unwrap();
    assert_eq!(closed, [("cleared".to_owned(), true), ("open".to_owned(), false)]);
}
