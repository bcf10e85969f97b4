//! What is wrong with a document, where, and what may have been meant: told as a compiler does, several mistakes at once.
//!
//! ```text
//! error: there is no measure `steak`
//!   --> rules.yaml:14:32
//!    |
//! 14 |     opens-when: tier >= 1 && steak >= 3
//!    |                              ^^^^^ the nearest is `streak`
//! ```

use std::fmt::{self, Write as _};

/// A place in one of the documents that a pack is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// Which document.
    pub(super) document: usize,
    /// Counted from 1; 0 of a document as a whole.
    pub(super) line: usize,
    /// Counted from 1, in characters.
    pub(super) column: usize,
    /// Characters.
    pub(super) length: usize,
}

impl Place {
    /// The document as a whole.
    pub(super) const fn nowhere(document: usize) -> Self {
        Self { document, line: 0, column: 0, length: 0 }
    }

    /// Where it begins.
    pub(super) const fn narrow(self) -> Self {
        Self { length: 1, ..self }
    }
}

/// One mistake, before it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mistake {
    pub(super) place: Place,
    pub(super) what: String,
    /// What may have been meant.
    pub(super) help: String,
}

impl Mistake {
    pub(super) fn new(place: Place, what: impl Into<String>) -> Self {
        Self { place, what: what.into(), help: String::new() }
    }

    pub(super) fn help(self, help: impl Into<String>) -> Self {
        Self { help: help.into(), ..self }
    }
}

/// The most mistakes that are told at once; with more, the first are mended first.
pub const MOST_TOLD: usize = 20;

/// The longest part of a line that is shown, characters.
const MAX_WIDTH: usize = 120;

/// The longest sentence about one mistake, characters.
const MAX_WORDS: usize = 400;

/// A mistake as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// What is wrong.
    pub what: String,
    /// What may have been meant; empty when nothing is near.
    pub help: String,
    /// The shipped pack in which it is; none of the document itself.
    pub shipped: Option<String>,
    /// Line, counted from 1; 0 of the document as a whole.
    pub line: usize,
    /// Column, counted from 1, in characters.
    pub column: usize,
    /// How many characters it covers.
    pub length: usize,
    /// The line, cut when it is long.
    text: String,
    /// How much of its begin was cut.
    cut: usize,
}

/// A document's mistakes, in the order of its lines.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Mistakes {
    shown: Vec<Shown>,
    left_off: usize,
}

impl Mistakes {
    /// Shows mistakes in the lines of the documents that they are in.
    pub(super) fn show(mut mistakes: Vec<Mistake>, documents: &[(Option<&str>, &str)]) -> Self {
        mistakes.sort_by_key(|mistake| (mistake.place.document, mistake.place.line, mistake.place.column));
        let left_off = mistakes.len().saturating_sub(MOST_TOLD);
        mistakes.truncate(MOST_TOLD);
        Self { shown: mistakes.into_iter().map(|mistake| Shown::of(mistake, documents)).collect(), left_off }
    }

    /// Each of them, at most [`MOST_TOLD`].
    pub fn iter(&self) -> impl Iterator<Item = &Shown> {
        self.shown.iter()
    }

    /// How many more there are.
    pub const fn left_off(&self) -> usize {
        self.left_off
    }

    /// All of them as a compiler shows them, of a document of this name.
    pub fn render(&self, file: &str) -> String {
        let shown: Vec<String> = self.shown.iter().map(|shown| shown.render(file)).collect();
        let mut text = shown.join("\n\n");
        if self.left_off > 0 {
            _ = write!(text, "\n\nand {} more", self.left_off);
        }
        text
    }
}

/// Without a name, the document is called what it is.
impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render("rules"))
    }
}

impl Shown {
    fn of(mistake: Mistake, documents: &[(Option<&str>, &str)]) -> Self {
        let Mistake { place, what, help } = mistake;
        let (shipped, yaml) = documents.get(place.document).copied().unwrap_or_default();
        let line = place.line.checked_sub(1).and_then(|at| yaml.lines().nth(at)).unwrap_or_default();
        // Of a long line the part around the place.
        let cut = if place.column > MAX_WIDTH { place.column - MAX_WIDTH / 2 } else { 0 };
        let text: String =
            line.chars().skip(cut).take(MAX_WIDTH).map(|of| if of.is_control() { ' ' } else { of }).collect();
        let (line, column, length) = (place.line, place.column, place.length);
        let (what, help) = (what.chars().take(MAX_WORDS).collect(), help.chars().take(MAX_WORDS).collect());
        Self { what, help, shipped: shipped.map(str::to_owned), line, column, length, text, cut }
    }

    fn render(&self, file: &str) -> String {
        let Self { what, help, line, column, .. } = self;
        let file = self.shipped.as_ref().map_or_else(|| file.to_owned(), |pack| format!("shipped pack `{pack}`"));
        if *line == 0 {
            let help = if help.is_empty() { String::new() } else { format!("\n  = {help}") };
            return format!("error: {what}\n  --> {file}{help}");
        }
        let gutter = " ".repeat(line.to_string().len());
        let before = column.saturating_sub(1 + self.cut);
        let room = self.text.chars().count().saturating_sub(before).max(1);
        let under = format!("{}{}", " ".repeat(before), "^".repeat(self.length.clamp(1, room)));
        let under = format!("{under} {help}");
        format!(
            "error: {what}\n{gutter}--> {file}:{line}:{column}\n{gutter} |\n{line} | {}\n{gutter} | {}",
            self.text,
            under.trim_end()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_is_underlined_where_it_is() {
        let yaml = "id: x\nrules:\n  - opens-when: tier >= 1 && steak >= 3\n";
        let place = Place { document: 0, line: 3, column: 30, length: 5 };
        let mistake = Mistake::new(place, "there is no measure `steak`").help("the nearest is `streak`");
        let shown = Mistakes::show(vec![mistake], &[(None, yaml)]).render("rules.yaml");
        let expected = "error: there is no measure `steak`\n --> rules.yaml:3:30\n  |\n3 |   - opens-when: tier >= 1 && steak >= 3\n  |                              ^^^^^ the nearest is `streak`";
        assert_eq!(shown, expected);
    }

    #[test]
    fn however_many_mistakes_and_however_long_a_line_the_words_are_bounded() {
        let yaml = format!("a: {}", "x".repeat(100_000));
        let place = Place { document: 0, line: 1, column: 90_000, length: 90_000 };
        let all = vec![Mistake::new(place, "wrong"); 1_000];
        let mistakes = Mistakes::show(all, &[(None, &yaml)]);
        assert_eq!((mistakes.iter().count(), mistakes.left_off()), (MOST_TOLD, 980));
        assert!(mistakes.to_string().len() < 16 * 1024, "{}", mistakes.to_string().len());
    }
}
