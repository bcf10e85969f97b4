//! One student, evaluated: pure, so that workers, queries, exports and `verify` cannot differ.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use homeroom_domain::alert::{AlertChange, ChangeKind};
use homeroom_domain::count::{Count, With};
use homeroom_domain::counting;
use homeroom_domain::episode::{Episodes, Moment, Telling};
use homeroom_domain::evaluation::Evaluation;
use homeroom_domain::event::Event;
use homeroom_domain::id::{RuleId, SchoolId};
use homeroom_domain::ledger::{Applied, Ledger};
use homeroom_domain::measure::Measures;
use homeroom_domain::rule::condition::Failure;
use homeroom_domain::settings::Now;
use serde::{Deserialize, Serialize};

use crate::reference::District;

/// What is kept of a student.
#[derive(Debug, Clone, Default)]
pub struct Student {
    /// What sources have said.
    pub ledger: Ledger,
    /// What rules hold open, and held.
    pub episodes: Episodes,
    /// What the tables beside the student's row hold.
    pub written: Arc<Written>,
    /// The offset after the last event that the ledger includes.
    pub included_offset: i64,
    /// The dates of the last evaluation; none before the first.
    pub evaluated: Option<Now>,
    /// The last evaluation knew the reference records below.
    pub evaluated_reference: i64,
    /// The last evaluation counted in this way.
    pub counting: i32,
    /// A fact refers to something that is not known yet, so any reference change may concern the student.
    pub waiting: bool,
    /// What was counted, so that one more mark need not be counted from the begin; in memory only.
    pub count: Count,
}

/// What was last written to the tables beside the student's row, so that only differences are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// By school, the district as a whole with an empty one.
    pub rows: Vec<Row>,
    /// Schools whose reference data the facts lean on.
    pub leans_on: BTreeSet<SchoolId>,
}

/// A row of measures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// None for the district as a whole.
    pub school: Option<SchoolId>,
    /// What the rules look at.
    #[serde(with = "StoredMeasures")]
    pub measures: Measures,
    /// Alerts open, of the school's team or of all.
    pub open_alerts: u32,
}

/// Measures as they are stored, in this order: the domain type is not a stored one.
#[derive(Serialize, Deserialize)]
#[serde(remote = "Measures")]
struct StoredMeasures {
    enrolled: i64,
    absent: i64,
    unexcused: i64,
    tardy: i64,
    streak: i64,
    unexcused_streak: i64,
    unexplained_absence_today: bool,
    failing: i64,
    failing_core: i64,
}

/// What an evaluation came to.
#[derive(Debug)]
pub(crate) struct Outcome<T = AlertChange> {
    pub changes: Vec<T>,
    /// By how much each rule's count of open alerts moved.
    pub open_by_rule: BTreeMap<RuleId, i64>,
    pub failures: Vec<(RuleId, Failure)>,
}

/// Events of a student of which each is counted on from; more of them are written at once.
const FEW: usize = 4;

impl Student {
    /// Takes events in, in order, and tells what each of them did.
    pub(crate) fn apply<'e>(&mut self, events: impl ExactSizeIterator<Item = &'e Event>) -> Vec<Applied> {
        if events.len() <= FEW {
            let one = |event: &Event| self.count.apply(&mut self.ledger, &event.origin, &event.change);
            return events.map(one).collect();
        }
        // Each would be written in its place, and all of them counted again.
        self.count.end();
        self.ledger.apply_all(events.map(|event| (&event.origin, &event.change)))
    }

    /// Evaluates the student with these reference records and dates, and takes the result in. What is published is told in words.
    pub(crate) fn evaluate<T: Telling>(
        &mut self,
        district: &District,
        reference_offset: i64,
        now: Now,
        moment: &Moment<'_>,
    ) -> Outcome<T> {
        if let Some(outcome) = self.count_on(district, now, moment) {
            (self.evaluated_reference, self.counting) = (reference_offset, counting::VERSION);
            return outcome;
        }
        let evaluation = Evaluation::new(&self.ledger, &district.view, &district.settings, now);
        let open = self.open_by_rule(-1, BTreeMap::new());
        let step = self.episodes.step_telling(&district.pack, &evaluation, moment);
        let open_by_rule = self.open_by_rule(1, open);
        let rows = rows(&evaluation, &self.episodes, now);
        let leans_on = evaluation.leans_on();
        let waiting = evaluation.waiting();
        let written = Written { rows, leans_on };
        // The same one stays, so that a commit sees at once that the tables beside the row need nothing.
        if *self.written != written {
            self.written = Arc::new(written);
        }
        if step.failures.is_empty() {
            self.count.go_on(&evaluation, &self.episodes, &district.pack, version_for(waiting, district));
        } else {
            self.count.end();
        }
        self.waiting = waiting;
        self.evaluated = Some(now);
        (self.evaluated_reference, self.counting) = (reference_offset, counting::VERSION);
        Outcome { changes: step.changes, open_by_rule, failures: step.failures }
    }

    /// Goes on with what was counted before, when that tells what a full look would come to. What the facts lean on is then the same,
    /// and of the rows only what days come to, and alerts, have moved.
    fn count_on<T: Telling>(&mut self, district: &District, now: Now, moment: &Moment<'_>) -> Option<Outcome<T>> {
        // The whole district's and the only school's; until both are there, a full look says which rows there are.
        if self.written.rows.len() != 2 {
            return None;
        }
        let version = version_for(self.waiting, district);
        let with = With { view: &district.view, settings: &district.settings, pack: &district.pack, version, now };
        // What is over may be recalled then, of which the change alone does not tell that it was.
        let open = self.count.is_behind().then(|| self.open_by_rule(-1, BTreeMap::new()));
        let looked = self.count.look(&self.ledger, &with, &mut self.episodes, moment)?;
        let counted = looked.measures;
        let measures =
            |row: &Row| Measures { failing: row.measures.failing, failing_core: row.measures.failing_core, ..counted };
        let told = !looked.changes.is_empty();
        if told || self.written.rows.iter().any(|row| row.measures != measures(row)) {
            for row in &mut Arc::make_mut(&mut self.written).rows {
                row.measures = measures(row);
                if told {
                    row.open_alerts = open_at(&self.episodes, row.school.as_ref());
                }
            }
        }
        self.evaluated = Some(now);
        let open_by_rule = open.map_or_else(|| moved(&looked.changes), |open| self.open_by_rule(1, open));
        Some(Outcome { open_by_rule, changes: looked.changes, failures: looked.failures })
    }

    /// Adds the open alerts of each rule, so often.
    fn open_by_rule(&self, sign: i64, mut open: BTreeMap<RuleId, i64>) -> BTreeMap<RuleId, i64> {
        for episode in self.episodes.open() {
            *open.entry(episode.told.rule.clone()).or_default() += sign;
        }
        open.retain(|_, moved| *moved != 0);
        open
    }

    /// Reads what the next look will read first.
    pub(crate) fn touch(&self) -> u64 {
        self.count.touch() ^ u64::from(self.ledger.touch())
    }

    /// About how much memory it takes, in bytes. What rules told is by far the largest part of an episode that holds.
    pub(crate) fn approximate_bytes(&self) -> usize {
        const STUDENT: usize = 900;
        const EPISODE: usize = 1_000;
        STUDENT + self.ledger.size() + EPISODE * self.episodes.open().count()
    }

    /// How many alerts are open.
    pub(crate) fn open_alerts(&self) -> usize {
        self.episodes.open().count()
    }
}

/// With which reference data a count goes on. Any record may be what a student waits for; each day brings many that are nothing to
/// everyone else.
fn version_for(waiting: bool, district: &District) -> u64 {
    if waiting { district.latest } else { district.version }
}

/// By how much changes move each rule's count of open alerts, of episodes that were open or are new.
fn moved(changes: &[impl Telling]) -> BTreeMap<RuleId, i64> {
    let mut moved = BTreeMap::<RuleId, i64>::new();
    for change in changes {
        let by = match change.kind() {
            ChangeKind::Opened => 1,
            ChangeKind::Amended | ChangeKind::Escalated => continue,
            ChangeKind::Cleared | ChangeKind::Recalled => -1,
        };
        *moved.entry(change.rule().clone()).or_default() += by;
    }
    moved.retain(|_, moved| *moved != 0);
    moved
}

/// Alerts open, of a school's team or of all.
fn open_at(episodes: &Episodes, school: Option<&SchoolId>) -> u32 {
    let open = episodes.open().filter(|episode| school.is_none_or(|school| episode.school == *school)).count();
    u32::try_from(open).unwrap_or(u32::MAX)
}

fn rows(evaluation: &Evaluation<'_>, episodes: &Episodes, now: Now) -> Vec<Row> {
    let open_at = |school: Option<&SchoolId>| open_at(episodes, school);
    let schools = evaluation.schools(now.as_of);
    let mut rows = Vec::with_capacity(schools.len() + 1);
    if !schools.is_empty() {
        rows.push(Row {
            school: None,
            measures: evaluation.district(now.as_of, now.today),
            open_alerts: open_at(None),
        });
    }
    for school in schools {
        let measures = evaluation.school(school, now.as_of, now.today);
        rows.push(Row { school: Some(school.clone()), measures, open_alerts: open_at(Some(school)) });
    }
    rows
}

/// The rows that a student has as of another date, with the alerts that rules would hold open then.
pub(crate) fn rows_as_of(student: &Student, district: &District, now: Now) -> Vec<Row> {
    let evaluation = Evaluation::new(&student.ledger, &district.view, &district.settings, now);
    let home = evaluation.home(now.today);
    // Of a student whom no school has there is nobody to tell.
    let rules = district.pack.rules.iter().filter(|_| home.is_some());
    let claims = rules.filter_map(|rule| rule.claim(&evaluation, now).ok().flatten()).count();
    let claims = u32::try_from(claims).unwrap_or(u32::MAX);
    let mut rows = rows(&evaluation, &Episodes::default(), now);
    for row in &mut rows {
        let told_here = row.school.as_ref().is_none_or(|school| Some(school) == home);
        row.open_alerts = if told_here { claims } else { 0 };
    }
    rows
}

#[cfg(test)]
mod tests;
