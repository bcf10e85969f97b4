//! Collections are paged and filtered; clients find their way by what the door says of itself.

use axum::body::Body;
use http::{Method, Request};
use serde_json::{Value, json};

use crate::door::{Door, SOON, door, mark, school, student};

async fn with_schools() -> Door {
    let door = door().await;
    for id in 1..=5 {
        door.post("ed-fi/schools", &school(id)).await.expect(201);
    }
    door
}

async fn ids(door: &Door, query: &str) -> Vec<i64> {
    let page = door.get(&format!("ed-fi/schools{query}")).await.expect(200).json();
    page.as_array().unwrap().iter().map(|school| school["schoolId"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn pages_come_in_the_order_of_creation_and_count_all() {
    let door = with_schools().await;
    assert_eq!(ids(&door, "?offset=3&limit=2").await, [4, 5]);
    assert_eq!(ids(&door, "?offset=600&limit=5").await, [0_i64; 0]);
    assert_eq!(ids(&door, "?offset=4").await, [5]);
    assert_eq!(ids(&door, "?nameOfInstitution=School+5&limit=2").await, [5]);
    let counted = door.get("ed-fi/schools?limit=0&TOTALCOUNT=True").await.expect(200);
    assert_eq!(counted.header("total-count"), "5");
    assert_eq!(counted.json(), json!([]));
    assert!(!door.get("ed-fi/schools?totalCount=false").await.headers.contains_key("total-count"));
}

#[tokio::test]
async fn parts_of_references_are_filters_and_unknown_names_are_passed_over() {
    let door = door().await;
    for date in ["2021-08-30", "2021-08-31"] {
        door.post("ed-fi/studentSchoolAttendanceEvents", &mark("Tardy", date)).await.expect(201);
    }
    let count = async |query: &str| {
        let found = door.get(&format!("ed-fi/studentSchoolAttendanceEvents?{query}")).await.expect(200).json();
        found.as_array().unwrap().len()
    };
    assert_eq!(count("studentUniqueId=604822&correlationId=x").await, 2);
    assert_eq!(count("studentUniqueId=604823").await, 0);
    assert_eq!(count("schoolId=255901001&eventDate=2021-08-31").await, 1);
    assert_eq!(count("sessionName=2021-2022+Fall+Semester").await, 2);
    let whole = "attendanceEventCategoryDescriptor=uri%3A%2F%2Fed-fi.org%2FAttendanceEventCategoryDescriptor%23tardy&eventDate=2021-08-31\
        &schoolId=255901001&schoolYear=2022&sessionName=2021-2022+Fall+Semester&studentUniqueId=604822";
    assert_eq!(count(whole).await, 1);
}

#[tokio::test]
async fn parameters_out_of_range_are_refused_in_the_standards_words() {
    let door = door().await;
    for (query, error) in [
        ("offset=-1", "Offset must be a numeric value greater than or equal to 0."),
        ("offset=aaa", "Offset must be a numeric value greater than or equal to 0."),
        ("limit=501", "Limit must be omitted or set to a numeric value between 0 and 500."),
        ("limit=%27zero%27", "Limit must be omitted or set to a numeric value between 0 and 500."),
        ("totalCount=1", "TotalCount must be a boolean value."),
    ] {
        let problem = door.get(&format!("ed-fi/schools?{query}")).await.expect(400).json();
        assert_eq!(
            problem,
            json!({"detail": "Parameters supplied to the request were invalid.", "type": "urn:ed-fi:api:bad-request:parameter-validation-failed",
                "title": "Parameter Validation Failed", "status": 400, "correlationId": null, "validationErrors": {}, "errors": [error]}),
            "{query}"
        );
    }
}

#[tokio::test]
async fn a_copier_follows_changes_and_deletes_by_version() {
    let door = with_schools().await;
    let sent = newest(&door).await;
    let mut renamed = school(2);
    renamed["nameOfInstitution"] = json!("Renamed");
    let path = door.post("ed-fi/schools", &renamed).await.expect(200).location();
    let changed = newest(&door).await;
    assert!(changed > sent);
    assert_eq!(ids(&door, &format!("?minChangeVersion={}", sent + 1)).await, [2]);
    assert_eq!(ids(&door, &format!("?minChangeVersion=1&maxChangeVersion={sent}")).await, [1, 3, 4, 5]);
    door.delete(&path).await.expect(204);
    let gone = newest(&door).await;
    let deletes = door.get(&format!("ed-fi/schools/deletes?minChangeVersion={}", changed + 1)).await.expect(200).json();
    assert_eq!(deletes, json!([{"id": path.rsplit('/').next(), "changeVersion": gone, "keyValues": {"schoolId": 2}}]));
    door.post("ed-fi/schools", &school(2)).await.expect(201);
    assert_eq!(door.get("ed-fi/schools/deletes").await.json(), json!([]));
    assert!(newest(&door).await > gone);
}

#[tokio::test]
async fn a_delete_is_forgotten_after_its_days_and_a_copier_can_tell() {
    let door = with_schools().await;
    let path = door.get("ed-fi/schools?schoolId=1").await.json()[0]["id"].as_str().unwrap().to_owned();
    door.delete(&format!("ed-fi/schools/{path}")).await.expect(204);
    assert_eq!(versions(&door).await["oldestChangeVersion"], 0);
    let gone = newest(&door).await;
    door.execute("update ingestion.document_deletes set deleted_at = now() - interval '500 days'").await;
    let door = door.restarted().await;
    let deadline = tokio::time::Instant::now() + SOON;
    while versions(&door).await["oldestChangeVersion"] != gone + 1 {
        assert!(tokio::time::Instant::now() < deadline, "the delete is never forgotten");
        tokio::task::yield_now().await;
    }
    assert_eq!(door.get("ed-fi/schools/deletes").await.expect(200).json(), json!([]));
}

async fn versions(door: &Door) -> Value {
    let answer = door.as_key("sis", Method::GET, "changeQueries/v1/availableChangeVersions", Body::empty()).await;
    answer.expect(200).json()
}

async fn newest(door: &Door) -> i64 {
    versions(door).await["newestChangeVersion"].as_i64().unwrap()
}

#[tokio::test]
async fn what_the_door_says_of_itself_needs_no_token_and_leads_to_its_addresses() {
    let door = door().await;
    let open = async |path: &str| {
        let request =
            Request::get(path.strip_prefix("http://homeroom.test").unwrap_or(path)).body(Body::empty()).unwrap();
        door.send(request).await.expect(200).json()
    };
    let root = open("/edfi/sis/").await;
    assert_eq!(open("/edfi/sis").await, root);
    assert_eq!(root["dataModels"][0]["version"], "5.2.0");
    let metadata = open(root["urls"]["openApiMetadata"].as_str().unwrap()).await;
    for list in metadata.as_array().unwrap() {
        let document = open(list["endpointUri"].as_str().unwrap()).await;
        assert!(document["tags"].as_array().unwrap().len() > 100, "{}", list["name"]);
    }
    let dependencies = open(root["urls"]["dependencies"].as_str().unwrap()).await;
    let named = |name: &str| dependencies.as_array().unwrap().iter().any(|entry| entry["resource"] == name);
    assert!(named("/ed-fi/students") && named("/ed-fi/attendanceEventCategoryDescriptors"));
    assert_eq!(root["urls"]["dataManagementApi"], "http://homeroom.test/edfi/sis/data/v3/");
}

#[tokio::test]
async fn addresses_and_methods_that_mean_nothing_are_told_so() {
    let door = door().await;
    for path in ["nowhere", "data/v3", "data/v3/ed-fi/students/7", "data/v3/ed-fi/students/x/y"] {
        let problem = door.as_key("sis", Method::GET, path, Body::empty()).await.expect(404).json();
        assert_eq!(problem["type"], "urn:ed-fi:api:not-found", "{path}");
    }
    let path = door.post("ed-fi/students", &student("1")).await.location();
    let item = format!("data/v3/{path}");
    for (method, path) in [
        (Method::PUT, "data/v3/ed-fi/students"),
        (Method::DELETE, "data/v3/ed-fi/students"),
        (Method::POST, item.as_str()),
        (Method::PATCH, item.as_str()),
        (Method::DELETE, "oauth/token"),
    ] {
        let problem: Value = door.as_key("sis", method, path, "{}").await.expect(405).json();
        assert_eq!(problem["type"], "urn:ed-fi:api:method-not-allowed", "{path}");
    }
}
