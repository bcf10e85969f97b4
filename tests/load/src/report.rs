//! What a benchmark comes to: its figures, the baseline of the same run, the goal, and how busy the machine was.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::{Map, Value, json};

use crate::machine;

/// What was measured.
#[derive(Debug)]
struct Figure {
    name: String,
    value: f64,
    unit: &'static str,
    /// Measured beside ours in the same run, to compare with.
    baseline: bool,
}

/// A bound that a figure is to keep.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Bound {
    /// The more the better.
    AtLeast(f64),
    /// The less the better.
    AtMost(f64),
}

#[derive(Debug)]
struct Goal {
    name: String,
    value: f64,
    bound: Bound,
}

impl Goal {
    fn is_met(&self) -> bool {
        match self.bound {
            Bound::AtLeast(least) => self.value >= least,
            Bound::AtMost(most) => self.value <= most,
        }
    }
}

/// One run of one benchmark.
#[derive(Debug)]
pub(crate) struct Report {
    benchmark: &'static str,
    settings: Value,
    figures: Vec<Figure>,
    goals: Vec<Goal>,
    remarks: Vec<String>,
    load_before: f64,
}

impl Report {
    /// Begins a run, and looks at how busy the machine is before. `settings` is an object: what the run is about.
    pub(crate) fn begin(benchmark: &'static str, settings: Value) -> Self {
        let load_before = machine::load_average();
        Self { benchmark, settings, figures: Vec::new(), goals: Vec::new(), remarks: Vec::new(), load_before }
    }

    /// Adds a figure of ours.
    pub(crate) fn figure(&mut self, name: impl Into<String>, value: f64, unit: &'static str) {
        self.figures.push(Figure { name: name.into(), value, unit, baseline: false });
    }

    /// Adds what it is to be compared with, measured in the same run.
    pub(crate) fn baseline(&mut self, name: impl Into<String>, value: f64, unit: &'static str) {
        self.figures.push(Figure { name: name.into(), value, unit, baseline: true });
    }

    /// Says what a value, such as the ratio of two figures, is to be. A goal that is missed is shown; it fails no run, since
    /// what else the machine does decides too much.
    pub(crate) fn goal(&mut self, name: impl Into<String>, value: f64, bound: Bound) {
        self.goals.push(Goal { name: name.into(), value, bound });
    }

    /// Adds a sentence that the reader of the figures needs.
    pub(crate) fn remark(&mut self, text: impl Into<String>) {
        self.remarks.push(text.into());
    }

    /// Prints the run, and adds its line to the file when there is one.
    pub(crate) fn finish(&self, json_file: Option<&Path>) -> Result<()> {
        let load_after = machine::load_average();
        println!("{}", self.text(load_after));
        let Some(path) = json_file else { return Ok(()) };
        let mut file = File::options()
            .create(true)
            .append(true)
            .open(path)
            .with_context(|| format!("`{}` cannot be written", path.display()))?;
        writeln!(file, "{}", self.line(load_after)).with_context(|| format!("`{}` cannot be written", path.display()))
    }

    fn text(&self, load_after: f64) -> String {
        let mut text = format!("\n{}", self.benchmark);
        for (name, value) in self.settings.as_object().into_iter().flatten() {
            write!(text, " {name}={}", value.as_str().map_or_else(|| value.to_string(), str::to_owned)).ok();
        }
        for figure in &self.figures {
            let role = if figure.baseline { "  (baseline)" } else { "" };
            write!(text, "\n  {:<44} {:>14} {}{role}", figure.name, readable(figure.value), figure.unit).ok();
        }
        for goal in &self.goals {
            let (word, bound) = match goal.bound {
                Bound::AtLeast(least) => ("at least", least),
                Bound::AtMost(most) => ("at most", most),
            };
            let verdict = if goal.is_met() { "reached" } else { "MISSED" };
            let value = readable(goal.value);
            write!(text, "\n  {:<44} {value:>14} goal {word} {}: {verdict}", goal.name, readable(bound)).ok();
        }
        for remark in &self.remarks {
            write!(text, "\n  {remark}").ok();
        }
        let build = build();
        write!(
            text,
            "\n  {} cores, load average {:.2} before and {load_after:.2} after, {build} build",
            machine::cores(),
            self.load_before
        )
        .ok();
        text
    }

    fn line(&self, load_after: f64) -> Value {
        let values = |baseline: bool| -> Map<String, Value> {
            let chosen = self.figures.iter().filter(|figure| figure.baseline == baseline);
            chosen.map(|it| (it.name.clone(), json!({ "value": it.value, "unit": it.unit }))).collect()
        };
        let goals: Map<String, Value> = self
            .goals
            .iter()
            .map(|goal| {
                let (bound, least) = match goal.bound {
                    Bound::AtLeast(bound) => (bound, true),
                    Bound::AtMost(bound) => (bound, false),
                };
                let side = if least { "at_least" } else { "at_most" };
                (goal.name.clone(), json!({ "value": goal.value, side: bound, "reached": goal.is_met() }))
            })
            .collect();
        json!({
            "benchmark": self.benchmark,
            "at": homeroom_chassis::clock::now().to_string(),
            "settings": self.settings,
            "figures": values(false),
            "baselines": values(true),
            "goals": goals,
            "remarks": self.remarks,
            "cores": machine::cores(),
            "load_before": self.load_before,
            "load_after": load_after,
            "build": build(),
        })
    }
}

/// Figures of a debug build say little; the line tells.
const fn build() -> &'static str {
    if cfg!(debug_assertions) { "debug" } else { "optimised" }
}

/// With thousands apart when large, with decimals when small.
fn readable(value: f64) -> String {
    if value.abs() < 100.0 {
        return format!("{value:.2}");
    }
    let digits = format!("{:.0}", value.abs());
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if value < 0.0 { format!("-{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let mut report = Report::begin("intake", json!({ "batch": 100 }));
        report.figure("homeroom", 123_456.7, "records/s");
        report.baseline("pass-through", 400_000.0, "records/s");
        report.goal("share of pass-through", 0.31, Bound::AtLeast(0.35));
        report
    }

    #[test]
    fn a_run_is_printed_with_its_baseline_and_its_goal() {
        let text = report().text(1.0);
        assert!(text.contains("intake batch=100"), "{text}");
        assert!(text.contains("123,457 records/s"), "{text}");
        assert!(text.contains("400,000 records/s  (baseline)"), "{text}");
        assert!(text.contains("goal at least 0.35: MISSED"), "{text}");
    }

    #[test]
    fn a_run_is_one_line_of_json_that_later_runs_are_added_to() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("figures.jsonl");
        report().finish(Some(&file)).unwrap();
        report().finish(Some(&file)).unwrap();
        let text = std::fs::read_to_string(file).unwrap();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0]["baselines"]["pass-through"]["value"], 400_000.0);
        assert_eq!(lines[0]["goals"]["share of pass-through"]["reached"], false);
    }
}
