//! How far a long piece of work has come: a bar for people, a line per step for a log file.

use std::io::IsTerminal as _;

use indicatif::{ProgressBar, ProgressStyle};

/// Shows how far a load has come.
pub(crate) struct Progress {
    bar: ProgressBar,
    lines: bool,
}

impl Progress {
    /// For so many documents.
    pub(crate) fn new(total: usize) -> Self {
        let bar = ProgressBar::new(u64::try_from(total).unwrap_or(u64::MAX));
        // The template is a constant that the tests of this module draw.
        if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
            bar.set_style(style);
        }
        Self { bar, lines: !std::io::stderr().is_terminal() }
    }

    /// Shows nothing.
    pub(crate) fn hidden() -> Self {
        Self { bar: ProgressBar::hidden(), lines: false }
    }

    /// The next documents are of this kind.
    pub(crate) fn step(&self, name: &str, count: usize) {
        self.bar.set_message(name.to_owned());
        if self.lines {
            println!("  {name}: {count}");
        }
    }

    /// One is done.
    pub(crate) fn one(&self) {
        self.bar.inc(1);
    }

    /// So many are done.
    pub(crate) fn many(&self, count: u64) {
        self.bar.inc(count);
    }

    /// All are done.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

const TEMPLATE: &str = "  {bar:36} {pos}/{len} {per_sec:>12} {msg}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_can_be_drawn() {
        assert!(ProgressStyle::with_template(TEMPLATE).is_ok());
    }
}
