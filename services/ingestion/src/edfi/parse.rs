//! A body becomes JSON, strictly: valid UTF-8, no name twice in an object, bounded nesting, no NUL in a text.
//!
//! serde's own `Value` would keep the last of two equal names in silence, and PostgreSQL cannot store U+0000.

use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// What is wrong with a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing was sent.
    Empty,
    /// It is not JSON, or not an object.
    Syntax(String),
    /// A place in it, as JSON path, and what is wrong there.
    Place(String, String),
}

/// Parses a body that must be an object.
pub(crate) fn parse(body: &[u8], max_depth: usize) -> Result<Map<String, Value>, Fault> {
    if body.trim_ascii().is_empty() {
        return Err(Fault::Empty);
    }
    let text = std::str::from_utf8(body).map_err(|error| {
        Fault::Syntax(format!("The body is not valid UTF-8: byte {} begins no character.", error.valid_up_to()))
    })?;
    let mut place = None;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let seed = Seed { left: max_depth, max_depth, place: &mut place };
    let parsed = seed.deserialize(&mut deserializer).and_then(|value| deserializer.end().map(|()| value));
    match (parsed, place) {
        (Ok(Value::Object(object)), _) => Ok(object),
        (Ok(_), _) => Err(Fault::Syntax("A JSON object is expected.".to_owned())),
        (Err(_), Some(Place { steps, message })) => Err(Fault::Place(format!("${steps}"), message)),
        (Err(error), None) => Err(Fault::Syntax(syntax(&error))),
    }
}

/// `serde_json` counts lines from one and its text ends with the position; Ed-Fi's senders see both from zero.
fn syntax(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let message = text.split(" at line ").next().unwrap_or_default();
    let line = error.line().saturating_sub(1);
    format!("The body is not valid JSON: {message}. LineNumber: {line} | BytePositionInLine: {}.", error.column())
}

/// Where a fault is, built from the inside out while the error travels up, so that a good body pays nothing for it.
struct Place {
    steps: String,
    message: String,
}

struct Seed<'a> {
    left: usize,
    max_depth: usize,
    place: &'a mut Option<Place>,
}

impl Seed<'_> {
    fn inner(&mut self) -> Seed<'_> {
        Seed { left: self.left.saturating_sub(1), max_depth: self.max_depth, place: self.place }
    }

    fn fault<E: de::Error>(&mut self, steps: String, message: String) -> E {
        let error = E::custom(&message);
        self.place.get_or_insert(Place { steps, message });
        error
    }

    fn enter<E: de::Error>(&mut self) -> Result<(), E> {
        if self.left > 0 {
            return Ok(());
        }
        let message = format!("Objects and arrays may nest at most {} deep.", self.max_depth);
        Err(self.fault(String::new(), message))
    }

    fn step(&mut self, step: &str) {
        if let Some(place) = self.place {
            place.steps.insert_str(0, step);
        }
    }

    fn check_text<E: de::Error>(&mut self, text: &str) -> Result<(), E> {
        if text.contains('\0') {
            return Err(self.fault(String::new(), "A text must not hold the character U+0000.".to_owned()));
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_str<E: de::Error>(mut self, text: &str) -> Result<Value, E> {
        self.check_text(text)?;
        Ok(Value::String(text.to_owned()))
    }

    fn visit_string<E: de::Error>(mut self, text: String) -> Result<Value, E> {
        self.check_text(&text)?;
        Ok(Value::String(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut elements: A) -> Result<Value, A::Error> {
        self.enter()?;
        let mut list = Vec::new();
        loop {
            match elements.next_element_seed(self.inner()) {
                Ok(Some(element)) => list.push(element),
                Ok(None) => return Ok(Value::Array(list)),
                Err(error) => {
                    self.step(&format!("[{}]", list.len()));
                    return Err(error);
                }
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut properties: A) -> Result<Value, A::Error> {
        self.enter()?;
        let mut object = Map::new();
        while let Some(name) = properties.next_key::<String>()? {
            self.check_text::<A::Error>(&name)?;
            if object.contains_key(&name) {
                return Err(
                    self.fault(format!(".{name}"), "An item with the same key has already been added.".to_owned())
                );
            }
            match properties.next_value_seed(self.inner()) {
                Ok(value) => object.insert(name, value),
                Err(error) => {
                    self.step(&format!(".{name}"));
                    return Err(error);
                }
            };
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(body: &str) -> (String, String) {
        match parse(body.as_bytes(), 4) {
            Err(Fault::Place(path, message)) => (path, message),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_good_body_keeps_every_value() {
        let body = br#"{"a":[1,-2,2.5,true,null,"x"],"b":{}}"#;
        let parsed = parse(body, 4).unwrap();
        assert_eq!(Value::Object(parsed), serde_json::from_slice::<Value>(body).unwrap());
    }

    #[test]
    fn a_name_twice_is_refused_with_its_path() {
        let (path, message) = place(r#"{"a":[{"b":1},{"b":1,"b":2}]}"#);
        assert_eq!(path, "$.a[1].b");
        assert_eq!(message, "An item with the same key has already been added.");
    }

    #[test]
    fn nesting_without_end_is_refused_where_it_goes_too_deep() {
        assert_eq!(place(r#"{"a":{"b":{"c":{"d":[1]}}}}"#).0, "$.a.b.c.d");
        let hostile = format!("{{\"a\":{}", "[".repeat(100_000));
        assert_eq!(place(&hostile).0, "$.a[0][0][0]");
    }

    #[test]
    fn what_is_cut_off_or_not_text_says_so() {
        let cut = parse(br#"{"a":"#, 4);
        assert!(matches!(cut, Err(Fault::Syntax(ref text)) if text.contains("LineNumber: 0")), "{cut:?}");
        assert!(matches!(parse(b"{\"a\":\"\xff\"}", 4), Err(Fault::Syntax(text)) if text.contains("byte 6")));
        assert_eq!(parse(b" \n", 4), Err(Fault::Empty));
        assert!(matches!(parse(b"[]", 4), Err(Fault::Syntax(_))));
        assert!(matches!(parse(b"{} {}", 4), Err(Fault::Syntax(_))));
        assert_eq!(place(r#"{"a":"x\u0000y"}"#).0, "$.a");
    }
}
