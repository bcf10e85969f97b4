//! What a partition's log comes to, and how a stored student differs from it: pure.

use std::collections::{BTreeMap, BTreeSet};

use homeroom_bus::Record;
use homeroom_domain::episode::{Change, EpisodeScope, Moment};
use homeroom_domain::rule::Pack;
use homeroom_domain::settings::Now;

use super::figure;
use crate::evaluate::Student;
use crate::reference::Snapshot;
use crate::store::Key;

/// Ledgers folded from a partition's records, from its first one on.
#[derive(Default)]
pub(crate) struct Recomputed {
    pub(crate) students: BTreeMap<Key, Student>,
    pub(crate) events: u64,
    pub(crate) not_understood: u64,
}

impl Recomputed {
    /// Takes the next record in; `given_up` are the offsets of events that could not be applied and went to dead letters.
    pub(crate) fn take(&mut self, record: Record, given_up: &BTreeSet<i64>) {
        self.events += 1;
        let value = record.value.unwrap_or_default();
        let Ok(event) = homeroom_proto::event::decode(&value) else {
            self.not_understood += 1;
            return;
        };
        if !given_up.contains(&record.offset.0) {
            let student = self.students.entry((event.district, event.student)).or_default();
            student.ledger.apply(event.origin, event.change);
        }
    }
}

/// What differs between the stored student and the one that the log comes to, evaluated at the stored one's dates.
pub(crate) fn difference(
    (district, key): &Key,
    stored: &Student,
    mut expected: Student,
    dates: Option<Now>,
    snapshot: &Snapshot,
) -> Option<&'static str> {
    if stored.ledger != expected.ledger {
        return Some("ledger");
    }
    let reference = snapshot.districts.get(district).filter(|reference| reference.view.has_settings())?;
    if stored.evaluated.is_none() || stored.evaluated < dates {
        return Some("evaluated before the dates in force");
    }
    let moment = Moment {
        district,
        student: *key,
        at: jiff::Timestamp::UNIX_EPOCH,
        caused_at: None,
        district_time: jiff::civil::DateTime::constant(1970, 1, 1, 0, 0, 0, 0),
    };
    let now = stored.evaluated?;
    expected.evaluate::<Change>(reference, snapshot.offset, now, &moment);
    let rows = |student: &Student| {
        student.written.rows.iter().map(|row| (row.school.clone(), row.measures)).collect::<Vec<_>>()
    };
    if rows(stored) != rows(&expected) {
        return Some("measures");
    }
    let kept = kept(stored, &reference.pack);
    if open(stored, &kept) != open(&expected, &kept) {
        return Some("open alerts");
    }
    if (&stored.written.leans_on, stored.waiting) != (&expected.written.leans_on, expected.waiting) {
        return Some("what its facts lean on");
    }
    figure::difference((&stored.ledger, &expected.ledger), &stored.written.rows, reference, now)
}

/// What stays open because another version of its rule told it once: from scratch nobody can know of it.
fn kept(student: &Student, pack: &Pack) -> BTreeSet<(String, EpisodeScope)> {
    let kept = student.episodes.open().filter(|episode| episode.is_kept(pack));
    kept.map(|episode| (episode.told.rule.to_string(), episode.scope)).collect()
}

/// What is open but for what is kept: rule, scope and level. Which facts were told when, and how often, is history and depends on
/// arrival.
fn open(student: &Student, kept: &BTreeSet<(String, EpisodeScope)>) -> BTreeSet<(String, EpisodeScope, i64)> {
    let open = student.episodes.open();
    let open = open.map(|episode| (episode.told.rule.to_string(), episode.scope, episode.told.level));
    open.filter(|(rule, scope, _)| !kept.contains(&(rule.clone(), *scope))).collect()
}
