//! What is wrong with one record, told so that its sender can repair it.

use std::borrow::Cow;

use serde::Serialize;

/// What is wrong with a record. Never repeats what was sent: it may be a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// JSON path of the field, such as `$.data.date`.
    pub field: Cow<'static, str>,
    /// What was expected there.
    pub expected: Cow<'static, str>,
    /// What was found.
    pub detail: Cow<'static, str>,
}

impl Problem {
    /// A problem with the field at this path.
    pub fn new(
        field: impl Into<Cow<'static, str>>,
        expected: impl Into<Cow<'static, str>>,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { field: field.into(), expected: expected.into(), detail: detail.into() }
    }

    /// A JSON text that does not parse, by the parser's error, which is made to repeat nothing of the text.
    pub fn unparsed(field: &'static str, expected: &'static str, error: &serde_json::Error) -> Self {
        let detail = match error.classify() {
            // A syntax error names the line and column only.
            serde_json::error::Category::Syntax => format!("is not JSON: {error}").into(),
            serde_json::error::Category::Eof => Cow::Borrowed("ends too early"),
            serde_json::error::Category::Data => data_error(&error.to_string()),
            serde_json::error::Category::Io => Cow::Borrowed("cannot be read"),
        };
        Self::new(field, expected, detail)
    }
}

/// Every field takes any JSON value, so what is left to refuse is a field given twice, or a text that is not UTF-8.
fn data_error(error: &str) -> Cow<'static, str> {
    if error.starts_with("duplicate field") { Cow::Owned(error.to_owned()) } else { Cow::Borrowed("has another shape") }
}
