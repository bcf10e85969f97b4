//! A report on the wire, and back. Rates go along for whoever has no formulas; reading, they are taken from the cells.

use crate::Outcome;
use homeroom_domain::date::Date;
use homeroom_domain::id::{RuleId, SchoolId};
use homeroom_proto::wire::risk as wire;

use crate::lead::Lead;
use crate::load::{Load, SchoolLoad};
use crate::report::{GroupReport, Overlap, PackReport, Report, RuleReport};
use crate::share::Share;
use crate::tally::Cells;

/// A report that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the report's {0} cannot be read")]
pub struct Unsound(&'static str);

/// Writes it.
pub fn to_wire(report: &Report) -> wire::ReplayReport {
    let number = |position: usize| u32::try_from(position).unwrap_or(u32::MAX);
    wire::ReplayReport {
        from: report.from.days(),
        to: report.to.days(),
        outcome: report.outcome.map(Outcome::name).unwrap_or_default().to_owned(),
        budget: report.budget,
        weeks: report.weeks.iter().map(|week| week.days()).collect(),
        packs: report
            .packs
            .iter()
            .map(|pack| wire::ReplayedPack {
                pack: pack.id.to_string(),
                version: pack.version,
                load: Some(load_to_wire(&pack.load)),
            })
            .collect(),
        rules: report.rules.iter().map(rule_to_wire).collect(),
        overlaps: report
            .overlaps
            .iter()
            .map(|of| wire::ReplayOverlap {
                one: number(of.one),
                other: number(of.other),
                both: of.both,
                either: of.either,
            })
            .collect(),
    }
}

fn rule_to_wire(rule: &RuleReport) -> wire::ReplayedRule {
    wire::ReplayedRule {
        pack: u32::try_from(rule.pack).unwrap_or(u32::MAX),
        rule: rule.id.to_string(),
        version: rule.version,
        title: rule.title.clone(),
        cells: Some(cells_to_wire(rule.cells)),
        rates: Some(rates(rule.cells)),
        lead: rule.lead.map(lead_to_wire),
        load: Some(load_to_wire(&rule.load)),
        open_before: rule.open_before,
        failures: rule.failures,
        groups: rule.groups.iter().map(group_to_wire).collect(),
    }
}

fn group_to_wire(group: &GroupReport) -> wire::ReplayedGroup {
    let flag_rate = group
        .flag_rate()
        .map(|flagged| wire::ReplayRates { flagged: Some(share(flagged)), ..wire::ReplayRates::default() });
    wire::ReplayedGroup {
        students: group.students,
        flagged: group.flagged,
        cells: group.cells.map(cells_to_wire),
        rates: group.cells.map(rates).or(flag_rate),
        lead: group.lead.map(lead_to_wire),
    }
}

fn cells_to_wire(cells: Cells) -> wire::ReplayCells {
    wire::ReplayCells {
        hits: cells.hits,
        false_alarms: cells.false_alarms,
        missed: cells.missed,
        quiet: cells.quiet,
        flagged_untold: cells.flagged_untold,
        quiet_untold: cells.quiet_untold,
    }
}

fn rates(cells: Cells) -> wire::ReplayRates {
    wire::ReplayRates {
        flagged: Some(share(cells.flag_rate())),
        sensitivity: Some(share(cells.sensitivity())),
        ppv: Some(share(cells.ppv())),
        specificity: Some(share(cells.specificity())),
    }
}

fn share(share: Share) -> wire::ReplayShare {
    let interval = share.interval();
    wire::ReplayShare {
        part: share.part,
        of: share.of,
        share: share.rate(),
        low: interval.map(|interval| interval.low),
        high: interval.map(|interval| interval.high),
    }
}

fn lead_to_wire(lead: Lead) -> wire::ReplayLead {
    wire::ReplayLead {
        students: lead.students,
        in_time: lead.in_time.unwrap_or_default(),
        in_time_left_out: lead.in_time.is_none(),
        quartile: lead.quartile,
        median: lead.median,
        upper_quartile: lead.upper_quartile,
    }
}

fn load_to_wire(load: &Load) -> wire::ReplayLoad {
    wire::ReplayLoad {
        alerts: load.alerts,
        school_weeks: load.school_weeks,
        peak: load.peak,
        peak_school: load.peak_at.as_ref().map(|(school, _)| school.to_string()).unwrap_or_default(),
        peak_week: load.peak_at.as_ref().map(|(_, week)| week.days()),
        over_budget: load.over_budget,
        beyond_budget: load.beyond_budget,
        weekly: load.weekly.clone(),
        schools: load
            .schools
            .iter()
            .map(|of| wire::ReplaySchoolLoad {
                school: of.school.to_string(),
                alerts: of.alerts,
                weeks: of.weeks,
                peak: of.peak,
                over_budget: of.over_budget,
            })
            .collect(),
    }
}

/// Reads it.
pub fn from_wire(report: wire::ReplayReport) -> Result<Report, Unsound> {
    let packs = report.packs.into_iter().map(|pack| {
        Ok(PackReport {
            id: rule_id(&pack.pack)?,
            version: pack.version,
            load: load_from_wire(pack.load.unwrap_or_default())?,
        })
    });
    let (packs, rules) = (packs.collect::<Result<Vec<_>, _>>()?, report.rules.into_iter().map(rule_from_wire));
    let rules: Vec<RuleReport> = rules.collect::<Result<_, _>>()?;
    let position = |number: u32, below: usize, what| {
        usize::try_from(number).ok().filter(|position| *position < below).ok_or(Unsound(what))
    };
    for rule in &rules {
        position(u32::try_from(rule.pack).unwrap_or(u32::MAX), packs.len(), "pack of a rule")?;
    }
    let overlaps = report.overlaps.into_iter().map(|of| {
        Ok(Overlap {
            one: position(of.one, rules.len(), "overlap")?,
            other: position(of.other, rules.len(), "overlap")?,
            both: of.both,
            either: of.either,
        })
    });
    Ok(Report {
        from: date(report.from)?,
        to: date(report.to)?,
        outcome: match report.outcome.as_str() {
            "" => None,
            name => Some(Outcome::find(name).ok_or(Unsound("outcome"))?),
        },
        budget: report.budget,
        weeks: report.weeks.into_iter().map(date).collect::<Result<_, _>>()?,
        overlaps: overlaps.collect::<Result<_, _>>()?,
        packs,
        rules,
    })
}

fn rule_from_wire(rule: wire::ReplayedRule) -> Result<RuleReport, Unsound> {
    Ok(RuleReport {
        pack: usize::try_from(rule.pack).map_err(|_| Unsound("pack of a rule"))?,
        id: rule_id(&rule.rule)?,
        version: rule.version,
        title: rule.title,
        cells: cells_from_wire(rule.cells.unwrap_or_default()),
        lead: rule.lead.map(lead_from_wire),
        load: load_from_wire(rule.load.unwrap_or_default())?,
        open_before: rule.open_before,
        failures: rule.failures,
        groups: rule.groups.iter().map(group_from_wire).collect(),
    })
}

fn group_from_wire(group: &wire::ReplayedGroup) -> GroupReport {
    GroupReport {
        students: group.students,
        flagged: group.flagged,
        cells: group.cells.map(cells_from_wire),
        lead: group.lead.map(lead_from_wire),
    }
}

fn cells_from_wire(cells: wire::ReplayCells) -> Cells {
    Cells {
        hits: cells.hits,
        false_alarms: cells.false_alarms,
        missed: cells.missed,
        quiet: cells.quiet,
        flagged_untold: cells.flagged_untold,
        quiet_untold: cells.quiet_untold,
    }
}

fn lead_from_wire(lead: wire::ReplayLead) -> Lead {
    Lead {
        students: lead.students,
        in_time: (!lead.in_time_left_out).then_some(lead.in_time),
        quartile: lead.quartile,
        median: lead.median,
        upper_quartile: lead.upper_quartile,
    }
}

fn load_from_wire(load: wire::ReplayLoad) -> Result<Load, Unsound> {
    let peak_at = match load.peak_week {
        Some(week) => Some((school(&load.peak_school)?, date(week)?)),
        None => None,
    };
    let schools = load.schools.into_iter().map(|of| {
        Ok(SchoolLoad {
            school: school(&of.school)?,
            alerts: of.alerts,
            weeks: of.weeks,
            peak: of.peak,
            over_budget: of.over_budget,
        })
    });
    Ok(Load {
        alerts: load.alerts,
        school_weeks: load.school_weeks,
        peak: load.peak,
        peak_at,
        over_budget: load.over_budget,
        beyond_budget: load.beyond_budget,
        weekly: load.weekly,
        schools: schools.collect::<Result<_, _>>()?,
    })
}

fn rule_id(text: &str) -> Result<RuleId, Unsound> {
    RuleId::parse(text).map_err(|_| Unsound("id of a pack or rule"))
}

fn school(text: &str) -> Result<SchoolId, Unsound> {
    SchoolId::parse(text).map_err(|_| Unsound("school"))
}

fn date(days: i32) -> Result<Date, Unsound> {
    Date::from_days(days).map_err(|_| Unsound("date"))
}
