//! The report as comma-separated values: a row for each rule and for each rule in each group. What is hidden, or cannot be told, is
//! an empty cell.

use super::Names;
use crate::lead::Lead;
use crate::report::{GroupReport, Report, RuleReport};
use crate::share::{Gap, Share};
use crate::tally::Cells;

/// The columns; a share is followed by its interval, as is a gap.
const HEADING: &str = "pack,pack_version,rule,rule_version,column,group,students,flagged,hits,false_alarms,missed,quiet,untold,\
                       flagged_share,flagged_low,flagged_high,sensitivity,sensitivity_low,sensitivity_high,ppv,ppv_low,ppv_high,\
                       specificity,specificity_low,specificity_high,flagged_gap,flagged_gap_low,flagged_gap_high,sensitivity_gap,\
                       sensitivity_gap_low,sensitivity_gap_high,ppv_gap,ppv_gap_low,ppv_gap_high,specificity_gap,\
                       specificity_gap_low,specificity_gap_high,lead_quartile,lead_median,lead_upper_quartile,in_time,alerts,\
                       alerts_per_week_and_school,most_alerts_in_a_week,weeks_over_budget,alerts_beyond_budget,open_before,failures";

/// The report for a spreadsheet.
pub fn csv(report: &Report, names: &Names) -> String {
    let mut text = String::from(HEADING);
    text.push('\n');
    for rule in &report.rules {
        push(&mut text, whole(report, rule));
        for (at, group) in rule.groups.iter().enumerate() {
            push(&mut text, of_group(report, rule, group, names.groups.get(at)));
        }
    }
    text
}

fn push(text: &mut String, row: Vec<String>) {
    let cells: Vec<String> = row.into_iter().map(|cell| quoted(&cell)).collect();
    text.push_str(&cells.join(","));
    text.push('\n');
}

fn named(report: &Report, rule: &RuleReport) -> Vec<String> {
    let pack = report.packs.get(rule.pack);
    vec![
        pack.map(|pack| pack.id.to_string()).unwrap_or_default(),
        pack.map(|pack| pack.version.to_string()).unwrap_or_default(),
        rule.id.to_string(),
        rule.version.to_string(),
    ]
}

fn whole(report: &Report, rule: &RuleReport) -> Vec<String> {
    let mut row = named(report, rule);
    row.extend([String::new(), String::new()]);
    row.extend([rule.cells.students(), rule.cells.flagged()].map(|of| of.to_string()));
    row.extend(cells(report, Some(rule.cells)));
    row.extend(share(Some(rule.cells.flag_rate())));
    for of in [Cells::sensitivity, Cells::ppv, Cells::specificity] {
        row.extend(share(report.outcome.map(|_| of(rule.cells))));
    }
    row.extend((0..4).flat_map(|_| gap(None)));
    row.extend(lead(rule.lead));
    let load = &rule.load;
    row.push(load.alerts.to_string());
    row.push(load.mean().map(|mean| format!("{mean:.4}")).unwrap_or_default());
    row.push(load.peak.to_string());
    row.extend([load.over_budget, load.beyond_budget].map(number));
    row.extend([rule.open_before, rule.failures].map(|of| of.to_string()));
    row
}

fn of_group(report: &Report, rule: &RuleReport, group: &GroupReport, name: Option<&(String, String)>) -> Vec<String> {
    let mut row = named(report, rule);
    let (column, value) = name.cloned().unwrap_or_default();
    row.extend([column, value, number(group.students), number(group.flagged)]);
    row.extend(cells(report, group.cells));
    row.extend(share(group.flag_rate()));
    let shares = [Cells::sensitivity, Cells::ppv, Cells::specificity];
    let known = group.cells.filter(|_| report.outcome.is_some());
    for of in shares {
        row.extend(share(known.map(of)));
    }
    row.extend(gap(rule.flag_gap(group, report.outcome)));
    for of in shares {
        row.extend(gap(known.and_then(|_| rule.gap(group, report.outcome, of))));
    }
    row.extend(lead(group.lead));
    row.extend((0..7).map(|_| String::new()));
    row
}

fn cells(report: &Report, cells: Option<Cells>) -> [String; 5] {
    let known = cells.filter(|_| report.outcome.is_some());
    let of = |cell: fn(Cells) -> u32| number(known.map(cell));
    [of(|it| it.hits), of(|it| it.false_alarms), of(|it| it.missed), of(|it| it.quiet), of(Cells::untold)]
}

fn number(of: Option<u32>) -> String {
    of.map(|of| of.to_string()).unwrap_or_default()
}

fn fraction(of: Option<f64>) -> String {
    of.map(|of| format!("{of:.4}")).unwrap_or_default()
}

fn share(of: Option<Share>) -> [String; 3] {
    let interval = of.and_then(Share::interval);
    [of.and_then(Share::rate), interval.map(|it| it.low), interval.map(|it| it.high)].map(fraction)
}

fn gap(of: Option<Gap>) -> [String; 3] {
    [of.map(|it| it.difference), of.map(|it| it.interval.low), of.map(|it| it.interval.high)].map(fraction)
}

fn lead(of: Option<Lead>) -> [String; 4] {
    let days = |days: fn(Lead) -> i32| of.map(|lead| days(lead).to_string()).unwrap_or_default();
    let in_time = number(of.and_then(|lead| lead.in_time));
    [days(|lead| lead.quartile), days(|lead| lead.median), days(|lead| lead.upper_quartile), in_time]
}

/// A cell as RFC 4180 wants it; a word is also kept from being taken for a formula, a number is one.
fn quoted(cell: &str) -> String {
    let formula = cell.starts_with(['=', '+', '-', '@']) && cell.parse::<f64>().is_err();
    let cell = if formula { format!("'{cell}") } else { cell.to_owned() };
    if cell.contains([',', '"', '\n', '\r']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_groups_name_cannot_break_the_row_or_become_a_formula() {
        assert_eq!([quoted("a,\"b\""), quoted("=1+1"), quoted("-12")], ["\"a,\"\"b\"\"\"", "'=1+1", "-12"]);
    }
}
