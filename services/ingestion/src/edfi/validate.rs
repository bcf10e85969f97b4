//! A body is checked against its resource's shape and brought into one form.
//!
//! Lenient where Ed-Fi's own new service is: numbers and booleans in quotes, dates as `M/D/YYYY`, nulls and empty lists
//! (dropped), properties that the standard does not know (kept). Strict where leniency would guess: a number where a text belongs is
//! refused, because a student's id sent as a number may have lost its leading zeros.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::table::{Kind, Node, Object, Property, Resource};

/// What stands between the values of a natural key, and so in none of them.
const SEPARATORS: [char; 2] = ['\u{1e}', '\u{1f}'];

/// Messages by JSON path.
pub(crate) type Faults = BTreeMap<String, Vec<String>>;

/// Checks a body and normalises its values.
pub(crate) fn normalise(resource: &Resource, body: Map<String, Value>) -> Result<Map<String, Value>, Faults> {
    let mut body = prune_object(body);
    let mut faults = Faults::new();
    check_object(&resource.shape, &mut body, "$", &mut faults);
    if faults.is_empty() { Ok(body) } else { Err(faults) }
}

/// Drops nulls, and lists and objects that are or become empty. What an extension holds stays as it came.
pub(crate) fn prune_object(object: Map<String, Value>) -> Map<String, Value> {
    let kept = object.into_iter().filter_map(|(name, value)| {
        let value = if name == "_ext" { Some(value) } else { prune(value) };
        value.map(|value| (name, value))
    });
    kept.collect()
}

fn prune(value: Value) -> Option<Value> {
    match value {
        Value::Null => None,
        Value::Array(list) => {
            let list: Vec<_> = list.into_iter().filter_map(prune).collect();
            (!list.is_empty()).then_some(Value::Array(list))
        }
        Value::Object(object) => {
            let object = prune_object(object);
            (!object.is_empty()).then_some(Value::Object(object))
        }
        other => Some(other),
    }
}

fn check_object(shape: &Object, object: &mut Map<String, Value>, path: &str, faults: &mut Faults) {
    for (name, property) in &shape.properties {
        let here = || format!("{path}.{name}");
        let replaced = property.or.is_some_and(|other| object.contains_key(other));
        match object.get_mut(name) {
            Some(value) => check_property(name, property, value, here(), faults),
            None if property.required && !replaced => {
                fault(faults, here(), format!("{name} is required."));
            }
            None => {}
        }
    }
}

fn check_property(name: &str, property: &Property, value: &mut Value, path: String, faults: &mut Faults) {
    match (&property.node, value) {
        (Node::Object(shape), Value::Object(object)) => check_object(shape, object, &path, faults),
        (Node::List(shape), Value::Array(list)) => {
            for (number, element) in list.iter_mut().enumerate() {
                let path = format!("{path}[{number}]");
                match element {
                    Value::Object(object) => check_object(shape, object, &path, faults),
                    other => fault(faults, path, wrong_type(name, other, "object")),
                }
            }
        }
        (Node::Object(_), other) => fault(faults, path, wrong_type(name, other, "object")),
        (Node::List(_), other) => fault(faults, path, wrong_type(name, other, "array")),
        (Node::Value(kind), value) => match check_value(name, *kind, property, value) {
            Ok(Some(better)) => *value = better,
            Ok(None) => {}
            Err(message) => fault(faults, path, message),
        },
    }
}

fn fault(faults: &mut Faults, path: String, message: String) {
    faults.entry(path).or_default().push(message);
}

fn wrong_type(name: &str, value: &Value, wanted: &str) -> String {
    let found = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    format!("{name} Value is \"{found}\" but should be \"{wanted}\"")
}

/// The value in its one form when that differs from the form sent, or what is wrong with it.
fn check_value(name: &str, kind: Kind, property: &Property, value: &Value) -> Result<Option<Value>, String> {
    match kind {
        Kind::Text(length) => check_text(name, length, property, value).map(|()| None),
        // A descriptor is a namespace of 255 characters, `#`, and a code of 50.
        Kind::Descriptor => check_text(name, 306, property, value).map(|()| None),
        Kind::Trimmed(length) => {
            let text = value.as_str().ok_or_else(|| wrong_type(name, value, "string"))?.trim();
            if text.is_empty() {
                return Err(format!("{name} Value should be at least 1 characters"));
            }
            check_characters(name, length, text)?;
            Ok(Some(Value::from(text)))
        }
        Kind::Int32 => integer(name, value, i64::from(i32::MIN), i64::from(i32::MAX)),
        Kind::Int64 => integer(name, value, i64::MIN, i64::MAX),
        Kind::Decimal(digits, behind) => decimal(name, value, digits, behind),
        Kind::Boolean => match value {
            Value::Bool(_) => Ok(None),
            Value::String(text) if text.eq_ignore_ascii_case("true") => Ok(Some(Value::Bool(true))),
            Value::String(text) if text.eq_ignore_ascii_case("false") => Ok(Some(Value::Bool(false))),
            other => Err(wrong_type(name, other, "boolean")),
        },
        Kind::Date => formatted(name, value, "date", |text| parse_date(text).map(|date| date.to_string())),
        Kind::Time => formatted(name, value, "time", parse_time),
        Kind::DateTime => formatted(name, value, "date-time", parse_date_time),
    }
}

fn check_text(name: &str, length: u32, property: &Property, value: &Value) -> Result<(), String> {
    let text = value.as_str().ok_or_else(|| wrong_type(name, value, "string"))?;
    if text.is_empty() && (property.required || property.identity) {
        return Err(format!("{name} is required and should not be left empty."));
    }
    let trimmed = text.trim();
    let only_blanks = trimmed.is_empty() && !text.is_empty();
    if (property.identity && trimmed.len() != text.len()) || (property.required && only_blanks) {
        return Err(format!("{name} cannot contain leading or trailing spaces."));
    }
    check_characters(name, length, text)
}

fn check_characters(name: &str, length: u32, text: &str) -> Result<(), String> {
    if text.contains(SEPARATORS) {
        return Err(format!("{name} must not contain the control characters U+001E and U+001F."));
    }
    let too_long = text.chars().count() > length as usize;
    if too_long { Err(format!("{name} Value should be at most {length} characters")) } else { Ok(()) }
}

fn integer(name: &str, value: &Value, least: i64, most: i64) -> Result<Option<Value>, String> {
    let number = match value {
        Value::Number(number) => number.as_i64().or_else(|| number.as_f64().and_then(whole)),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    match number {
        Some(number) if (least..=most).contains(&number) => Ok(Some(Value::from(number))),
        Some(_) => Err(format!("{name} must be between {least} and {most}.")),
        None => Err(wrong_type(name, value, "integer")),
    }
}

/// The integer that a number is, when it is one and exact as a float.
#[expect(clippy::cast_possible_truncation, reason = "below 2^53 a whole float is exactly an integer")]
fn whole(number: f64) -> Option<i64> {
    (number.fract() == 0.0 && number.abs() < 9_007_199_254_740_992.0).then_some(number as i64)
}

fn decimal(name: &str, value: &Value, digits: u8, behind: u8) -> Result<Option<Value>, String> {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse::<f64>().ok().filter(|number| number.is_finite()),
        _ => None,
    };
    let Some(number) = number else { return Err(wrong_type(name, value, "number")) };
    let (front, behind) = (usize::from(digits.saturating_sub(behind)), usize::from(behind));
    let limit = 10_f64.powi(i32::from(digits) - i32::try_from(behind).unwrap_or(0));
    if number.abs() >= limit {
        let nines = format!("{}.{}", "9".repeat(front), "9".repeat(behind));
        return Err(format!("{name} must be between -{nines} and {nines}."));
    }
    Ok(Some(whole(number).map_or_else(|| Value::from(number), Value::from)))
}

fn formatted(
    name: &str,
    value: &Value,
    format: &str,
    parse: impl Fn(&str) -> Option<String>,
) -> Result<Option<Value>, String> {
    let text = value.as_str().ok_or_else(|| wrong_type(name, value, "string"))?;
    match parse(text.trim()) {
        Some(parsed) => Ok(Some(Value::String(parsed))),
        None => Err(format!("{name} Value does not match format \"{format}\"")),
    }
}

/// A date as `YYYY-MM-DD`, or as `M/D/YYYY`, which is month first everywhere that Ed-Fi is used.
pub(crate) fn parse_date(text: &str) -> Option<jiff::civil::Date> {
    if let Some((month, rest)) = text.split_once('/') {
        let (day, year) = rest.split_once('/')?;
        let all_digits = [month, day, year].iter().all(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
        let year = (all_digits && year.len() == 4).then(|| year.parse().ok()).flatten()?;
        return jiff::civil::Date::new(year, month.parse().ok()?, day.parse().ok()?).ok();
    }
    let shaped = text.len() == 10
        && text
            .bytes()
            .enumerate()
            .all(|(place, byte)| if matches!(place, 4 | 7) { byte == b'-' } else { byte.is_ascii_digit() });
    if shaped { text.parse().ok() } else { None }
}

/// A time as `HH:MM:SS`; without seconds, or with parts of one, it is brought into that form.
fn parse_time(text: &str) -> Option<String> {
    let time: jiff::civil::Time = text.parse().ok()?;
    Some(time.strftime("%H:%M:%S").to_string())
}

fn parse_date_time(text: &str) -> Option<String> {
    let known = text.parse::<jiff::Timestamp>().is_ok() || text.parse::<jiff::civil::DateTime>().is_ok();
    known.then(|| text.to_owned())
}

#[cfg(test)]
mod tests;
