//! Records as CloudEvents 1.0: `type` tells kind and whether the record is withdrawn, `data` is the record.
//!
//! Of the other attributes `time` is when it happened; the extensions `recordkey` and `revision` are the natural key and
//! revision of the native envelope. `subject` is not taken for the key: senders put a student's id there, and then all of a
//! student's records would be one. `id` and `source` are required by the specification; a repeat is recognised by the
//! record's key and revision, not by them.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::intake::field::{Field, MAX_KEY_BYTES, Value};
use crate::intake::submission::{check_key, former_student, object};
use crate::intake::{Kind, Problem, Submission};

/// The header that makes a request one CloudEvent in binary mode.
pub const SPEC_VERSION_HEADER: &str = "ce-specversion";

const TYPE: &str = "a type such as org.homeroom.attendance.recorded.v1 or org.homeroom.attendance.withdrawn.v1";

const JSON: &str = "application/json, or none";
const REQUIRED: &str = "a text of 1 to 500 bytes, as CloudEvents requires";

#[derive(Deserialize, Default)]
#[serde(default)]
struct Attributes<'a> {
    #[serde(borrow)]
    specversion: Value<'a>,
    #[serde(borrow)]
    id: Value<'a>,
    #[serde(borrow)]
    source: Value<'a>,
    #[serde(borrow)]
    r#type: Value<'a>,
    #[serde(borrow)]
    time: Value<'a>,
    #[serde(borrow)]
    datacontenttype: Value<'a>,
    #[serde(borrow)]
    recordkey: Value<'a>,
    #[serde(borrow)]
    formerstudent: Value<'a>,
    #[serde(borrow)]
    revision: Value<'a>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    data_base64: Value<'a>,
}

/// Reads a CloudEvent in structured mode, alone or of a batch.
pub fn parse(text: &[u8]) -> Result<Submission<'_>, Problem> {
    let mut attributes: Attributes<'_> = object("$", text)?;
    let content_type = Field::at("$.datacontenttype", &attributes.datacontenttype);
    if content_type.text_or_empty(JSON, MAX_KEY_BYTES).is_ok_and(|sent| !is_json(sent)) {
        return Err(content_type.problem(JSON, "is another media type"));
    }
    let record = match (attributes.data.take(), std::mem::take(&mut attributes.data_base64)) {
        (Some(data), Value::Missing) => Cow::Borrowed(data.get().as_bytes()),
        (None, Value::Missing) => Cow::Borrowed(b"{}".as_slice()),
        (None, encoded) => Cow::Owned(decode_base64(&encoded)?),
        (Some(_), _) => return Err(Problem::new("$.data_base64", "data or data_base64", "both are given")),
    };
    attributes.submission(record)
}

/// Reads a CloudEvent in binary mode.
pub fn from_headers<'a>(headers: &HeaderMap, body: &'a [u8]) -> Result<Submission<'a>, Problem> {
    let attribute = |name: &str| {
        headers
            .get(format!("ce-{name}"))
            .map_or(Value::Missing, |value| Value::Text(Cow::Owned(percent_decoded(value.as_bytes()))))
    };
    let attributes = Attributes {
        specversion: attribute("specversion"),
        id: attribute("id"),
        source: attribute("source"),
        r#type: attribute("type"),
        time: attribute("time"),
        recordkey: attribute("recordkey"),
        formerstudent: attribute("formerstudent"),
        revision: attribute("revision"),
        ..Attributes::default()
    };
    let record: &[u8] = if body.is_empty() { b"{}" } else { body };
    attributes.submission(Cow::Borrowed(record))
}

impl<'a> Attributes<'a> {
    fn submission<'r>(self, record: Cow<'r, [u8]>) -> Result<Submission<'r>, Problem>
    where
        'a: 'r,
    {
        let version = Field::at("$.specversion", &self.specversion);
        if version.text("1.0", MAX_KEY_BYTES)? != "1.0" {
            return Err(version.problem("1.0", "is another version"));
        }
        Field::at("$.id", &self.id).text(REQUIRED, MAX_KEY_BYTES)?;
        Field::at("$.source", &self.source).text(REQUIRED, MAX_KEY_BYTES)?;
        let (kind, withdrawn) = meaning(Field::at("$.type", &self.r#type))?;
        let time = Field::at("$.time", &self.time).present().map(Field::moment).transpose()?;
        check_key(Field::at("$.recordkey", &self.recordkey))?;
        Ok(Submission {
            kind,
            revision: revision(&self.revision)?,
            occurred_at: time,
            withdrawn,
            former_student: former_student(self.formerstudent)?,
            record,
            key: match self.recordkey {
                Value::Text(key) => key,
                _ => Cow::Borrowed(""),
            },
        })
    }
}

/// The types that are taken.
pub(super) fn types() -> Vec<String> {
    let words = ["recorded", "withdrawn"];
    Kind::ALL.iter().flat_map(|kind| words.map(|word| format!("org.homeroom.{}.{word}.v1", kind.as_str()))).collect()
}

/// Kind, and whether the record is withdrawn.
fn meaning(field: Field<'_>) -> Result<(Kind, bool), Problem> {
    let name = field.text(TYPE, MAX_KEY_BYTES)?;
    let unknown = || field.problem(TYPE, "is another type");
    let rest = name.strip_prefix("org.homeroom.").ok_or_else(unknown)?;
    let (kind, withdrawn) = match rest.strip_suffix(".recorded.v1") {
        Some(kind) => (kind, false),
        None => (rest.strip_suffix(".withdrawn.v1").ok_or_else(unknown)?, true),
    };
    Ok((Kind::find(kind).ok_or_else(unknown)?, withdrawn))
}

/// CloudEvents' own integers have 32 bits, so a revision may also come as a text.
fn revision(value: &Value<'_>) -> Result<u64, Problem> {
    let field = Field::at("$.revision", value);
    match value {
        Value::Missing => Ok(0),
        Value::Text(text) => {
            text.parse().map_err(|_| field.problem("a whole number from 0 to 18446744073709551615", "is none"))
        }
        _ => field.unsigned(),
    }
}

fn is_json(content_type: &str) -> bool {
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    media_type.is_empty() || media_type.eq_ignore_ascii_case("application/json")
}

fn decode_base64(value: &Value<'_>) -> Result<Vec<u8>, Problem> {
    const EXPECTED: &str = "a JSON record in base64";
    let Value::Text(text) = value else { return Err(Problem::new("$.data_base64", EXPECTED, "is no text")) };
    STANDARD.decode(text.as_bytes()).map_err(|_| Problem::new("$.data_base64", EXPECTED, "is no base64"))
}

/// A header's text: UTF-8 in percent encoding. What is none is left as it came.
fn percent_decoded(value: &[u8]) -> String {
    let mut decoded = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some((&byte, after)) = rest.split_first() {
        let escaped = (byte == b'%').then(|| after.first_chunk::<2>()).flatten().and_then(|pair| {
            let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
            Some(digit(pair[0])? * 16 + digit(pair[1])?)
        });
        decoded.push(escaped.unwrap_or(byte));
        rest = if escaped.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_tells_kind_and_withdrawal() {
        let told = |name: &'static str| meaning(Field::at("$.type", &Value::Text(Cow::Borrowed(name)))).ok();
        assert_eq!(told("org.homeroom.attendance.recorded.v1"), Some((Kind::Attendance, false)));
        assert_eq!(told("org.homeroom.section-membership.withdrawn.v1"), Some((Kind::SectionMembership, true)));
        for other in ["com.example.someevent", "org.homeroom.attendance.recorded.v2", "org.homeroom..recorded.v1"] {
            assert_eq!(told(other), None, "{other}");
        }
    }

    #[test]
    fn a_header_is_percent_decoded() {
        assert_eq!(percent_decoded(b"Euro%20%E2%82%AC%20%F0%9F%98%80"), "Euro € 😀");
        assert_eq!(percent_decoded(b"100%"), "100%");
        assert_eq!(percent_decoded(b"%zz%4"), "%zz%4");
    }
}
