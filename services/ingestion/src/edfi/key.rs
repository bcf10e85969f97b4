//! Natural keys of documents, and the ids that follow from them.

use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::table::{Kind, Resource};
use crate::named;

/// Fixed forever: another value would be another id for every document ever kept.
const NAMESPACE: Uuid = Uuid::from_u128(0x2b47_53c4_90d1_4c0c_9d6e_41f7_a8b3_5ce0);

/// Between the values of a key; the validator lets it into none of them.
const SEPARATOR: char = '\u{1f}';

/// A document's natural key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    /// Its values in the order of the table; holds students' ids.
    pub(crate) canonical: String,
}

/// A natural key's hash, by which documents are found.
pub(crate) type KeyHash = [u8; 32];

impl Key {
    /// The key of a valid body. Without a row in the table the body itself is the key: a resource that the standard does not
    /// know is kept, and an equal body is the same document.
    pub(crate) fn of(resource: Option<&Resource>, body: &Map<String, Value>) -> Self {
        let Some(resource) = resource.filter(|resource| !resource.key.is_empty()) else {
            return Self { canonical: hex::encode(hash_of(body)) };
        };
        let parts = resource.key.iter().map(|part| canonical_part(body, &part.path, part.kind).unwrap_or_default());
        Self { canonical: parts.collect::<Vec<_>>().join(&SEPARATOR.to_string()) }
    }

    /// The key that a query's values give, when they give every part.
    pub(crate) fn of_query<'a>(resource: &Resource, value: impl Fn(&str) -> Option<&'a str>) -> Option<Self> {
        if resource.key.is_empty() {
            return None;
        }
        let mut parts = Vec::new();
        for part in &resource.key {
            let name = part.path.last()?;
            parts.push(match value(name) {
                Some(text) => in_one_form(text, part.kind),
                None if name == "gradingPeriodName" => numbered(value("periodSequence")?),
                None => return None,
            });
        }
        Some(Self { canonical: parts.join(&SEPARATOR.to_string()) })
    }

    /// The hash by which documents are found.
    pub(crate) fn hash(&self) -> KeyHash {
        Sha256::digest(self.canonical.as_bytes()).into()
    }

    /// The id of the document of a source that has this key. Derived, so that it is the same after a restore.
    pub(crate) fn document_id(&self, collection: &str) -> Uuid {
        named::id(&NAMESPACE, &[collection.as_bytes(), b"\0", self.canonical.as_bytes()])
    }
}

/// The values of a key by name, as `/deletes` tells them.
pub(crate) fn key_values(resource: Option<&Resource>, body: &Map<String, Value>) -> Value {
    let parts = resource.map(|resource| resource.key.as_slice()).unwrap_or_default();
    let values = parts.iter().filter_map(|part| {
        let (path, value) = match find(body, &part.path) {
            Some(value) => (&part.path, value.clone()),
            None => return sibling(body, &part.path).map(|number| ("periodSequence".to_owned(), number.clone())),
        };
        Some((path.last()?.clone(), value))
    });
    Value::Object(values.collect())
}

/// The value at a path of names.
pub(crate) fn find<'a>(body: &'a Map<String, Value>, path: &[String]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    rest.iter().try_fold(body.get(first)?, |value, name| value.get(name))
}

/// A short hash of a body, for its `ETag`.
pub(crate) fn etag(body: &Map<String, Value>) -> String {
    let hash = hash_of(body);
    hex::encode(&hash[..12])
}

/// The same for two bodies that differ only in the order of their properties.
fn hash_of(body: &Map<String, Value>) -> [u8; 32] {
    let mut text = String::new();
    write_object(body, &mut text);
    Sha256::digest(text.as_bytes()).into()
}

fn write_object(object: &Map<String, Value>, text: &mut String) {
    let mut properties: Vec<_> = object.iter().collect();
    properties.sort_unstable_by_key(|(name, _)| *name);
    text.push('{');
    for (name, value) in properties {
        // Quoted, so that no name can be taken for what follows it. A text always serializes.
        text.push_str(&serde_json::to_string(name).unwrap_or_default());
        text.push(':');
        write_value(value, text);
        text.push(',');
    }
    text.push('}');
}

fn write_value(value: &Value, text: &mut String) {
    match value {
        Value::Object(object) => write_object(object, text),
        Value::Array(list) => {
            text.push('[');
            for element in list {
                write_value(element, text);
                text.push(',');
            }
            text.push(']');
        }
        single => text.push_str(&single.to_string()),
    }
}

fn canonical_part(body: &Map<String, Value>, path: &[String], kind: Kind) -> Option<String> {
    match find(body, path) {
        Some(Value::String(text)) => Some(in_one_form(text, kind)),
        Some(other) => Some(other.to_string()),
        None => sibling(body, path).map(|number| numbered(&number.to_string())),
    }
}

/// The number of a grading period whose name is not given.
fn sibling<'a>(body: &'a Map<String, Value>, path: &[String]) -> Option<&'a Value> {
    let (name, parents) = path.split_last()?;
    if name != "gradingPeriodName" {
        return None;
    }
    let mut path = parents.to_vec();
    path.push("periodSequence".to_owned());
    find(body, &path)
}

/// Never equal to a name, which cannot hold this character either.
fn numbered(number: &str) -> String {
    format!("\u{1e}{number}")
}

/// Descriptors are compared without regard to case; a number or date of a query may be written in another form than ours.
fn in_one_form(text: &str, kind: Kind) -> String {
    match kind {
        Kind::Descriptor => text.to_lowercase(),
        Kind::Int32 | Kind::Int64 => {
            text.trim().parse::<i64>().map_or_else(|_| text.to_owned(), |number| number.to_string())
        }
        Kind::Date => super::validate::parse_date(text).map_or_else(|| text.to_owned(), |date| date.to_string()),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::edfi::table::table;

    fn object(value: Value) -> Map<String, Value> {
        let Value::Object(object) = value else { panic!("an object is needed") };
        object
    }

    #[test]
    fn a_key_has_all_parts_and_a_query_finds_the_same() {
        let resource = table().find("calendarDates").unwrap();
        let body = object(
            json!({"date": "2021-08-23", "calendarReference": {"calendarCode": "A", "schoolId": 1, "schoolYear": 2022}}),
        );
        let key = Key::of(Some(resource), &body);
        let query = [("date", "8/23/2021"), ("calendarCode", "A"), ("schoolId", "1"), ("schoolYear", "2022")];
        let value = |name: &str| query.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
        assert_eq!(Key::of_query(resource, value), Some(key.clone()));
        let partial = |name: &str| if name == "date" { None } else { value(name) };
        assert_eq!(Key::of_query(resource, partial), None);
        assert_eq!(key.document_id("d/s/ed-fi/calendarDates"), key.document_id("d/s/ed-fi/calendarDates"));
        assert_eq!(key_values(Some(resource), &body)["calendarCode"], "A");
    }

    #[test]
    fn the_case_of_a_descriptor_does_not_make_another_key() {
        let resource = table().find("gradeTypeDescriptors");
        let of = |code: &str| Key::of(resource, &object(json!({"namespace": "uri://x", "codeValue": code})));
        assert_eq!(of("Final"), of("FINAL"));
        assert_ne!(of("Final"), of("Exam"));
    }

    #[test]
    fn a_body_of_an_unknown_resource_is_its_own_key_whatever_the_order_of_its_properties() {
        let of = |body| Key::of(None, &object(body));
        assert_eq!(of(json!({"a": 1, "b": {"c": [1, 2], "d": 3}})), of(json!({"b": {"d": 3, "c": [1, 2]}, "a": 1})));
        assert_ne!(of(json!({"a": 1})), of(json!({"a": "1"})));
    }

    #[test]
    fn a_period_named_1_is_not_the_period_numbered_1() {
        let resource = table().find("gradingPeriods");
        let of =
            |name: &str, value: Value| Key::of(resource, &object(json!({"gradingPeriodDescriptor": "d", name: value})));
        assert_ne!(of("gradingPeriodName", json!("1")), of("periodSequence", json!(1)));
        assert_ne!(of("periodSequence", json!(2)), of("periodSequence", json!(1)));
    }
}
