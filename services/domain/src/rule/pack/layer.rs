//! A rule's fields, each with whoever said it last: its pack, the district, or a school.

use std::collections::BTreeMap;

use super::field::{self, Field};
use super::mistake::{Mistake, Place};
use super::read::{Reader, short};
use super::rule::DERIVED;
use super::tree::{Key, Node, Value};
use crate::id::{RuleId, SchoolId};

/// Who said a line of a rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// A shipped pack, of this name.
    Shipped(RuleId),
    /// The district.
    District,
    /// The district, for one school.
    School(SchoolId),
}

/// A rule as it was written, field by field.
#[derive(Debug, Clone)]
pub(super) struct Written {
    pub(super) id: RuleId,
    pub(super) place: Place,
    /// The version that its own pack gives it.
    pub(super) version: u32,
    fields: BTreeMap<&'static str, (Node, Origin)>,
    /// What a district or school has said of it instead.
    changed: BTreeMap<&'static str, String>,
}

impl Written {
    /// Reads the fields of a rule of a pack.
    pub(super) fn read(reader: &mut Reader<'_>, node: &Node, origin: &Origin) -> Option<Self> {
        let parts = reader.map(node, "a rule")?;
        let mut fields = BTreeMap::new();
        for (key, part) in parts {
            match field::find(&key.name).filter(|field| field.need != field::Need::Layered) {
                Some(field) => {
                    fields.insert(field.name, (part.clone(), origin.clone()));
                }
                None => {
                    reader.unknown::<()>(key, "a rule", &names(|_| true));
                }
            }
        }
        let place = parts.first().map_or(node.place, |(key, _)| key.place);
        let lacking = field::RULE.iter().filter(|field| field.need.is_required() && !fields.contains_key(field.name));
        let lacking: Vec<&str> = lacking.map(|field| field.name).collect();
        for name in &lacking {
            reader.fail::<()>(Mistake::new(place, format!("the rule lacks `{name}`")).help(doc(name)));
        }
        let (id, _) = fields.get("id")?;
        let id = reader.text(id, "`id`").and_then(|text| reader.rule_id(id.place, text))?;
        let (version, _) = fields.get("version")?;
        let version = reader.number(version, "`version`", &(0..=u32::MAX))?;
        Some(Self { id, place, version, fields, changed: BTreeMap::new() })
    }

    /// The same with what a layer says instead.
    pub(super) fn with(&self, reader: &mut Reader<'_>, changes: &Node, origin: &Origin) -> Self {
        let mut with = self.clone();
        let parts = reader.map(changes, "what is said of a rule").unwrap_or_default();
        for (key, part) in parts {
            match field::find(&key.name) {
                Some(field) if field.need.may_be_changed() => with.put(reader, field, (key, part), origin),
                Some(field) => {
                    let what =
                        format!("`{}` is the rule's own and cannot be changed; write a rule of your own", field.name);
                    reader.refuse::<()>(key.place, what);
                }
                None => {
                    reader.unknown::<()>(key, "a rule", &names(|field| field.need.may_be_changed()));
                }
            }
        }
        with
    }

    fn put(&mut self, reader: &mut Reader<'_>, field: &Field, (key, part): (&Key, &Node), origin: &Origin) {
        match (&part.value, field.need) {
            (Value::Null, field::Need::Optional) => {
                self.fields.remove(field.name);
            }
            (Value::Null, _) => {
                reader.refuse::<()>(key.place, format!("each rule says `{}`", field.name));
            }
            _ => {
                self.fields.insert(field.name, (part.clone(), origin.clone()));
            }
        }
        if field.need != field::Need::Layered {
            let mut text = String::new();
            part.canonical(&mut text);
            self.changed.insert(field.name, text);
        }
    }

    /// Whether a layer took it out.
    pub(super) fn is_off(&self, reader: &mut Reader<'_>) -> bool {
        self.get("off").is_some_and(|node| reader.flag(node, "`off`").unwrap_or(false))
    }

    /// Whether the same was said of one rule.
    pub(super) fn says_the_same(&self, other: &Self) -> bool {
        let off = |of: &Self| of.get("off").map(|node| node.value.clone());
        self.version() == other.version() && off(self) == off(other)
    }

    pub(super) fn get(&self, name: &str) -> Option<&Node> {
        self.fields.get(name).map(|(node, _)| node)
    }

    /// Its own version, or one that follows from what was changed.
    pub(super) fn version(&self) -> u32 {
        if self.changed.is_empty() {
            return self.version;
        }
        let mut hash = Fnv::default();
        hash.take(&self.version.to_le_bytes());
        for (field, text) in &self.changed {
            hash.take(field.as_bytes());
            hash.take(&[0]);
            hash.take(text.as_bytes());
            hash.take(&[0]);
        }
        DERIVED | hash.folded()
    }

    /// Its lines in the order of the table, with who said each.
    pub(super) fn lines(&self) -> Vec<Line> {
        let said = |field: &Field| {
            let (node, origin) = self.fields.get(field.name)?;
            Some(Line { field: field.name, text: node.flow(), origin: origin.clone() })
        };
        field::RULE.iter().filter_map(said).collect()
    }
}

/// One line of a rule that is in force, and who said it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The field.
    pub field: &'static str,
    /// What it says, as YAML on one line.
    pub text: String,
    /// Who said it.
    pub origin: Origin,
}

/// Names of fields, for who may have meant one.
fn names(which: fn(&Field) -> bool) -> Vec<&'static str> {
    field::RULE.iter().filter(|field| which(field)).map(|field| field.name).collect()
}

fn doc(name: &str) -> String {
    field::find(name).map_or_else(|| short(name), |field| field.doc.to_owned())
}

/// FNV-1a: the same on every machine and in every release.
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Fnv {
    fn take(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    /// In 31 bits.
    fn folded(&self) -> u32 {
        let [a, b, c, d, ..] = (self.0 ^ (self.0 >> 32)).to_le_bytes();
        u32::from_le_bytes([a, b, c, d]) & (DERIVED - 1)
    }
}
