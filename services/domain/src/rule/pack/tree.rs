//! YAML as a tree whose every part knows its place, so that a mistake can be shown where it is, and several at once.

use std::fmt::{self, Write as _};

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned};

use super::mistake::{Mistake, Place};

/// A part of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) value: Value,
}

/// What a part is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    /// Nothing.
    Null,
    /// A word, number or sentence, as it was written.
    Text(String),
    /// Parts in a row.
    List(Vec<Node>),
    /// Parts by name.
    Map(Vec<(Key, Node)>),
}

/// A name and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) name: String,
    pub(super) place: Place,
}

/// Deeper than any pack is; each level takes some of the stack.
const MAX_DEPTH: usize = 12;

impl Node {
    /// Reads a document; `document` is its number among those of which places tell.
    pub(super) fn read(yaml: &str, document: usize) -> Result<Self, Mistake> {
        let budget = serde_saphyr::budget! { max_depth: MAX_DEPTH };
        let options = serde_saphyr::options! { budget: budget, with_snippet: false };
        match serde_saphyr::from_str_with_options::<Spanned<Raw>>(yaml, options) {
            Ok(root) => Ok(Source { yaml, document }.placed(root)),
            Err(error) => {
                let error = error.without_snippet();
                let place = error.location().map_or(Place::nowhere(document), |at| Place::of(document, at));
                let what = error.to_string();
                Err(Mistake::new(place, what.lines().next().unwrap_or_default().chars().take(300).collect::<String>()))
            }
        }
    }

    /// What it is, for people.
    pub(super) const fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Text(_) => "a word or number",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }

    /// As YAML on one line.
    pub(super) fn flow(&self) -> String {
        match &self.value {
            Value::Null => "null".to_owned(),
            Value::Text(text) if is_plain(text) => text.clone(),
            Value::Text(text) => format!("{text:?}"),
            Value::List(parts) => {
                let parts: Vec<String> = parts.iter().map(Self::flow).collect();
                format!("[{}]", parts.join(", "))
            }
            Value::Map(parts) => {
                let parts: Vec<String> =
                    parts.iter().map(|(key, part)| format!("{}: {}", key.name, part.flow())).collect();
                format!("{{{}}}", parts.join(", "))
            }
        }
    }

    /// The same words for the same content, however it was written.
    pub(super) fn canonical(&self, into: &mut String) {
        match &self.value {
            Value::Null => into.push('~'),
            Value::Text(text) => {
                _ = write!(into, "{text:?}");
            }
            Value::List(parts) => {
                into.push('[');
                for part in parts {
                    part.canonical(into);
                    into.push(',');
                }
                into.push(']');
            }
            Value::Map(parts) => {
                let mut parts: Vec<_> = parts.iter().collect();
                parts.sort_by(|a, b| a.0.name.cmp(&b.0.name));
                into.push('{');
                for (key, part) in parts {
                    _ = write!(into, "{:?}:", key.name);
                    part.canonical(into);
                    into.push(',');
                }
                into.push('}');
            }
        }
    }
}

/// Whether a text needs no quotes.
fn is_plain(text: &str) -> bool {
    let special = |c: char| !(c.is_alphanumeric() || " _.-+*/%<>=&|()".contains(c));
    let begins_well = text.starts_with(|c: char| c.is_alphanumeric() || c == '_' || c == '(');
    begins_well && !text.contains(special) && !text.ends_with(' ')
}

impl Place {
    fn of(document: usize, at: Location) -> Self {
        let number = |of: u64| usize::try_from(of).unwrap_or(usize::MAX);
        let length = number(at.span().len());
        Self { document, line: number(at.line()), column: number(at.column()), length }
    }
}

/// A text that is being read.
struct Source<'y> {
    yaml: &'y str,
    document: usize,
}

impl Source<'_> {
    fn placed(&self, raw: Spanned<Raw>) -> Node {
        let place = Place::of(self.document, raw.referenced);
        let value = match raw.value {
            Raw::Null => Value::Null,
            Raw::Text(text) => Value::Text(text),
            Raw::Plain(read) => Value::Text(self.written(raw.defined).unwrap_or(read)),
            Raw::List(parts) => Value::List(parts.into_iter().map(|part| self.placed(part)).collect()),
            Raw::Map(parts) => {
                let key =
                    |key: Spanned<String>| Key { place: Place::of(self.document, key.referenced), name: key.value };
                Value::Map(parts.into_iter().map(|(name, part)| (key(name), self.placed(part))).collect())
            }
        };
        Node { place, value }
    }

    /// What stands there: `yes` and `007` are words to who expects one.
    fn written(&self, at: Location) -> Option<String> {
        let (from, length) = (at.span().byte_offset()?, at.span().byte_len()?);
        let from = usize::try_from(from).ok()?;
        self.yaml.get(from..from.checked_add(usize::try_from(length).ok()?)?).map(str::to_owned)
    }
}

/// A part as the reader hands it over.
enum Raw {
    Null,
    Text(String),
    /// A number, or true or false.
    Plain(String),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<String>, Spanned<Raw>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyPart)
    }
}

struct AnyPart;

impl<'de> Visitor<'de> for AnyPart {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a word, a number, a list or a map")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Plain(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Plain(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Raw, E> {
        Ok(Raw::Plain(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Raw, E> {
        Ok(Raw::Plain(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Raw, A::Error> {
        let mut list = Vec::new();
        while let Some(part) = parts.next_element::<Spanned<Raw>>()? {
            list.push(part);
        }
        Ok(Raw::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut parts: A) -> Result<Raw, A::Error> {
        let mut map = Vec::new();
        while let Some(part) = parts.next_entry::<Spanned<String>, Spanned<Raw>>()? {
            map.push(part);
        }
        Ok(Raw::Map(map))
    }
}
