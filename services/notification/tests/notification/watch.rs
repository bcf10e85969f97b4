//! Live alert changes by cursor.

use homeroom_domain::alert::ChangeKind::{Amended, Opened, Recalled};
use homeroom_domain::id::SchoolId;
use homeroom_proto::wire::notification as pb;
use tokio::time::timeout;
use tonic::{Code, Streaming};

use crate::world::{NOBODY, SOON, World, request};

pub(crate) async fn watch(
    world: &World,
    cursor: &str,
    from_start: bool,
    school: &str,
) -> Streaming<pb::WatchAlertsResponse> {
    let message = pb::WatchAlertsRequest { cursor: cursor.to_owned(), from_start, school: school.to_owned() };
    world.client().watch_alerts(request("feed", message)).await.unwrap().into_inner()
}

pub(crate) async fn next(stream: &mut Streaming<pb::WatchAlertsResponse>) -> (u32, String, Vec<String>) {
    let response = timeout(SOON, stream.message()).await.expect("a change comes").unwrap().unwrap();
    (response.change.unwrap().number, response.cursor, response.teams)
}

/// The part of a cursor that counts.
pub(crate) fn sequence(cursor: &str) -> u64 {
    cursor.split('.').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_watcher_resumes_by_its_cursor_without_gap_or_repeat() {
    let world = World::start().await;
    world.publish(&world.change(1, 1, Opened)).await;
    let mut stream = watch(&world, "", true, "").await;
    let (number, cursor, teams) = next(&mut stream).await;
    assert_eq!((number, teams), (1, vec!["Team".to_owned()]));
    drop(stream);
    world.publish(&world.change(1, 2, Amended)).await;
    let mut stream = watch(&world, &cursor, false, "").await;
    assert_eq!(next(&mut stream).await.0, 2);
    // Live from here.
    world.publish(&world.change(1, 3, Recalled)).await;
    assert_eq!(next(&mut stream).await.0, 3);
}

#[tokio::test]
async fn changes_of_several_partitions_have_one_order_without_holes() {
    let world = World::start().await;
    let mut stream = watch(&world, "", true, "").await;
    for alert in 1..=60 {
        let change = homeroom_proto::alert::encode(&world.change(alert, 1, Opened));
        world.append_as(&format!("student {alert}"), vec![change]).await;
    }
    let mut last = 0;
    for _ in 0..60 {
        let (_, cursor, _) = next(&mut stream).await;
        let cursor = sequence(&cursor);
        assert_eq!(cursor, last + 1);
        last = cursor;
    }
}

#[tokio::test]
async fn a_watcher_of_a_school_sees_its_changes_only() {
    let world = World::start().await;
    let mut elsewhere = world.change(1, 1, Opened);
    elsewhere.school = SchoolId::parse("255901044").unwrap();
    world.publish(&elsewhere).await;
    world.publish(&world.change(2, 1, Opened)).await;
    let mut stream = watch(&world, "", true, "255901001").await;
    let response = timeout(SOON, stream.message()).await.unwrap().unwrap().unwrap();
    assert_eq!(response.change.unwrap().school, "255901001");
}

#[tokio::test]
async fn a_cursor_that_is_none_is_refused() {
    let world = World::start().await;
    for (cursor, code) in [
        ("one", Code::InvalidArgument),
        ("1.x", Code::InvalidArgument),
        ("7", Code::OutOfRange),
        ("-1", Code::OutOfRange),
    ] {
        let message = pb::WatchAlertsRequest { cursor: cursor.to_owned(), from_start: false, school: String::new() };
        let refused = world.client().watch_alerts(request("feed", message)).await.unwrap_err();
        assert_eq!(refused.code(), code, "{cursor}");
    }
}

#[tokio::test]
async fn an_unrouted_alert_is_visible_with_no_team() {
    let world = World::start_with(NOBODY, |_| {}).await;
    world.publish(&world.change(1, 1, Opened)).await;
    let mut stream = watch(&world, "", true, "").await;
    assert_eq!(next(&mut stream).await.2, Vec::<String>::new());
    assert!(world.deliveries().await.is_empty());
}

#[tokio::test]
async fn a_watcher_that_reads_too_slowly_is_cut_and_resumes_by_its_cursor() {
    let limit = |config: &mut homeroom_notification::Config| {
        config.feed.slow_peer_s = 1;
        config.feed.most_watchers = 1;
    };
    let world = World::start_with(NOBODY, limit).await;
    // More than the outbox and the connection's window hold together.
    let mut change = world.change(1, 1, Opened);
    change.claim.proof.explanation = "x".repeat(200_000).into();
    for number in 1..=400 {
        change.number = number;
        world.publish(&change).await;
    }
    let mut stream = watch(&world, "", true, "").await;
    let mut last = next(&mut stream).await;
    // Not reading is what this test is about. There is room for another stream only when this one is cut.
    let message = || pb::WatchAlertsRequest { cursor: String::new(), from_start: false, school: String::new() };
    let room = async {
        while let Err(refused) = world.client().watch_alerts(request("feed", message())).await {
            assert_eq!(refused.code(), Code::ResourceExhausted);
            tokio::task::yield_now().await;
        }
    };
    timeout(SOON, room).await.expect("it is cut");
    let cut = loop {
        match timeout(SOON, stream.message()).await.unwrap() {
            Ok(response) => last = (response.unwrap().change.unwrap().number, last.1, last.2),
            Err(status) => break status,
        }
    };
    assert_eq!(cut.code(), Code::Aborted);
    assert!(last.0 < 400);
    let resumed = async {
        loop {
            let message =
                pb::WatchAlertsRequest { cursor: last.0.to_string(), from_start: false, school: String::new() };
            if let Ok(stream) = world.client().watch_alerts(request("feed", message)).await {
                return stream.into_inner();
            }
        }
    };
    let mut stream = timeout(SOON, resumed).await.expect("there is room again");
    assert_eq!(next(&mut stream).await.0, last.0 + 1);
}
