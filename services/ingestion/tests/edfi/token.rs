//! Who may enter, and how.

use axum::body::Body;
use base64::Engine as _;
use http::{Method, Request};
use serde_json::{Value, json};

use crate::door::{Answer, Door, SECRET, door, school, student};

async fn token(door: &Door, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut request = Request::post(format!("/edfi/sis/{path}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    door.send(request.body(Body::from(body.to_owned())).unwrap()).await
}

async fn with_token(door: &Door, method: Method, path: &str, token: &str, body: &str) -> Answer {
    let request = Request::builder().method(method).uri(path).header("authorization", format!("Bearer {token}"));
    door.send(request.header("content-type", "application/json").body(Body::from(body.to_owned())).unwrap()).await
}

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

#[tokio::test]
async fn a_token_is_given_by_form_or_json_with_the_key_in_header_or_body() {
    let door = door().await;
    let basic = format!("Basic {}", base64::prelude::BASE64_STANDARD.encode(format!("sis:{SECRET}")));
    let secret = SECRET.replace(' ', "+");
    let answers = [
        token(&door, "oauth/token", &[FORM, ("authorization", &basic)], "grant_type=client_credentials").await,
        token(
            &door,
            "oauth/token/",
            &[FORM],
            &format!("grant_type=client_credentials&client_id=sis&client_secret={secret}"),
        )
        .await,
        token(
            &door,
            "oauth/token",
            &[("content-type", "application/json")],
            &json!({"grant_type": "client_credentials", "client_id": "sis", "client_secret": SECRET}).to_string(),
        )
        .await,
    ];
    for answer in answers {
        let given = answer.expect(200).json();
        assert_eq!((&given["expires_in"], &given["token_type"]), (&json!(1800), &json!("bearer")));
        let token = given["access_token"].as_str().unwrap();
        with_token(&door, Method::GET, "/edfi/sis/data/v3/ed-fi/students", token, "").await.expect(200);
    }
}

#[tokio::test]
async fn a_wrong_secret_another_connections_key_or_one_that_may_not_send_gets_no_token() {
    let door = door().await;
    for (key, secret) in [("sis", "wrong"), ("lms", SECRET), ("reader", SECRET), ("nobody", SECRET)] {
        let body = json!({"grant_type": "client_credentials", "client_id": key, "client_secret": secret}).to_string();
        let refused = token(&door, "oauth/token", &[("content-type", "application/json")], &body).await.expect(401);
        assert_eq!(refused.json(), json!({"error": "invalid_client"}), "{key}");
    }
    token(&door, "oauth/token", &[FORM], "grant_type=password").await.expect(400);
    token(&door, "oauth/token", &[FORM], "").await.expect(400);
    token(&door, "oauth/token", &[("content-type", "application/json")], "{").await.expect(400);
}

#[tokio::test]
async fn nobody_reads_or_writes_with_no_key_a_wrong_one_or_that_of_another_connection() {
    let door = door().await;
    let path = door.post("ed-fi/students", &student("1")).await.expect(201).location();
    let open = Request::get(format!("/edfi/sis/data/v3/{path}")).body(Body::empty()).unwrap();
    assert_eq!(door.send(open).await.expect(401).json()["type"], "urn:ed-fi:api:security:authentication");
    with_token(&door, Method::GET, &format!("/edfi/sis/data/v3/{path}"), "nonsense", "").await.expect(401);
    for key in ["lms", "reader"] {
        let refused = door.as_key(key, Method::GET, &format!("data/v3/{path}"), Body::empty()).await.expect(403);
        assert_eq!(refused.json()["type"], "urn:ed-fi:api:security:authorization");
        door.as_key(key, Method::POST, "data/v3/ed-fi/students", student("2").to_string()).await.expect(403);
    }
}

#[tokio::test]
async fn another_district_with_a_source_of_the_same_name_sees_and_changes_nothing() {
    let door = door().await;
    let path = door.post("ed-fi/students", &student("1")).await.expect(201).location();
    let item = format!("data/v3/{path}");
    door.as_key("elsewhere", Method::GET, &item, Body::empty()).await.expect(404);
    door.as_key("elsewhere", Method::DELETE, &item, Body::empty()).await.expect(404);
    door.as_key("elsewhere", Method::PUT, &item, student("1").to_string()).await.expect(404);
    let list = door.as_key("elsewhere", Method::GET, "data/v3/ed-fi/students?studentUniqueId=1", Body::empty()).await;
    assert_eq!(list.expect(200).json(), json!([]));
    let theirs =
        door.as_key("elsewhere", Method::POST, "data/v3/ed-fi/students", student("1").to_string()).await.expect(201);
    assert_ne!(theirs.location(), path);
    let events = door.events(2).await;
    assert_ne!(events[0].student, events[1].student);
    assert_ne!(events[0].district, events[1].district);
}

#[tokio::test]
async fn token_info_tells_what_the_token_may_see() {
    let door = door().await;
    let mut of_agency = school(255_901_001);
    of_agency["localEducationAgencyReference"] = json!({"localEducationAgencyId": 255_901});
    door.post("ed-fi/schools", &of_agency).await.expect(201);
    let body = json!({"grant_type": "client_credentials", "client_id": "sis", "client_secret": SECRET}).to_string();
    let given = token(&door, "oauth/token", &[("content-type", "application/json")], &body).await.json();
    let given = given["access_token"].as_str().unwrap();
    let info: Value =
        with_token(&door, Method::POST, "/edfi/sis/oauth/token_info", given, &json!({"token": given}).to_string())
            .await
            .expect(200)
            .json();
    assert_eq!(info["active"], true);
    assert_eq!(info["education_organizations"][0]["education_organization_id"], 255_901_001);
    assert_eq!(info["education_organizations"][0]["local_education_agency_id"], 255_901);
    let other =
        with_token(&door, Method::POST, "/edfi/sis/oauth/token_info", given, &json!({"token": "other"}).to_string())
            .await
            .expect(200)
            .json();
    assert_eq!(other, json!({"active": false}));
}
