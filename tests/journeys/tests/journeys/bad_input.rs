//! Bad input is answered for what it is, and touches nothing else.

use anyhow::Result;
use homeroom_journeys::district::{District, HIGH, TODAY, mark_document};
use homeroom_journeys::{Log, start};
use serde_json::{Value, json};

crate::on_both_logs!(bad_input_is_named_and_stops_nothing_else);

async fn bad_input_is_named_and_stops_nothing_else(log: Log) -> Result<()> {
    let homeroom = start(log)?;
    let district = District::new(homeroom.edfi().await?);
    district.send_frame().await?;
    district.enroll("604822", HIGH).await?;
    let good = mark_document("604822", HIGH, TODAY, "Unexcused Absence");

    let mut wrong_type = good.clone();
    wrong_type["eventDate"] = json!(["2022-04-13"]);
    let mut no_date = good.clone();
    no_date["eventDate"] = Value::from("2022-02-30");
    let mut no_student = good.clone();
    no_student.as_object_mut().expect("an object").remove("studentReference");
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)).into_bytes();
    let cases: [(&str, Vec<u8>, &str); 7] = [
        ("no JSON", b"{\"eventDate\": ".to_vec(), ""),
        ("invalid UTF-8", b"{\"eventDate\": \"\xff\xfe\"}".to_vec(), ""),
        ("nesting without end", deep, ""),
        ("not an object", b"[1, 2]".to_vec(), ""),
        ("a wrong type", wrong_type.to_string().into_bytes(), "eventDate"),
        ("no such date", no_date.to_string().into_bytes(), "eventDate"),
        ("a missing reference", no_student.to_string().into_bytes(), "studentReference"),
    ];
    for (what, body, field) in cases {
        let answer = district.edfi().post_raw("studentSchoolAttendanceEvents", body).await?;
        assert_eq!(answer.status().as_u16(), 400, "{what}");
        let problem: Value = answer.json().await?;
        assert!(
            problem["type"].as_str().is_some_and(|t| t.starts_with("urn:ed-fi:api:bad-request")),
            "{what}: {problem}"
        );
        assert!(problem.to_string().contains(field), "{what}: {problem} does not name {field}");
    }
    let oversize = district.edfi().post_raw("students", vec![b' '; 32 * 1024 * 1024]).await;
    assert!(oversize.map_or(true, |answer| answer.status().as_u16() == 413));

    // What came between them has its effect, and a mark of a student whom nobody knows yet is kept, not counted.
    district.mark("999999", HIGH, TODAY, "Unexcused Absence").await?;
    district.mark("604822", HIGH, TODAY, "Unexcused Absence").await?;
    let mut alerts = homeroom.alerts().await?;
    alerts.next_where("alert of the good mark", |c| c.rule == "unexplained-absence").await?;
    assert_eq!(alerts.seen().len(), 1, "{:?}", alerts.seen());
    assert_eq!(district.edfi().count("studentSchoolAttendanceEvents").await?, 2);
    homeroom.run(&["verify"]).map(drop)
}
