//! Two ids of one student: what was sent as either counts for one, whenever it was sent, and goes back when they are split.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use homeroom_bus::Topic;
use homeroom_domain::event::Change;
use homeroom_domain::id::{RecordKey, Revision};
use homeroom_harness::assert_row_level_security;
use homeroom_proto::directory::{self, StudentProfile};
use homeroom_proto::event::Sent;
use homeroom_proto::wire::ingest::Outcome;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::backpressure::shut;
use crate::push::{batch, submission};
use crate::world::{Answer, Role, World, answer, mark};

/// The live records of each student, by key: what a ledger would have.
type Live = BTreeMap<String, BTreeSet<RecordKey>>;

impl World {
    async fn merges(&self, method: Method, path: &str, body: &Value) -> Answer {
        let request = self.request(method, &format!("/v1/students/merges{path}")).json(body);
        answer(request.header("authorization", Role::Admin.authorization())).await
    }

    async fn merge(&self, from: &str, into: &str) -> Answer {
        self.merges(Method::POST, "", &json!({ "from": from, "into": into })).await
    }

    async fn split(&self, from: &str) -> Answer {
        self.merges(Method::DELETE, &format!("/{from}"), &json!({})).await
    }

    /// Waits until everything that is merged or split has been brought over.
    async fn settled(&self) -> Value {
        let deadline = Instant::now() + Duration::from_mins(2);
        loop {
            let list = self.merges(Method::GET, "", &json!({})).await.body;
            let of = |kind: &str| list[kind].as_array().unwrap().clone();
            if of("merges").iter().chain(&of("splits")).all(|it| it["state"] == "moved") {
                return list;
            }
            assert!(Instant::now() < deadline, "{list}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn key_of(&self, local_id: &str) -> String {
        let request = self.request(Method::GET, &format!("/v1/students/{local_id}"));
        let found = answer(request.header("authorization", Role::Reader.authorization())).await;
        found.body["student_key"].as_str().unwrap().to_owned()
    }

    async fn live(&self) -> Live {
        let mut last = BTreeMap::<_, (Revision, bool)>::new();
        for record in self.records(Topic::Events).await {
            let event = Sent::decode(record.value.as_ref().unwrap()).unwrap().event;
            let word = (event.origin.revision, event.change != Change::Withdrawn);
            let known = last.entry((event.student.to_string(), event.origin.key)).or_insert(word);
            if word.0 >= known.0 {
                *known = word;
            }
        }
        let mut live = Live::new();
        for ((student, record), _) in last.into_iter().filter(|(_, (_, is_live))| *is_live) {
            live.entry(student).or_default().insert(record);
        }
        live
    }

    /// The directory's last word of each student, by the id of the district's own.
    async fn names(&self) -> BTreeMap<String, StudentProfile> {
        let records = self.records(Topic::Directory).await;
        let profiles = records.iter().map(|record| directory::decode(record.value.as_ref().unwrap()).unwrap());
        profiles.map(|profile| (profile.local_id.clone(), profile)).collect()
    }
}

fn student(id: &str) -> Value {
    json!({ "kind": "student", "data": { "student": id, "first_name": "Ada", "last_name": "Example" } })
}

fn marks(id: &str, dates: &[&str]) -> Value {
    dates.iter().map(|date| mark(id, &json!({ "date": date }))).collect()
}

/// How many live records a student has.
fn count(live: &Live, key: &str) -> usize {
    live.get(key).map_or(0, BTreeSet::len)
}

#[tokio::test]
async fn what_was_sent_as_either_counts_for_one_and_goes_back_when_they_are_split() {
    let world = World::start().await;
    world.post_json(&json!([student("old"), student("new")])).await;
    world.post_json(&marks("old", &["2022-04-11", "2022-04-12"])).await;
    world.post_json(&marks("new", &["2022-04-12"])).await;
    let (old, new, before) = (world.key_of("old").await, world.key_of("new").await, world.live().await);

    let merged = world.merge("old", "new").await;
    assert_eq!(merged.status, StatusCode::OK, "{merged:?}");
    assert_eq!((&merged.body["from"], &merged.body["into"]), (&json!(old), &json!(new)));
    let list = world.settled().await;
    assert_eq!(list["merges"][0]["records"], 3, "{list}");
    let live = world.live().await;
    assert_eq!((count(&live, &old), count(&live, &new)), (0, 5));
    assert_eq!(world.key_of("old").await, new);
    assert_eq!(world.names().await["old"].same_as.unwrap().to_string(), new);

    // Late, corrected, and by another door; the names that come later too.
    let late = world.post_json(&marks("old", &["2022-04-13"])).await;
    assert_eq!(late.results()[0]["student_key"], json!(new));
    world.post_json(&json!([student("old")])).await;
    let data = mark("old", &json!({ "date": "2022-04-08" }))["data"].clone();
    let pushed = world.push(&Role::Sis.authorization(), vec![batch(1, vec![submission("attendance", &data)])]).await;
    assert_eq!(pushed.unwrap()[0].results[0].outcome(), Outcome::Accepted);
    let live = world.live().await;
    assert_eq!((count(&live, &old), count(&live, &new)), (0, 7));
    assert_eq!(world.names().await["old"].same_as.unwrap().to_string(), new);
    assert_eq!(world.names().await["new"].same_as, None);

    let (split, again) = (world.split("old").await, world.split("old").await);
    assert_eq!(
        (split.status, &split.body["split_at"]),
        (StatusCode::OK, &again.body["split_at"]),
        "a repeat changes nothing"
    );
    let list = world.settled().await;
    assert_eq!((list["merges"].as_array().unwrap().len(), &list["splits"][0]["records"]), (0, &json!(5)), "{list}");
    let live = world.live().await;
    assert_eq!((count(&live, &old), &live[&new]), (5, &before[&new]));
    assert!(live[&old].is_superset(&before[&old]));
    assert_eq!((world.key_of("old").await, world.names().await["old"].same_as), (old.clone(), None));

    // And once more: nothing is lost or stays on the way there and back.
    world.merge("old", "new").await;
    world.settled().await;
    let live = world.live().await;
    assert_eq!((count(&live, &old), count(&live, &new)), (0, 7));
}

#[tokio::test]
async fn a_withdrawal_finds_its_record_wherever_that_counts_and_an_older_word_does_not_bring_it_back() {
    let world = World::start().await;
    let revised = |revision: u64, is_withdrawn: bool| {
        let mut it = mark("old", &json!({}));
        (it["revision"], it["withdrawn"]) = (json!(revision), json!(is_withdrawn));
        json!([it])
    };
    world.post_json(&revised(2, false)).await;
    world.merge("old", "new").await;
    world.settled().await;
    world.post_json(&revised(3, true)).await;
    assert_eq!(world.live().await, Live::new());
    world.post_json(&revised(2, false)).await;
    assert_eq!(world.live().await, Live::new());
    world.split("old").await;
    world.settled().await;
    world.post_json(&revised(2, false)).await;
    assert_eq!(world.live().await, Live::new());
    world.post_json(&revised(4, false)).await;
    assert_eq!(count(&world.live().await, &world.key_of("old").await), 1);
}

#[tokio::test]
async fn a_record_that_is_on_its_way_while_students_are_merged_is_brought_over_too() {
    let log = shut().await;
    let world = World::with(Arc::new(log.clone()), |_| {}).await;
    let late = marks("old", &["2022-04-12"]);
    let (sent, merged) = tokio::join!(world.post_json(&late), async {
        log.between.waiting.subscribe().wait_for(|waiting| *waiting == 1).await.unwrap();
        let merged = world.merge("old", "new").await;
        // What is sent from here on is under the other key, whatever is still on its way.
        log.between.open.send_replace(true);
        merged
    });
    assert_eq!((sent.outcomes(), merged.status), (vec!["accepted"], StatusCode::OK));
    world.settled().await;
    let (old, new) = (sent.results()[0]["student_key"].as_str().unwrap(), world.key_of("old").await);
    let live = world.live().await;
    assert_eq!((count(&live, old), count(&live, &new)), (0, 1));
}

#[tokio::test]
async fn a_chain_is_followed_and_a_split_in_it_leads_back_to_where_it_was() {
    let world = World::start().await;
    for id in ["a", "b", "c"] {
        world.post_json(&marks(id, &["2022-04-12"])).await;
    }
    let keys = [world.key_of("a").await, world.key_of("b").await, world.key_of("c").await];
    let counts = |live: Live| keys.clone().map(|key| count(&live, &key));
    // Asked for one after the other, without waiting for what they move.
    world.merge("a", "b").await;
    world.merge("b", "c").await;
    world.settled().await;
    assert_eq!(counts(world.live().await), [0, 0, 3]);
    world.split("b").await;
    world.settled().await;
    assert_eq!(counts(world.live().await), [0, 2, 1]);
    world.merge("b", "c").await;
    world.split("a").await;
    world.settled().await;
    assert_eq!(counts(world.live().await), [1, 0, 2]);
}

#[tokio::test]
async fn what_cannot_be_merged_is_refused_with_the_reason() {
    let world = World::start().await;
    assert_eq!(world.merge("a", "b").await.status, StatusCode::OK);
    let again = world.merge("a", "b").await;
    assert_eq!(again.status, StatusCode::OK, "a repeat changes nothing: {again:?}");
    assert_eq!(world.merge("b", "c").await.status, StatusCode::OK);
    for (from, into, status, problem) in [
        ("a", "a", StatusCode::BAD_REQUEST, "same-student"),
        ("a", "c", StatusCode::CONFLICT, "merged-elsewhere"),
        ("c", "a", StatusCode::CONFLICT, "merge-cycle"),
        ("c", "b", StatusCode::CONFLICT, "merge-cycle"),
        ("", "b", StatusCode::BAD_REQUEST, "invalid-document"),
    ] {
        let refused = world.merge(from, into).await;
        assert_eq!((refused.status, refused.problem()), (status, problem), "{from} into {into}");
    }
    let other = world.merges(Method::POST, "", &json!({ "from": "a", "into": "b", "why": "?" })).await;
    assert_eq!((other.status, other.problem()), (StatusCode::BAD_REQUEST, "invalid-document"));
    let unknown = world.split("c").await;
    assert_eq!((unknown.status, unknown.problem()), (StatusCode::NOT_FOUND, "not-merged"));
    let list = world.settled().await;
    assert_eq!(list["merges"].as_array().unwrap().len(), 2, "{list}");
    assert!(!list.to_string().contains("\"a\""), "pseudonyms only: {list}");
    // Another district has its own.
    let request = world.request(Method::GET, "/v1/students/merges");
    let theirs = answer(request.header("authorization", Role::Neighbour.authorization())).await;
    assert_eq!(theirs.body, json!({ "merges": [], "splits": [] }));
    assert_row_level_security(&world.database.admin_url()).await;
}

/// A batch of documents and a merge wait for each other, so each document is of before or of after.
#[tokio::test]
async fn documents_that_are_written_while_students_are_merged_count_for_one_and_are_deleted_there() {
    const DOCUMENTS: usize = 40;
    let world = World::start().await;
    let resource = "/edfi/sis/data/v3/ed-fi/studentSchoolAttendanceEvents";
    let edfi = async |method: Method, path: String, body: Value| {
        let request = world.request(method, &path).json(&body);
        let response = request.header("authorization", Role::Sis.authorization()).send().await.unwrap();
        response.error_for_status().unwrap().headers().get("location").map(|it| it.to_str().unwrap().to_owned())
    };
    let document = |number: usize| {
        json!({
            "attendanceEventCategoryDescriptor": format!("uri://ed-fi.org/AttendanceEventCategoryDescriptor#Code {number}"),
            "eventDate": "2022-04-13", "schoolReference": { "schoolId": 9 },
            "sessionReference": { "schoolId": 9, "schoolYear": 2022, "sessionName": "Spring" },
            "studentReference": { "studentUniqueId": "old" },
        })
    };
    let old = world.key_of("old").await;
    let posts = (0..DOCUMENTS).map(|number| edfi(Method::POST, resource.to_owned(), document(number)));
    let (locations, merged) = tokio::join!(join_all(posts), world.merge("old", "new"));
    assert_eq!(merged.status, StatusCode::OK);
    let new = world.key_of("new").await;
    world.settled().await;
    let counts = async |from: usize, into: usize| {
        let deadline = Instant::now() + Duration::from_mins(2);
        loop {
            let live = world.live().await;
            if (count(&live, &old), count(&live, &new)) == (from, into) {
                return;
            }
            assert!(Instant::now() < deadline, "{from} and {into}: {live:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    counts(0, DOCUMENTS).await;
    let path =
        |location: &Option<String>| format!("{resource}/{}", location.as_ref().unwrap().rsplit('/').next().unwrap());
    edfi(Method::DELETE, path(&locations[0]), json!({})).await;
    counts(0, DOCUMENTS - 1).await;
    assert_eq!(world.split("old").await.status, StatusCode::OK);
    world.settled().await;
    edfi(Method::DELETE, path(&locations[1]), json!({})).await;
    counts(DOCUMENTS - 2, 0).await;
}

/// What is sent natively is remembered by nobody but the log, so the sender says whose the record was.
#[tokio::test]
async fn a_record_that_is_another_students_leaves_the_one_it_was_said_to_be_of() {
    let world = World::start().await;
    world.post_json(&json!([student("1"), student("2")])).await;
    let of = |id: &str, more: &Value| {
        let mut sent = mark(id, &json!({}));
        for (name, value) in more.as_object().unwrap() {
            sent[name] = value.clone();
        }
        sent
    };
    let refused = [
        of("2", &json!({ "former_student": "1" })),
        json!({ "kind": "school", "key": "s", "former_student": "1", "data": { "school": "1" } }),
        json!({ "kind": "student", "key": "2", "former_student": "1", "data": { "student": "2" } }),
    ];
    let answer = world.post_json(&json!(refused)).await;
    assert_eq!(answer.outcomes(), ["quarantined"; 3]);
    assert_eq!(answer.results()[0]["problem"]["field"], "$.key");

    world.post_json(&json!([of("1", &json!({ "key": "row 7" }))])).await;
    let moved = of("2", &json!({ "key": "row 7", "former_student": "1" }));
    assert_eq!(world.post_json(&json!([moved, moved])).await.outcomes(), ["accepted"; 2]);
    let (live, first, second) = (world.live().await, world.key_of("1").await, world.key_of("2").await);
    assert_eq!((count(&live, &first), count(&live, &second)), (1, 2), "the registrations, and one mark");
}
