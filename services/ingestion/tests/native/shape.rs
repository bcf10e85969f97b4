//! The shapes that a request may have, and what its records become.

use homeroom_bus::Topic;
use homeroom_domain::date::Date;
use homeroom_domain::event::{Change, Fact, Scope, Times};
use homeroom_domain::reference::{Entry, MeetingTime};
use homeroom_proto::{directory, key};
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::world::{Role, World, answer, mark};

#[tokio::test]
async fn an_array_is_kept_and_answered_in_order() {
    let world = World::start().await;
    let body = json!([
        { "kind": "school", "data": { "school": "255901001", "name": "High" } },
        mark("604822", &json!({ "share": 0.5, "minutes": 195, "came_at": "11:15", "left_at": null })),
        mark("604823", &json!({ "section": "ALG-1-03", "code": "Tardy" })),
    ]);
    let answer = world.post_json(&body).await;
    assert_eq!((answer.status, answer.outcomes()), (StatusCode::OK, vec!["accepted"; 3]));
    let events = world.events().await;
    assert_eq!(events.len(), 2);
    let told = answer.results()[1]["student_key"].as_str().unwrap();
    let event = events.iter().find(|event| event.student.to_string() == told).unwrap();
    let event_id = answer.results()[1]["event_id"].as_str().unwrap().replace('-', "");
    assert_eq!(event.event_id.to_string(), event_id);
    assert_eq!(event.origin.source.as_str(), "sis");
    let Change::Recorded(Fact::AttendanceMark(kept)) = &event.change else { panic!("{event:?}") };
    assert_eq!((kept.date, kept.scope, kept.share), (Date::parse("2022-04-13").unwrap(), Scope::Day, Some(50)));
    assert_eq!(kept.times, Times { minutes: Some(195), came_at: Some(11 * 60 + 15), left_at: None });
    assert_eq!(world.references().await.len(), 1);
}

#[tokio::test]
async fn periods_bells_and_kinds_of_schools_are_kept() {
    let world = World::start().await;
    let (at, day) = ("255901001", "2022-04-13");
    let body = json!([
        { "kind": "school", "data": { "school": at, "types": ["High School"] } },
        { "kind": "calendar", "data": { "calendar": "c", "school": at, "school_year": 2022, "code": "main" } },
        { "kind": "class-period", "data": {
            "class_period": "P3", "school": at, "official": true, "begin_at": "09:50", "end_at": "10:40" } },
        { "kind": "bell-schedule", "data": {
            "bell_schedule": "b", "school": at, "dates": [day], "class_periods": ["P3"], "begin_at": "08:00", "end_at": "14:30",
            "grade_levels": ["Ninth grade"], "instruction_minutes": 360 } },
        { "kind": "section", "data": { "section": "s", "course_offering": "o", "school": at, "class_periods": ["P3"] } },
        { "kind": "class-period", "data": { "class_period": "P4", "school": at, "begin_at": "10:40", "end_at": "09:50" } },
    ]);
    let answer = world.post_json(&body).await;
    assert_eq!(answer.outcomes()[..5], ["accepted"; 5]);
    assert_eq!(answer.outcomes()[5], "quarantined");
    let entries: Vec<Entry> = world
        .references()
        .await
        .into_iter()
        .filter_map(|change| match change.change {
            Change::Recorded(entry) => Some(entry),
            Change::Withdrawn => None,
        })
        .collect();
    let period = entries.iter().find_map(|entry| match entry {
        Entry::ClassPeriod(period) => Some(period),
        _ => None,
    });
    let period = period.unwrap();
    assert_eq!((period.official, period.times.as_slice()), (true, &[MeetingTime { begin_at: 590, end_at: 640 }][..]));
    let rings = |entry: &Entry| {
        matches!(entry, Entry::BellSchedule(bells) if bells.class_periods == [period.class_period]
        && bells.dates.len() == 1 && bells.grade_levels == ["Ninth grade"]
        && bells.instruction == Some(360) && bells.hours == Some(MeetingTime { begin_at: 480, end_at: 870 }))
    };
    assert!(entries.iter().any(rings), "{entries:?}");
    let meets =
        |entry: &Entry| matches!(entry, Entry::Section(section) if section.class_periods == [period.class_period]);
    assert!(entries.iter().any(meets), "{entries:?}");
}

#[tokio::test]
async fn one_object_and_lines_are_taken_too() {
    let world = World::start().await;
    let one = mark("1", &json!({}));
    assert_eq!(world.post_json(&one).await.outcomes(), ["accepted"]);
    let lines = format!("{one}\r\n\n{one}\n");
    for media_type in ["application/x-ndjson", "application/x-ndjson; charset=utf-8"] {
        assert_eq!(world.post(media_type, lines.clone()).await.outcomes(), ["accepted", "accepted"]);
    }
    assert_eq!(world.post_json(&json!([])).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_correction_replaces_the_mark_that_it_corrects() {
    let world = World::start().await;
    world.post_json(&mark("1", &json!({}))).await;
    world.post_json(&mark("1", &json!({ "code": "Tardy" }))).await;
    let mut withdrawn = mark("1", &json!({ "code": null }));
    withdrawn["withdrawn"] = true.into();
    assert_eq!(world.post_json(&withdrawn).await.outcomes(), ["accepted"]);
    world.post_json(&mark("1", &json!({ "section": "S" }))).await;
    let events = world.events().await;
    let keys: Vec<_> = events.iter().map(|event| event.origin.key).collect();
    assert_eq!((keys[0], keys[0]), (keys[1], keys[2]));
    assert_ne!(keys[0], keys[3], "another section is another mark");
    assert!(events[0].origin.revision < events[1].origin.revision);
    assert!(events[1].origin.revision < events[2].origin.revision);
    assert_eq!(events[2].change, Change::Withdrawn);
}

#[tokio::test]
async fn the_later_word_of_one_request_has_the_higher_revision() {
    let world = World::start().await;
    let words: Vec<_> = (0..500).map(|number| mark("1", &json!({ "code": number.to_string() }))).collect();
    for half in words.chunks(250) {
        world.post_json(&json!(half)).await;
    }
    let events = world.events().await;
    assert_eq!(events.len(), 500);
    assert!(events.windows(2).all(|pair| pair[0].origin.revision < pair[1].origin.revision));
}

#[tokio::test]
async fn a_repeat_with_its_revision_has_the_same_id() {
    let world = World::start().await;
    let mut record = mark("1", &json!({}));
    record["revision"] = 7.into();
    record["key"] = "row 17".into();
    let first = world.post_json(&record).await;
    let again = world.post_json(&record).await;
    assert_eq!(first.results()[0]["event_id"], again.results()[0]["event_id"]);
    record["revision"] = 8.into();
    assert_ne!(first.results()[0]["event_id"], world.post_json(&record).await.results()[0]["event_id"]);
    let events = world.events().await;
    assert_eq!(events[0].origin.key, events[2].origin.key);
    assert_eq!(events[2].origin.revision.0, 8);
}

#[tokio::test]
async fn a_name_goes_to_the_directory_and_nowhere_else() {
    let world = World::start().await;
    let student = json!({ "student": "canary-id", "first_name": "Canary", "last_name": "Bird" });
    let told = world.post_json(&json!({ "kind": "student", "data": student })).await;
    world.post_json(&mark("canary-id", &json!({ "first_name": "Canary" }))).await;
    let asked = world.request(Method::GET, "/v1/students/canary-id");
    let asked = answer(asked.header("authorization", Role::Reader.authorization())).await;
    assert_eq!(asked.body["student_key"], told.results()[0]["student_key"]);
    let asked = world.request(Method::POST, "/v1/student-keys").json(&json!({ "local_ids": [" ", "canary-id"] }));
    let asked = answer(asked.header("authorization", Role::Reader.authorization())).await;
    assert_eq!(asked.body, json!({ "student_keys": [null, told.results()[0]["student_key"]] }));
    let profiles = world.records(Topic::Directory).await;
    let profile = directory::decode(profiles[0].value.as_ref().unwrap()).unwrap();
    assert_eq!((&*profile.first_name, &*profile.last_name, &*profile.local_id), ("Canary", "Bird", "canary-id"));
    for record in world.records(Topic::Events).await {
        let bytes = [record.key.to_vec(), record.value.unwrap().to_vec()].concat().to_ascii_lowercase();
        assert!(!bytes.windows(6).any(|window| window == b"canary"));
    }
    let withdrawn = json!({ "kind": "student", "withdrawn": true, "data": { "student": "canary-id" } });
    world.post_json(&withdrawn).await;
    let erased = world.records(Topic::Directory).await.pop().unwrap();
    assert_eq!(erased.value, None, "a tombstone erases the name");
    assert_eq!(key::parse_student(&erased.key).unwrap().1, profile.student);
}

#[tokio::test]
async fn another_shape_is_refused_as_a_whole() {
    let world = World::start().await;
    let mark = mark("1", &json!({})).to_string();
    for (content_type, body, status, kind) in [
        ("text/plain", mark.clone(), StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type"),
        (
            "application/json; charset=utf-16",
            mark.clone(),
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported-media-type",
        ),
        ("application/json", String::new(), StatusCode::BAD_REQUEST, "unreadable-body"),
        ("application/json", "\"text\"".to_owned(), StatusCode::BAD_REQUEST, "unreadable-body"),
        ("application/json", format!("[{mark},{{\"kind\""), StatusCode::BAD_REQUEST, "truncated-body"),
        ("application/json", format!("[{mark}] x"), StatusCode::BAD_REQUEST, "unreadable-body"),
        ("application/json", format!("[{}1]", "1,".repeat(1_000)), StatusCode::PAYLOAD_TOO_LARGE, "too-many-records"),
        ("application/x-ndjson", "1\n".repeat(1_001), StatusCode::PAYLOAD_TOO_LARGE, "too-many-records"),
        ("application/json", " ".repeat(10 * 1024 * 1024 + 1), StatusCode::PAYLOAD_TOO_LARGE, "body-too-large"),
    ] {
        let answer = world.post(content_type, body).await;
        assert_eq!((answer.status, answer.problem()), (status, kind), "{:?}", answer.body);
    }
    assert!(world.events().await.is_empty() && world.records(Topic::DeadLetters).await.is_empty());
}

#[tokio::test]
async fn a_cut_array_says_at_which_byte() {
    let world = World::start().await;
    let answer = world.post("application/json", r#"[{"kind":"school"},{"kin"#).await;
    let detail = answer.body["detail"].as_str().unwrap();
    assert_eq!(detail, "the text ends inside the value that begins at byte 19, after 24 bytes; nothing of it was kept");
}
