//! Whatever is wrong with a record: it is told by field, kept in quarantine, and its neighbours are kept in the log.

use homeroom_chassis::clock;
use homeroom_ingestion::intake::Kind;
use homeroom_ingestion::native::openapi;
use jiff::ToSpan as _;
use jiff::tz::TimeZone;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::world::{Role, World, mark};

/// A bad record and the field that it is told by.
pub(crate) fn bad_records() -> Vec<(String, &'static str)> {
    let next_years = TimeZone::UTC.to_datetime(clock::now()).date().saturating_add(500.days()).to_string();
    let bad_mark = |changes: Value| mark("604822", &changes).to_string();
    let envelope = |name: &str, value: Value| {
        let mut record = mark("604822", &json!({}));
        record[name] = value;
        record.to_string()
    };
    let grade = json!({ "student": "1", "section": "S", "grading_period": "P", "grade_type": "Final" });
    let backwards =
        json!({ "session": "s", "school": "1", "school_year": 2022, "begin_on": "2022-01-04", "end_on": "2021-01-04" });
    let mut records = vec![
        (bad_mark(json!({ "date": 20_220_413 })), "$.data.date"),
        (bad_mark(json!({ "date": "13/04/2022" })), "$.data.date"),
        (bad_mark(json!({ "date": "2022-02-30" })), "$.data.date"),
        (bad_mark(json!({ "date": "1999-12-31" })), "$.data.date"),
        (bad_mark(json!({ "date": next_years })), "$.data.date"),
        (bad_mark(json!({ "date": null })), "$.data.date"),
        (bad_mark(json!({ "student": 604_822 })), "$.data.student"),
        (bad_mark(json!({ "student": " 604822" })), "$.data.student"),
        (bad_mark(json!({ "student": "" })), "$.data.student"),
        (bad_mark(json!({ "student": "6\u{0}4" })), "$.data.student"),
        (bad_mark(json!({ "student": "6".repeat(121) })), "$.data.student"),
        (bad_mark(json!({ "school": null })), "$.data.school"),
        (bad_mark(json!({ "school": { "id": 1 } })), "$.data.school"),
        (bad_mark(json!({ "school": "a/b" })), "$.data.school"),
        (bad_mark(json!({ "code": 5 })), "$.data.code"),
        (bad_mark(json!({ "code": "x".repeat(301) })), "$.data.code"),
        (bad_mark(json!({ "minutes": 1441 })), "$.data.minutes"),
        (bad_mark(json!({ "came_at": "25:00" })), "$.data.came_at"),
        (bad_mark(json!({ "left_at": 900 })), "$.data.left_at"),
        (bad_mark(json!({ "share": -0.1 })), "$.data.share"),
        (bad_mark(json!({ "share": 10 })), "$.data.share"),
        (bad_mark(json!({ "share": 0.125 })), "$.data.share"),
        (bad_mark(json!({ "share": 1e300 })), "$.data.share"),
        (bad_mark(json!({ "share": "1" })), "$.data.share"),
        (envelope("kind", "attendence".into()), "$.kind"),
        (envelope("kind", 1.into()), "$.kind"),
        (envelope("data", Value::Null), "$.data.student"),
        (envelope("data", "x".into()), "$.data"),
        (envelope("data", json!(["604822", "255901001", "2022-04-13"])), "$.data"),
        (envelope("withdrawn", "yes".into()), "$.withdrawn"),
        (envelope("revision", (-1).into()), "$.revision"),
        (envelope("revision", 1.5.into()), "$.revision"),
        (envelope("revision", "1".into()), "$.revision"),
        (envelope("key", "k".repeat(501).into()), "$.key"),
        (envelope("key", 7.into()), "$.key"),
        (envelope("occurred_at", "2022-04-13T08:40:00".into()), "$.occurred_at"),
        (json!({ "kind": "grade", "data": grade }).to_string(), "$.data.numeric"),
        (json!({ "kind": "session", "data": backwards }).to_string(), "$.data.end_on"),
        (
            json!({ "kind": "calendar-date", "data": { "calendar": "c", "date": "2022-04-13" } }).to_string(),
            "$.data.events",
        ),
        ("[1, 2]".to_owned(), "$"),
        ("5".to_owned(), "$"),
        (r#"{"kind": nonsense}"#.to_owned(), "$"),
        (r#"{"kind":"school","kind":"school"}"#.to_owned(), "$"),
        (r#"{"kind":"school","data":{"school":"1","school":"2"}}"#.to_owned(), "$.data"),
        (format!(r#"{{"kind":"school","data":{}1{}}}"#, r#"{"a":"#.repeat(40), "}".repeat(40)), "$"),
    ];
    records.extend(bad_further_records());
    records
}

/// Of conduct, coursework and connections.
fn bad_further_records() -> Vec<(String, &'static str)> {
    vec![
        (example_with("behavior", "incident", &json!(17)), "$.data.incident"),
        (example_with("behavior", "part", &json!(true)), "$.data.part"),
        (example_with("discipline", "length", &json!(0.125)), "$.data.length"),
        (example_with("discipline", "length", &json!(-1)), "$.data.length"),
        (example_with("discipline", "code", &Value::Null), "$.data.code"),
        (example_with("assignment-result", "points", &json!("ten")), "$.data.points"),
        (example_with("assignment-result", "fulfilled_on", &json!("yesterday")), "$.data.fulfilled_on"),
        (example_with("course-transcript", "earned", &json!(0.0005)), "$.data.earned"),
        (example_with("course-transcript", "school_year", &json!("2022")), "$.data.school_year"),
        (example_with("connection", "end_on", &json!("2021-10-03")), "$.data.end_on"),
        (example_with("connection", "kind", &json!("")), "$.data.kind"),
        (example_with("survey-score", "score", &json!(100.01)), "$.data.score"),
        (example_with("incident", "date", &Value::Null), "$.data.date"),
        (example_with("assignment", "points", &json!(1e12)), "$.data.points"),
        (example_with("group", "kind", &Value::Null), "$.data.kind"),
    ]
}

/// The example of a kind with another value in a field.
fn example_with(kind: &str, field: &str, value: &Value) -> String {
    let mut data = openapi::example(Kind::find(kind).unwrap());
    data[field] = value.clone();
    json!({ "kind": kind, "data": data }).to_string()
}

#[tokio::test]
async fn a_bad_record_is_quarantined_by_field_and_spoils_no_neighbour() {
    let world = World::start().await;
    let bad = bad_records();
    let good = mark("1", &json!({})).to_string();
    let body = bad.iter().map(|(record, _)| format!("{good},{record}")).collect::<Vec<_>>().join(",");
    let answer = world.post("application/json", format!("[{body},{good}]")).await;
    assert_eq!(answer.status, StatusCode::MULTI_STATUS);
    assert_eq!(answer.results().len(), bad.len() * 2 + 1);
    for (pair, (record, field)) in answer.results().chunks(2).zip(&bad) {
        assert_eq!(pair[0]["outcome"], "accepted", "a neighbour of {record}");
        assert_eq!(pair[1]["outcome"], "quarantined", "{record}");
        assert_eq!(pair[1]["problem"]["field"], *field, "{record}");
        for word in ["expected", "detail"] {
            assert!(!pair[1]["problem"][word].as_str().unwrap().is_empty(), "{record}");
        }
    }
    assert_eq!(world.events().await.len(), bad.len() + 1);
    let letters = world.dead_letters(bad.len()).await;
    assert_eq!(letters.len(), bad.len());
    for (letter, (record, field)) in letters.iter().zip(&bad) {
        let size = record.len() as u64;
        assert_eq!((letter.field.as_str(), letter.record.whole_bytes()), (*field, size));
        assert!(letter.record.bytes().is_empty(), "the topic holds no word of a sender");
        assert_eq!(letter.source.as_ref().unwrap().as_str(), "sis");
    }
    let kept = world.quarantine(Role::Admin, "?records=true").await;
    let kept = kept.body["dead_letters"].as_array().unwrap();
    assert_eq!(kept.len(), bad.len());
    for ((kept, letter), (record, _)) in kept.iter().rev().zip(&letters).zip(&bad) {
        assert_eq!(kept["record"], **record);
        assert_eq!(kept["quarantine_id"], letter.quarantine_id.unwrap().to_string());
    }
}

#[tokio::test]
async fn lines_that_are_no_json_spoil_only_themselves() {
    let world = World::start().await;
    let good = mark("1", &json!({})).to_string();
    let lines: [&[u8]; 8] = [
        b"{\"kind\":\"attendance\",\"data\":{\"student\":\"\xff\xfe\"}}",
        b"\xef\xbb\xbf",
        b"{\"kind\":\"attendance\"",
        b"}",
        b"\"unclosed",
        &b"[".repeat(2_000_000),
        b"null",
        b"{\"kind\":\"school\",\"data\":{\"school\":\"\\ud800\"}}",
    ];
    let body =
        lines.iter().flat_map(|line| [good.as_bytes(), line].map(<[u8]>::to_vec)).collect::<Vec<_>>().join(&b'\n');
    let answer = world.post("application/x-ndjson", body).await;
    assert_eq!(answer.outcomes(), ["accepted", "quarantined"].repeat(lines.len()));
    let letters = world.dead_letters(lines.len()).await;
    assert_eq!(letters.len(), lines.len());
    let kept = world.quarantine(Role::Admin, "?records=true").await;
    let kept = kept.body["dead_letters"].as_array().unwrap();
    let giant = kept.iter().find(|kept| kept["record_bytes"] == 2_000_000).unwrap();
    assert_eq!(giant["record"].as_str().unwrap().len(), 64 * 1024);
    let no_text = kept.iter().filter(|kept| kept["record"].is_null() && kept["record_base64"].is_string());
    assert_eq!(no_text.count(), 1, "bytes that are no text come in base64");
}

#[tokio::test]
async fn bytes_that_are_no_text_spoil_only_their_element() {
    let world = World::start().await;
    let good = mark("1", &json!({})).to_string();
    let body = [b"[".as_slice(), good.as_bytes(), b",{\"kind\":\"\xff\"},", good.as_bytes(), b"]"].concat();
    let answer = world.post("application/json", body).await;
    assert_eq!(answer.outcomes(), ["accepted", "quarantined", "accepted"]);
    assert_eq!(answer.results()[1]["problem"]["detail"], "is not UTF-8");
}

#[tokio::test]
async fn what_only_looks_odd_is_accepted() {
    let world = World::start().await;
    let odd = json!([
        mark("unknown student", &json!({})),
        mark("1", &json!({ "school": "unknown-school", "code": "uri://nobody.knows/Code#X" })),
        mark("1", &json!({ "date": "2022-12-25" })),
        mark("1", &json!({ "share": 0 })),
        mark("1", &json!({ "share": 9.99, "extra": { "field": [1] } })),
        { "kind": "enrollment", "data": { "student": "1", "school": "1", "entry_on": "2022-01-10", "exit_on": "2022-01-09" } },
        { "kind": "attendance", "revision": 1, "data": mark("1", &json!({}))["data"] },
    ]);
    let answer = world.post_json(&odd).await;
    assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
    assert_eq!(world.events().await.len(), 7);
}
