//! What nobody understood is kept where its district alone can read it, and its letter repeats no word of it.

use homeroom_bus::Topic;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::bad_input::bad_records;
use crate::world::{Answer, Role, World, mark};

/// Whole words, in values where no number or date could hold them.
const CANARY: &str = "zqcanary";

fn letters(answer: &Answer) -> &[Value] {
    answer.body["dead_letters"].as_array().unwrap_or_else(|| panic!("there are no letters: {answer:?}"))
}

fn ids(answer: &Answer) -> Vec<&str> {
    letters(answer).iter().map(|letter| letter["quarantine_id"].as_str().unwrap()).collect()
}

/// The fields of all kinds, and some that nobody knows.
const FIELDS: [&str; 58] = [
    "student",
    "school",
    "date",
    "section",
    "session",
    "code",
    "share",
    "entry_on",
    "exit_on",
    "calendar",
    "begin_on",
    "end_on",
    "primary_school",
    "grade_level",
    "exit_type",
    "grading_period",
    "grade_type",
    "numeric",
    "letter",
    "first_name",
    "last_name",
    "preferred_name",
    "name",
    "school_year",
    "events",
    "subjects",
    "course",
    "course_offering",
    "incident",
    "part",
    "length",
    "assignment",
    "status",
    "lateness",
    "points",
    "fulfilled_on",
    "term",
    "result",
    "attempted",
    "with",
    "kind",
    "survey",
    "taken_on",
    "score",
    "due_on",
    "group",
    "minutes",
    "came_at",
    "left_at",
    "types",
    "calendar_type",
    "class_period",
    "class_periods",
    "bell_schedule",
    "official",
    "dates",
    "begin_at",
    "end_at",
];

/// Every record that is wrong, with the word in its student, its code and a field that nobody knows, and in each field by itself.
fn canaries() -> Vec<String> {
    let values =
        [json!(CANARY.repeat(100)), json!([CANARY, 1]), json!({ CANARY: CANARY }), json!(format!(" {CANARY}/\u{1}"))];
    let mut records = Vec::new();
    for kind in homeroom_ingestion::intake::Kind::ALL {
        for field in FIELDS {
            for value in &values {
                let mut data = homeroom_ingestion::native::openapi::example(kind);
                data[field] = value.clone();
                records.push(json!({ "kind": kind.as_str(), "data": data }).to_string());
            }
        }
    }
    for field in ["kind", "key", "revision", "occurred_at", "withdrawn", "data"] {
        for value in &values {
            let mut record = mark(CANARY, &json!({}));
            record[field] = value.clone();
            records.push(record.to_string());
        }
    }
    records.push(format!(r#"{{"kind": {CANARY}}}"#));
    records.push(format!(r#"{{"kind": "school", "data": {{"{CANARY}": 1, "school": "\ud800{CANARY}"}}}}"#));
    records.push(format!(r#"{{"{CANARY}": 1, "{CANARY}": 1, "kind": "{CANARY}"}}"#));
    records.extend(bad_records().into_iter().map(|(record, _)| record.replace("604822", CANARY)));
    records
}

#[tokio::test]
async fn no_letter_repeats_a_word_of_its_record() {
    let world = World::start().await;
    let mut quarantined = 0;
    for records in canaries().chunks(500) {
        let answer = world.post("application/json", format!("[{}]", records.join(","))).await;
        for result in answer.results() {
            assert!(!result.to_string().contains(CANARY), "{result}");
        }
        quarantined += answer.outcomes().iter().filter(|outcome| **outcome == "quarantined").count();
    }
    assert!(quarantined > 200, "only {quarantined} records are wrong");
    world.dead_letters(quarantined).await;
    for record in world.records(Topic::DeadLetters).await {
        let bytes = [record.key.to_vec(), record.value.unwrap().to_vec()].concat();
        assert!(!bytes.windows(CANARY.len()).any(|window| window == CANARY.as_bytes()));
    }
}

#[tokio::test]
async fn pages_come_newest_first_and_records_only_when_asked_for() {
    let world = World::start().await;
    for share in ["a", "b", "c"] {
        let bad = mark("1", &json!({ "share": share }));
        assert_eq!(world.post_json(&json!([bad, bad])).await.outcomes(), ["quarantined", "quarantined"]);
    }
    let all = world.quarantine(Role::Admin, "?records=true").await;
    let shares: Vec<_> = letters(&all)
        .iter()
        .map(|letter| {
            serde_json::from_str::<Value>(letter["record"].as_str().unwrap()).unwrap()["data"]["share"].clone()
        })
        .collect();
    assert_eq!(shares, ["c", "c", "b", "b", "a", "a"]);
    let letter = &letters(&all)[0];
    assert_eq!(
        (&letter["source"], &letter["door"], &letter["field"]),
        (&json!("sis"), &json!("http"), &json!("$.data.share"))
    );
    assert!(letter["received_at"].is_string() && letter["expected"].is_string() && letter["detail"].is_string());
    let first = world.quarantine(Role::Admin, "?limit=4").await;
    assert_eq!(ids(&first), ids(&all)[..4]);
    assert!(letters(&first).iter().all(|letter| letter["record"].is_null()));
    let rest = world.quarantine(Role::Admin, &format!("?limit=4&after={}", first.body["next"].as_str().unwrap())).await;
    assert_eq!((ids(&rest), &rest.body["next"]), (ids(&all)[4..].to_vec(), &Value::Null));
    let one = world.quarantine(Role::Admin, &format!("?quarantine_id={}", ids(&all)[2])).await;
    assert_eq!(ids(&one), ids(&all)[2..3]);
    for query in ["?limit=0", "?limit=1001", "?limit=101&records=true", "?after=x", "?records=maybe", "?district=other"]
    {
        let refused = world.quarantine(Role::Admin, query).await;
        assert_eq!((refused.status, refused.problem()), (StatusCode::BAD_REQUEST, "invalid-query"), "{query}");
    }
}

#[tokio::test]
async fn a_district_reads_its_own_quarantine_only() {
    let world = World::start().await;
    world.post_json(&mark("1", &json!({ "date": 1 }))).await;
    let all = world.quarantine(Role::Admin, "").await;
    assert_eq!(letters(&all).len(), 1);
    for query in ["", &format!("?records=true&quarantine_id={}", ids(&all)[0])] {
        let others = world.quarantine(Role::Neighbour, query).await;
        assert_eq!((others.status, letters(&others).len()), (StatusCode::OK, 0));
    }
    assert_eq!(world.quarantine(Role::Sis, "").await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn without_the_quarantine_a_bad_record_is_to_be_sent_again_and_its_neighbours_are_kept() {
    let world = World::start().await;
    let (good, bad) = (mark("1", &json!({})), mark("1", &json!({ "date": 1 })));
    for (table, back) in [
        (
            "revoke insert on ingestion.quarantine from homeroom_ingestion",
            "grant insert on ingestion.quarantine to homeroom_ingestion",
        ),
        (
            "revoke insert on ingestion.outbox from homeroom_ingestion",
            "grant insert on ingestion.outbox to homeroom_ingestion",
        ),
    ] {
        world.execute(table).await;
        let mixed = world.post_json(&json!([good, bad, good])).await;
        assert_eq!((mixed.status, mixed.outcomes()), (StatusCode::MULTI_STATUS, vec!["accepted", "retry", "accepted"]));
        assert_eq!(mixed.results()[1]["problem"]["field"], "$.data.date");
        let alone = world.post_json(&bad).await;
        assert_eq!((alone.status, alone.problem()), (StatusCode::SERVICE_UNAVAILABLE, "quarantine-unavailable"));
        world.execute(back).await;
    }
    assert!(
        letters(&world.quarantine(Role::Admin, "").await).is_empty(),
        "row and letter are kept together or not at all"
    );
    assert_eq!(world.post_json(&bad).await.outcomes(), ["quarantined"]);
    assert_eq!(world.dead_letters(1).await.len(), 1);
    assert_eq!(letters(&world.quarantine(Role::Admin, "").await).len(), 1);
    assert_eq!(world.events().await.len(), 4);
}
