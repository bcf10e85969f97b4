//! While a case is open for a student, nobody is told of what may wait for that.

use homeroom_domain::alert::ChangeKind::{Amended, Cleared, Escalated, Opened, Recalled};
use homeroom_domain::alert::{AlertChange, ChangeKind};
use homeroom_domain::date::Date;
use homeroom_domain::id::StudentKey;
use homeroom_domain::settings::Now;
use homeroom_proto::alert::{Derivation, encode_told};
use homeroom_proto::wire::notification as pb;
use tonic::{Code, Status};
use uuid::Uuid;

use crate::adapter::retry;
use crate::sample;
use crate::world::{World, request};

const DAYS: i64 = 24 * 3_600;

/// A change of an alert that may wait for a case.
fn quiet(world: &World, alert: u8, number: u32, kind: ChangeKind) -> AlertChange {
    let mut change = world.change(alert, number, kind);
    change.claim.terms.quiet_while_case_open = true;
    change
}

/// The student whose alerts [`World::change`] makes.
fn student() -> bytes::Bytes {
    sample::change(1, Opened).student.as_bytes().to_vec().into()
}

async fn open(world: &World, key: &str) -> Result<pb::OpenCaseResponse, Status> {
    let message = pb::OpenCaseRequest { student: student() };
    world.client().open_case(request(key, message)).await.map(tonic::Response::into_inner)
}

async fn close(world: &World, key: &str) -> Result<pb::CloseCaseResponse, Status> {
    let message = pb::CloseCaseRequest { student: student() };
    world.client().close_case(request(key, message)).await.map(tonic::Response::into_inner)
}

fn is_of(delivery: &pb::Delivery, alert: u8) -> bool {
    let text = &delivery.message.as_ref().unwrap().text;
    text.contains(&Uuid::from_bytes([alert; 16]).to_string())
}

#[tokio::test]
async fn what_may_wait_is_told_once_the_case_is_closed_as_it_is_then() {
    let world = World::start().await;
    open(&world, "feed").await.unwrap();
    world.publish(&quiet(&world, 1, 1, Opened)).await;
    world.publish(&world.change(2, 1, Opened)).await;
    let mut adapter = world.adapter().await;
    assert!(is_of(&adapter.accept_one("alert.opened").await, 2), "a rule that may not wait does not");
    world.until_states(&[(1, "held"), (1, "accepted")]).await;
    world.publish(&quiet(&world, 1, 2, Amended)).await;
    world.until_count("deliveries where content_number = 2", 1).await;
    drop(adapter);
    // A case may stay open for long, and is no process's.
    let world = world.restart().await;
    world.pass(100 * DAYS).await;
    world.until_count("deliveries where set_aside_due_at is not null and due_at > notification.clock()", 1).await;
    close(&world, "feed").await.unwrap();
    let mut adapter = world.adapter().await;
    assert!(is_of(&adapter.accept_one("alert.opened").await, 1));
    world.until_states(&[(1, "accepted")]).await;
}

#[tokio::test]
async fn who_was_told_hears_that_it_is_taken_back_while_the_case_is_open() {
    let world = World::start().await;
    world.publish(&quiet(&world, 1, 1, Opened)).await;
    let mut adapter = world.adapter().await;
    adapter.accept_one("alert.opened").await;
    open(&world, "feed").await.unwrap();
    world.publish(&quiet(&world, 1, 2, Amended)).await;
    world.until_states(&[(1, "accepted"), (2, "held")]).await;
    world.publish(&quiet(&world, 1, 3, Recalled)).await;
    adapter.accept_one("alert.recalled").await;
    world.until_states(&[(1, "accepted"), (2, "cancelled"), (3, "accepted")]).await;
}

#[tokio::test]
async fn what_ends_while_the_case_is_open_is_never_told() {
    let world = World::start().await;
    open(&world, "feed").await.unwrap();
    world.publish(&quiet(&world, 1, 1, Opened)).await;
    world.until_states(&[(1, "held")]).await;
    world.publish(&quiet(&world, 1, 2, Cleared)).await;
    world.until_states(&[(1, "cancelled")]).await;
    close(&world, "feed").await.unwrap();
    world.publish(&quiet(&world, 2, 1, Opened)).await;
    let mut adapter = world.adapter().await;
    assert!(is_of(&adapter.accept_one("alert.opened").await, 2), "nothing is held any more");
}

#[tokio::test]
async fn what_waits_and_what_is_tried_again_is_held_by_a_case_that_opens_later() {
    let world = World::start().await;
    world.publish(&quiet(&world, 1, 1, Opened)).await;
    let mut settling = quiet(&world, 2, 1, Opened);
    settling.claim.settle_seconds = 600;
    world.publish(&settling).await;
    let mut adapter = world.adapter().await;
    let under_way = adapter.one().await;
    world.until_states(&[(1, "leased"), (1, "waiting")]).await;
    open(&world, "feed").await.unwrap();
    assert_eq!(adapter.settle(&under_way, retry()).await, pb::Standing::Recorded);
    world.pass(DAYS / 2).await;
    world.until_states(&[(1, "held")]).await;
    close(&world, "feed").await.unwrap();
    for _ in 0..2 {
        let told = adapter.some().await;
        adapter.accept(&told).await;
    }
    world.until_states(&[(1, "accepted")]).await;
}

/// As when a sweep sets a word aside that a case which closes meanwhile would have let go.
#[tokio::test]
async fn what_is_set_aside_and_held_by_no_case_is_let_go_by_a_sweep() {
    let world = World::start().await;
    open(&world, "feed").await.unwrap();
    world.publish(&quiet(&world, 1, 1, Opened)).await;
    world.until_states(&[(1, "held")]).await;
    let closed = "update notification.cases set closed_at = notification.clock(), closed_by = 'feed'";
    sqlx::query(closed).execute(&mut world.database.admin().await).await.unwrap();
    world.adapter().await.accept_one("alert.opened").await;
}

#[tokio::test]
async fn a_case_that_is_being_closed_sets_nothing_aside_and_ends_nothing() {
    let world = World::start().await;
    open(&world, "feed").await.unwrap();
    let mut closing = world.database.admin().await;
    sqlx::raw_sql("begin; select from notification.cases for update").execute(&mut closing).await.unwrap();
    world.publish(&quiet(&world, 1, 1, Opened)).await;
    world.until_states(&[(1, "due")]).await;
    world.pass(1).await;
    world.publish(&world.change(2, 1, Opened)).await;
    world.until_count("deliveries where state = 'waiting'", 2).await;
    world.pass(100 * DAYS).await;
    // What runs out first is ended first.
    world.until_count("deliveries where state = 'expired'", 1).await;
    assert_eq!(world.count("deliveries where state = 'waiting' and set_aside_due_at is null").await, 1);
    sqlx::raw_sql("rollback").execute(&mut closing).await.unwrap();
    world.until_states(&[(1, "held"), (1, "expired")]).await;
}

#[tokio::test]
async fn new_words_wait_for_a_case_as_their_rule_has_it_now() {
    let world = World::start().await;
    open(&world, "feed").await.unwrap();
    world.publish(&quiet(&world, 1, 1, Opened)).await;
    world.until_states(&[(1, "held")]).await;
    world.publish(&world.change(1, 2, Amended)).await;
    let mut adapter = world.adapter().await;
    adapter.accept_one("alert.opened").await;
    let mut settling = world.change(2, 1, Opened);
    settling.claim.settle_seconds = 600;
    world.publish(&settling).await;
    world.publish(&quiet(&world, 2, 2, Amended)).await;
    world.until_count("deliveries where content_number = 2 and quiet_of is not null", 1).await;
    world.until_states(&[(1, "accepted"), (1, "waiting")]).await;
    world.pass(DAYS / 2).await;
    world.until_states(&[(1, "accepted"), (1, "held")]).await;
}

#[tokio::test]
async fn what_rises_while_it_is_held_is_not_worth_sending_for_longer() {
    let world = World::start().await;
    open(&world, "feed").await.unwrap();
    world.publish(&quiet(&world, 1, 1, Opened)).await;
    world.until_states(&[(1, "held")]).await;
    world.publish(&quiet(&world, 1, 2, Escalated)).await;
    world.until_count("deliveries where content_number = 2", 1).await;
    // Swept since then.
    world.publish(&quiet(&world, 2, 1, Opened)).await;
    world.until_count("deliveries where set_aside_due_at is not null", 2).await;
    assert_eq!(world.count("deliveries where expires_at > due_at + interval '20 days'").await, 0);
}

#[tokio::test]
async fn late_news_that_a_case_held_is_told_within_the_hours_of_a_school_day() {
    let world = World::start().await;
    open(&world, "feed").await.unwrap();
    let mut wednesday = quiet(&world, 1, 1, Opened);
    wednesday.late_since = Date::parse("2022-03-04");
    wednesday.district_time = jiff::civil::date(2022, 4, 13).at(12, 0, 0, 0);
    world.publish(&wednesday).await;
    world.until_states(&[(1, "held")]).await;
    // Until Saturday at eight in the evening.
    world.pass(3 * DAYS + 8 * 3_600).await;
    close(&world, "feed").await.unwrap();
    world.until_count("deliveries where due_at = notification.clock() + interval '35 hours'", 1).await;
    world.until_states(&[(1, "waiting")]).await;
}

async fn page(world: &World, key: &str, page_size: u32, token: &[u8]) -> Result<pb::ListCasesResponse, Status> {
    let message = pb::ListCasesRequest { page_size, page_token: token.to_vec().into() };
    world.client().list_cases(request(key, message)).await.map(tonic::Response::into_inner)
}

#[tokio::test]
async fn open_cases_are_listed_page_by_page_for_their_district_alone() {
    let world = World::start().await;
    open(&world, "feed").await.unwrap();
    for other in 1..=3_u8 {
        world.pass(60).await;
        let message = pb::OpenCaseRequest { student: vec![other; 16].into() };
        world.client().open_case(request("mail", message)).await.unwrap();
    }
    let closed = pb::CloseCaseRequest { student: vec![2; 16].into() };
    world.client().close_case(request("feed", closed)).await.unwrap();
    world.publish(&quiet(&world, 1, 1, Opened)).await;
    world.until_states(&[(1, "held")]).await;
    let first = page(&world, "feed", 2, &[]).await.unwrap();
    let second = page(&world, "mail", 2, &first.next_page_token).await.unwrap();
    let shown = |case: &pb::OpenCase| (case.student.clone(), case.opened_by.clone(), case.held);
    let shown: Vec<_> = first.cases.iter().chain(&second.cases).map(shown).collect();
    let by_mail = |student: u8| (vec![student; 16].into(), "mail".to_owned(), 0);
    assert_eq!(shown, [(student(), "feed".to_owned(), 1), by_mail(1), by_mail(3)]);
    assert!(second.next_page_token.is_empty());
    assert!(page(&world, "elsewhere", 0, &[]).await.unwrap().cases.is_empty());
    let code = |result: Result<pb::ListCasesResponse, Status>| result.unwrap_err().code();
    assert_eq!(code(page(&world, "reader", 0, &[]).await), Code::PermissionDenied);
    assert_eq!(code(page(&world, "feed", 501, &[]).await), Code::InvalidArgument);
    assert_eq!(code(page(&world, "feed", 0, &[1, 2]).await), Code::InvalidArgument);
}

/// As rules tell a change of whom was merged into another, since the records have left.
fn moved(change: &AlertChange, into: u8) -> bytes::Bytes {
    let derivation = Derivation {
        partition: 0,
        events_offset: 1,
        caused_by_offset: Some(0),
        reference_offset: 0,
        dates: Now { today: change.claim.proof.as_of, as_of: change.claim.proof.as_of },
        moved_to: Some(StudentKey::new([into; 16])),
    };
    encode_told(change, None, &derivation)
}

#[tokio::test]
async fn a_case_goes_with_its_student_who_is_merged_into_another() {
    let world = World::start().await;
    open(&world, "feed").await.unwrap();
    world.publish(&quiet(&world, 1, 1, Opened)).await;
    world.publish(&quiet(&world, 2, 1, Opened)).await;
    world.until_states(&[(1, "held")]).await;
    let recalled = moved(&quiet(&world, 1, 2, Recalled), 3);
    world.append(vec![recalled.clone()]).await;
    world.until_states(&[(1, "held"), (1, "cancelled")]).await;
    // Whom the records count for now, and somebody else.
    let of =
        |alert, student| AlertChange { student: StudentKey::new([student; 16]), ..quiet(&world, alert, 1, Opened) };
    world.publish_together(&[&of(3, 3), &of(4, 4)]).await;
    let mut adapter = world.adapter().await;
    assert!(is_of(&adapter.accept_one("alert.opened").await, 4));
    world.until_states(&[(1, "held"), (1, "cancelled"), (1, "accepted")]).await;
    world.append(vec![recalled]).await;
    let listed = page(&world, "feed", 0, &[]).await.unwrap().cases;
    let [case] = &listed[..] else { panic!("one case is open: {listed:?}") };
    assert_eq!((&case.student[..], case.opened_by.as_str(), case.held), (&[3; 16][..], "feed", 2));
    let closed = pb::CloseCaseRequest { student: case.student.clone() };
    world.client().close_case(request("feed", closed)).await.unwrap();
    for _ in 0..2 {
        let told = adapter.some().await;
        adapter.accept(&told).await;
    }
    world.until_states(&[(1, "cancelled"), (1, "accepted")]).await;
}

#[tokio::test]
async fn one_case_is_open_for_a_student_at_a_time_and_it_is_the_districts() {
    let world = World::start().await;
    let code = |status: Status| status.code();
    assert_eq!(close(&world, "feed").await.map_err(code), Err(Code::NotFound));
    let first = open(&world, "feed").await.unwrap();
    assert_eq!(first.opened_by, "feed");
    assert_eq!(open(&world, "mail").await.unwrap(), first, "whoever was first stays");
    assert_eq!(close(&world, "elsewhere").await.map_err(code), Err(Code::NotFound));
    assert_eq!(close(&world, "reader").await.map_err(code), Err(Code::PermissionDenied));
    assert_eq!(close(&world, "mail").await.unwrap().closed_by, "mail");
    open(&world, "mail").await.unwrap();
    assert_eq!(world.count("cases").await, 2);
    // Whoever has alerts is swept: a case that was closed long ago is forgotten.
    world.publish(&world.change(1, 1, Opened)).await;
    world.pass(2_000 * DAYS).await;
    world.until_count("cases", 1).await;
    let nobody = pb::OpenCaseRequest { student: bytes::Bytes::from_static(&[1, 2]) };
    let refused = world.client().open_case(request("feed", nobody)).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
}
