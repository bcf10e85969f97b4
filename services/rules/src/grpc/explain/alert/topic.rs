//! What the topic of alerts holds of one alert, and of its student before it.

use std::collections::HashMap;

use homeroom_bus::partitioner::partition_of;
use homeroom_bus::{Contents, Log, Partition, Record, Topic};
use homeroom_domain::id::{AlertId, DistrictId, StudentKey};
use homeroom_proto::alert::{Told, decode_told};
use homeroom_proto::wire::alert as wire;
use prost::Message as _;
use tonic::Status;
use uuid::Uuid;

use super::super::changes::{BATCH, silent};

/// The most changes of one student that are held: some years have hundreds.
const MOST_TOLD: usize = 10_000;

/// The most records that are looked through for an alert of which nobody says whose it is: some seconds of reading.
const MOST_LOOKED_THROUGH: usize = 2_000_000;

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

/// Looks for an alert: in the partition of its student, or for its student first.
pub(super) async fn find(
    log: &dyn Log,
    district: &DistrictId,
    id: AlertId,
    student: Option<StudentKey>,
) -> Result<Option<Found>, Status> {
    let partitions = log.partitions(Topic::Alerts).await.map_err(|error| silent(&error))?;
    let student = match student {
        Some(student) => student,
        None => match whose(log, partitions, (district, id), MOST_LOOKED_THROUGH).await? {
            Some(student) => student,
            None => return Ok(None),
        },
    };
    let told = of_student(log, partitions, district, student).await?;
    let is_theirs = told.iter().any(|listed| listed.told.change.alert_id == id);
    Ok(is_theirs.then_some(Found { student, told }))
}

/// Whose alert it is, from one partition after the other, of which so many records are looked through.
async fn whose(
    log: &dyn Log,
    partitions: i32,
    (district, id): (&DistrictId, AlertId),
    most: usize,
) -> Result<Option<StudentKey>, Status> {
    let (prefix, text) = (format!("{district}/"), Uuid::from_bytes(*id.as_bytes()).to_string());
    let (mut student, mut looked) = (None, 0_usize);
    for partition in (0..).map(Partition).take(usize::try_from(partitions).unwrap_or(0)) {
        let is_done = |record: &Record| {
            looked += 1;
            // Few are worth being decoded.
            if record.key.starts_with(prefix.as_bytes()) && holds(record, text.as_bytes()) {
                student = told(record).filter(|told| told.change.alert_id == id).map(|told| told.change.student);
            }
            student.is_some() || looked > most
        };
        each(log, partition, is_done).await?;
        if student.is_some() {
            return Ok(student);
        }
        if looked > most {
            let why = "the topic of alerts is too long to be looked through: say whose alert it is, in `student`";
            return Err(Status::failed_precondition(why));
        }
    }
    Ok(None)
}

fn holds(record: &Record, text: &[u8]) -> bool {
    record.value.as_deref().is_some_and(|value| value.windows(text.len()).any(|part| part == text))
}

async fn of_student(
    log: &dyn Log,
    partitions: i32,
    district: &DistrictId,
    student: StudentKey,
) -> Result<Vec<Listed>, Status> {
    let key = homeroom_proto::key::alerts(district, &student);
    let partition = partition_of(&key, partitions);
    // The last of each alert.
    let mut numbers: HashMap<AlertId, u32> = HashMap::new();
    let mut listed: Vec<Listed> = Vec::new();
    let take = |record: &Record| {
        let told = if record.key == key { told(record) } else { None };
        if let Some(told) = told {
            let (alert, number) = (told.change.alert_id, told.change.number);
            // A publisher that was not sure has said it twice.
            if numbers.get(&alert).is_none_or(|known| *known < number) {
                numbers.insert(alert, number);
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
    let mut kept = Contents::open(log, Topic::Alerts, partition).await.map_err(|error| silent(&error))?;
    while let Some(records) = kept.next(BATCH).await.map_err(|error| silent(&error))? {
        if records.iter().any(&mut take) {
            return Ok(());
        }
        // A log in memory never waits, and others on this thread do.
        tokio::task::yield_now().await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use homeroom_bus::NewRecord;
    use homeroom_bus::memory::MemoryLog;
    use tonic::Code;

    use super::*;

    #[tokio::test]
    async fn no_more_is_looked_through_for_an_alert_than_is_allowed() {
        let log = MemoryLog::default();
        log.create_topics(2).await.expect("topics");
        let record = |key: usize| NewRecord { key: format!("north/{key}").into(), value: None, headers: Vec::new() };
        for appended in log.append(Topic::Alerts, (0..20).map(record).collect()).await {
            appended.expect("it is kept");
        }
        let district = DistrictId::parse("north").expect("an id");
        let of = |most| whose(&log, 2, (&district, AlertId::new([7; 16])), most);
        assert!(matches!(of(20).await, Ok(None)), "all of them were looked at, and none is of it");
        let refused = of(19).await.expect_err("it was looked for beyond the limit");
        assert_eq!(refused.code(), Code::FailedPrecondition);
        assert!(refused.message().contains("say whose alert it is"), "{}", refused.message());
    }
}
