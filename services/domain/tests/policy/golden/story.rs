//! A rule's file: its sections, and what comes of playing them.

use homeroom_domain::alert::{AlertChange, ChangeKind};
use homeroom_domain::id::RuleId;
use homeroom_domain::rule::Pack;

use super::line::Teller;
use super::told;
use crate::world::World;

/// Where a section goes on from.
const AFTER_OPENS: &str = "after opens";

/// A file, line by line, in sections; the first has no name.
pub(super) struct Story<'t> {
    sections: Vec<Section<'t>>,
}

struct Section<'t> {
    name: &'t str,
    lines: Vec<&'t str>,
}

/// What playing a file came to.
pub(super) struct CameTo {
    /// The file as it should be.
    pub(super) text: String,
    /// Sections that came to something else than their names say.
    pub(super) wrong: Vec<String>,
}

impl<'t> Story<'t> {
    /// A section begins with its name alone in a line.
    pub(super) fn parse(text: &'t str) -> Self {
        let mut sections = vec![Section { name: "", lines: Vec::new() }];
        for line in text.lines() {
            if is_name(line) {
                sections.push(Section { name: line, lines: Vec::new() });
            } else if let Some(section) = sections.last_mut() {
                section.lines.push(line);
            }
        }
        Self { sections }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.section(name).is_some()
    }

    fn section(&self, name: &str) -> Option<&Section<'t>> {
        self.sections.iter().find(|section| section.name == name)
    }

    /// Plays each section from a world of its own.
    pub(super) fn play(&self, pack: &Pack, rule: &RuleId) -> CameTo {
        let mut came_to = CameTo { text: String::new(), wrong: Vec::new() };
        for section in &self.sections {
            if !section.name.is_empty() {
                came_to.text.push_str(section.name);
                came_to.text.push('\n');
            }
            let mut teller = Teller::new(only(pack, rule));
            let mut changes = Vec::new();
            if !matches!(section.name, "" | "before") {
                self.play_silently("before", &mut teller);
            }
            if section.lines.first().is_some_and(|line| line.trim() == AFTER_OPENS) {
                self.play_silently("opens", &mut teller);
            }
            for line in section.lines.iter().filter(|line| !line.starts_with('>')) {
                came_to.text.push_str(line);
                came_to.text.push('\n');
                if let Some(told) = teller.take(line) {
                    came_to.text.push_str(&told::show(&told, rule));
                    changes.extend(told);
                }
            }
            if let Some(wrong) = unlike(section.name, &changes) {
                came_to.wrong.push(wrong);
            }
        }
        came_to
    }

    fn play_silently(&self, name: &str, teller: &mut Teller) {
        for line in self.section(name).iter().flat_map(|section| &section.lines).filter(|line| !line.starts_with('>')) {
            teller.take(line);
        }
    }
}

fn is_name(line: &str) -> bool {
    matches!(line, "before" | "opens" | "nearest" | "clears" | "recalls") || line.starts_with("also ")
}

/// A world in which this rule alone is in force.
fn only(pack: &Pack, rule: &RuleId) -> World {
    let mut world = World::unknown();
    world.pack = pack.clone();
    world.pack.rules.retain(|known| known.id == *rule);
    world
}

/// Whether a section told something else than its name says.
fn unlike(name: &str, changes: &[AlertChange]) -> Option<String> {
    let last = changes.last().map(|change| change.kind);
    let is_right = match name {
        "opens" => last == Some(ChangeKind::Opened),
        "nearest" => last.is_none(),
        "clears" => last == Some(ChangeKind::Cleared),
        "recalls" => last == Some(ChangeKind::Recalled),
        _ => true,
    };
    (!is_right).then(|| format!("`{name}` ends with {last:?}"))
}
