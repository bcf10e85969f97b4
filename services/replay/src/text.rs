//! A report as people and machines read it: a table, comma-separated values, JSON, a chart and a page that prints.

pub mod chart;
pub mod csv;
pub mod json;
mod lines;
pub mod page;
pub mod table;

use std::collections::BTreeMap;

use crate::Outcome;
use homeroom_domain::date::Date;
use homeroom_domain::id::SchoolId;

use crate::lead::Lead;
use crate::report::{Report, RuleReport};
use crate::share::{Gap, Share};

/// What schools and groups are called. The report has numbers only.
#[derive(Debug, Clone, Default)]
pub struct Names {
    /// Column and value of each group, by its position.
    pub groups: Vec<(String, String)>,
    /// Schools by their ids.
    pub schools: BTreeMap<String, String>,
}

impl Names {
    fn school<'a>(&'a self, school: &'a SchoolId) -> &'a str {
        let name = self.schools.get(school.as_str()).map(String::as_str);
        name.filter(|name| !name.is_empty()).unwrap_or(school.as_str())
    }

    fn group(&self, at: usize) -> String {
        self.groups.get(at).map_or_else(|| format!("group {at}"), |(column, value)| format!("{column}: {value}"))
    }
}

/// What is shown in the place of what is hidden or cannot be told.
const HIDDEN: &str = "hidden";
const NONE: &str = "-";

/// `81 % (78-84)`, a share with its interval in whole percent; a dash of nobody.
fn percent(share: Share) -> String {
    match (share.rate(), share.interval()) {
        (Some(rate), Some(interval)) => {
            format!("{:.0} % ({:.0}-{:.0})", rate * 100.0, interval.low * 100.0, interval.high * 100.0)
        }
        _ => NONE.to_owned(),
    }
}

/// `+12 (-3 to +26)`, a gap with its interval in points of a percent.
fn points(gap: Option<Gap>) -> String {
    gap.map_or_else(
        || NONE.to_owned(),
        |gap| {
            // Nothing is added to nothing, so that what rounds to it has no minus.
            let of = |value: f64| format!("{:+.0}", (value * 100.0).round() + 0.0);
            format!("{} ({} to {})", of(gap.difference), of(gap.interval.low), of(gap.interval.high))
        },
    )
}

/// `12 / 40 / 81`, the quartiles of leads.
fn days(lead: Option<Lead>) -> String {
    lead.map_or_else(
        || NONE.to_owned(),
        |lead| format!("{} / {} / {}", lead.quartile, lead.median, lead.upper_quartile),
    )
}

fn in_time(lead: Option<Lead>) -> String {
    let share = lead.and_then(|lead| Some(Share::new(lead.in_time?, lead.students)));
    share.map_or_else(|| NONE.to_owned(), percent)
}

fn count(of: Option<u32>) -> String {
    of.map_or_else(|| NONE.to_owned(), |of| of.to_string())
}

fn per_week(mean: Option<f64>) -> String {
    mean.map_or_else(|| NONE.to_owned(), |mean| format!("{mean:.2}"))
}

/// A rule's name, with its pack's where there are two.
fn rule_name(report: &Report, rule: &RuleReport) -> String {
    match (&report.packs[..], report.packs.get(rule.pack)) {
        ([_, _, ..], Some(pack)) => format!("{} ({} {})", rule.id, pack.id, pack.version),
        _ => rule.id.to_string(),
    }
}

/// What is held against what, in sentences.
fn preamble(report: &Report) -> Vec<String> {
    let packs: Vec<_> = report.packs.iter().map(|pack| format!("{} version {}", pack.id, pack.version)).collect();
    let mut told = vec![format!(
        "{} over {} to {}, by the records of today: with corrections, in hindsight.",
        packs.join(" beside "),
        report.from,
        report.to
    )];
    let cells = report.students();
    let Some(outcome) = report.outcome else {
        told.push(format!("{} students.", cells.students()));
        return told;
    };
    told.push(format!("Outcome {}: {}.", outcome.name(), meaning(outcome, report.to)));
    told.push(format!(
        "{} students, {} with the outcome; of {} it cannot be told, and they are in no share but that of those flagged.",
        cells.students(),
        cells.with_outcome(),
        cells.untold()
    ));
    told.push(format!(
        "Lead: calendar days from the first flag to {}; first quartile, median, third.",
        settled(outcome)
    ));
    told
}

/// What an outcome is.
fn meaning(outcome: Outcome, to: Date) -> String {
    match outcome {
        Outcome::Chronic => format!("absent at least a tenth of the days enrolled up to {to}, of ten days at least"),
        Outcome::FailedCourse => {
            format!("a grade that stands on {to} fails, or a core course of the year's transcript was failed")
        }
        Outcome::OffTrack => "a ninth grader not on track to graduate (Freshman On-Track)".to_owned(),
    }
}

/// When an outcome is settled.
fn settled(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Chronic => "the absence that made a tenth of all days enrolled up to the last date",
        Outcome::FailedCourse => "the end of the first grading period with a failing grade that stands",
        Outcome::OffTrack => "the last date, since transcripts have none",
    }
}

/// What intervals are, and what is not shown.
const NOTES: [&str; 3] = [
    "Behind each share is its interval of 95 % (Wilson), behind each gap its own (Newcombe): the fewer students, the wider.",
    "Of groups nothing is shown that would tell of fewer than ten students, also together with what else is shown of their column; groups of different columns are not held against each other. What a group shows of the outcome it shows for each rule or for none.",
    "A gap is the group's share less that of all others, in points of a percent. Groups have only students of whom the outcome can be told.",
];
