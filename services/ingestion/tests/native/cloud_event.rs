//! CloudEvents in all three modes, and the vectors of their conformance suite.

use homeroom_domain::event::Change;
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::world::{Answer, Role, World, answer, mark};

const VECTORS: [&str; 2] =
    [include_str!("../fixtures/cloudevents/v1.yaml"), include_str!("../fixtures/cloudevents/v1_minimum.yaml")];
const SCENARIOS: &str = include_str!("../fixtures/cloudevents/http-protocol-binding.feature.txt");

#[derive(Deserialize)]
struct Vector {
    #[serde(rename = "ContextAttributes")]
    attributes: serde_json::Map<String, Value>,
    #[serde(rename = "Data")]
    data: String,
}

fn vectors() -> Vec<Vector> {
    VECTORS.iter().flat_map(|text| serde_saphyr::from_multiple::<Vector>(text).unwrap()).collect()
}

fn event(kind: &str, word: &str) -> Value {
    json!({
        "specversion": "1.0", "id": "1", "source": "/sis", "type": format!("org.homeroom.{kind}.{word}.v1"),
        "time": "2022-04-13T13:05:00Z", "data": mark("1", &json!({}))["data"],
    })
}

impl World {
    async fn post_binary(&self, attributes: &[(&str, &str)], content_type: &str, body: String) -> Answer {
        let mut request = self.request(Method::POST, "/v1/events").header("content-type", content_type).body(body);
        for (name, value) in attributes {
            request = request.header(format!("ce-{name}"), *value);
        }
        answer(request.header("authorization", Role::Sis.authorization())).await
    }
}

#[tokio::test]
async fn all_three_modes_keep_the_same_event() {
    let world = World::start().await;
    let event = event("attendance", "recorded");
    let structured = world.post("application/cloudevents+json; charset=utf-8", event.to_string()).await;
    let batch = world.post("application/cloudevents-batch+json", json!([event, event]).to_string()).await;
    let attributes = [
        ("specversion", "1.0"),
        ("id", "1"),
        ("source", "/sis"),
        ("type", "org.homeroom.attendance.recorded.v1"),
        ("time", "2022-04-13T13:05:00Z"),
    ];
    let binary = world.post_binary(&attributes, "application/json", event["data"].to_string()).await;
    for answer in [&structured, &batch, &binary] {
        assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
    }
    let events = world.events().await;
    assert_eq!(events.len(), 4);
    assert!(events.iter().all(|it| it.origin.key == events[0].origin.key && it.change == events[0].change));
    assert_eq!(events[0].occurred_at, Some("2022-04-13T13:05:00Z".parse().unwrap()));
}

#[tokio::test]
async fn a_type_withdraws_and_extensions_give_key_and_revision() {
    let world = World::start().await;
    let mut event = event("attendance", "withdrawn");
    event["recordkey"] = "row%201".into();
    event["revision"] = "18446744073709551615".into();
    assert_eq!(world.post("application/cloudevents+json", event.to_string()).await.outcomes(), ["accepted"]);
    let attributes = [
        ("specversion", "1.0"),
        ("id", "2"),
        ("source", "/sis"),
        ("type", "org.homeroom.attendance.withdrawn.v1"),
        ("recordkey", "row%25201"),
        ("revision", "3"),
    ];
    world.post_binary(&attributes, "application/json", json!({ "student": "1" }).to_string()).await;
    let events = world.events().await;
    assert_eq!((&events[0].change, &events[1].change), (&Change::Withdrawn, &Change::Withdrawn));
    assert_eq!((events[0].origin.revision.0, events[1].origin.revision.0), (u64::MAX, 3));
    assert_eq!(events[0].origin.key, events[1].origin.key, "a header is percent-encoded");
}

#[tokio::test]
async fn data_may_come_in_base64() {
    use base64::Engine as _;
    let world = World::start().await;
    let mut event = event("attendance", "recorded");
    let data = event["data"].take().to_string();
    event.as_object_mut().unwrap().remove("data");
    event["data_base64"] = base64::engine::general_purpose::STANDARD.encode(data).into();
    assert_eq!(world.post("application/cloudevents+json", event.to_string()).await.outcomes(), ["accepted"]);
    event["data_base64"] = "?".into();
    let answer = world.post("application/cloudevents+json", event.to_string()).await;
    assert_eq!(answer.results()[0]["problem"]["field"], "$.data_base64");
}

#[tokio::test]
async fn what_is_no_event_of_ours_is_quarantined_by_attribute() {
    let world = World::start().await;
    let without = |name: &str, value: Value| {
        let mut event = event("attendance", "recorded");
        event[name] = value;
        event
    };
    let batch = json!([
        without("specversion", "0.3".into()),
        without("id", Value::Null),
        without("source", "".into()),
        without("type", "com.example.someevent".into()),
        without("time", "yesterday".into()),
        without("datacontenttype", "text/plain".into()),
        without("data", "text".into()),
        event("attendance", "recorded"),
    ]);
    let answer = world.post("application/cloudevents-batch+json", batch.to_string()).await;
    let fields: Vec<_> =
        answer.results().iter().map(|result| result["problem"]["field"].as_str().unwrap_or("")).collect();
    assert_eq!(fields, ["$.specversion", "$.id", "$.source", "$.type", "$.time", "$.datacontenttype", "$.data", ""]);
}

/// Each vector is understood as a CloudEvent: with its own type it is not of ours, with one of ours and a record it is kept.
#[tokio::test]
async fn the_vectors_of_the_conformance_suite_are_understood() {
    let world = World::start().await;
    let vectors = vectors();
    assert_eq!(vectors.len(), 8);
    for vector in &vectors {
        let sent = vector.attributes.get("datacontenttype").and_then(Value::as_str).unwrap_or("application/json");
        let is_json = sent.starts_with("application/json");
        let mut event = vector.attributes.clone();
        event.remove("Extensions");
        // YAML reads it as a number.
        event.insert("specversion".into(), "1.0".into());
        event.insert("data".into(), serde_json::from_str(&vector.data).unwrap_or_else(|_| vector.data.clone().into()));
        let structured = world.post("application/cloudevents+json", serde_json::to_vec(&event).unwrap()).await;
        let field = if is_json { "$.type" } else { "$.datacontenttype" };
        assert_eq!(structured.results()[0]["problem"]["field"], field);

        let attributes: Vec<_> = event
            .iter()
            .filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)))
            .filter(|(name, _)| !["data", "datacontenttype"].contains(name))
            .collect();
        let binary = world.post_binary(&attributes, sent, vector.data.clone()).await;
        if is_json {
            assert_eq!(binary.results()[0]["problem"]["field"], "$.type");
        } else {
            assert_eq!(binary.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
        }

        event.insert("type".into(), "org.homeroom.school.recorded.v1".into());
        event.insert("datacontenttype".into(), "application/json; charset=utf-8".into());
        event.insert("data".into(), json!({ "school": "255901001", "name": "Hello, 🌎!" }));
        let ours = world.post("application/cloudevents+json", serde_json::to_vec(&event).unwrap()).await;
        assert_eq!(ours.outcomes(), ["accepted"]);
    }
}

/// The requests of the scenarios, as they are written there, with each content type of their examples.
#[tokio::test]
async fn the_scenarios_of_the_http_binding_are_understood() {
    let world = World::start().await;
    let mut sent = 0;
    for scenario in SCENARIOS.split("Scenario Outline:").skip(1) {
        let quoted = scenario.split("\"\"\"").nth(1).unwrap();
        let lines: Vec<&str> = quoted.lines().map(str::trim).skip(1).collect();
        let blank = lines.iter().position(|line| line.is_empty()).unwrap();
        let body = lines[blank..].concat();
        let examples = scenario.split("Examples:").nth(1).unwrap();
        for content_type in examples.lines().filter_map(|line| line.trim().strip_prefix('|')).skip(1) {
            let content_type = content_type.trim_end_matches('|').trim();
            let mut request = world.request(Method::POST, "/v1/events").body(body.clone());
            for header in &lines[1..blank] {
                let (name, value) = header.split_once(": ").unwrap();
                if !["Host", "Content-Length"].contains(&name) {
                    request = request.header(name, value.replace("<contentType>", content_type));
                }
            }
            let answer = answer(request.header("authorization", Role::Sis.authorization())).await;
            assert_eq!(answer.results()[0]["problem"]["field"], "$.type", "{:?}", answer.body);
            sent += 1;
        }
    }
    assert_eq!(sent, 4);
    assert_eq!(world.dead_letters(sent).await.len(), sent);
}
