//! What would change for students if their district counted, or its rules told, in another way: pure.
//!
//! It is computed by what would compute it in earnest, so the figures are what a worker comes to when the change is made, with the
//! facts and the date of now.

use std::collections::{BTreeMap, BTreeSet};

use homeroom_domain::alert::ChangeKind;
use homeroom_domain::episode::{Change, Moment};
use homeroom_domain::id::{RuleId, SchoolId};
use homeroom_domain::settings::{ClockError, Now};
use jiff::Timestamp;

use crate::evaluate::{Row, Student};
use crate::reference::District;
use crate::reference::supposed::Supposed;
use crate::store::Key;

/// Students by tier: 0 to 3, and below the minimum of enrolled days.
pub(crate) type Tiers = [i64; 5];

/// What rules would tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    pub opened: i64,
    /// Those of the opened that are late news.
    pub opened_late: i64,
    pub amended: i64,
    pub escalated: i64,
    pub cleared: i64,
    pub recalled: i64,
    /// Students for whom the rule cannot be evaluated.
    pub failures: i64,
}

/// What would change, of the students that were looked at. It takes room by schools and rules.
#[derive(Debug, Default)]
pub(crate) struct Preview {
    /// By school, the district as a whole with none: before and after.
    pub tiers: BTreeMap<Option<SchoolId>, (Tiers, Tiers)>,
    /// By rule, and the school whose team would be told; failures with none.
    pub rules: BTreeMap<(RuleId, Option<SchoolId>), Changes>,
    pub students: i64,
    /// Those with other measures, or of whom something would be told.
    pub changed: i64,
}

/// What is compared, and the moment of it.
pub(crate) struct Comparison {
    supposed: Supposed,
    at: Timestamp,
    before: Now,
    after: Now,
}

impl Comparison {
    pub(crate) fn new(supposed: Supposed, at: Timestamp) -> Result<Self, ClockError> {
        let before = supposed.before.settings.clock.now(at)?;
        let after = later(before, supposed.after.settings.clock.now(at)?);
        Ok(Self { supposed, at, before, after })
    }

    /// Looks at a student, and adds what would change.
    pub(crate) fn add(&self, key: &Key, mut student: Student, preview: &mut Preview) -> Result<(), ClockError> {
        let (before, after) = (&self.supposed.before, &self.supposed.after);
        let moment = |district: &District| {
            let district_time = district.settings.clock.local(self.at)?;
            Ok(Moment { district: &key.0, student: key.1, at: self.at, caused_at: None, district_time })
        };
        let now = student.evaluated.map_or(self.before, |evaluated| later(evaluated, self.before));
        if self.is_behind(&student, now) {
            // What this tells is under way in any case.
            student.evaluate::<Change>(before, self.supposed.offset, now, &moment(before)?);
        }
        student.count.end();
        let written = student.written.clone();
        let outcome =
            student.evaluate::<Change>(after, self.supposed.offset + 1, later(now, self.after), &moment(after)?);
        preview.count_tiers(&written.rows, &student.written.rows);
        // One of whom nothing is said any more turned out to be another.
        preview.students += i64::from(student.ledger.says_anything());
        preview.changed +=
            i64::from(!outcome.changes.is_empty() || measures_differ(&written.rows, &student.written.rows));
        for change in &outcome.changes {
            preview.count_change(change);
        }
        for (rule, _) in outcome.failures {
            preview.rules.entry((rule, None)).or_default().failures += 1;
        }
        Ok(())
    }

    /// Whether the date, or reference records that are in force, still have to reach the student.
    fn is_behind(&self, student: &Student, now: Now) -> bool {
        let concerned = self.supposed.before.concerned_since(student.evaluated_reference);
        student.evaluated != Some(now)
            || concerned.everyone
            || (concerned.waiting && student.waiting)
            || concerned.schools.iter().any(|school| student.written.leans_on.contains(school))
    }
}

fn later(one: Now, other: Now) -> Now {
    Now { today: one.today.max(other.today), as_of: one.as_of.max(other.as_of) }
}

fn measures_differ(before: &[Row], after: &[Row]) -> bool {
    let of = |row: &Row| (row.school.clone(), row.measures);
    before.iter().map(of).ne(after.iter().map(of))
}

impl Preview {
    fn count_tiers(&mut self, before: &[Row], after: &[Row]) {
        let schools: BTreeSet<_> = before.iter().chain(after).map(|row| &row.school).collect();
        for school in schools {
            let known = self.tiers.entry(school.clone()).or_default();
            let tier = |rows: &[Row]| rows.iter().find(|row| row.school == *school).map(|row| row.measures.tier());
            for (counts, tier) in [(&mut known.0, tier(before)), (&mut known.1, tier(after))] {
                if let Some(tier) = tier {
                    counts[tier.map_or(4, |tier| usize::from(tier.min(3)))] += 1;
                }
            }
        }
    }

    fn count_change(&mut self, change: &Change) {
        let counts = self.rules.entry((change.rule.clone(), Some(change.school.clone()))).or_default();
        *match change.kind {
            ChangeKind::Opened => &mut counts.opened,
            ChangeKind::Amended => &mut counts.amended,
            ChangeKind::Escalated => &mut counts.escalated,
            ChangeKind::Cleared => &mut counts.cleared,
            ChangeKind::Recalled => &mut counts.recalled,
        } += 1;
        counts.opened_late += i64::from(change.kind == ChangeKind::Opened && change.late_since.is_some());
    }
}
