//! What the directory says of a student who is another one.
//!
//! Names stay under the key that they were sent for, with the student that this one is: whoever shows people shows that one alone,
//! and a split needs no name that nobody has any more.

use std::time::Duration;

use homeroom_bus::partitioner::partition_of;
use homeroom_bus::{Log, NewRecord, Offset, Topic, log};
use homeroom_domain::id::{DistrictId, StudentKey};
use homeroom_proto::directory::{self, StudentProfile};
use homeroom_proto::key;

use super::mover;

/// How often what a door wrote in between is looked at before it is left to the next look.
const ATTEMPTS: usize = 3;

/// How long the partition's next record may take, when there is one: what is compacted may have no last record.
const PATIENCE: Duration = Duration::from_secs(2);

/// Has the directory say of a student who it is. The last word stays, a name erased stays so.
pub(super) async fn mark(
    log: &dyn Log,
    district: &DistrictId,
    student: StudentKey,
    same_as: Option<StudentKey>,
) -> Result<(), log::Error> {
    for _ in 0..ATTEMPTS {
        let Some(profile) = find(log, district, student).await? else { return Ok(()) };
        if profile.same_as == same_as {
            return Ok(());
        }
        let value = Some(directory::encode(&StudentProfile { same_as, ..profile }));
        let record = NewRecord { key: key::directory(district, &student), value, headers: Vec::new() };
        log.append(Topic::Directory, vec![record]).await.into_iter().collect::<Result<Vec<_>, _>>()?;
    }
    Ok(())
}

/// The last word of a student's name; none when there is none, or it was erased.
async fn find(log: &dyn Log, district: &DistrictId, student: StudentKey) -> Result<Option<StudentProfile>, log::Error> {
    let key = key::directory(district, &student);
    let partition = partition_of(&key, log.partitions(Topic::Directory).await?);
    let end = log.end_offset(Topic::Directory, partition).await?;
    let mut tail = log.tail(Topic::Directory, partition, Offset(0)).await?;
    let (mut at, mut last) = (0, None);
    while at < end.0 {
        let records = tail.next(mover::READ_RECORDS, PATIENCE).await?;
        let Some(newest) = records.last() else { break };
        at = newest.offset.0 + 1;
        for record in records.into_iter().filter(|record| record.key == key) {
            last = record.value;
        }
    }
    Ok(last.and_then(|value| directory::decode(&value).ok()))
}
