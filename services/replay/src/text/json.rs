//! The report as one JSON object, rates and intervals included. What is hidden, or cannot be told, is null.

use serde_json::{Value, json};

use super::{Names, meaning, settled};
use crate::lead::Lead;
use crate::load::Load;
use crate::report::{GroupReport, Report, RuleReport};
use crate::share::{Gap, Share};
use crate::tally::Cells;

/// The report for machines.
pub fn json(report: &Report, names: &Names) -> Value {
    let pack = |pack: &crate::report::PackReport| json!({ "pack": pack.id.to_string(), "version": pack.version, "alerts": load(&pack.load) });
    let overlap = |of: &crate::report::Overlap| json!({ "one": of.one, "other": of.other, "both": of.both, "either": of.either, "jaccard": of.jaccard().rate() });
    json!({
        "from": report.from.to_string(),
        "to": report.to.to_string(),
        "records": "as of today, corrections included",
        "outcome": report.outcome.map(|outcome| json!({
            "name": outcome.name(),
            "meaning": meaning(outcome, report.to),
            "lead_ends_with": settled(outcome),
        })),
        "budget_per_week_and_school": report.budget,
        "students": report.students().students(),
        "students_with_outcome": report.outcome.map(|_| report.students().with_outcome()),
        "students_untold": report.outcome.map(|_| report.students().untold()),
        "weeks": report.weeks.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "packs": report.packs.iter().map(pack).collect::<Vec<_>>(),
        "rules": report.rules.iter().map(|of| rule(report, of, names)).collect::<Vec<_>>(),
        "overlaps": report.overlaps.iter().map(overlap).collect::<Vec<_>>(),
    })
}

fn rule(report: &Report, rule: &RuleReport, names: &Names) -> Value {
    let groups: Vec<Value> =
        rule.groups.iter().enumerate().map(|(at, of)| group(report, rule, of, names.groups.get(at))).collect();
    json!({
        "pack": rule.pack,
        "rule": rule.id.to_string(),
        "version": rule.version,
        "title": rule.title,
        "students": rule.cells.students(),
        "flagged": rule.cells.flagged(),
        "flagged_share": share(rule.cells.flag_rate()),
        "against_outcome": report.outcome.map(|_| against(rule.cells)),
        "lead": rule.lead.map(lead),
        "alerts": load(&rule.load),
        "open_before": rule.open_before,
        "failures": rule.failures,
        "groups": groups,
    })
}

fn group(report: &Report, rule: &RuleReport, group: &GroupReport, name: Option<&(String, String)>) -> Value {
    let cells = group.cells.filter(|_| report.outcome.is_some());
    let gaps = cells.map(|_| {
        json!({
            "sensitivity": rule.gap(group, report.outcome, Cells::sensitivity).map(gap),
            "ppv": rule.gap(group, report.outcome, Cells::ppv).map(gap),
            "specificity": rule.gap(group, report.outcome, Cells::specificity).map(gap),
        })
    });
    json!({
        "column": name.map(|(column, _)| column),
        "group": name.map(|(_, value)| value),
        "students": group.students,
        "flagged": group.flagged,
        "flagged_share": group.flag_rate().map(share),
        "flagged_gap": rule.flag_gap(group, report.outcome).map(gap),
        "against_outcome": cells.map(against),
        "gaps": gaps,
        "lead": group.lead.map(lead),
    })
}

fn against(cells: Cells) -> Value {
    json!({
        "hits": cells.hits,
        "false_alarms": cells.false_alarms,
        "missed": cells.missed,
        "quiet": cells.quiet,
        "untold": cells.untold(),
        "sensitivity": share(cells.sensitivity()),
        "ppv": share(cells.ppv()),
        "specificity": share(cells.specificity()),
    })
}

fn share(share: Share) -> Value {
    let interval = share.interval();
    json!({
        "part": share.part,
        "of": share.of,
        "share": share.rate(),
        "low": interval.map(|interval| interval.low),
        "high": interval.map(|interval| interval.high),
    })
}

fn gap(gap: Gap) -> Value {
    json!({ "difference": gap.difference, "low": gap.interval.low, "high": gap.interval.high })
}

fn lead(lead: Lead) -> Value {
    json!({
        "students": lead.students,
        "in_time": lead.in_time,
        "quartile": lead.quartile,
        "median": lead.median,
        "upper_quartile": lead.upper_quartile,
    })
}

fn load(load: &Load) -> Value {
    let schools = load.schools.iter().map(|of| {
        json!({
            "school": of.school.as_str(),
            "alerts": of.alerts,
            "weeks": of.weeks,
            "mean": of.mean(),
            "most": of.peak,
            "weeks_over_budget": of.over_budget,
        })
    });
    json!({
        "alerts": load.alerts,
        "weeks_of_schools": load.school_weeks,
        "mean_per_week_and_school": load.mean(),
        "most_in_a_week": load.peak,
        "most_at": load.peak_at.as_ref().map(|(school, _)| school.as_str()),
        "most_in_week_of": load.peak_at.as_ref().map(|(_, week)| week.to_string()),
        "weeks_over_budget": load.over_budget,
        "alerts_beyond_budget": load.beyond_budget,
        "weekly": load.weekly,
        "schools": schools.collect::<Vec<_>>(),
    })
}
