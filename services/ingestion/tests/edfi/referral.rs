//! What refers to a changed key is found by the references that are kept with the documents, those of before included.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::door::{Door, door};

/// Documents that refer to the section. With ten times as many it takes ten times as long, and holds as well.
const REFERRING: i64 = 2_000;

/// Documents that refer to another one.
const OTHERS: i64 = 20_000;

fn section(identifier: &str) -> Value {
    json!({"sectionIdentifier": identifier, "courseOfferingReference":
        {"localCourseCode": "ALG-1", "schoolId": 1, "schoolYear": 2022, "sessionName": "Fall"}})
}

fn mark(student: &str, identifier: &str) -> Value {
    json!({"attendanceEventCategoryDescriptor": "uri://ed-fi.org/AttendanceEventCategoryDescriptor#Tardy", "eventDate": "2021-09-06",
        "studentReference": {"studentUniqueId": student}, "sectionReference": {"sectionIdentifier": identifier,
            "localCourseCode": "ALG-1", "schoolId": 1, "schoolYear": 2022, "sessionName": "Fall"}})
}

impl Door {
    /// Waits until a count is zero.
    async fn none_is_left(&self, left: &'static str) {
        let deadline = Instant::now() + Duration::from_mins(2);
        while self.number(left).await > 0 {
            assert!(Instant::now() < deadline, "still: {left}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Marks as a process of an earlier version keeps them: so many of students from a number on.
    async fn keep_as_before(&self, from: i64, marks: i64, identifier: &str) {
        let body = mark("STUDENT", identifier).to_string();
        let upto = from + marks - 1;
        self.execute(&format!(
            "insert into ingestion.documents (district, source, resource, document_id, natural_key_hash, body, etag, change_version, \
                 created_version, created_at, modified_at) \
             select 'grand-bend', 'sis', 'ed-fi/studentSectionAttendanceEvents', gen_random_uuid(), sha256(n::text::bytea), \
                 replace('{body}', 'STUDENT', n::text)::jsonb, 'x', n, n, now(), now() from generate_series({from}, {upto}) n; \
             update ingestion.change_versions set last = last + {marks} where district = 'grand-bend'",
        ))
        .await;
    }
}

#[tokio::test]
async fn a_key_that_many_refer_to_changes_and_nothing_else_is_looked_at() {
    let door = door().await;
    let path = door.post("ed-fi/sections", &section("1")).await.expect(201).location();
    door.keep_as_before(1, REFERRING, "1").await;
    door.keep_as_before(REFERRING + 1, OTHERS, "2").await;
    // A process of this version goes on.
    let sent = door.post("ed-fi/studentSectionAttendanceEvents", &mark("new", "1")).await.expect(201).location();
    let door = door.restarted().await;
    door.none_is_left("select count(*) from ingestion.change_versions where unreferenced_to > referenced_floor").await;
    assert_eq!(door.number("select count(*) from ingestion.document_references").await, REFERRING + OTHERS + 2);
    // One whose reference is not known stays behind: no collection is looked through.
    door.execute("delete from ingestion.document_references where created_version = 17").await;

    let others = "select sum(change_version)::bigint from ingestion.documents where body::text like '%\"sectionIdentifier\": \"2\"%'";
    let before = door.number(others).await;
    door.put(&path, &section("1A")).await.expect(204);
    door.none_is_left("select count(*) from ingestion.key_changes where is_pending").await;
    let at = |identifier: &str| {
        format!(
            "select count(*) from ingestion.documents where body::text like '%\"sectionIdentifier\": \"{identifier}\"%'"
        )
    };
    assert_eq!(door.number(&at("1A")).await, REFERRING + 1);
    assert_eq!(door.number(&at("1")).await, 1);
    assert_eq!(door.number(others).await, before);
    assert_eq!(door.get(&sent).await.expect(200).json()["sectionReference"]["sectionIdentifier"], "1A");
}

/// What a document refers to is known while it is kept, and no longer.
#[tokio::test]
async fn references_go_with_their_document() {
    let door = door().await;
    let rows = "select count(*) from ingestion.document_references";
    let post = async |student, identifier| {
        door.post("ed-fi/studentSectionAttendanceEvents", &mark(student, identifier)).await.expect(201).location()
    };
    let (first, second) = (post("1", "1").await, post("2", "1").await);
    door.post("ed-fi/students", &crate::door::student("1")).await.expect(201);
    // The offering of the section is one more that may change its key.
    door.post("ed-fi/sections", &section("1")).await.expect(201);
    assert_eq!(door.number(rows).await, 3);
    door.post("ed-fi/studentSectionAttendanceEvents", &mark("1", "1")).await.expect(200);
    assert_eq!(door.number(rows).await, 3);
    door.delete(&first).await.expect(204);
    assert_eq!(door.number(rows).await, 2);
    post("1", "1").await;
    door.delete(&second).await.expect(204);
    assert_eq!(door.number(rows).await, 2);
}

/// What a batch changes of a document of before does not keep the document from getting the rows of all the rest.
#[tokio::test]
async fn a_document_of_before_that_changes_before_it_has_its_references_follows_a_key() {
    let door = door().await;
    let path = door.post("ed-fi/sections", &section("1")).await.expect(201).location();
    let sent = door.post("ed-fi/studentSectionAttendanceEvents", &mark("1", "1")).await.expect(201).location();
    door.execute(
        "delete from ingestion.document_references; \
         update ingestion.change_versions set referenced_last = 0, unreferenced_to = 0, referenced_floor = 0",
    )
    .await;
    let mut later = mark("1", "1");
    later["attendanceEventReason"] = json!("the bus was late");
    door.post("ed-fi/studentSectionAttendanceEvents", &later).await.expect(200);
    let door = door.restarted().await;
    door.none_is_left("select count(*) from ingestion.change_versions where unreferenced_to > referenced_floor").await;

    door.put(&path, &section("1A")).await.expect(204);
    door.none_is_left("select count(*) from ingestion.key_changes where is_pending").await;
    assert_eq!(door.get(&sent).await.expect(200).json()["sectionReference"]["sectionIdentifier"], "1A");
}
