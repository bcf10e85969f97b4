//! What was published of a district's alerts, against itself and against what is stored of them.

use std::collections::BTreeSet;

use homeroom_bus::{Contents, Log, Offset, Partition, Topic};
use homeroom_domain::alert::AlertChange;
use homeroom_domain::episode::Episodes;
use homeroom_domain::id::{DistrictId, StudentKey};
use homeroom_invariant::{Beginning, Change, Findings, History, Promise, open};
use homeroom_pg::Database;

use crate::app::Error;
use crate::store::postgres::outbox;

/// Changes of alerts of one partition: those on the topic, and those that are still to be published.
pub(super) struct Told {
    changes: Vec<Change>,
    beginning: Beginning,
}

/// The most changes that may wait to be published; a publisher lags by no more.
const MOST_UNPUBLISHED: i64 = 1_000_000;

impl Told {
    /// Reads them. None when alerts lie in other partitions than the events that caused them.
    pub(super) async fn read(database: &Database, log: &dyn Log, partition: i32) -> Result<Option<Self>, Error> {
        if log.partitions(Topic::Alerts).await? != log.partitions(Topic::Events).await? {
            return Ok(None);
        }
        // The outbox first: what is published meanwhile is then in both, which a history bears, and not in neither.
        let rows = outbox::list(database, partition, Topic::Alerts, 0..i64::MAX, MOST_UNPUBLISHED).await?;
        let mut kept = Contents::open(log, Topic::Alerts, Partition(partition)).await?;
        let beginning = if kept.begins_at() > Offset(0) { Beginning::Cut } else { Beginning::Whole };
        let mut told = Self { changes: Vec::new(), beginning };
        while let Some(records) = kept.next(5_000).await? {
            let values = records.iter().map(|record| record.value.as_deref().unwrap_or_default());
            told.changes.extend(values.filter_map(change));
        }
        told.changes.extend(rows.iter().filter_map(|(_, row)| change(&row.value)));
        Ok(Some(told))
    }

    /// Which promises do not hold for a district.
    pub(super) fn broken(&self, district: &DistrictId, stored: &[(StudentKey, Episodes)]) -> BTreeSet<Promise> {
        let mut findings = Findings::default();
        let of_district = self.changes.iter().filter(|change| change.district == *district).cloned();
        let history = History::of_topic(of_district, self.beginning, &mut findings);
        let stored = stored.iter().map(|(student, episodes)| (district, *student, episodes));
        open::check_stored(&history, stored, &mut findings);
        for violation in findings.iter() {
            tracing::error!(%violation, "a promise about alerts does not hold");
        }
        findings.iter().map(|violation| violation.promise).collect()
    }
}

/// A change that can be read; the feed's readers have the others as dead letters.
fn change(value: &[u8]) -> Option<Change> {
    let change: AlertChange = homeroom_proto::alert::decode(value).ok()?;
    Some(Change::from(&change))
}

#[cfg(test)]
mod tests {
    use homeroom_domain::alert::ChangeKind;
    use homeroom_domain::id::{AlertId, RuleId, SchoolId};
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn an_alert_that_was_told_and_is_not_stored_is_found() {
        let district = DistrictId::parse("d").unwrap();
        let opened = Change {
            alert: AlertId::new([1; 16]),
            number: 1,
            kind: ChangeKind::Opened,
            district: district.clone(),
            student: StudentKey::new([7; 16]),
            school: SchoolId::parse("1").unwrap(),
            rule: RuleId::parse("r").unwrap(),
            level: 1,
            changed_at: Timestamp::UNIX_EPOCH,
        };
        let recalled = Change { number: 2, kind: ChangeKind::Recalled, ..opened.clone() };
        let broken = |changes: &[Change]| {
            let told = Told { changes: changes.to_vec(), beginning: Beginning::Whole };
            told.broken(&district, &[]).into_iter().collect::<Vec<_>>()
        };
        assert_eq!(broken(std::slice::from_ref(&opened)), [Promise::StoredAsTold]);
        assert_eq!(broken(&[opened, recalled.clone()]), []);
        assert_eq!(broken(&[recalled]), [Promise::Numbers]);
    }
}
