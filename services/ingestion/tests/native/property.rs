//! Whatever bytes come: nothing panics, and no good neighbour is lost.

use homeroom_domain::id::{DistrictId, SourceId};
use homeroom_ingestion::intake::{Context, Kind, normalise};
use homeroom_ingestion::merge::Crosswalk;
use homeroom_ingestion::native::body::{Shape, Submitted};
use homeroom_ingestion::pseudonym::Pseudonyms;
use http::HeaderMap;
use proptest::collection::vec;
use proptest::prelude::*;
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::world::{DISTRICT, mark};

const SHAPES: [Shape; 5] =
    [Shape::Json, Shape::Lines, Shape::CloudEvent, Shape::CloudEventBatch, Shape::CloudEventBinary];

/// Which records are understood.
fn understood(records: Vec<Submitted<'_>>) -> Vec<bool> {
    let mut pseudonyms = Pseudonyms::default();
    let district = DistrictId::parse(DISTRICT).unwrap();
    pseudonyms.add(district.clone(), &SecretString::from("a long secret of these tests")).unwrap();
    let source = SourceId::parse("sis").unwrap();
    let now = "2026-11-25T15:00:00Z".parse().unwrap();
    let crosswalk = Crosswalk::default();
    let context = Context::new(pseudonyms.find(&district).unwrap(), &crosswalk, &source, now);
    records.into_iter().map(|it| it.submission.and_then(|it| normalise(&context, &it)).is_ok()).collect()
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        (1990..2040_i32, 0..14, 0..33).prop_map(|(y, m, d)| Value::from(format!("{y}-{m:02}-{d:02}"))),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| vec(inner, 0..4).prop_map(Value::from))
}

proptest! {
    #[test]
    fn any_bytes_in_any_shape_are_taken_apart_or_refused(body in vec(any::<u8>(), 0..300)) {
        for shape in SHAPES {
            if let Ok(records) = shape.records(&HeaderMap::new(), &body) {
                understood(records);
            }
        }
    }

    #[test]
    fn brackets_quotes_and_commas_in_any_order_are_taken_apart_or_refused(body in r#"[\[\]{}",:\\ 1a]{0,60}"#) {
        for shape in SHAPES {
            if let Ok(records) = shape.records(&HeaderMap::new(), body.as_bytes()) {
                understood(records);
            }
        }
    }

    #[test]
    fn a_line_of_any_bytes_spoils_no_neighbour(bytes in vec(any::<u8>(), 1..300)) {
        let good = mark("1", &json!({})).to_string();
        let line: Vec<u8> = bytes.into_iter().filter(|&byte| byte != b'\n').collect();
        let body = [good.as_bytes(), &line, good.as_bytes()].join(&b'\n');
        let understood = understood(Shape::Lines.records(&HeaderMap::new(), &body).unwrap());
        prop_assert_eq!((understood.first(), understood.last()), (Some(&true), Some(&true)));
        prop_assert_eq!(understood.len(), if line.trim_ascii().is_empty() { 2 } else { 3 });
    }

    #[test]
    fn any_value_in_any_field_is_told_or_taken(
        kind in proptest::sample::select(Kind::ALL.to_vec()),
        field in proptest::sample::select(vec![
            "student", "school", "entry_on", "exit_on", "section", "date", "code", "share", "numeric", "letter", "events",
            "subjects", "school_year", "begin_on", "end_on", "name", "calendar", "session", "grade_type",
        ]),
        value in json_value(),
        withdrawn: bool,
    ) {
        let mut data = homeroom_ingestion::native::openapi::example(kind);
        data[field] = value;
        let body = json!({ "kind": kind.as_str(), "withdrawn": withdrawn, "data": data }).to_string();
        let understood = understood(Shape::Json.records(&HeaderMap::new(), body.as_bytes()).unwrap());
        prop_assert_eq!(understood.len(), 1);
    }
}
