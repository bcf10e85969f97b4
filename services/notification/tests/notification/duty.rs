//! What an alert asks for is recorded as done, and nobody is told that it has fallen due.

use homeroom_domain::alert::ChangeKind::{Cleared, Escalated, Opened};
use homeroom_domain::alert::{AlertChange, ChangeKind, DueDuty, Severity};
use homeroom_proto::wire::notification as pb;
use tonic::{Code, Status};
use uuid::Uuid;

use crate::world::{World, request};

/// A change of an alert that asks for a letter and a meeting, decided at this hour of a Wednesday.
fn asking(world: &World, number: u32, kind: ChangeKind, hour: i8) -> AlertChange {
    let mut change = world.change(1, number, kind);
    let duty = |what: &str| DueDuty {
        what: what.to_owned(),
        due_on: None,
        source: "Law 1".to_owned(),
        evidence: String::new(),
    };
    change.claim.terms.duties = ["Letter", "Meeting"].map(duty).into();
    change.claim.severity = Severity::Warning;
    change.district_time = jiff::civil::date(2022, 4, 13).at(hour, 0, 0, 0);
    change
}

/// The rise of the alert since this duty of it has fallen due.
fn due(world: &World, number: u32, duty: u32, hour: i8) -> AlertChange {
    AlertChange { fallen_due: vec![duty], ..asking(world, number, Escalated, hour) }
}

fn alert_id() -> String {
    Uuid::from_bytes([1; 16]).to_string()
}

async fn done(world: &World, key: &str, change: Option<u32>, duty: u32) -> Result<pb::DutyDone, Status> {
    let message = pb::RecordDutyDoneRequest { alert_id: alert_id(), change_number: change, duty };
    let answer = world.client().record_duty_done(request(key, message)).await?;
    Ok(answer.into_inner().done.unwrap())
}

async fn list(world: &World, key: &str) -> Result<pb::ListDutiesResponse, Status> {
    let message = pb::ListDutiesRequest { alert_id: alert_id() };
    world.client().list_duties(request(key, message)).await.map(tonic::Response::into_inner)
}

async fn acknowledge(world: &World) -> u32 {
    let message = pb::AcknowledgeRequest { alert_id: alert_id(), change_number: None };
    world.client().acknowledge(request("feed", message)).await.unwrap().into_inner().change_number
}

#[tokio::test]
async fn what_is_done_is_not_told_when_it_falls_due_and_the_alert_says_who_did_it() {
    let world = World::start().await;
    world.publish(&asking(&world, 1, Opened, 10)).await;
    let mut adapter = world.adapter().await;
    adapter.accept_one("alert.opened").await;
    assert_eq!(acknowledge(&world).await, 1);
    let first = done(&world, "feed", Some(1), 0).await.unwrap();
    assert_eq!(first.done_by, "feed");
    assert_eq!(done(&world, "mail", None, 0).await.unwrap(), first, "whoever did so first stays");
    world.publish(&due(&world, 2, 0, 10)).await;
    world.until_count("alert_changes where untold", 1).await;
    assert_eq!(acknowledge(&world).await, 1, "it asks for no other acknowledgement");
    let world = world.restart().await;
    let mut adapter = world.adapter().await;
    world.publish(&due(&world, 3, 1, 10)).await;
    adapter.accept_one("alert.escalated").await;
    world.until_states(&[(1, "accepted"), (3, "accepted")]).await;
    let listed = list(&world, "feed").await.unwrap();
    let said = |state: &pb::DutyState| (state.duty.as_ref().unwrap().what.clone(), state.is_asked, state.done.clone());
    let said: Vec<_> = listed.duties.iter().map(said).collect();
    let expected = [("Letter".to_owned(), true, Some(first)), ("Meeting".to_owned(), true, None)];
    assert_eq!((listed.change_number, &said[..]), (3, &expected[..]));
    assert_eq!(acknowledge(&world).await, 3);
    let from_start = pb::WatchAlertsRequest { from_start: true, ..pb::WatchAlertsRequest::default() };
    let mut watched = world.client().watch_alerts(request("feed", from_start)).await.unwrap().into_inner();
    for number in 1..=3 {
        let shown = watched.message().await.unwrap().unwrap();
        let done: Vec<_> = shown.done.iter().map(|done| (done.duty, done.done.clone().unwrap().done_by)).collect();
        let change = shown.change.unwrap();
        assert_eq!((change.number, &done[..]), (number, &[(0, "feed".to_owned())][..]));
        assert_eq!(shown.teams.is_empty(), number == 2, "nobody is told of what was done by then");
    }
}

#[tokio::test]
async fn what_fell_due_at_midnight_is_told_in_the_morning_unless_it_is_done_by_then() {
    let world = World::start().await;
    world.publish(&asking(&world, 1, Opened, 10)).await;
    let mut adapter = world.adapter().await;
    adapter.accept_one("alert.opened").await;
    world.publish(&due(&world, 2, 0, 0)).await;
    world.until_states(&[(1, "accepted"), (2, "waiting")]).await;
    done(&world, "feed", None, 0).await.unwrap();
    world.until_states(&[(1, "accepted"), (2, "cancelled")]).await;
    world.publish(&due(&world, 3, 1, 0)).await;
    world.until_states(&[(1, "accepted"), (2, "cancelled"), (3, "waiting")]).await;
    drop(adapter);
    world.pass(7 * 3_600).await;
    world.adapter().await.accept_one("alert.escalated").await;
    world.until_states(&[(1, "accepted"), (2, "cancelled"), (3, "accepted")]).await;
}

#[tokio::test]
async fn only_what_an_open_alert_of_the_district_asks_for_is_done() {
    let world = World::start().await;
    world.publish(&asking(&world, 1, Opened, 10)).await;
    world.until_count("alerts", 1).await;
    let code = |result: Result<pb::DutyDone, Status>| result.unwrap_err().code();
    assert_eq!(code(done(&world, "feed", None, 2).await), Code::NotFound);
    assert_eq!(code(done(&world, "feed", Some(7), 0).await), Code::NotFound, "such a change is not known");
    assert_eq!(code(done(&world, "elsewhere", None, 0).await), Code::NotFound);
    assert_eq!(code(done(&world, "reader", None, 0).await), Code::PermissionDenied);
    assert_eq!(list(&world, "elsewhere").await.unwrap_err().code(), Code::NotFound);
    done(&world, "feed", None, 1).await.unwrap();
    let over = world.change(1, 2, Cleared);
    world.publish(&over).await;
    world.until_count("alerts where state = 'cleared'", 1).await;
    assert_eq!(code(done(&world, "feed", None, 0).await), Code::FailedPrecondition);
    let listed = list(&world, "feed").await.unwrap();
    let [state] = &listed.duties[..] else { panic!("what was done is still known: {listed:?}") };
    assert_eq!((state.is_asked, state.duty.as_ref().unwrap().what.as_str()), (false, "Meeting"));
}
