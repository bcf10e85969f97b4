//! The API's own description is what it does.

use homeroom_ingestion::intake::Kind;
use homeroom_ingestion::native::openapi;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::world::{World, answer};

const METHODS: [Method; 5] = [Method::GET, Method::PUT, Method::POST, Method::DELETE, Method::PATCH];

#[tokio::test]
async fn it_lists_each_route_and_no_other() {
    let world = World::start().await;
    let document = answer(world.request(Method::GET, "/openapi.json")).await.body;
    assert_eq!(document["openapi"], "3.1.0");
    for (path, operations) in document["paths"].as_object().unwrap() {
        for method in METHODS {
            let described = operations.get(method.as_str().to_ascii_lowercase()).is_some();
            let status = answer(world.request(method.clone(), &path.replace("{local_id}", "1"))).await.status;
            assert_ne!(status, StatusCode::NOT_FOUND, "{path}");
            assert_eq!(status != StatusCode::METHOD_NOT_ALLOWED, described, "{method} {path}: {status}");
        }
    }
}

#[tokio::test]
async fn each_example_is_accepted() {
    let world = World::start().await;
    let records: Vec<Value> =
        Kind::ALL.iter().map(|&kind| json!({ "kind": kind.as_str(), "data": openapi::example(kind) })).collect();
    let answer = world.post_json(&Value::from(records)).await;
    assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
    assert_eq!((world.events().await.len(), world.references().await.len()), (11, 14));
}

#[test]
fn each_reference_in_it_leads_somewhere() {
    let document = openapi::document();
    let text = document.to_string();
    for reference in text.split("\"$ref\":\"#").skip(1) {
        let pointer = reference.split('"').next().unwrap();
        assert!(document.pointer(pointer).is_some(), "{pointer}");
    }
}
