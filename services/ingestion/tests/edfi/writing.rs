//! Documents are made, changed and deleted.

use axum::body::Body;
use futures_util::future::join_all;
use http::Method;
use serde_json::json;

use crate::door::{door, mark, request, school, student};

const MARKS: &str = "ed-fi/studentSchoolAttendanceEvents";

#[tokio::test]
async fn a_post_makes_a_document_and_the_same_post_finds_it() {
    let door = door().await;
    let made = door.post(MARKS, &mark("Tardy", "2021-08-31")).await.expect(201);
    let again = door.post(MARKS, &mark("Tardy", "2021-08-31")).await.expect(200);
    assert!(made.body.is_empty() && again.body.is_empty());
    assert_eq!(made.location(), again.location());
    assert_eq!(made.header("etag"), again.header("etag"));
    let read = door.get(&made.location()).await.expect(200);
    let document = read.json();
    assert_eq!(document["eventDate"], "2021-08-31");
    assert_eq!(document["id"], made.location().rsplit('/').next().unwrap());
    assert_eq!(format!("\"{}\"", document["_etag"].as_str().unwrap()), made.header("etag"));
    assert!(document["_lastModifiedDate"].as_str().unwrap().ends_with('Z'));
}

#[tokio::test]
async fn a_post_with_another_value_outside_the_key_changes_the_document() {
    let door = door().await;
    let made = door.post("ed-fi/schools", &school(1)).await.expect(201);
    let mut renamed = school(1);
    renamed["nameOfInstitution"] = json!("Renamed");
    let changed = door.post("ed-fi/schools", &renamed).await.expect(200);
    assert_eq!(made.location(), changed.location());
    assert_ne!(made.header("etag"), changed.header("etag"));
    assert_eq!(door.get(&made.location()).await.json()["nameOfInstitution"], "Renamed");
}

#[tokio::test]
async fn a_put_and_a_delete_answer_204_and_what_is_gone_is_not_found() {
    let door = door().await;
    let path = door.post("ed-fi/schools", &school(1)).await.location();
    let mut renamed = school(1);
    renamed["nameOfInstitution"] = json!("Renamed");
    renamed["id"] = json!(path.rsplit('/').next().unwrap());
    renamed["_etag"] = json!("whatever we gave out is ours");
    door.put(&path, &renamed).await.expect(204);
    assert_eq!(door.get(&path).await.json()["nameOfInstitution"], "Renamed");
    door.delete(&path).await.expect(204);
    door.get(&path).await.expect(404);
    door.delete(&path).await.expect(404);
    door.put(&path, &renamed).await.expect(404);
    assert_eq!(door.post("ed-fi/schools", &school(1)).await.expect(201).location(), path);
}

#[tokio::test]
async fn a_put_may_change_the_key_of_an_enrollment_but_not_of_a_school() {
    let door = door().await;
    let path = door.post("ed-fi/schools", &school(1)).await.location();
    let problem = door.put(&path, &school(2)).await.expect(400).json();
    assert_eq!(problem["type"], "urn:ed-fi:api:bad-request:data-validation-failed:key-change-not-supported");
    assert_eq!(
        problem["detail"],
        "Identifying values for the School resource cannot be changed. Delete and recreate the resource item instead."
    );
    let enrollment = |entry: &str| {
        json!({"entryDate": entry, "entryGradeLevelDescriptor": "uri://ed-fi.org/GradeLevelDescriptor#First grade",
            "schoolReference": {"schoolId": 1}, "studentReference": {"studentUniqueId": "7"}})
    };
    let first = door.post("ed-fi/studentSchoolAssociations", &enrollment("2021-08-23")).await.location();
    let second = door.post("ed-fi/studentSchoolAssociations", &enrollment("2022-01-10")).await.location();
    door.put(&first, &enrollment("2021-08-30")).await.expect(204);
    assert_eq!(door.get(&first).await.json()["entryDate"], "2021-08-30");
    let taken = door.put(&second, &enrollment("2021-08-30")).await.expect(409).json();
    assert_eq!(taken["type"], "urn:ed-fi:api:data-conflict:non-unique-identity");
}

#[tokio::test]
async fn a_client_that_has_seen_another_version_is_told_so() {
    let door = door().await;
    let made = door.post("ed-fi/students", &student("1")).await.expect(201);
    let path = format!("data/v3/{}", made.location());
    let etag = made.header("etag").to_owned();
    let with = |method: Method, etag: &str, body: Body| {
        request("sis", method, &path, &[("if-match", etag)]).body(body).unwrap()
    };
    let mut changed = student("1");
    changed["middleName"] = json!("M");
    let body = changed.to_string();
    door.send(with(Method::PUT, "\"0123\"", body.clone().into())).await.expect(412);
    door.send(with(Method::PUT, &etag, body.clone().into())).await.expect(204);
    let stale = door.send(with(Method::DELETE, &etag, Body::empty())).await.expect(412).json();
    assert_eq!(stale["type"], "urn:ed-fi:api:optimistic-lock-failed");
    let read = door.get(&made.location()).await;
    let seen =
        request("sis", Method::GET, &path, &[("if-none-match", read.header("etag"))]).body(Body::empty()).unwrap();
    door.send(seen).await.expect(304);
    let only_new =
        request("sis", Method::POST, "data/v3/ed-fi/students", &[("if-none-match", "*")]).body(body.into()).unwrap();
    door.send(only_new).await.expect(412);
}

#[tokio::test]
async fn sixty_four_posts_of_one_key_at_once_end_in_one_document() {
    let door = door().await;
    let bodies: Vec<_> = (0..64)
        .map(|number| {
            let mut school = school(1);
            school["nameOfInstitution"] = json!(format!("Name {number}"));
            school
        })
        .collect();
    let answers = join_all(bodies.iter().map(|body| door.post("ed-fi/schools", body))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 63);
    let all = door.get("ed-fi/schools?totalCount=true").await;
    assert_eq!(all.header("total-count"), "1");
    let records = door.records(homeroom_bus::Topic::Reference, 64).await;
    let last = homeroom_proto::reference::decode(records.last().unwrap().value.as_ref().unwrap()).unwrap();
    let homeroom_domain::event::Change::Recorded(homeroom_domain::reference::Entry::School(last)) = last.change else {
        panic!()
    };
    assert_eq!(all.json()[0]["nameOfInstitution"], last.name.as_str());
}

#[tokio::test]
async fn a_bad_record_among_many_at_once_spoils_only_itself() {
    let door = door().await;
    let mut bodies: Vec<_> = (1..=40).map(school).collect();
    bodies[20] = json!({"schoolId": "x"});
    let answers = join_all(bodies.iter().map(|body| door.post("ed-fi/schools", body))).await;
    for (number, answer) in answers.iter().enumerate() {
        assert_eq!(answer.status.as_u16(), if number == 20 { 400 } else { 201 });
    }
}

#[tokio::test]
async fn resources_that_the_standard_does_not_know_are_kept_by_what_they_say() {
    let door = door().await;
    let body = json!({"parentUniqueId": "p1", "_ext": {"tx": {"a": null}}, "list": []});
    for path in ["ed-fi/parents", "tx/studentBadges"] {
        let made = door.post(path, &body).await.expect(201);
        door.post(path, &body).await.expect(200);
        let document = door.get(&made.location()).await.expect(200).json();
        assert_eq!(document["_ext"], body["_ext"]);
        door.post(path, &json!({"parentUniqueId": "p2"})).await.expect(201);
        door.put(&made.location(), &json!({"parentUniqueId": "p3"})).await.expect(204);
        door.delete(&made.location()).await.expect(204);
    }
    assert_eq!(door.outbox_rows().await, 0);
}

#[tokio::test]
async fn descriptors_are_known_by_namespace_and_code_whatever_their_case() {
    let door = door().await;
    let descriptor = |code: &str| json!({"namespace": "uri://ed-fi.org/GradeTypeDescriptor", "codeValue": code, "shortDescription": code});
    let made = door.post("ed-fi/gradeTypeDescriptors", &descriptor("Final")).await.expect(201);
    let again = door.post("ed-fi/gradeTypeDescriptors", &descriptor("FINAL")).await.expect(200);
    assert_eq!(made.location(), again.location());
    door.post("ed-fi/gradeTypeDescriptors", &descriptor("Exam")).await.expect(201);
    let found = door.get("ed-fi/gradeTypeDescriptors?codeValue=exam").await.json();
    assert_eq!(found.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_record_that_the_database_refuses_spoils_only_itself() {
    let door = door().await;
    let mut admin = door.database.admin().await;
    let refuse =
        "alter table ingestion.documents add constraint no_poison check (body ->> 'nameOfInstitution' <> 'Poison')";
    sqlx::query(refuse).execute(&mut admin).await.unwrap();
    let mut bodies: Vec<_> = (1..=30).map(school).collect();
    bodies[7]["nameOfInstitution"] = json!("Poison");
    let answers = join_all(bodies.iter().map(|body| door.post("ed-fi/schools", body))).await;
    for (number, answer) in answers.iter().enumerate() {
        assert_eq!(answer.status.as_u16(), if number == 7 { 500 } else { 201 }, "{number}");
    }
    assert_eq!(door.records(homeroom_bus::Topic::Reference, 29).await.len(), 29);
}
