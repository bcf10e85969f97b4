//! Problem documents, whole, as the expectations of Ed-Fi's own Data-Management-Service have them.

use axum::body::Body;
use http::Method;
use serde_json::{Value, json};

use crate::door::{Door, door, request, student};

async fn refused(door: &Door, path: &str, body: &Value) -> Value {
    let answer = door.post(path, body).await.expect(400);
    assert_eq!(answer.header("content-type"), "application/problem+json");
    answer.json()
}

fn invalid(validation_errors: &Value) -> Value {
    json!({"detail": "Data validation failed. See 'validationErrors' for details.",
        "type": "urn:ed-fi:api:bad-request:data-validation-failed", "title": "Data Validation Failed", "status": 400,
        "correlationId": null, "validationErrors": validation_errors, "errors": []})
}

#[tokio::test]
async fn a_request_without_a_body_or_with_an_empty_object_says_what_is_needed() {
    let door = door().await;
    let empty = door.as_key("sis", Method::POST, "data/v3/ed-fi/schools", Body::empty()).await.expect(400).json();
    assert_eq!(
        empty,
        json!({"detail": "The request could not be processed. See 'errors' for details.", "type": "urn:ed-fi:api:bad-request",
            "title": "Bad Request", "status": 400, "correlationId": null, "validationErrors": {},
            "errors": ["A non-empty request body is required."]})
    );
    assert_eq!(
        refused(&door, "ed-fi/absenceEventCategoryDescriptors", &json!({})).await,
        invalid(&json!({"$.namespace": ["namespace is required."], "$.codeValue": ["codeValue is required."],
            "$.shortDescription": ["shortDescription is required."]}))
    );
}

#[tokio::test]
async fn blanks_lengths_and_missing_parts_are_told_by_path() {
    let door = door().await;
    let week = |identifier: &str| {
        json!({"weekIdentifier": identifier, "schoolReference": {"schoolId": 255_901}, "beginDate": "2024-07-10", "endDate": "2024-07-30",
            "totalInstructionalDays": 20})
    };
    for identifier in ["             ", "             a", "a             "] {
        assert_eq!(
            refused(&door, "ed-fi/academicWeeks", &week(identifier)).await,
            invalid(&json!({"$.weekIdentifier": ["weekIdentifier cannot contain leading or trailing spaces."]}))
        );
    }
    assert_eq!(
        refused(&door, "ed-fi/academicWeeks", &week(&"one".repeat(33))).await,
        invalid(&json!({"$.weekIdentifier": ["weekIdentifier Value should be at most 80 characters"]}))
    );
    let partial = json!({"weekIdentifier": "seven", "schoolReference": {"__schoolId": 999}, "beginDate": "2023-09-11",
        "endDate": "2023-09-11", "__totalInstructionalDays": 10});
    assert_eq!(
        refused(&door, "ed-fi/academicWeeks", &partial).await,
        invalid(&json!({"$.totalInstructionalDays": ["totalInstructionalDays is required."],
            "$.schoolReference.schoolId": ["schoolId is required."]}))
    );
    let blank =
        json!({"codeValue": "                      ", "namespace": "  ", "shortDescription": "                    "});
    assert_eq!(
        refused(&door, "ed-fi/absenceEventCategoryDescriptors", &blank).await,
        invalid(&json!({"$.codeValue": ["codeValue Value should be at least 1 characters"],
            "$.namespace": ["namespace cannot contain leading or trailing spaces."],
            "$.shortDescription": ["shortDescription Value should be at least 1 characters"]}))
    );
}

#[tokio::test]
async fn an_id_belongs_to_the_address_and_not_to_the_body() {
    let door = door().await;
    let mut with_id = student("1");
    with_id["id"] = json!("3a93cdce-157d-4cfe-b6f8-d5caa88c986b");
    assert_eq!(
        refused(&door, "ed-fi/students", &with_id).await,
        json!({"detail": "The request data was constructed incorrectly.", "type": "urn:ed-fi:api:bad-request:data-validation-failed",
            "title": "Data Validation Failed", "status": 400, "correlationId": null, "validationErrors": {},
            "errors": ["Resource identifiers cannot be assigned by the client. The 'id' property should not be included in the request body."]})
    );
    let path = door.post("ed-fi/students", &student("1")).await.expect(201).location();
    let other = door.put(&path, &with_id).await.expect(400).json();
    assert_eq!(other["errors"], json!(["Request body id must match the id in the url."]));
}

#[tokio::test]
async fn a_name_twice_in_an_object_is_refused_by_its_path() {
    let door = door().await;
    let body = r#"{"codeValue":"Sick","shortDescription":"a","namespace":"uri://ed-fi.org/X","shortDescription":"b"}"#;
    let answer = door.as_key("sis", Method::POST, "data/v3/ed-fi/absenceEventCategoryDescriptors", body).await;
    assert_eq!(
        answer.expect(400).json(),
        invalid(&json!({"$.shortDescription": ["An item with the same key has already been added."]}))
    );
}

#[tokio::test]
async fn empty_parts_are_dropped_and_values_brought_into_one_form() {
    let door = door().await;
    let credential = json!({"credentialIdentifier": "554115575749", "stateOfIssueStateAbbreviationDescriptor": "uri://ed-fi.org/StateAbbreviationDescriptor#TX",
        "credentialTypeDescriptor": "uri://ed-fi.org/CredentialTypeDescriptor#Registration", "issuanceDate": "5/20/1996", "namespace": "uri://ed-fi.org",
        "gradeLevels": [{}], "credentialFieldDescriptor": null});
    let path = door.post("ed-fi/credentials", &credential).await.expect(201).location();
    let kept = door.get(&path).await.json();
    assert_eq!(kept["issuanceDate"], "1996-05-20");
    assert!(kept.get("gradeLevels").is_none() && kept.get("credentialFieldDescriptor").is_none());
}

#[tokio::test]
async fn another_media_type_is_refused_and_json_by_another_name_is_not() {
    let door = door().await;
    for (media_type, status) in [
        ("text/xml", 415),
        ("application/x-www-form-urlencoded", 415),
        ("application/vnd.ed-fi.student.x.writable+json", 201),
        ("application/json; charset=utf-8", 200),
    ] {
        let request = http::Request::post("/edfi/sis/data/v3/ed-fi/students")
            .header(
                "authorization",
                request("sis", Method::GET, "", &[]).headers_ref().unwrap()["authorization"].clone(),
            )
            .header("content-type", media_type);
        let answer = door.send(request.body(student("1").to_string().into()).unwrap()).await.expect(status);
        if status == 415 {
            assert_eq!(answer.json()["type"], "urn:ed-fi:api:unsupported-media-type");
        }
    }
}
