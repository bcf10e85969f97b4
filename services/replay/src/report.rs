//! The report of a replay: what the tally of a district comes to, with figures of few students left out of groups.

use std::collections::BTreeMap;

use crate::Outcome;
use homeroom_domain::date::Date;
use homeroom_domain::id::{RuleId, SchoolId};

use crate::hidden::{Row, Shown, shown};
use crate::lead::Lead;
use crate::load::{Load, weeks};
use crate::plan::Plan;
use crate::share::{Gap, Share};
use crate::tally::{Cells, Part, RuleTally, Tally};

/// What rules would have told, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The first date.
    pub from: Date,
    /// The last date.
    pub to: Date,
    /// What rules are held against.
    pub outcome: Option<Outcome>,
    /// Alerts that a school's team can take on in a week.
    pub budget: Option<u32>,
    /// The Mondays of the weeks in which any school had a counted day or an alert, in order.
    pub weeks: Vec<Date>,
    /// Each pack as a whole: the first, and the one that it is compared with.
    pub packs: Vec<PackReport>,
    /// The rules of all packs, in order.
    pub rules: Vec<RuleReport>,
    /// Pairs of rules that flagged a student both.
    pub overlaps: Vec<Overlap>,
}

/// A pack as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackReport {
    /// Its name.
    pub id: RuleId,
    /// Its version.
    pub version: u32,
    /// The alerts of all its rules.
    pub load: Load,
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleReport {
    /// The position of its pack.
    pub pack: usize,
    /// Its name.
    pub id: RuleId,
    /// Its version.
    pub version: u32,
    /// What an alert of it is called.
    pub title: String,
    /// All students.
    pub cells: Cells,
    /// How long before the outcome the students were flagged of whom it came to be.
    pub lead: Option<Lead>,
    /// Its alerts.
    pub load: Load,
    /// Students for whom it was open already before the first date; they are flagged, and no alert.
    pub open_before: u32,
    /// Students of whom it cannot be evaluated as of the last date.
    pub failures: u32,
    /// By the position of the group.
    pub groups: Vec<GroupReport>,
}

/// A rule among the students of a group. Where an outcome is asked for, those alone of whom it can be told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GroupReport {
    /// How many there are; none when that is not shown.
    pub students: Option<u32>,
    /// How many were flagged; none when that is not shown.
    pub flagged: Option<u32>,
    /// All of it; none when that is not shown.
    pub cells: Option<Cells>,
    /// The same of leads; how many were flagged in time is left out, which may be very few.
    pub lead: Option<Lead>,
}

/// Two rules that flagged students both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overlap {
    /// The position of the one.
    pub one: usize,
    /// The position of the other.
    pub other: usize,
    /// Students flagged by both.
    pub both: u32,
    /// Students flagged by either.
    pub either: u32,
}

impl Report {
    /// What a district's tally comes to.
    pub fn new(plan: &Plan, tally: &Tally) -> Self {
        let weeks = weeks(tally);
        let load = |rules: &[usize]| Load::of(tally, rules, &weeks, plan.budget());
        let mut groups = groups(plan, tally).into_iter();
        let of_rule =
            |(at, ((pack, rule), counts)): (usize, ((usize, &homeroom_domain::rule::Rule), &RuleTally))| RuleReport {
                pack,
                id: rule.id.clone(),
                version: rule.version,
                title: rule.title.to_string(),
                cells: counts.whole.cells,
                lead: counts.whole.leads.told(),
                load: load(&[at]),
                open_before: counts.open_before,
                failures: counts.failures,
                groups: groups.next().unwrap_or_default(),
            };
        let rules: Vec<RuleReport> = plan.rules().zip(&tally.rules).enumerate().map(of_rule).collect();
        let packs = plan.packs().iter().enumerate().map(|(at, pack)| {
            let own: Vec<usize> = (0..rules.len()).filter(|rule| rules[*rule].pack == at).collect();
            PackReport { id: pack.id.clone(), version: pack.version, load: load(&own) }
        });
        Self {
            from: plan.from(),
            to: plan.to(),
            outcome: plan.outcome(),
            budget: plan.budget(),
            packs: packs.collect(),
            overlaps: overlaps(&rules, &tally.both),
            weeks,
            rules,
        }
    }

    /// Students with a counted day; zero without a rule, which nobody replays.
    pub fn students(&self) -> Cells {
        self.rules.first().map(|rule| rule.cells).unwrap_or_default()
    }

    /// Schools with a counted day or an alert, in the order of ids.
    pub fn schools(&self) -> impl Iterator<Item = &SchoolId> {
        self.packs.first().into_iter().flat_map(|pack| pack.load.schools.iter().map(|of| &of.school))
    }

    /// The rules of a pack, with their positions.
    pub fn rules_of(&self, pack: usize) -> impl Iterator<Item = (usize, &RuleReport)> {
        self.rules.iter().enumerate().filter(move |(_, rule)| rule.pack == pack)
    }
}

impl RuleReport {
    /// How far a share of a group is from that of everyone else; none when that is not shown, or nobody else is left.
    pub fn gap(&self, group: &GroupReport, outcome: Option<Outcome>, share: fn(Cells) -> Share) -> Option<Gap> {
        let all = if outcome.is_some() { self.cells.told() } else { self.cells };
        group.cells.and_then(|cells| share(cells).gap(share(all.less(cells))))
    }

    /// How far the share of those flagged in a group is from that of everyone else; none when that is not shown.
    pub fn flag_gap(&self, group: &GroupReport, outcome: Option<Outcome>) -> Option<Gap> {
        let all = if outcome.is_some() { self.cells.told() } else { self.cells };
        let (flagged, students) = (group.flagged?, group.students?);
        let others = Share::new(all.flagged().saturating_sub(flagged), all.students().saturating_sub(students));
        Share::new(flagged, students).gap(others)
    }
}

impl GroupReport {
    fn of(part: &Part, shown: Shown) -> Self {
        let everything = shown == Shown::Everything;
        Self {
            students: (shown >= Shown::Size).then(|| part.cells.students()),
            flagged: (shown >= Shown::Flags).then(|| part.cells.flagged()),
            cells: everything.then_some(part.cells),
            lead: part.leads.told().filter(|_| everything).map(|lead| Lead { in_time: None, ..lead }),
        }
    }

    /// Those flagged; none when that is not shown.
    pub fn flag_rate(&self) -> Option<Share> {
        Some(Share::new(self.flagged?, self.students?))
    }
}

impl Overlap {
    /// Of those flagged by either, those flagged by both: Jaccard's index.
    pub const fn jaccard(&self) -> Share {
        Share::new(self.both, self.either)
    }
}

/// By rule and group. What is shown of a column is decided once for all rules.
fn groups(plan: &Plan, tally: &Tally) -> Vec<Vec<GroupReport>> {
    let mut reports = vec![vec![GroupReport::default(); plan.columns().len()]; tally.rules.len()];
    let mut columns: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for (at, column) in plan.columns().iter().enumerate() {
        columns.entry(*column).or_default().push(at);
    }
    for members in columns.values() {
        let rows: Vec<Row> = tally.rules.iter().map(|counts| row(plan, counts, members)).collect();
        let rules = reports.iter_mut().zip(&tally.rules).zip(shown(&rows, plan.outcome().is_some()));
        for ((reports, counts), shown) in rules {
            for (at, shown) in members.iter().zip(shown) {
                reports[*at] = GroupReport::of(&counts.groups[*at], shown);
            }
        }
    }
    reports
}

/// A rule among the groups of one column.
fn row(plan: &Plan, counts: &RuleTally, members: &[usize]) -> Row {
    let whole = if plan.outcome().is_some() { counts.whole.cells.told() } else { counts.whole.cells };
    let groups: Vec<Cells> = members.iter().map(|at| counts.groups[*at].cells).collect();
    let others = whole.less(groups.iter().fold(Cells::default(), |sum, cells| sum.plus(*cells)));
    Row { groups, others }
}

fn overlaps(rules: &[RuleReport], both: &BTreeMap<(usize, usize), u32>) -> Vec<Overlap> {
    let overlap = |(&(one, other), &both): (&(usize, usize), &u32)| {
        let either = rules[one].cells.flagged() + rules[other].cells.flagged() - both;
        Overlap { one, other, both, either }
    };
    both.iter().map(overlap).collect()
}
