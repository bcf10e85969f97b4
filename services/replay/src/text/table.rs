//! The report as tables: cells that the terminal and the page show alike.

use super::lines::lines;
use super::{HIDDEN, NONE, NOTES, Names, count, days, in_time, per_week, percent, points, preamble, rule_name};
use crate::report::{GroupReport, Report};
use crate::share::Share;
use crate::tally::Cells;

/// A table: what it is of, and its rows, the first of which is the heading.
pub(super) struct Table {
    pub(super) title: String,
    pub(super) rows: Vec<Vec<String>>,
}

/// The most pairs of rules, and schools, that a person is shown; the files have all of them.
const MOST_ROWS: usize = 20;

/// The report for people.
pub fn table(report: &Report, names: &Names) -> String {
    let mut text = preamble(report).join("\n");
    text.push('\n');
    for table in tables(report, names) {
        text.push('\n');
        text.push_str(&table.title);
        text.push('\n');
        text.push_str(&lines(&table.rows));
    }
    text.push('\n');
    for note in notes(report) {
        text.push_str(note);
        text.push('\n');
    }
    text
}

/// What is to be known of the figures that are shown.
pub(super) fn notes(report: &Report) -> &'static [&'static str] {
    if report.rules.iter().any(|rule| !rule.groups.is_empty()) { &NOTES } else { &NOTES[..1] }
}

/// Every table that there is something to say in.
pub(super) fn tables(report: &Report, names: &Names) -> Vec<Table> {
    let mut tables = vec![flags(report), alerts(report, names), schools(report, names)];
    tables.push(overlaps(report));
    let groups = report.rules.iter().map(|rule| rule.groups.len()).max().unwrap_or(0);
    tables.extend((0..groups).map(|at| group(report, names, at)));
    tables.retain(|table| table.rows.len() > 1);
    tables
}

fn row<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(str::to_owned).to_vec()
}

fn flags(report: &Report) -> Table {
    let with_outcome = report.outcome.is_some();
    let mut heading = row(["rule", "flagged", "of students"]);
    if with_outcome {
        heading.extend(row([
            "sensitivity",
            "positive predictive value",
            "specificity",
            "lead days",
            "flagged in time",
        ]));
    }
    let of_rule = |rule: &crate::report::RuleReport| {
        let cells = rule.cells;
        let mut row = vec![rule_name(report, rule), cells.flagged().to_string(), percent(cells.flag_rate())];
        if with_outcome {
            row.extend([cells.sensitivity(), cells.ppv(), cells.specificity()].map(percent));
            row.extend([days(rule.lead), in_time(rule.lead)]);
        }
        row
    };
    let rows = std::iter::once(heading).chain(report.rules.iter().map(of_rule)).collect();
    Table { title: "Students flagged".to_owned(), rows }
}

fn alerts(report: &Report, names: &Names) -> Table {
    let mut heading = row(["rule", "alerts", "a week and school", "most in a week", "where and when", "open before"]);
    heading.push("not evaluated".to_owned());
    if let Some(budget) = report.budget {
        heading.extend([format!("weeks of schools over {budget}"), format!("alerts beyond {budget}")]);
    }
    let row = |name: String, load: &crate::load::Load, beside: [String; 2]| {
        let peak = load.peak_at.as_ref().map(|(school, week)| format!("{}, {week}", names.school(school)));
        let mut row = vec![name, load.alerts.to_string(), per_week(load.mean()), load.peak.to_string()];
        row.push(peak.unwrap_or_else(|| NONE.to_owned()));
        row.extend(beside);
        if report.budget.is_some() {
            let of_all = load.over_budget.map(|over| percent(Share::new(over, load.school_weeks)));
            let over = load.over_budget.zip(of_all).map(|(over, of_all)| format!("{over}, {of_all}"));
            row.extend([over.unwrap_or_else(|| NONE.to_owned()), count(load.beyond_budget)]);
        }
        row
    };
    let mut rows = vec![heading];
    for (at, pack) in report.packs.iter().enumerate() {
        let none = [String::new(), String::new()];
        rows.push(row(format!("all of {} {}", pack.id, pack.version), &pack.load, none));
        rows.extend(report.rules_of(at).map(|(_, rule)| {
            let beside = [rule.open_before, rule.failures].map(|students| students.to_string());
            row(rule_name(report, rule), &rule.load, beside)
        }));
    }
    Table { title: "Alerts: the work they make".to_owned(), rows }
}

fn schools(report: &Report, names: &Names) -> Table {
    let mut rows = vec![row(["school", "weeks"])];
    for pack in &report.packs {
        rows[0].extend([format!("alerts of {} {}", pack.id, pack.version), "a week".to_owned(), "most".to_owned()]);
        if report.budget.is_some() {
            rows[0].push("weeks over budget".to_owned());
        }
    }
    let first = report.packs.first().map(|pack| &pack.load.schools[..]).unwrap_or_default();
    let mut order: Vec<usize> = (0..first.len()).collect();
    order.sort_by_key(|at| std::cmp::Reverse(first[*at].alerts));
    let all = order.len();
    for at in order.into_iter().take(MOST_ROWS) {
        let mut row = vec![names.school(&first[at].school).to_owned(), first[at].weeks.to_string()];
        // Packs are replayed over the same weeks, so their schools are the same.
        for of in report.packs.iter().filter_map(|pack| pack.load.schools.get(at)) {
            row.extend([of.alerts.to_string(), per_week(Some(of.mean())), of.peak.to_string()]);
            row.extend(of.over_budget.map(|weeks| weeks.to_string()));
        }
        rows.push(row);
    }
    Table { title: titled("Schools, those with the most alerts first", all), rows }
}

fn overlaps(report: &Report) -> Table {
    let mut rows = vec![row(["rules", "flagged by both", "of either (Jaccard)", "of the first", "of the second"])];
    let mut pairs: Vec<_> = report.overlaps.iter().collect();
    pairs.sort_by(|a, b| {
        let rank = |of: &crate::report::Overlap| u64::from(of.both) * 1_000_000 / u64::from(of.either.max(1));
        rank(b).cmp(&rank(a))
    });
    let all = pairs.len();
    let name = |at: usize| report.rules.get(at).map_or_else(String::new, |rule| rule_name(report, rule));
    let flagged = |at: usize| report.rules.get(at).map_or(0, |rule| rule.cells.flagged());
    for of in pairs.into_iter().take(MOST_ROWS) {
        let share = |of_all: u32| Share::new(of.both, of_all).rate().map_or(0.0, |rate| rate * 100.0);
        rows.push(vec![
            format!("{} and {}", name(of.one), name(of.other)),
            of.both.to_string(),
            format!("{:.0} %", share(of.either)),
            format!("{:.0} %", share(flagged(of.one))),
            format!("{:.0} %", share(flagged(of.other))),
        ]);
    }
    Table { title: titled("Rules that flag the same students", all), rows }
}

fn titled(title: &str, all: usize) -> String {
    if all > MOST_ROWS { format!("{title} ({MOST_ROWS} of {all})") } else { title.to_owned() }
}

fn group(report: &Report, names: &Names, at: usize) -> Table {
    let with_outcome = report.outcome.is_some();
    let mut heading = row(["rule", "students", "flagged", "gap"]);
    if with_outcome {
        heading.extend(row([
            "sensitivity",
            "gap",
            "positive predictive value",
            "gap",
            "specificity",
            "gap",
            "lead days",
        ]));
    }
    let mut rows = vec![heading];
    for (rule, group) in report.rules.iter().filter_map(|rule| Some((rule, rule.groups.get(at)?))) {
        let shown = |value: Option<String>| value.unwrap_or_else(|| HIDDEN.to_owned());
        let mut row = vec![rule_name(report, rule), shown(group.students.map(|students| students.to_string()))];
        row.push(shown(group.flag_rate().map(percent)));
        row.push(shown(group.flag_rate().map(|_| points(rule.flag_gap(group, report.outcome)))));
        if with_outcome {
            for share in [Cells::sensitivity, Cells::ppv, Cells::specificity] {
                row.push(shown(group.cells.map(|cells| percent(share(cells)))));
                row.push(shown(group.cells.map(|_| points(rule.gap(group, report.outcome, share)))));
            }
            row.push(shown(group.cells.map(|_| days(lead_of(group)))));
        }
        rows.push(row);
    }
    Table { title: format!("Students of {}", names.group(at)), rows }
}

fn lead_of(group: &GroupReport) -> Option<crate::lead::Lead> {
    group.lead
}
