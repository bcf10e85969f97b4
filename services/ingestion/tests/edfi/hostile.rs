//! Bodies that are too large, cut off, no text, or built to do harm.

use axum::body::{Body, Bytes};
use futures_util::stream;
use homeroom_ingestion::config::Limits;
use http::Method;
use serde_json::json;

use crate::door::{door, door_with, mark, request, school, student};

const STUDENTS: &str = "data/v3/ed-fi/students";

#[tokio::test]
async fn a_body_above_the_limit_is_refused_whether_it_says_its_size_or_not() {
    let door = door_with(Limits { body_bytes: 1_000, ..Limits::default() }).await;
    let large = format!("{{\"a\":\"{}\"}}", "x".repeat(2_000));
    let length = large.len().to_string();
    let announced =
        request("sis", Method::POST, STUDENTS, &[("content-length", &length)]).body(large.clone().into()).unwrap();
    door.send(announced).await.expect(413);
    let parts =
        large.into_bytes().chunks(100).map(Bytes::copy_from_slice).map(Ok::<_, std::io::Error>).collect::<Vec<_>>();
    let streamed = request("sis", Method::POST, STUDENTS, &[]).body(Body::from_stream(stream::iter(parts))).unwrap();
    let problem = door.send(streamed).await.expect(413).json();
    assert_eq!(problem["errors"], json!(["The request body may have at most 1000 bytes."]));
}

#[tokio::test]
async fn a_body_that_is_cut_off_keeps_nothing() {
    let door = door().await;
    let half = student("1").to_string();
    let half = &half.as_bytes()[..half.len() / 2];
    door.as_key("sis", Method::POST, STUDENTS, half.to_vec()).await.expect(400);
    let lost = vec![Ok(Bytes::copy_from_slice(half)), Err(std::io::Error::other("the connection was lost"))];
    let broken = request("sis", Method::POST, STUDENTS, &[]).body(Body::from_stream(stream::iter(lost))).unwrap();
    let problem = door.send(broken).await.expect(400).json();
    assert_eq!(problem["errors"], json!(["The request body was cut off."]));
    assert_eq!(door.get("ed-fi/students").await.json(), json!([]));
}

#[tokio::test]
async fn bytes_that_are_no_text_and_texts_that_cannot_be_kept_are_refused_by_place() {
    let door = door().await;
    let invalid =
        door.as_key("sis", Method::POST, STUDENTS, b"{\"studentUniqueId\":\"\xff\"}".to_vec()).await.expect(400).json();
    assert!(invalid["validationErrors"]["$."][0].as_str().unwrap().contains("not valid UTF-8"), "{invalid}");
    let mut nul = student("1");
    nul["middleName"] = json!("a\u{0}b");
    let refused = door.post("ed-fi/students", &nul).await.expect(400).json();
    assert_eq!(refused["validationErrors"], json!({"$.middleName": ["A text must not hold the character U+0000."]}));
    let surrogate = r#"{"studentUniqueId":"\ud800","firstName":"a","lastSurname":"b","birthDate":"2010-01-02"}"#;
    door.as_key("sis", Method::POST, STUDENTS, surrogate).await.expect(400);
    door.get("ed-fi/students?firstName=a%00b").await.expect(400);
    door.get("ed-fi/students?firstName=%ff").await;
}

#[tokio::test]
async fn nesting_without_end_is_refused() {
    let door = door().await;
    for depth in [40, 100_000] {
        let body = format!("{{\"studentUniqueId\":{}", "[".repeat(depth));
        let problem = door.as_key("sis", Method::POST, STUDENTS, body).await.expect(400).json();
        let (path, message) = problem["validationErrors"].as_object().unwrap().iter().next().unwrap();
        assert!(path.starts_with("$.studentUniqueId[0]"), "{path}");
        assert_eq!(message[0], "Objects and arrays may nest at most 32 deep.");
    }
}

#[tokio::test]
async fn wrong_types_and_impossible_numbers_are_told_and_never_fail_the_server() {
    let door = door().await;
    for (field, value) in [
        ("schoolId", json!("x")),
        ("schoolId", json!(1.5)),
        ("schoolId", json!([])),
        ("schoolId", json!({"a": 1})),
        ("schoolId", json!(true)),
        ("nameOfInstitution", json!(7)),
        ("nameOfInstitution", json!(["a"])),
        ("addresses", json!("a")),
        ("addresses", json!(["a"])),
    ] {
        let mut body = school(1);
        body[field] = value.clone();
        let problem = door.post("ed-fi/schools", &body).await.expect(400).json();
        let (path, _) = problem["validationErrors"].as_object().unwrap().iter().next().unwrap();
        assert!(path.starts_with(&format!("$.{field}")), "{field}: {value} gave {problem}");
    }
    for number in ["1e400", "-1e400", "99999999999999999999", "1e308"] {
        let body = school(1).to_string().replace("\"schoolId\":1,", &format!("\"schoolId\":{number},"));
        door.as_key("sis", Method::POST, "data/v3/ed-fi/schools", body).await.expect(400);
    }
    let odd = r#"{"a":1e308,"b":-0.0,"c":5e-324,"d":18446744073709551615}"#;
    door.as_key("sis", Method::POST, "data/v3/tx/numbers", odd).await.expect(201);
    let mut duration = mark("Tardy", "2021-08-31");
    duration["eventDuration"] = json!(10);
    let problem = door.post("ed-fi/studentSchoolAttendanceEvents", &duration).await.expect(400).json();
    assert_eq!(
        problem["validationErrors"],
        json!({"$.eventDuration": ["eventDuration must be between -9.99 and 9.99."]})
    );
}

#[tokio::test]
async fn every_table_with_a_district_hides_other_districts() {
    let door = door().await;
    homeroom_harness::postgres::assert_row_level_security(&door.database.admin_url()).await;
}
