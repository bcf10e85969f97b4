//! The adapters that are shipped, against real servers.

use std::collections::BTreeMap;

use homeroom_chassis::TaskGroup;
use homeroom_domain::alert::ChangeKind::{Opened, Recalled};
use homeroom_harness::webhook::Answer;
use homeroom_harness::{Smtp, WebhookSink};
use homeroom_notification::channel::{FeedConfig, Link, mail, webhook};
use standardwebhooks::Webhook;

use crate::world::{SOON, TEAM, TRACE, World, secret_file};

const OLD: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const NEW: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

/// How long an adapter waits for an answer, in seconds: for one that comes, and for one that does not.
const COMES: u64 = 10;
const HANGS: u64 = 1;

async fn with_sink() -> (World, WebhookSink) {
    let sink = WebhookSink::start().await.unwrap();
    let routing = TEAM.replace("mail: team@example.org", &format!("webhook: {}", sink.url));
    let world = World::start_with(&routing, |_| {}).await;
    (world, sink)
}

async fn with_webhook(allowed: &[&str]) -> (World, WebhookSink) {
    let (world, sink) = with_sink().await;
    run_webhook(&world, allowed, COMES, &world.tasks);
    (world, sink)
}

/// Starts an adapter, which ends with the tasks.
fn run_webhook(world: &World, allowed: &[&str], timeout_s: u64, tasks: &TaskGroup) {
    let config = webhook::Config {
        feed: FeedConfig::at(world.endpoint.clone(), world.key_file()),
        secret_files: vec![secret_file(&world.folder, "old", OLD), secret_file(&world.folder, "new", NEW)],
        endpoint_secret_files: BTreeMap::new(),
        allow_networks: allowed
            .iter()
            .map(|network| webhook::Network::try_from((*network).to_owned()).unwrap())
            .collect(),
        ca_file: None,
        timeout_s,
    };
    tasks.spawn("webhook", webhook::run(config, tasks.clone(), Link::default()));
}

#[tokio::test]
async fn a_webhook_is_signed_with_every_secret_and_repeated_with_the_same_id() {
    let (world, sink) = with_webhook(&["127.0.0.0/8"]).await;
    sink.answer(Answer::Refuse(500));
    world.publish(&world.change(1, 1, Opened)).await;
    sink.wait_for(1, SOON).await.unwrap();
    world.until_states(&[(1, "waiting")]).await;
    sink.answer(Answer::Accept);
    world.pass(10).await;
    let requests = sink.wait_for(2, SOON).await.unwrap();
    world.until_states(&[(1, "accepted")]).await;
    for request in &requests {
        for secret in [OLD, NEW] {
            Webhook::new(secret).unwrap().verify(&request.body, &request.headers).unwrap();
        }
        assert_eq!(request.headers["traceparent"], TRACE);
    }
    assert_eq!(requests[0].headers["webhook-id"], requests[1].headers["webhook-id"]);
    let body: serde_json::Value = serde_json::from_slice(&requests[1].body).unwrap();
    assert_eq!(body["type"], "alert.opened");
    assert_eq!(body["data"]["school"], "255901001");
}

#[tokio::test]
async fn a_webhook_that_hangs_is_unknown_and_its_recall_goes_out() {
    let (world, sink) = with_sink().await;
    let first = TaskGroup::default();
    run_webhook(&world, &["127.0.0.0/8"], HANGS, &first);
    sink.answer(Answer::Hang);
    world.publish(&world.change(1, 1, Opened)).await;
    world.until_states(&[(1, "waiting")]).await;
    first.stop();
    first.drained().await;
    sink.answer(Answer::Accept);
    run_webhook(&world, &["127.0.0.0/8"], COMES, &world.tasks);
    world.publish(&world.change(1, 2, Recalled)).await;
    let requests = sink.wait_for(2, SOON).await.unwrap();
    let body: serde_json::Value = serde_json::from_slice(&requests[1].body).unwrap();
    assert_eq!(body["type"], "alert.recalled");
    world.until_states(&[(1, "cancelled"), (2, "accepted")]).await;
}

#[tokio::test]
async fn a_webhook_into_our_own_network_is_refused() {
    let (world, sink) = with_webhook(&[]).await;
    world.publish(&world.change(1, 1, Opened)).await;
    world.until_states(&[(1, "dead")]).await;
    assert!(world.deliveries().await[0].last_reason.contains("not a public one"));
    assert!(sink.requests().is_empty());
}

#[tokio::test]
async fn a_name_of_our_own_network_is_refused_when_it_is_resolved() {
    let (world, sink) = with_webhook(&[]).await;
    world.route(
        &TEAM.replace("mail: team@example.org", &format!("webhook: {}", sink.url.replace("127.0.0.1", "localhost"))),
    );
    let world = world.restart().await;
    let config = webhook::Config {
        feed: FeedConfig::at(world.endpoint.clone(), world.key_file()),
        secret_files: vec![secret_file(&world.folder, "new", NEW)],
        endpoint_secret_files: BTreeMap::new(),
        allow_networks: Vec::new(),
        ca_file: None,
        timeout_s: 5,
    };
    world.tasks.spawn("webhook", webhook::run(config, world.tasks.clone(), Link::default()));
    world.publish(&world.change(1, 1, Opened)).await;
    world.until_states(&[(1, "dead")]).await;
    assert!(world.deliveries().await[0].last_reason.contains("not a public one"));
    assert!(sink.requests().is_empty());
}

#[tokio::test]
async fn a_recall_is_mailed_as_a_reply_to_the_opening() {
    let smtp = Smtp::start().await.unwrap();
    let world = World::start().await;
    let config = mail::Config {
        feed: FeedConfig::at(world.endpoint.clone(), world.key_file()),
        host: "127.0.0.1".to_owned(),
        port: Some(smtp.port),
        security: mail::Security::Plain,
        ca_file: None,
        user: None,
        password_file: None,
        from: "Homeroom <homeroom@district.example.org>".to_owned(),
        timeout_s: 10,
    };
    world.tasks.spawn("mail", mail::run(config, world.tasks.clone(), Link::default()));
    world.publish(&world.change(1, 1, Opened)).await;
    let opening = smtp.wait_for(1, SOON).await.unwrap().remove(0);
    world.until_states(&[(1, "accepted")]).await;
    world.publish(&world.change(1, 2, Recalled)).await;
    let recall = smtp.wait_for(2, SOON).await.unwrap().remove(1);
    let header = |mail: &str, name: &str| {
        let line = mail.lines().find(|line| line.to_lowercase().starts_with(&format!("{name}:"))).map(str::to_owned);
        line.unwrap_or_else(|| panic!("no {name} in {mail}")).split_once(':').unwrap().1.trim().to_owned()
    };
    let id = header(&opening, "message-id");
    assert!(id.ends_with("@district.example.org>"), "{id}");
    assert_eq!(header(&recall, "in-reply-to"), id);
    assert_eq!(header(&recall, "references"), id);
    assert!(header(&recall, "subject").starts_with("Taken back:"), "{recall}");
    assert_eq!(header(&recall, "x-rcptto"), "team@example.org");
    // What is in flight is settled before an adapter leaves.
    world.tasks.stop();
    tokio::time::timeout(SOON, world.tasks.drained()).await.expect("it drains");
    assert_eq!(world.tasks.failure(), None);
}
