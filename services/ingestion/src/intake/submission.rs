//! One record as a sender submits it, through whichever native door.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::field::{Field, MAX_KEY_BYTES, Value};
use super::{Kind, Problem, scan};

/// One record, in the ids of its sender.
#[derive(Debug, Clone)]
pub struct Submission<'a> {
    /// What it is.
    pub kind: Kind,
    /// The sender's natural key of it; derived from the record when empty.
    pub key: Cow<'a, str>,
    /// Grows with each word on one key; the time of arrival when zero.
    pub revision: u64,
    /// When it happened, as the sender says.
    pub occurred_at: Option<Timestamp>,
    /// The record no longer holds.
    pub withdrawn: bool,
    /// Of whom the record was said to be before; empty when it is of the same student. What was sent natively is kept in the log alone,
    /// so nobody but its sender knows.
    pub former_student: Cow<'a, str>,
    /// The record as JSON.
    pub record: Cow<'a, [u8]>,
}

/// Where a former student is named.
pub(super) const FORMER_STUDENT: &str = "$.former_student";

/// The envelope of the native API. Names of fields that are not known are passed over.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Envelope<'a> {
    #[serde(borrow)]
    kind: Value<'a>,
    #[serde(borrow)]
    key: Value<'a>,
    #[serde(borrow)]
    revision: Value<'a>,
    #[serde(borrow)]
    occurred_at: Value<'a>,
    #[serde(borrow)]
    withdrawn: Value<'a>,
    #[serde(borrow)]
    former_student: Value<'a>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

impl<'a> Submission<'a> {
    /// Reads `{"kind": …, "key": …, "revision": …, "occurred_at": …, "withdrawn": …, "former_student": …, "data": {…}}`.
    pub fn parse(text: &'a [u8]) -> Result<Self, Problem> {
        let envelope: Envelope<'a> = object("$", text)?;
        let key = Field::at("$.key", &envelope.key);
        let revision = Field::at("$.revision", &envelope.revision);
        let occurred_at = Field::at("$.occurred_at", &envelope.occurred_at);
        let withdrawn = Field::at("$.withdrawn", &envelope.withdrawn);
        Ok(Self {
            kind: parse_kind(Field::at("$.kind", &envelope.kind))?,
            revision: revision.present().map_or(Ok(0), Field::unsigned)?,
            occurred_at: occurred_at.present().map(Field::moment).transpose()?,
            withdrawn: withdrawn.present().map_or(Ok(false), Field::boolean)?,
            record: Cow::Borrowed(envelope.data.map_or("{}", RawValue::get).as_bytes()),
            former_student: former_student(envelope.former_student)?,
            key: {
                check_key(key)?;
                text_of(envelope.key)
            },
        })
    }
}

fn parse_kind(field: Field<'_>) -> Result<Kind, Problem> {
    let name = field.text(Kind::EXPECTED, MAX_KEY_BYTES)?;
    Kind::find(name).ok_or_else(|| field.problem(Kind::EXPECTED, "is no kind of record"))
}

/// Refuses a natural key that is too long or no text; an empty one is derived from the record.
pub fn check_key(field: Field<'_>) -> Result<(), Problem> {
    field.text_or_empty("the sender's natural key, a text of at most 500 bytes", MAX_KEY_BYTES).map(drop)
}

/// Of whom the record was before, when the sender says so.
pub fn former_student(value: Value<'_>) -> Result<Cow<'_, str>, Problem> {
    if let Some(field) = Field::at(FORMER_STUDENT, &value).present() {
        field.id()?;
    }
    Ok(text_of(value))
}

fn text_of(value: Value<'_>) -> Cow<'_, str> {
    match value {
        Value::Text(text) => text,
        _ => Cow::Borrowed(""),
    }
}

/// Reads a JSON object of a shape that takes any value in its fields.
pub(crate) fn object<'a, T: Deserialize<'a>>(path: &'static str, text: &'a [u8]) -> Result<T, Problem> {
    const EXPECTED: &str = "a JSON object";
    scan::check_nesting(text)?;
    // A derived shape would take a list too, by position.
    if text.trim_ascii_start().first() != Some(&b'{') {
        let detail = if std::str::from_utf8(text).is_ok() { "is none" } else { "is not UTF-8" };
        return Err(Problem::new(path, EXPECTED, detail));
    }
    serde_json::from_slice(text).map_err(|error| {
        if std::str::from_utf8(text).is_err() {
            Problem::new(path, EXPECTED, "is not UTF-8")
        } else {
            Problem::unparsed(path, EXPECTED, &error)
        }
    })
}
