//! Two districts with live alerts in one Homeroom: whatever the neighbour asks, it gets only its own.

use anyhow::{Context as _, Result};
use homeroom_harness::homeroom::{EdFi, Posted};
use homeroom_journeys::District;
use homeroom_proto::wire::{notification, risk, rule};
use homeroom_security::needle::{Needle, Search};
use homeroom_security::raw::{Ends, decode, next};
use homeroom_security::school::Student;
use homeroom_security::world::{self, DISTRICT, NEIGHBOUR, team};
use homeroom_security::{Caller, World};
use notification::stream_request::Frame as In;
use notification::stream_response::Frame as Out;
use prost::Message as _;
use reqwest::Method;
use serde_json::Value;
use tonic::{Code, Status};

const FEED: &str = "/homeroom.notification.v1.AlertFeed";
const RISK: &str = "/homeroom.risk.v1.RiskQuery";

/// What belongs to one district.
pub(crate) struct Belongings {
    student: Vec<u8>,
    alert: String,
    delivery: String,
    marks: Vec<Posted>,
    needles: Vec<Needle>,
}

/// Fails when either district is told anything of the other.
pub(crate) async fn each_district_gets_only_its_own(
    world: &World,
    ours: &Belongings,
    theirs: &Belongings,
) -> Result<()> {
    let mut search = Search::default();
    for (caller, own, other, of_other) in
        [(Caller::Neighbour, theirs, ours, DISTRICT), (Caller::Owner, ours, theirs, NEIGHBOUR)]
    {
        let mut needles = other.needles.clone();
        needles.push(Needle::new("the other district", of_other));
        look_at_answers(world, caller, own, &needles, &mut search).await?;
        look_at_streams(world, caller, own, &needles, &mut search).await?;
        named_things_are_not_found(world, caller, other).await?;
        documents_are_not_found(world, caller, other).await?;
    }
    documents_are_not_found(world, Caller::OtherSource, ours).await?;
    watchers_see_their_own_students(world, ours, theirs).await?;
    search.assert_nothing(25, 3_000);

    let left = world.homeroom.edfi().await?.count("studentSchoolAttendanceEvents").await?;
    assert_eq!(left, ours.marks.len() as u64 - 1, "only the district itself deleted a document");
    Ok(())
}

/// Both districts have a team that is told, and no adapter: their deliveries wait for whoever asks.
pub(crate) fn teams() -> String {
    world::teams(&[DISTRICT, NEIGHBOUR].map(|district| team(district, &[("mail", "team@example.org")])))
}

/// Sends a district's records, and waits until its alert is planned to be told.
pub(crate) async fn settle_in(world: &World, caller: Caller, edfi: EdFi, student: &Student) -> Result<Belongings> {
    let district = District::new(edfi);
    district.send_frame().await?;
    let marks = student.send(&district).await?;
    let alert = first_alert(world, caller).await?;
    let delivery = first_delivery(world, caller, &alert.alert_id).await?;
    let mut needles = student.needles();
    needles.push(Needle::new("the student's key", &hex::encode(&alert.student)));
    needles.push(Needle::new("the alert", &alert.alert_id));
    needles.push(Needle::new("the delivery", &delivery));
    Ok(Belongings { student: alert.student.to_vec(), alert: alert.alert_id, delivery, marks, needles })
}

async fn first_alert(world: &World, caller: Caller) -> Result<homeroom_proto::wire::alert::AlertChange> {
    let authorization = caller.authorization(world);
    let watch = notification::WatchAlertsRequest { from_start: true, ..Default::default() };
    let mut stream = world
        .grpc
        .call(authorization.as_deref(), &format!("{FEED}/WatchAlerts"), vec![watch.encode_to_vec()], Ends::Closed)
        .await?;
    let first: notification::WatchAlertsResponse = decode(&next(&mut stream).await?.context("no alert")?);
    first.change.context("a response without a change")
}

/// An alert on the feed is planned in the same transaction as its deliveries.
async fn first_delivery(world: &World, caller: Caller, alert: &str) -> Result<String> {
    let question = notification::GetDeliveriesRequest { alert_id: alert.to_owned(), limit: 0 };
    let answers: Vec<notification::GetDeliveriesResponse> =
        world.grpc.ask(world, caller, &format!("{FEED}/GetDeliveries"), &question).await?;
    let first = answers.first().and_then(|answer| answer.deliveries.first());
    Ok(first.context("an alert without a delivery")?.delivery_id.clone())
}

/// Answers that end: they hold the caller's own and nothing of the other.
async fn look_at_answers(
    world: &World,
    caller: Caller,
    own: &Belongings,
    needles: &[Needle],
    search: &mut Search,
) -> Result<()> {
    let paths = [
        "/v1/settings",
        "/v1/rule-pack",
        "/v1/calculators",
        "/v1/students/merges",
        "/edfi/sis/data/v3/ed-fi/students",
        "/edfi/sis/data/v3/ed-fi/students/deletes",
        "/edfi/sis/data/v3/ed-fi/contacts",
        "/edfi/sis/data/v3/ed-fi/studentSchoolAttendanceEvents?totalCount=true",
        "/edfi/sis/changeQueries/v1/availableChangeVersions",
        "/metrics",
        "/readyz",
    ];
    for path in paths {
        let answer = world.request(caller, Method::GET, path).send().await?.error_for_status()?;
        // Metrics are of the whole process, and may name districts but nobody in them.
        let needles = if path == "/metrics" { &needles[..needles.len() - 1] } else { needles };
        search.look(&format!("GET {path} by {caller:?}"), answer.text().await?, needles);
    }
    let info = world.request(caller, Method::POST, "/edfi/sis/oauth/token_info").send().await?.error_for_status()?;
    search.look(&format!("token_info by {caller:?}"), info.text().await?, needles);

    let listed: Vec<risk::ListStudentsResponse> =
        world.grpc.ask(world, caller, &format!("{RISK}/ListStudents"), &risk::ListStudentsRequest::default()).await?;
    let exported: Vec<risk::ExportMeasuresResponse> = world
        .grpc
        .ask(world, caller, &format!("{RISK}/ExportMeasures"), &risk::ExportMeasuresRequest::default())
        .await?;
    let summary: Vec<risk::GetSummaryResponse> =
        world.grpc.ask(world, caller, &format!("{RISK}/GetSummary"), &risk::GetSummaryRequest {}).await?;
    let deliveries: Vec<notification::GetDeliveriesResponse> = world
        .grpc
        .ask(world, caller, &format!("{FEED}/GetDeliveries"), &notification::GetDeliveriesRequest::default())
        .await?;
    let students =
        listed.iter().flat_map(|page| &page.measures).chain(exported.iter().filter_map(|one| one.measures.as_ref()));
    for measures in students {
        assert_eq!(measures.student, own.student, "{caller:?} sees a student who is not its own");
    }
    assert_eq!(summary.first().context("no summary")?.students, 1, "{caller:?} counts students who are not its own");
    assert!(deliveries.iter().any(|page| page.deliveries.iter().any(|delivery| delivery.alert_id == own.alert)));
    let rules: Vec<rule::HistoryResponse> =
        world.grpc.ask(world, caller, "/homeroom.rule.v1.RuleAdmin/History", &rule::HistoryRequest::default()).await?;
    assert_eq!(rules.first().context("no history")?.activations.len(), 1, "{caller:?} sees rules that are not its own");
    search.look("History", format!("{rules:?}"), needles);
    search.look("GetSummary", format!("{summary:?}"), needles);
    search.look("GetDeliveries", format!("{deliveries:?}"), needles);
    Ok(())
}

/// Streams that do not end: their first words are the caller's own, although the other's are older or as old.
async fn look_at_streams(
    world: &World,
    caller: Caller,
    own: &Belongings,
    needles: &[Needle],
    search: &mut Search,
) -> Result<()> {
    let authorization = caller.authorization(world);
    let open = async |method: String, message: Vec<u8>, ends| {
        world.grpc.call(authorization.as_deref(), &method, vec![message], ends).await
    };

    let change = first_alert(world, caller).await?;
    assert_eq!(change.alert_id, own.alert);
    search.look("WatchAlerts", change.encode_to_vec(), needles);

    let hello = notification::Hello {
        channel: "mail".to_owned(),
        adapter: "test".to_owned(),
        instance: "test".to_owned(),
        max_outstanding: 100,
        ..Default::default()
    };
    let hello = notification::StreamRequest { frame: Some(In::Hello(hello)) }.encode_to_vec();
    let mut stream = open(format!("{FEED}/Stream"), hello, Ends::Open).await?;
    loop {
        let frame: notification::StreamResponse = decode(&next(&mut stream).await?.context("the feed ended")?);
        search.look("Stream", frame.encode_to_vec(), needles);
        let Some(Out::Deliveries(batch)) = frame.frame else { continue };
        if batch.deliveries.iter().any(|delivery| delivery.delivery_id == own.delivery) {
            return Ok(());
        }
    }
}

/// A change in either district reaches its own watcher as the first of all, the neighbour's having come before it.
async fn watchers_see_their_own_students(world: &World, ours: &Belongings, theirs: &Belongings) -> Result<()> {
    let watch = async |caller: Caller| {
        let authorization = caller.authorization(world);
        let message = risk::WatchStudentsRequest::default().encode_to_vec();
        world.grpc.call(authorization.as_deref(), &format!("{RISK}/WatchStudents"), vec![message], Ends::Closed).await
    };
    let (mut our_watch, mut their_watch) = (watch(Caller::Owner).await?, watch(Caller::Neighbour).await?);
    world.neighbours_edfi().await?.delete(&theirs.marks[0].location).await?;
    let first: risk::WatchStudentsResponse = decode(&next(&mut their_watch).await?.context("no student")?);
    assert_eq!(first.measures.context("no measures")?.student, theirs.student);
    world.homeroom.edfi().await?.delete(&ours.marks[0].location).await?;
    let first: risk::WatchStudentsResponse = decode(&next(&mut our_watch).await?.context("no student")?);
    assert_eq!(first.measures.context("no measures")?.student, ours.student);
    Ok(())
}

/// What the other's ids name is not there for the caller.
async fn named_things_are_not_found(world: &World, caller: Caller, other: &Belongings) -> Result<()> {
    let question = risk::GetStudentRequest { student: other.student.clone().into(), others: Vec::new() };
    let found: Result<Vec<risk::GetStudentResponse>, Status> =
        world.grpc.ask(world, caller, &format!("{RISK}/GetStudent"), &question).await;
    assert_eq!(found.err().map(|status| status.code()), Some(Code::NotFound), "{caller:?}");

    let question = risk::ExplainStudentRequest { student: other.student.clone().into(), ..Default::default() };
    let method = "/homeroom.risk.v1.RiskExplanation/ExplainStudent";
    let found: Result<Vec<risk::ExplainStudentResponse>, Status> =
        world.grpc.ask(world, caller, method, &question).await;
    assert_eq!(found.err().map(|status| status.code()), Some(Code::NotFound), "{caller:?}");

    let question = risk::ExplainAlertRequest { alert_id: other.alert.clone(), ..risk::ExplainAlertRequest::default() };
    let method = "/homeroom.risk.v1.RiskExplanation/ExplainAlert";
    let found: Result<Vec<risk::ExplainAlertResponse>, Status> = world.grpc.ask(world, caller, method, &question).await;
    assert_eq!(found.err().map(|status| status.code()), Some(Code::NotFound), "{caller:?}");

    let question = notification::GetDeliveriesRequest { alert_id: other.alert.clone(), limit: 0 };
    let found: Vec<notification::GetDeliveriesResponse> =
        world.grpc.ask(world, caller, &format!("{FEED}/GetDeliveries"), &question).await?;
    assert!(
        found.iter().all(|page| page.deliveries.is_empty()),
        "{caller:?} sees deliveries that are not its own: {found:?}"
    );

    let settlement = notification::Settlement {
        delivery_id: other.delivery.clone(),
        lease_token: vec![0; 16].into(),
        outcome: Some(notification::settlement::Outcome::Accepted(notification::Accepted::default())),
    };
    let question = notification::SettleRequest { settlement: Some(settlement) };
    let settled: Vec<notification::SettleResponse> =
        world.grpc.ask(world, caller, &format!("{FEED}/Settle"), &question).await?;
    let standing = settled.first().and_then(|answer| answer.result.as_ref()).context("no standing")?.standing();
    assert_eq!(standing, notification::Standing::NotFound, "{caller:?} settles what is not its own");
    Ok(())
}

/// The other's documents can be neither read nor changed nor deleted, at the connection that the caller may use.
async fn documents_are_not_found(world: &World, caller: Caller, other: &Belongings) -> Result<()> {
    let connection = if caller == Caller::OtherSource { "lms" } else { "sis" };
    for mark in &other.marks {
        let (_, rest) = mark.location.split_once("/data/").context("no document's address")?;
        let path = format!("/edfi/{connection}/data/{rest}");
        for method in [Method::GET, Method::DELETE] {
            let answer = world.request(caller, method.clone(), &path).send().await?;
            assert_eq!(answer.status(), 404, "{method} {path} by {caller:?}: {}", answer.text().await?);
        }
        let mut document: Value = homeroom_journeys::district::mark_document("1", 1, "2022-04-13", "Tardy");
        document["attendanceEventReason"] = "taken over".into();
        let answer = world.request(caller, Method::PUT, &path).json(&document).send().await?;
        assert_eq!(answer.status(), 404, "PUT {path} by {caller:?}: {}", answer.text().await?);
    }
    Ok(())
}
