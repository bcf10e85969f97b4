//! A key has limits of size and time of its own.

use axum::body::Body;
use futures_util::{StreamExt as _, stream};
use http::Method;
use serde_json::json;
use sqlx::Connection as _;

use crate::door::{Door, door, mark};

const MARKS: &str = "data/v3/ed-fi/studentSchoolAttendanceEvents";

async fn send(door: &Door, key: &str, body: impl Into<Body>) -> (u16, serde_json::Value) {
    let answer = door.as_key(key, Method::POST, MARKS, body).await;
    let retry = answer.headers.get("retry-after").map(|value| value.to_str().unwrap().to_owned());
    let status = answer.status.as_u16();
    let errors = if answer.body.is_empty() { json!(null) } else { answer.json()["errors"].clone() };
    (status, json!([errors, retry]))
}

#[tokio::test]
async fn a_body_beyond_the_keys_limit_is_told_the_limit() {
    let door = door().await;
    let large = mark("Tardy", "2021-08-31").to_string() + &" ".repeat(1000);
    let told = json!([["The request body may have at most 1000 bytes."], null]);
    assert_eq!(send(&door, "narrow", large.clone()).await, (413, told));
    assert_eq!(send(&door, "narrow", mark("Tardy", "2021-08-31").to_string()).await.0, 201);
    assert_eq!(door.as_key("sis", Method::POST, MARKS, large).await.status.as_u16(), 200);
}

#[tokio::test]
async fn a_request_that_takes_longer_than_the_key_may_is_ended() {
    let door = door().await;
    let told = json!([["Requests of this key may take 1 seconds."], "5"]);
    let half = stream::iter([Ok::<_, std::io::Error>("{")]).chain(stream::pending());
    assert_eq!(send(&door, "hasty", Body::from_stream(half)).await, (408, told.clone()));

    let mut admin = door.database.admin().await;
    let mut holding = admin.begin().await.unwrap();
    sqlx::query("lock table ingestion.change_versions").execute(&mut *holding).await.unwrap();
    assert_eq!(send(&door, "hasty", mark("Tardy", "2021-08-31").to_string()).await, (504, told));
    holding.rollback().await.unwrap();
    let again = send(&door, "narrow", mark("Tardy", "2021-08-31").to_string()).await.0;
    assert!(matches!(again, 200 | 201), "{again}");
    assert_eq!(door.events(1).await.len(), 1);
}
