//! The reference topic as it was at an earlier moment, and what has changed in it since, for one district.

use std::collections::BTreeMap;

use homeroom_bus::{Error, Log, Offset, Partition, Record, Topic};
use homeroom_domain::event::Change;
use homeroom_domain::id::{DistrictId, RecordKey, SourceId};
use homeroom_domain::reference::{Entry, ReferenceChange};
use homeroom_domain::settings::Clock;
use homeroom_domain::view::{Records, View};
use jiff::Timestamp;

use super::{BATCH, MOST_SILENT, SILENCE, decode};

/// One district's words on its reference records, in the order of the topic. A district's are some hundred thousand a year.
pub(crate) struct Words(Vec<ReferenceChange>);

/// A record that says something else than it did.
pub(crate) struct Changed {
    pub(crate) before: Option<Entry>,
    /// Its last word.
    pub(crate) now: ReferenceChange,
}

/// Reads a district's words up to an offset of the topic.
pub(crate) async fn read(log: &dyn Log, district: &DistrictId, end: Offset) -> Result<Words, Error> {
    let mut words = Words(Vec::new());
    let mut tail = log.tail(Topic::Reference, Partition(0), Offset(0)).await?;
    let (mut at, mut silent) = (0, 0);
    while at < end.0 {
        let records = tail.next(BATCH, SILENCE).await?;
        silent = if records.is_empty() { silent + 1 } else { 0 };
        if silent == MOST_SILENT {
            let problem = format!("the reference topic gives nothing between {at} and its end {}", end.0);
            return Err(Error::Unavailable(problem));
        }
        at = records.last().map_or(at, |record| record.offset.0 + 1);
        words.take(district, records.into_iter().filter(|record| record.offset < end));
        // Others on this thread wait while a long topic is decoded.
        tokio::task::yield_now().await;
    }
    Ok(words)
}

impl Words {
    fn take(&mut self, district: &DistrictId, records: impl Iterator<Item = Record>) {
        for record in records {
            let value = record.value.unwrap_or_default();
            // What is not sound has no effect, here as for the state.
            if let Ok((change, _)) = decode(&value)
                && change.district == *district
            {
                self.0.push(change);
            }
        }
    }

    /// The words on the district's clock, and from when each was in force.
    pub(crate) fn clocks(&self) -> Vec<(Timestamp, Clock)> {
        let settings = self.0.iter().filter_map(|word| match &word.change {
            Change::Recorded(Entry::Settings(settings)) => Some((word.received_at, settings.clock.clone())),
            _ => None,
        });
        settings.collect()
    }

    /// The view of a moment.
    pub(crate) fn view_at(&self, moment: Timestamp) -> View {
        let mut records = Records::default();
        for word in self.0.iter().filter(|word| word.received_at <= moment) {
            records.apply(word.origin.clone(), word.change.clone());
        }
        records.view()
    }

    /// Records that say something else than at a moment, in the order of the topic.
    pub(crate) fn changes_since(&self, moment: Timestamp) -> Vec<Changed> {
        let (mut then, mut now) = (BTreeMap::new(), BTreeMap::new());
        for (at, word) in self.0.iter().enumerate() {
            note(&mut now, at, word);
            if word.received_at <= moment {
                note(&mut then, at, word);
            }
        }
        let said = |at: usize| match &self.0[at].change {
            Change::Recorded(entry) => Some(entry),
            Change::Withdrawn => None,
        };
        let mut changed: Vec<(usize, Option<&Entry>)> = Vec::new();
        for (record, (_, at)) in &now {
            let before = then.get(record).and_then(|(_, at)| said(*at));
            if before != said(*at) {
                changed.push((*at, before));
            }
        }
        changed.sort_unstable_by_key(|(at, _)| *at);
        let owned =
            |(at, before): (usize, Option<&Entry>)| Changed { before: before.cloned(), now: self.0[at].clone() };
        changed.into_iter().map(owned).collect()
    }
}

/// The highest revision so far, and its place; of equals the later.
type Last = BTreeMap<(SourceId, RecordKey), (u64, usize)>;

fn note(last: &mut Last, at: usize, word: &ReferenceChange) {
    let revision = word.origin.revision.0;
    let known = last.entry((word.origin.source.clone(), word.origin.key)).or_insert((revision, at));
    if known.0 <= revision {
        *known = (revision, at);
    }
}
