//! Reading parts of a document as what they should be, gathering every mistake on the way.

use std::ops::RangeInclusive;

use super::mistake::{Mistake, Mistakes, Place};
use super::tree::{Key, Node, Value};
use crate::id::{RuleId, SchoolId};
use crate::rule::{condition, forbidden};

/// More mistakes than anybody reads are not gathered.
const MOST_GATHERED: usize = 1_000;

/// Documents being read, and what is wrong with them.
#[derive(Debug, Default)]
pub(super) struct Reader<'y> {
    /// The first is the document itself, the others the shipped packs that it uses, by their names.
    pub(super) documents: Vec<(Option<&'y str>, &'y str)>,
    mistakes: Vec<Mistake>,
}

impl<'y> Reader<'y> {
    pub(super) fn new(yaml: &'y str) -> Self {
        Self { documents: vec![(None, yaml)], mistakes: Vec::new() }
    }

    /// Reads another document.
    pub(super) fn open(&mut self, name: &'y str, yaml: &'y str) -> Option<Node> {
        self.documents.push((Some(name), yaml));
        self.root(self.documents.len() - 1)
    }

    /// The tree of a document.
    pub(super) fn root(&mut self, document: usize) -> Option<Node> {
        let (_, yaml) = self.documents.get(document)?;
        match Node::read(yaml, document) {
            Ok(root) => Some(root),
            Err(mistake) => self.fail(mistake),
        }
    }

    pub(super) fn fail<T>(&mut self, mistake: Mistake) -> Option<T> {
        if self.mistakes.len() < MOST_GATHERED {
            self.mistakes.push(mistake);
        }
        None
    }

    pub(super) fn refuse<T>(&mut self, place: Place, what: impl Into<String>) -> Option<T> {
        self.fail(Mistake::new(place, what))
    }

    pub(super) const fn is_sound(&self) -> bool {
        self.mistakes.is_empty()
    }

    pub(super) fn mistakes(self) -> Mistakes {
        Mistakes::show(self.mistakes, &self.documents)
    }

    pub(super) fn map<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n [(Key, Node)]> {
        match &node.value {
            Value::Map(parts) => Some(parts),
            _ => self.refuse(node.place, format!("{what} is a map of names and values; this is {}", node.kind())),
        }
    }

    /// A list of at most so many parts.
    pub(super) fn list<'n>(&mut self, node: &'n Node, what: &str, most: usize) -> Option<&'n [Node]> {
        match &node.value {
            Value::List(parts) if parts.len() > most => {
                self.refuse(node.place, format!("{what} are {}, at most {most} are allowed", parts.len()))
            }
            Value::List(parts) => Some(parts),
            _ => self.refuse(node.place, format!("{what} are a list; this is {}", node.kind())),
        }
    }

    pub(super) fn text<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n str> {
        match &node.value {
            Value::Text(text) => Some(text),
            _ => self.refuse(node.place, format!("{what} is a text; this is {}", node.kind())),
        }
    }

    pub(super) fn number(&mut self, node: &Node, what: &str, allowed: &RangeInclusive<u32>) -> Option<u32> {
        let text = self.text(node, what)?;
        let number = text.parse().ok().filter(|number| allowed.contains(number));
        if number.is_none() {
            let what = format!("{what} is a whole number from {} to {}", allowed.start(), allowed.end());
            self.refuse::<()>(node.place, what);
        }
        number
    }

    pub(super) fn flag(&mut self, node: &Node, what: &str) -> Option<bool> {
        match self.text(node, what)? {
            "true" => Some(true),
            "false" => Some(false),
            _ => self.refuse(node.place, format!("{what} is `true` or `false`")),
        }
    }

    /// The position of a word among those that are allowed.
    pub(super) fn one_of(&mut self, node: &Node, what: &str, words: &[&str]) -> Option<usize> {
        let text = self.text(node, what)?;
        let at = words.iter().position(|word| *word == text);
        if at.is_none() {
            let mistake = Mistake::new(node.place, format!("{what} is one of {}", quoted(words)));
            self.fail::<()>(mistake.help(near(text, words)));
        }
        at
    }

    pub(super) fn rule_id(&mut self, place: Place, text: &str) -> Option<RuleId> {
        match RuleId::parse(text) {
            Ok(id) => Some(id),
            Err(error) => self.refuse(place, error.to_string()),
        }
    }

    pub(super) fn school_id(&mut self, place: Place, text: &str) -> Option<SchoolId> {
        match SchoolId::parse(text) {
            Ok(id) => Some(id),
            Err(error) => self.refuse(place, error.to_string()),
        }
    }

    /// A name that is not known here.
    pub(super) fn unknown<T>(&mut self, key: &Key, of: &str, known: &[&str]) -> Option<T> {
        if forbidden::is_demographic(&key.name) {
            return self.refuse(key.place, forbidden::reason(&key.name));
        }
        let what = format!("{of} has no `{}`", short(&key.name));
        self.fail(Mistake::new(key.place, what).help(near(&key.name, known)))
    }

    /// Checks that a map has all of these names, and no name but these and the optional ones.
    pub(super) fn names(&mut self, node: &Node, what: &str, needed: &[&str], optional: &[&str]) -> Option<()> {
        let parts = self.map(node, what)?;
        let known: Vec<&str> = needed.iter().chain(optional).copied().collect();
        for (key, _) in parts {
            if !known.contains(&key.name.as_str()) {
                self.unknown::<()>(key, what, &known);
            }
        }
        for name in needed {
            if !parts.iter().any(|(key, _)| key.name == *name) {
                self.refuse::<()>(node.place.narrow(), format!("{what} lacks `{name}`"));
            }
        }
        Some(())
    }

    /// A mistake in the text of a part, so many characters into it.
    pub(super) fn refuse_within<T>(&mut self, node: &Node, error: &condition::Error) -> Option<T> {
        let place = self.within(node, error).unwrap_or(node.place);
        self.refuse(place, error.problem.clone())
    }

    /// Where some words stand in the line of a part.
    pub(super) fn find_within(&self, node: &Node, words: &str) -> Option<Place> {
        let (_, yaml) = self.documents.get(node.place.document)?;
        let line: Vec<char> = yaml.lines().nth(node.place.line.checked_sub(1)?)?.chars().collect();
        let words: Vec<char> = words.chars().collect();
        let begin = node.place.column.checked_sub(1)?;
        let at = line.get(begin..)?.windows(words.len().max(1)).position(|part| part == words.as_slice())?;
        Some(Place { column: begin + at + 1, length: words.len(), ..node.place })
    }

    /// Where a part of a text stands in its line; none where the text is written over several lines, or otherwise than it reads.
    fn within(&self, node: &Node, error: &condition::Error) -> Option<Place> {
        let (_, yaml) = self.documents.get(node.place.document)?;
        let line: Vec<char> = yaml.lines().nth(node.place.line.checked_sub(1)?)?.chars().collect();
        let begin = node.place.column.checked_sub(1)?;
        let begin = if matches!(line.get(begin), Some('"' | '\'')) { begin + 1 } else { begin };
        let text: Vec<char> = error.source_text.chars().collect();
        let offset = error.column.checked_sub(1)?;
        let rest = text.get(offset..)?;
        let length = rest.iter().take_while(|c| c.is_alphanumeric() || **c == '_').count().max(1);
        let written = line.get(begin + offset..)?;
        let same =
            written.iter().zip(rest).take(length).all(|(a, b)| a == b) && written.len() >= length.min(rest.len());
        same.then_some(Place { column: begin + offset + 1, length, ..node.place })
    }
}

/// The part of this name.
pub(super) fn get<'n>(node: &'n Node, name: &str) -> Option<&'n Node> {
    let Value::Map(parts) = &node.value else { return None };
    parts.iter().find(|(key, _)| key.name == name).map(|(_, part)| part)
}

/// A name as mistakes say it.
pub(super) fn short(name: &str) -> String {
    name.chars().take(40).collect()
}

fn quoted(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

/// The nearest of some names, when it is near.
fn near(name: &str, known: &[&str]) -> String {
    let edits = |known: &&&str| condition::edits(known, name);
    let nearest = known.iter().min_by_key(edits).filter(|known| edits(known) <= known.len() / 2);
    nearest.map_or_else(String::new, |known| format!("the nearest is `{known}`"))
}
