//! `EventIngest.Push`: batches answered in order, each record by itself.

use std::sync::Arc;

use homeroom_bus::Topic;
use homeroom_proto::wire::ingest::event_ingest_client::EventIngestClient;
use homeroom_proto::wire::ingest::{Outcome, PushRequest, PushResponse, Submission};
use serde_json::json;
use tokio_stream::StreamExt as _;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

use crate::world::{Role, World, mark};

pub(crate) fn submission(kind: &str, record: &serde_json::Value) -> Submission {
    Submission { kind: kind.to_owned(), record: record.to_string().into(), ..Submission::default() }
}

pub(crate) fn batch(request_id: u32, submissions: Vec<Submission>) -> PushRequest {
    PushRequest { request_id: request_id.to_string(), submissions }
}

impl World {
    pub(crate) async fn push(
        &self,
        authorization: &str,
        batches: Vec<PushRequest>,
    ) -> Result<Vec<PushResponse>, Status> {
        let channel = Channel::from_shared(format!("http://{}", self.grpc)).unwrap().connect().await.unwrap();
        let mut request = Request::new(tokio_stream::iter(batches));
        request.metadata_mut().insert("authorization", authorization.parse().unwrap());
        let mut answers = EventIngestClient::new(channel).push(request).await?.into_inner();
        let mut found = Vec::new();
        while let Some(answer) = answers.next().await {
            found.push(answer?);
        }
        Ok(found)
    }
}

#[tokio::test]
async fn batches_are_answered_in_order_when_they_are_kept() {
    let world = World::start().await;
    let data = mark("1", &json!({}))["data"].clone();
    let batches = (0..50).map(|number| batch(number, vec![submission("attendance", &data); 20])).collect();
    let answers = world.push(&Role::Sis.authorization(), batches).await.unwrap();
    let ids: Vec<_> = answers.iter().map(|answer| answer.request_id.clone()).collect();
    assert_eq!(ids, (0..50).map(|number| number.to_string()).collect::<Vec<_>>());
    let results = answers.iter().flat_map(|answer| &answer.results);
    assert!(results.clone().all(|result| result.outcome() == Outcome::Accepted && result.problem.is_none()));
    assert_eq!(results.count(), 1_000);
    assert_eq!(world.records(Topic::Events).await.len(), 1_000);
}

#[tokio::test]
async fn a_bad_record_of_a_batch_is_quarantined_by_itself() {
    let world = World::start().await;
    let data = mark("1", &json!({}))["data"].clone();
    let mut withdrawn = submission("attendance", &json!({ "student": "1" }));
    withdrawn.key = "row 1".to_owned();
    withdrawn.withdrawn = true;
    withdrawn.revision = 9;
    let mut not_json = submission("attendance", &data);
    not_json.record = b"\xff{".as_slice().into();
    let mut no_moment = submission("attendance", &data);
    no_moment.occurred_at = Some(prost_types::Timestamp { seconds: i64::MAX, nanos: 0 });
    let records = vec![
        submission("attendance", &data),
        submission("attendence", &data),
        not_json,
        submission("attendance", &json!({ "student": 1 })),
        no_moment,
        withdrawn,
    ];
    let answers = world.push(&Role::Sis.authorization(), vec![batch(1, records)]).await.unwrap();
    let fields: Vec<_> =
        answers[0].results.iter().map(|result| result.problem.as_ref().map_or("", |problem| &problem.field)).collect();
    assert_eq!(fields, ["", "$.kind", "$.data", "$.data.student", "$.occurred_at", ""]);
    assert_eq!(world.dead_letters(4).await.len(), 4);
    let events = world.events().await;
    assert_eq!((events.len(), events[1].origin.revision.0), (2, 9));
    let told: Vec<_> = answers[0].results.iter().map(|result| result.event_id.replace('-', "")).collect();
    assert_eq!(told[0], events[0].event_id.to_string());
}

#[tokio::test]
async fn a_stream_needs_a_key_and_batches_of_a_size() {
    let world = World::start().await;
    let code = |result: Result<_, Status>| result.unwrap_err().code();
    assert_eq!(code(world.push("Basic eDp5", vec![]).await), Code::Unauthenticated);
    assert_eq!(code(world.push(&Role::Reader.authorization(), vec![]).await), Code::PermissionDenied);
    let record = submission("school", &json!({ "school": "1" }));
    let large = vec![batch(1, vec![record; 1_001])];
    assert_eq!(code(world.push(&Role::Sis.authorization(), large).await), Code::InvalidArgument);
    assert!(world.references().await.is_empty());
}

#[tokio::test]
async fn as_many_streams_push_as_may() {
    let world = World::with(crate::world::memory_log().await, |limits| limits.native_streams = 1).await;
    let channel = Channel::from_shared(format!("http://{}", world.grpc)).unwrap().connect().await.unwrap();
    let (open, batches) = tokio::sync::mpsc::channel(1);
    let mut request = Request::new(tokio_stream::wrappers::ReceiverStream::new(batches));
    request.metadata_mut().insert("authorization", Role::Sis.authorization().parse().unwrap());
    let first = EventIngestClient::new(channel).push(request).await.unwrap();
    let refused = world.push(&Role::Sis.authorization(), vec![]).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    drop(open);
    let mut answers = first.into_inner();
    assert!(answers.next().await.is_none(), "it ends when its sender does");
    drop(answers);
    let record = submission("school", &json!({ "school": "1" }));
    let answers = world.push(&Role::Sis.authorization(), vec![batch(1, vec![record])]).await.unwrap();
    assert_eq!(answers[0].results[0].outcome(), Outcome::Accepted);
}

#[tokio::test]
async fn batches_beyond_the_bounds_are_for_their_sender_to_send_again() {
    let world = World::with(crate::world::memory_log().await, |limits| limits.native_requests = 1).await;
    let record = submission("school", &json!({ "school": "1" }));
    let batches = (0..20).map(|number| batch(number, vec![record.clone()])).collect();
    let answers = world.push(&Role::Sis.authorization(), batches).await.unwrap();
    let kept = answers.iter().filter(|answer| answer.results[0].outcome() == Outcome::Accepted).count();
    let again = answers.iter().filter(|answer| answer.results[0].outcome() == Outcome::Retry).count();
    assert_eq!((answers.len(), kept + again), (20, 20));
    assert_eq!(world.references().await.len(), kept);
}

#[tokio::test]
async fn a_batch_that_takes_longer_than_its_key_may_is_to_be_sent_again() {
    homeroom_chassis::telemetry::install_metrics();
    let log = crate::backpressure::shut().await;
    let world = World::with(Arc::new(log.clone()), |_| {}).await;
    let record = submission("school", &json!({ "school": "1" }));
    let records = || vec![batch(1, vec![record.clone(); 3])];
    let late = world.push(&Role::Hasty.authorization(), records()).await.unwrap();
    assert_eq!(late[0].results.len(), 3);
    assert!(late[0].results.iter().all(|result| result.outcome() == Outcome::Retry), "{late:?}");
    let counted = homeroom_chassis::telemetry::metrics_text();
    let line = r#"homeroom_ingestion_records_total{door="grpc",outcome="retry"}"#;
    assert!(counted.contains(line), "{counted}");
    log.between.open.send_replace(true);
    let kept = world.push(&Role::Sis.authorization(), records()).await.unwrap();
    assert!(kept[0].results.iter().all(|result| result.outcome() == Outcome::Accepted), "{kept:?}");
}

#[tokio::test]
async fn a_key_has_limits_of_size_of_its_own() {
    let world = World::start().await;
    let data = mark("1", &json!({}))["data"].clone();
    let marks = |count| vec![batch(1, vec![submission("attendance", &data); count])];
    let refused = world.push(&Role::Narrow.authorization(), marks(20)).await.unwrap_err();
    assert_eq!(
        (refused.code(), refused.message()),
        (Code::InvalidArgument, "a batch of this key has at most 1000 bytes")
    );
    for (role, count) in [(Role::Narrow, 5), (Role::Sis, 20)] {
        let answers = world.push(&role.authorization(), marks(count)).await.unwrap();
        assert!(answers[0].results.iter().all(|result| result.outcome() == Outcome::Accepted), "{answers:?}");
    }
}
