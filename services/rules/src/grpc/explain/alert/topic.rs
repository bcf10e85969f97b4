//! What the topic of alerts holds of one alert, and of its student before it.

use homeroom_bus::{Log, Offset, Partition, Record, Topic};
use homeroom_domain::id::{AlertId, DistrictId, StudentKey};
use homeroom_proto::alert::{Told, decode_told};
use homeroom_proto::wire::alert as wire;
use prost::Message as _;
use tonic::Status;

use super::super::changes::{BATCH, SILENCE, silent};

/// The most changes of one student that are held: some years have hundreds.
const MOST_TOLD: usize = 10_000;

/// A change and its place.
pub(super) struct Listed {
    pub(super) told: Told,
    /// As it is shown.
    pub(super) wire: wire::AlertChange,
    pub(super) partition: Partition,
    pub(super) offset: i64,
}

/// The alert's student, and all that was told of them, in order and each once.
pub(super) struct Found {
    pub(super) student: StudentKey,
    pub(super) told: Vec<Listed>,
}

/// Looks for an alert, in one partition after the other.
pub(super) async fn find(log: &dyn Log, district: &DistrictId, id: AlertId) -> Result<Option<Found>, Status> {
    let partitions = log.partitions(Topic::Alerts).await.map_err(|error| silent(&error))?;
    let prefix = format!("{district}/");
    for partition in (0..).map(Partition).take(usize::try_from(partitions).unwrap_or(0)) {
        let mut student = None;
        let is_done = |record: &Record| {
            if record.key.starts_with(prefix.as_bytes()) {
                student = told(record).filter(|told| told.change.alert_id == id).map(|told| told.change.student);
            }
            student.is_some()
        };
        each(log, partition, is_done).await?;
        if let Some(student) = student {
            let told = of_student(log, partition, district, student).await?;
            return Ok(Some(Found { student, told }));
        }
    }
    Ok(None)
}

async fn of_student(
    log: &dyn Log,
    partition: Partition,
    district: &DistrictId,
    student: StudentKey,
) -> Result<Vec<Listed>, Status> {
    let key = homeroom_proto::key::alerts(district, &student);
    let mut listed: Vec<Listed> = Vec::new();
    let take = |record: &Record| {
        let told = if record.key == key { told(record) } else { None };
        if let Some(told) = told {
            let (alert, number) = (told.change.alert_id, told.change.number);
            let same = |known: &&Listed| known.told.change.alert_id == alert;
            // A publisher that was not sure has said it twice.
            let known = listed.iter().rev().find(same).is_some_and(|known| known.told.change.number >= number);
            if !known {
                listed.push(Listed { told, wire: shown(record), partition, offset: record.offset.0 });
            }
        }
        listed.len() > MOST_TOLD
    };
    each(log, partition, take).await?;
    if listed.len() > MOST_TOLD {
        return Err(Status::failed_precondition(format!("more than {MOST_TOLD} changes were told of the student")));
    }
    Ok(listed)
}

/// What cannot be read was never told: readers of the feed have it as a dead letter.
fn told(record: &Record) -> Option<Told> {
    decode_told(record.value.as_deref().unwrap_or_default()).ok()
}

/// As it is shown: without what only the rules service can use.
fn shown(record: &Record) -> wire::AlertChange {
    let wire = wire::AlertChange::decode(record.value.as_deref().unwrap_or_default()).unwrap_or_default();
    wire::AlertChange { basis: None, ..wire }
}

/// Takes each record of a partition up to its end of now, until one says that it is enough.
async fn each(log: &dyn Log, partition: Partition, mut take: impl FnMut(&Record) -> bool + Send) -> Result<(), Status> {
    let end = log.end_offset(Topic::Alerts, partition).await.map_err(|error| silent(&error))?.0;
    if end == 0 {
        return Ok(());
    }
    let mut tail = log.tail(Topic::Alerts, partition, Offset(0)).await.map_err(|error| silent(&error))?;
    let mut at = 0;
    while at < end {
        let records = tail.next(BATCH, SILENCE).await.map_err(|error| silent(&error))?;
        // All that is left has expired.
        let Some(last) = records.last() else { return Ok(()) };
        at = last.offset.0 + 1;
        if records.iter().any(&mut take) {
            return Ok(());
        }
        // A log in memory never waits, and others on this thread do.
        tokio::task::yield_now().await;
    }
    Ok(())
}
