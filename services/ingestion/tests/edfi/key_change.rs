//! A natural key is changed: what refers to it follows without being sent again, and the log is told.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::future::join_all;
use homeroom_bus::Topic;
use homeroom_domain::event::{AttendanceMark, Change, Fact, Scope};
use homeroom_domain::id::SectionId;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::door::{Door, door};

const SCHOOL: i64 = 255_901_001;

fn session(name: &str) -> Value {
    json!({"sessionName": name, "schoolReference": {"schoolId": SCHOOL}, "schoolYearTypeReference": {"schoolYear": 2022},
        "beginDate": "2021-08-23", "endDate": "2021-12-17", "totalInstructionalDays": 81,
        "termDescriptor": "uri://ed-fi.org/TermDescriptor#Fall Semester"})
}

fn offering(session: &str) -> Value {
    json!({"localCourseCode": "ALG-1", "schoolReference": {"schoolId": SCHOOL},
        "courseReference": {"courseCode": "ALG-1", "educationOrganizationId": SCHOOL},
        "sessionReference": {"schoolId": SCHOOL, "schoolYear": 2022, "sessionName": session}})
}

fn section_key(session: &str) -> Value {
    json!({"localCourseCode": "ALG-1", "schoolId": SCHOOL, "schoolYear": 2022, "sessionName": session})
}

fn section(session: &str, identifier: &str) -> Value {
    json!({"sectionIdentifier": identifier, "courseOfferingReference": section_key(session)})
}

fn reference(session: &str, identifier: &str) -> Value {
    let mut key = section_key(session);
    key["sectionIdentifier"] = json!(identifier);
    key
}

fn membership(student: &str, session: &str, identifier: &str) -> Value {
    json!({"beginDate": "2021-08-23", "studentReference": {"studentUniqueId": student}, "sectionReference": reference(session, identifier)})
}

fn mark(student: &str, session: &str, identifier: &str) -> Value {
    json!({"attendanceEventCategoryDescriptor": "uri://ed-fi.org/AttendanceEventCategoryDescriptor#Unexcused Absence",
        "eventDate": "2021-09-06", "studentReference": {"studentUniqueId": student}, "sectionReference": reference(session, identifier)})
}

impl Door {
    async fn make(&self, resource: &str, body: &Value) -> String {
        self.post(&format!("ed-fi/{resource}"), body).await.expect(201).location()
    }

    /// Waits until every change of a key has been followed.
    async fn followed(&self) {
        self.are_followed("select count(*) from ingestion.key_changes where is_pending").await;
    }

    /// Waits until none of these are left, and all is published.
    async fn are_followed(&self, left: &'static str) {
        let deadline = Instant::now() + Duration::from_mins(2);
        while self.number(left).await > 0 {
            assert!(Instant::now() < deadline, "documents do not follow");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.outbox_is(0).await;
    }

    /// The sections that the live facts of all students name.
    async fn sections(&self) -> Vec<SectionId> {
        let mut last = BTreeMap::new();
        for event in self.events(0).await {
            let key = (event.student, event.origin.key);
            if last.get(&key).is_none_or(|(revision, _)| *revision <= event.origin.revision) {
                last.insert(key, (event.origin.revision, event.change));
            }
        }
        let section = |change: Change<Fact>| match change {
            Change::Recorded(Fact::SectionMembership(it)) => Some(it.section),
            Change::Recorded(Fact::AttendanceMark(AttendanceMark { scope: Scope::Section(section), .. })) => {
                Some(section)
            }
            _ => None,
        };
        last.into_values().filter_map(|(_, change)| section(change)).collect()
    }
}

#[tokio::test]
async fn what_refers_to_a_section_follows_its_new_key() {
    let door = door().await;
    let path = door.make("sections", &section("Fall", "1")).await;
    let other = door.make("studentSectionAssociations", &membership("1", "Fall", "2")).await;
    let joined = door.make("studentSectionAssociations", &membership("1", "Fall", "1")).await;
    let marked = door.make("studentSectionAttendanceEvents", &mark("1", "Fall", "1")).await;
    let before = door.get(&other).await.expect(200).body;
    door.outbox_is(0).await;
    let old: BTreeSet<_> = door.sections().await.into_iter().collect();

    door.put(&path, &section("Fall", "1A")).await.expect(204);
    door.followed().await;
    for path in [&joined, &marked] {
        assert_eq!(door.get(path).await.expect(200).json()["sectionReference"]["sectionIdentifier"], "1A", "{path}");
    }
    assert_eq!(door.get(&other).await.expect(200).body, before, "what refers elsewhere stays");
    let new = door.sections().await;
    assert_eq!(new.len(), 3, "each record once: {new:?}");
    let new: BTreeSet<_> = new.into_iter().collect();
    assert_eq!((new.len(), new.intersection(&old).count()), (2, 1));
    // And back: nothing is left of either.
    door.put(&path, &section("Fall", "1")).await.expect(204);
    door.followed().await;
    let told = door.get("ed-fi/sections/keyChanges?totalCount=true").await.expect(200);
    assert_eq!((told.header("total-count"), &told.json()[0]["oldKeyValues"]), ("2", &reference("Fall", "1")));
    assert_eq!(told.json()[1]["newKeyValues"], reference("Fall", "1"));
    let again = door.sections().await;
    assert_eq!((again.len(), again.into_iter().collect::<BTreeSet<_>>()), (3, old));
}

/// A session is in the key of its offerings, these in that of their sections, and so on down to the marks.
#[tokio::test]
async fn keys_within_keys_follow_to_the_end_through_a_restart_and_more_than_a_page() {
    const STUDENTS: usize = 110;
    let door = door().await;
    let path = door.make("sessions", &session("Fall")).await;
    door.make("courseOfferings", &offering("Fall")).await;
    door.make("sections", &section("Fall", "1")).await;
    let joined: Vec<_> = (0..STUDENTS).map(|student| membership(&student.to_string(), "Fall", "1")).collect();
    join_all(joined.iter().map(|it| door.make("studentSectionAssociations", it))).await;
    let marked = door.make("studentSectionAttendanceEvents", &mark("0", "Fall", "1")).await;
    door.put(&path, &session("Autumn")).await.expect(204);
    let door = door.restarted().await;
    door.followed().await;
    let body = door.get(&marked).await.expect(200).json();
    assert_eq!(body["sectionReference"], reference("Autumn", "1"));
    let stale = door.number("select count(*) from ingestion.documents where body::text like '%\"Fall\"%'").await;
    assert_eq!(stale, 0);
    let sections = door.sections().await;
    assert_eq!(sections.len(), STUDENTS + 1);
    assert_eq!(sections.into_iter().collect::<BTreeSet<_>>().len(), 1);
    assert!(!door.records(Topic::Reference, 6).await.is_empty());
}

#[tokio::test]
async fn what_was_sent_with_the_new_key_meanwhile_is_the_later_word() {
    let door = door().await;
    let path = door.make("sections", &section("Fall", "1")).await;
    let mut joined = membership("1", "Fall", "1");
    let old = door.make("studentSectionAssociations", &joined).await;
    joined = membership("1", "Fall", "1A");
    joined["endDate"] = json!("2021-10-01");
    let new = door.make("studentSectionAssociations", &joined).await;
    door.put(&path, &section("Fall", "1A")).await.expect(204);
    door.followed().await;
    door.get(&old).await.expect(404);
    assert_eq!(door.get(&new).await.expect(200).json()["endDate"], "2021-10-01");
    assert_eq!(door.sections().await.len(), 1);
}

/// The change is looked at again as if it had not been yet when the second section came.
#[tokio::test]
async fn what_is_made_with_the_old_key_after_the_change_means_whoever_has_it_now() {
    let door = door().await;
    let path = door.make("sections", &section("Fall", "1")).await;
    let first = door.make("studentSectionAssociations", &membership("1", "Fall", "1")).await;
    door.put(&path, &section("Fall", "1A")).await.expect(204);
    door.followed().await;
    door.make("sections", &section("Fall", "1")).await;
    let second = door.make("studentSectionAssociations", &membership("2", "Fall", "1")).await;
    let before = door.get(&second).await.expect(200).body;
    door.execute(
        "update ingestion.key_changes set is_pending = true, scan_place = '', scan_after = 0, scan_upto = null \
         where resource = 'ed-fi/sections'",
    )
    .await;
    let door = door.restarted().await;
    door.followed().await;
    assert_eq!(door.get(&first).await.expect(200).json()["sectionReference"]["sectionIdentifier"], "1A");
    assert_eq!(door.get(&second).await.expect(200).body, before);
    assert_eq!(door.sections().await.into_iter().collect::<BTreeSet<_>>().len(), 2);
}

/// More documents than one transaction looks at, of which only the last refers; and a change of another sender that always fails.
#[tokio::test]
async fn a_long_collection_is_looked_through_in_parts_and_what_fails_holds_up_nobody_else() {
    let door = door().await;
    door.execute(
        "insert into ingestion.key_changes (district, source, resource, change_version, document_id, old_key, new_key, is_pending, changed_at) \
         values ('grand-bend', 'lms', 'ed-fi/sections', 1, gen_random_uuid(), '\"no key\"', '{}', true, now()); \
         insert into ingestion.documents (district, source, resource, document_id, natural_key_hash, body, etag, change_version, \
             created_version, created_at, modified_at) \
         select 'grand-bend', 'sis', 'ed-fi/studentSectionAttendanceEvents', gen_random_uuid(), sha256(n::text::bytea), \
             '{\"sectionReference\": {\"sectionIdentifier\": \"other\"}}', 'x', n, n, now(), now() from generate_series(1, 20001) n",
    )
    .await;
    let paths =
        [door.make("sections", &section("Fall", "1")).await, door.make("sections", &section("Fall", "2")).await];
    let marked = [
        door.make("studentSectionAttendanceEvents", &mark("1", "Fall", "1")).await,
        door.make("studentSectionAttendanceEvents", &mark("1", "Fall", "2")).await,
    ];
    for (path, key) in paths.iter().zip(["1A", "2A"]) {
        door.put(path, &section("Fall", key)).await.expect(204);
    }
    door.are_followed("select count(*) from ingestion.key_changes where is_pending and source = 'sis'").await;
    for (path, key) in marked.iter().zip(["1A", "2A"]) {
        assert_eq!(door.get(path).await.expect(200).json()["sectionReference"]["sectionIdentifier"], key);
    }
    assert_eq!(door.number("select count(*) from ingestion.key_changes where is_pending and attempts > 0").await, 1);
}
