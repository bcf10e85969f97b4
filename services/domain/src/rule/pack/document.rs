//! A document of rules: its packs, its own rules, and what it says of others' for the district or for a school.

use std::collections::{BTreeMap, BTreeSet};

use super::Pack;
use super::compile::{MAX_TEXT, compile};
use super::layer::{Origin, Written};
use super::mistake::{Mistake, Mistakes, Place};
use super::read::{Reader, get, short};
use super::rule::{Rule, Schools};
use super::tree::{Key, Node};
use crate::count::Counting;
use crate::id::{RuleId, SchoolId};
use crate::rule::shipped;

/// The most rules of one document, and the most with the variants of schools.
const MOST_RULES: usize = 300;
const MOST_VARIANTS: usize = 2_000;

const NEEDED: &[&str] = &["id", "version"];
const OPTIONAL: &[&str] = &["title", "uses", "rules", "overrides", "schools"];

/// Reads a document.
pub(super) fn read(yaml: &str) -> Result<Pack, Mistakes> {
    let mut reader = Reader::new(yaml);
    match pack(&mut reader) {
        Some(pack) if reader.is_sound() => Ok(pack),
        _ => Err(reader.mistakes()),
    }
}

fn pack(reader: &mut Reader<'_>) -> Option<Pack> {
    let root = reader.root(0)?;
    reader.names(&root, "the pack", NEEDED, OPTIONAL)?;
    if get(&root, "rules").is_none() && get(&root, "uses").is_none() {
        reader.refuse::<()>(root.place.narrow(), "the pack lacks `rules`, or packs that it `uses`");
    }
    let id = get(&root, "id").and_then(|node| Some((node.place, reader.text(node, "`id`")?)));
    let id = id.and_then(|(place, text)| reader.rule_id(place, text));
    let version = get(&root, "version").and_then(|node| reader.number(node, "`version`", &(0..=u32::MAX)));
    let title = get(&root, "title").map_or(Some(String::new()), |node| title(reader, node));
    let mut layered = Layered { rules: Vec::new(), schools: BTreeMap::new() };
    for node in nodes(reader, &root, "uses", "packs that are used") {
        layered.take_shipped(reader, node);
    }
    for node in nodes(reader, &root, "rules", "rules") {
        layered.take_rule(reader, node, &Origin::District);
    }
    layered.take_overrides(reader, get(&root, "overrides"));
    layered.take_schools(reader, get(&root, "schools"));
    let (rules, lines) = layered.compile(reader);
    let counting = Counting::default();
    Some(Pack { id: id?, title: title?, version: version?, rules, lines, counting })
}

fn title(reader: &mut Reader<'_>, node: &Node) -> Option<String> {
    let text = reader.text(node, "`title`")?;
    if text.len() > MAX_TEXT {
        reader.refuse(node.place.narrow(), "`title` is too long")
    } else {
        Some(text.to_owned())
    }
}

fn nodes<'n>(reader: &mut Reader<'_>, root: &'n Node, name: &str, what: &str) -> &'n [Node] {
    get(root, name).and_then(|node| reader.list(node, what, MOST_RULES)).unwrap_or_default()
}

/// Rules with their layers.
struct Layered {
    rules: Vec<Written>,
    /// By rule, what schools say of it.
    schools: BTreeMap<RuleId, Vec<(SchoolId, Written)>>,
}

type Lines = Vec<(RuleId, u32, Vec<super::Line>)>;

impl Layered {
    fn find(&self, name: &str) -> Option<&Written> {
        self.rules.iter().find(|rule| rule.id.as_str() == name)
    }

    fn take_shipped(&mut self, reader: &mut Reader<'_>, node: &Node) {
        let Some(name) = reader.text(node, "a pack that is used") else { return };
        let Some((name, yaml)) = shipped().find(|(id, _)| *id == name) else {
            let known: Vec<&str> = shipped().map(|(id, _)| id).collect();
            let what = format!("there is no shipped pack `{}`", short(name));
            reader.fail::<()>(Mistake::new(node.place, what).help(format!("there are {}", known.join(", "))));
            return;
        };
        if reader.documents.iter().any(|(known, _)| *known == Some(name)) {
            reader.refuse::<()>(node.place, format!("pack `{name}` is used twice"));
            return;
        }
        let Some(root) = reader.open(name, yaml) else { return };
        let Some(id) = reader.rule_id(node.place, name) else { return };
        let rules = get(&root, "rules").and_then(|rules| reader.list(rules, "rules", MOST_RULES)).unwrap_or_default();
        for rule in rules {
            let before = self.rules.len();
            self.take_rule(reader, rule, &Origin::Shipped(id.clone()));
            // What is wrong with how packs stand together is the document's mistake.
            if self.rules.len() == before {
                reader.refuse::<()>(node.place, format!("pack `{name}` has a rule that another has too"));
            }
        }
    }

    fn take_rule(&mut self, reader: &mut Reader<'_>, node: &Node, origin: &Origin) {
        let Some(rule) = Written::read(reader, node, origin) else { return };
        if self.find(rule.id.as_str()).is_some() {
            let mistake = Mistake::new(rule.place, format!("rule `{}` is there twice", rule.id));
            let help = "a rule of a pack that is used is changed under `overrides`";
            reader.fail::<()>(mistake.help(help));
        } else if self.rules.len() == MOST_RULES {
            reader.refuse::<()>(rule.place, format!("more than {MOST_RULES} rules"));
        } else {
            self.rules.push(rule);
        }
    }

    fn take_overrides(&mut self, reader: &mut Reader<'_>, overrides: Option<&Node>) {
        let Some(parts) = overrides.and_then(|node| reader.map(node, "`overrides`")) else { return };
        for (key, changes) in parts {
            match self.rules.iter_mut().find(|rule| rule.id.as_str() == key.name) {
                Some(rule) => *rule = rule.with(reader, changes, &Origin::District),
                None => self.refuse_unknown(reader, key),
            }
        }
    }

    fn refuse_unknown(&self, reader: &mut Reader<'_>, key: &Key) {
        let known: Vec<&str> = self.rules.iter().map(|rule| rule.id.as_str()).collect();
        reader.unknown::<()>(key, "the document", &known);
    }

    fn take_schools(&mut self, reader: &mut Reader<'_>, schools: Option<&Node>) {
        let Some(parts) = schools.and_then(|node| reader.map(node, "`schools`")) else { return };
        for (key, rules) in parts {
            let Some(school) = reader.school_id(key.place, &key.name) else { continue };
            let origin = Origin::School(school.clone());
            for (rule, changes) in reader.map(rules, "what a school says").unwrap_or_default() {
                match self.find(&rule.name) {
                    Some(known) => {
                        let variant = known.with(reader, changes, &origin);
                        self.schools.entry(variant.id.clone()).or_default().push((school.clone(), variant));
                    }
                    None => self.refuse_unknown(reader, rule),
                }
            }
        }
    }

    /// The rules in force, each followed by the variants of schools.
    fn compile(self, reader: &mut Reader<'_>) -> (Vec<Rule>, Lines) {
        let Self { rules, mut schools } = self;
        let (mut compiled, mut lines) = (Vec::new(), Lines::new());
        for written in rules {
            let variants = schools.remove(&written.id).unwrap_or_default();
            let apart = variants.iter().map(|(school, _)| school.clone()).collect();
            let base = std::iter::once((written, Schools::AllBut(apart)));
            for (written, schools) in base.chain(alike(variants)) {
                if compiled.len() == MOST_VARIANTS {
                    reader.refuse::<()>(
                        Place::nowhere(0),
                        format!("more than {MOST_VARIANTS} rules with those of schools"),
                    );
                    return (compiled, lines);
                }
                if !written.is_off(reader)
                    && let Some(rule) = compile(reader, &written, schools)
                {
                    lines.push((rule.id.clone(), rule.version, written.lines()));
                    compiled.push(rule);
                }
            }
        }
        (compiled, lines)
    }
}

/// Variants that say the same are one.
fn alike(variants: Vec<(SchoolId, Written)>) -> Vec<(Written, Schools)> {
    let mut grouped: Vec<(Written, BTreeSet<SchoolId>)> = Vec::new();
    for (school, written) in variants {
        match grouped.iter_mut().find(|(known, _)| known.says_the_same(&written)) {
            Some((_, schools)) => {
                schools.insert(school);
            }
            None => grouped.push((written, BTreeSet::from([school]))),
        }
    }
    grouped.into_iter().map(|(written, schools)| (written, Schools::Only(schools))).collect()
}
