//! Nothing is answered without the scope, and a key reaches one district only.

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::world::{DISTRICT, Role, World, answer, mark};

/// Each route, and the role that may use it.
const ROUTES: [(Method, &str, Role); 14] = [
    (Method::POST, "/v1/events", Role::Sis),
    (Method::GET, "/v1/students/1", Role::Reader),
    (Method::POST, "/v1/student-keys", Role::Reader),
    (Method::POST, "/v1/students/merges", Role::Admin),
    (Method::GET, "/v1/students/merges", Role::Admin),
    (Method::DELETE, "/v1/students/merges/1", Role::Admin),
    (Method::GET, "/v1/settings", Role::Admin),
    (Method::PUT, "/v1/settings", Role::Admin),
    (Method::POST, "/v1/clock", Role::Admin),
    (Method::GET, "/v1/rule-pack", Role::Admin),
    (Method::PUT, "/v1/rule-pack", Role::Admin),
    (Method::GET, "/v1/calculators", Role::Admin),
    (Method::PUT, "/v1/calculators", Role::Admin),
    (Method::GET, "/v1/dead-letters", Role::Admin),
];

#[tokio::test]
async fn each_route_needs_its_scope() {
    let world = World::start().await;
    for (method, path, permitted) in ROUTES {
        let request = || world.request(method.clone(), path).header("content-type", "application/json").body("{}");
        assert_eq!(answer(request()).await.status, StatusCode::UNAUTHORIZED, "{method} {path}");
        let wrong = request().basic_auth(permitted.key(), Some("wrong"));
        assert_eq!(answer(wrong).await.status, StatusCode::UNAUTHORIZED, "{method} {path}");
        for role in [Role::Sis, Role::Reader, Role::Admin] {
            let status = answer(request().header("authorization", role.authorization())).await.status;
            assert_eq!(status != StatusCode::FORBIDDEN, role == permitted, "{method} {path} {role:?}: {status}");
        }
    }
    assert!(world.events().await.is_empty());
}

#[tokio::test]
async fn a_record_belongs_to_the_district_and_source_of_its_key() {
    let world = World::start().await;
    world.post_json(&mark("1", &json!({ "district": "other" }))).await;
    let request = world.request(Method::POST, "/v1/events").json(&mark("1", &json!({})));
    answer(request.header("authorization", Role::Neighbour.authorization())).await;
    let events = world.events().await;
    let mut districts: Vec<_> = events.iter().map(|event| event.district.as_str()).collect();
    districts.sort_unstable();
    assert_eq!(districts, [DISTRICT, "other"]);
    assert_ne!(events[0].student, events[1].student, "one id in two districts is two students");
}
