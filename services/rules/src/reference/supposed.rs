//! A district's reference data as it is, and as it would be with other settings, rules or calculators.

use homeroom_bus::{Error, Log};
use homeroom_domain::event::Change;
use homeroom_domain::id::DistrictId;
use homeroom_domain::reference::Entry;

use super::{District, Reader, Unseen, end};

/// Both, at one offset of the topic.
pub(crate) struct Supposed {
    /// As it is.
    pub before: District,
    /// As it would be.
    pub after: District,
    /// The offset after the last record of the topic.
    pub offset: i64,
}

/// Reads the topic to its end and puts an entry in force, in memory only; none of a district of which the topic says nothing. Takes
/// as much memory as the district's records do, for as long as it reads.
pub(crate) async fn suppose(log: &dyn Log, district: &DistrictId, entry: Entry) -> Result<Option<Supposed>, Error> {
    let end = end(log).await?;
    let mut reader = Reader { only: Some(district.clone()), ..Reader::default() };
    reader.read_until(log, end).await?;
    let Some(before) = reader.snapshot().districts.get(district).cloned() else { return Ok(None) };
    if let Some(source) = reader.districts.get_mut(district) {
        let old = source.records.suppose(entry.clone());
        source.unseen.push(Unseen { offset: end.0, old, new: Change::Recorded(entry) });
    }
    let after = reader.snapshot().districts.get(district).cloned();
    Ok(after.map(|after| Supposed { before, after, offset: end.0 }))
}
