//! Settings, rules and the clock of a sample: kept, published, and never half.

use homeroom_bus::{Offset, Partition, Topic};
use homeroom_domain::calculator;
use homeroom_domain::event::Change;
use homeroom_domain::reference::Entry;
use homeroom_domain::rule::{self, DEFAULT_PACK};
use homeroom_domain::settings::Reporting;
use homeroom_harness::assert_row_level_security;
use homeroom_proto::reference;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::world::{Answer, Role, SOON, World, answer};

impl World {
    async fn admin(&self, method: Method, path: &str, body: &Value) -> Answer {
        let request = self.request(method, path).json(body);
        answer(request.header("authorization", Role::Admin.authorization())).await
    }

    pub(crate) async fn put_rules(&self, yaml: &str) -> Answer {
        self.put_text("/v1/rule-pack", yaml).await
    }

    async fn put_text(&self, path: &str, yaml: &str) -> Answer {
        let request = self.request(Method::PUT, path).body(yaml.to_owned());
        answer(request.header("authorization", Role::Admin.authorization())).await
    }

    async fn text(&self, path: &str) -> String {
        let request = self.request(Method::GET, path).header("authorization", Role::Admin.authorization());
        request.send().await.unwrap().text().await.unwrap()
    }

    /// Waits for the relay to publish so many changes.
    pub(crate) async fn published(&self, changes: usize) -> Vec<Entry> {
        let mut tail = self.log.tail(Topic::Reference, Partition(0), Offset(0)).await.unwrap();
        let mut found = Vec::new();
        while found.len() < changes {
            let records = tail.next(100, SOON).await.unwrap();
            assert!(!records.is_empty(), "only {} changes were published", found.len());
            for record in records {
                let change = reference::decode(record.value.as_ref().unwrap()).unwrap();
                assert_eq!(change.origin.source.as_str(), "homeroom");
                let Change::Recorded(entry) = change.change else { panic!("a setting is never withdrawn") };
                found.push((change.origin.revision, entry));
            }
        }
        assert!(found.is_sorted_by(|a, b| a.0 < b.0), "revisions grow");
        found.into_iter().map(|(_, entry)| entry).collect()
    }
}

#[tokio::test]
async fn settings_are_read_back_and_published() {
    let world = World::start().await;
    let default = world.admin(Method::GET, "/v1/settings", &json!({})).await;
    assert_eq!(default.body["clock"]["time_zone"], "UTC");
    let body = json!({
        "clock": { "time_zone": "America/Chicago" }, "failing_below": 7_000, "reporting": "Positive", "source_reporting": { "charter": "Negative" },
        "codes": { "uri://gbisd.edu/Code#UA": "UnexcusedAbsence" },
    });
    let put = world.admin(Method::PUT, "/v1/settings", &body).await;
    assert_eq!(put.status, StatusCode::OK, "{:?}", put.body);
    assert_eq!(world.admin(Method::GET, "/v1/settings", &json!({})).await.body, put.body);
    let Entry::Settings(published) = world.published(1).await.remove(0) else { panic!("another entry") };
    assert_eq!(serde_json::to_value(&published).unwrap(), put.body);
    assert_eq!((published.reporting, published.failing_below), (Reporting::Positive, 7_000));
    assert!(published.codes.contains_key("uri://gbisd.edu/code#ua"));
}

#[tokio::test]
async fn a_wrong_document_changes_nothing() {
    let world = World::start().await;
    for body in [json!([]), json!({ "clock": { "time_zone": "Mars" } }), json!({ "colour": "red" })] {
        let answer = world.admin(Method::PUT, "/v1/settings", &body).await;
        assert_eq!((answer.status, answer.problem()), (StatusCode::BAD_REQUEST, "invalid-document"));
        assert!(answer.body["errors"][0]["field"].as_str().unwrap().starts_with('$'));
    }
    for yaml in ["", "id: x", &DEFAULT_PACK.replacen("opens-when: ", "opens-when: nonsense + ", 1)] {
        let answer = world.put_rules(yaml).await;
        assert_eq!((answer.status, answer.problem()), (StatusCode::BAD_REQUEST, "invalid-document"));
        assert!(!answer.body["detail"].as_str().unwrap().is_empty());
    }
    assert_eq!(world.put_rules(&"#".repeat(300 * 1024)).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(world.admin(Method::GET, "/v1/settings", &json!({})).await.body["clock"]["time_zone"], "UTC");
    assert!(world.references().await.is_empty());
}

#[tokio::test]
async fn rules_are_checked_kept_and_published() {
    let world = World::start().await;
    let yaml = format!("# ours\n{DEFAULT_PACK}");
    assert_eq!(world.put_rules(&yaml).await.status, StatusCode::NO_CONTENT);
    let request = world.request(Method::GET, "/v1/rule-pack").header("authorization", Role::Admin.authorization());
    assert_eq!(request.send().await.unwrap().text().await.unwrap(), yaml);
    assert_eq!(world.published(1).await, [Entry::RulePack(yaml)]);
    assert_eq!(world.text("/v1/rule-pack/schema").await, rule::pack::SCHEMA);
}

#[tokio::test]
async fn a_mistake_in_rules_is_shown_where_it_is() {
    let world = World::start().await;
    let wrong = DEFAULT_PACK.replacen("opens-when: tier >= 1", "opens-when: teir >= 1", 1);
    let refused = world.put_rules(&wrong).await;
    assert_eq!((refused.status, refused.problem()), (StatusCode::BAD_REQUEST, "invalid-document"));
    let detail = refused.body["detail"].as_str().unwrap();
    for shown in ["there is no measure `teir`; the nearest is `tier`", "rules:10:17", "                ^^^^"] {
        assert!(detail.contains(shown), "{detail}");
    }
}

#[tokio::test]
async fn a_rule_that_says_something_else_takes_a_higher_version() {
    let world = World::start().await;
    assert_eq!(world.put_rules(DEFAULT_PACK).await.status, StatusCode::NO_CONTENT);
    let changed = DEFAULT_PACK.replacen("opens-when: tier >= 1", "opens-when: tier >= 2", 1);
    let refused = world.put_rules(&changed).await;
    assert_eq!((refused.status, refused.problem()), (StatusCode::CONFLICT, "rule-version-not-raised"));
    assert!(refused.body["detail"].as_str().unwrap().contains("`attendance-tier`"), "{:?}", refused.body);
    assert_eq!(refused.body["errors"][0]["expected"], "a version above 1");
    let raised = changed.replacen("version: 1\n    title", "version: 2\n    title", 1);
    assert_eq!(world.put_rules(&raised).await.status, StatusCode::NO_CONTENT);
    let canary = world.put_rules("id: canary\nversion: 9\nrules: []").await;
    assert_eq!(canary.status, StatusCode::BAD_REQUEST, "people have this district, and it is no canary's");
    let none = "id: none\nversion: 3\nrules: []";
    assert_eq!(world.put_rules(none).await.status, StatusCode::NO_CONTENT);
    // What was taken out does not come back as something else under a version that it had.
    assert_eq!(world.put_rules(DEFAULT_PACK).await.status, StatusCode::CONFLICT);
    let packs = [DEFAULT_PACK, &raised, none].map(|yaml| Entry::RulePack(yaml.to_owned()));
    assert_eq!(world.published(3).await, packs);
}

#[tokio::test]
async fn calculators_are_checked_kept_and_published() {
    let world = World::start().await;
    assert_eq!(world.text("/v1/calculators").await, calculator::SHIPPED);
    assert_eq!(world.text("/v1/calculators/schema").await, calculator::SCHEMA);
    let wrong = "calculators:\n  - id: ours\n    count: sundial";
    let answer = world.put_text("/v1/calculators", wrong).await;
    assert_eq!((answer.status, answer.problem()), (StatusCode::BAD_REQUEST, "invalid-document"));
    let detail = answer.body["detail"].as_str().unwrap();
    assert!(detail.contains("line 3") && detail.contains("sundial"), "{detail}");
    let yaml = "calculators:\n  - id: ours\n    count: exact\n    day-minutes: 390";
    assert_eq!(world.put_text("/v1/calculators", yaml).await.status, StatusCode::NO_CONTENT);
    assert_eq!(world.text("/v1/calculators").await, yaml);
    assert_eq!(world.published(1).await, [Entry::Calculators(yaml.to_owned())]);
}

#[tokio::test]
async fn only_the_clock_of_a_sample_moves_and_only_forward() {
    let world = World::start().await;
    let to = |now: &str| json!({ "now": now });
    let real = world.admin(Method::POST, "/v1/clock", &to("2030-01-01T00:00:00")).await;
    assert_eq!((real.status, real.problem()), (StatusCode::CONFLICT, "clock-not-moved"));
    let sample = json!({ "clock": { "time_zone": "America/Chicago", "offset_seconds": -145_000_000 } });
    assert_eq!(world.admin(Method::PUT, "/v1/settings", &sample).await.status, StatusCode::OK);
    let far = "2026-04-14T08:40:00";
    let moved = world.admin(Method::POST, "/v1/clock", &to(far)).await;
    assert_eq!(moved.status, StatusCode::OK, "{:?}", moved.body);
    let back = world.admin(Method::POST, "/v1/clock", &to("2026-04-14T08:39:00")).await;
    assert_eq!(back.status, StatusCode::CONFLICT);
    assert_eq!(world.admin(Method::PUT, "/v1/settings", &sample).await.status, StatusCode::CONFLICT);
    for wrong in [json!({}), to("tomorrow"), to("2026-13-01T00:00:00")] {
        assert_eq!(world.admin(Method::POST, "/v1/clock", &wrong).await.status, StatusCode::BAD_REQUEST);
    }
    assert_eq!(world.published(2).await.len(), 2);
}

#[tokio::test]
async fn one_district_never_sees_the_settings_of_another() {
    let world = World::start().await;
    assert_row_level_security(&world.database.admin_url()).await;
}
