//! Recomputes every student from the log, in the same pure code, and compares with what is stored.
//!
//! It reads what is committed at one moment: events up to each partition's offset and all reference records. It wants a state
//! that has caught up, since a sweep in the middle would show as differences.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use homeroom_bus::{Log, Offset, Partition, Topic};
use homeroom_domain::episode::{EpisodeScope, Moment};
use homeroom_domain::id::{DistrictId, StudentKey};
use homeroom_pg::{Database, Districts};

use crate::app::{Error, SCHEMA};
use crate::evaluate::Student;
use crate::reference::{self, Snapshot};
use crate::store::load;

/// What was compared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Events read from the log.
    pub events: u64,
    /// Events that could not be understood; they have no effect on either side.
    pub not_understood: u64,
    /// Students compared.
    pub students: u64,
    /// Where the stored state is not what the log comes to; at most [`MAX_DIFFERENCES`].
    pub differences: Vec<Difference>,
}

/// The most differences that are listed.
pub(crate) const MAX_DIFFERENCES: usize = 100;

/// One student whose stored state is not what the log comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The institution.
    pub district: DistrictId,
    /// Pseudonymous key.
    pub student: StudentKey,
    /// What differs: `ledger`, `measures`, `open alerts`, `missing`, `unknown to the log`.
    pub what: &'static str,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: student {}: {}", self.district, self.student, self.what)
    }
}

type Key = (DistrictId, StudentKey);

/// Recomputes and compares. Reads one partition at a time, so memory is bounded by the largest.
pub async fn verify(database: &homeroom_pg::Config, log: Arc<dyn Log>) -> Result<Report, Error> {
    let database = Database::connect(database, &SCHEMA).await?;
    let end = log.end_offsets(Topic::Reference).await?.first().copied().unwrap_or(Offset(0));
    let snapshot = reference::read_until(&*log, end).await?;
    let partitions = positions(&database).await?;
    if let Some((partition, _, reference)) = partitions.iter().find(|(_, _, reference)| *reference < end.0) {
        return Err(Error::Config(format!(
            "partition {partition} has {reference} of {} reference records in force; verify when it has caught up",
            end.0
        )));
    }
    let mut report = Report::default();
    for (partition, next_offset, _) in partitions {
        let recomputed = replay(&*log, partition, next_offset, &mut report).await?;
        compare(&database, &snapshot, partition, recomputed, &mut report).await?;
    }
    Ok(report)
}

async fn positions(database: &Database) -> Result<Vec<(i32, i64, i64)>, homeroom_pg::Error> {
    database
        .run("rules.verify.positions", &Districts::none(), |tx| {
            Box::pin(async move {
                Ok(sqlx::query_as("select partition, next_offset, reference_offset from partition order by partition")
                    .fetch_all(tx)
                    .await?)
            })
        })
        .await
}

/// Ledgers of a partition, folded from the log's beginning.
async fn replay(
    log: &dyn Log,
    partition: i32,
    next_offset: i64,
    report: &mut Report,
) -> Result<BTreeMap<Key, Student>, Error> {
    let mut students: BTreeMap<Key, Student> = BTreeMap::new();
    let mut tail = log.tail(Topic::Events, Partition(partition), Offset(0)).await?;
    let mut at = 0;
    while at < next_offset {
        let records = tail.next(5_000, Duration::from_secs(10)).await?;
        if records.is_empty() {
            return Err(Error::Config(format!(
                "partition {partition} ends at {at}, before the committed offset {next_offset}"
            )));
        }
        for record in records.into_iter().filter(|record| record.offset.0 < next_offset) {
            at = record.offset.0 + 1;
            report.events += 1;
            let value = record.value.unwrap_or_default();
            let Ok(event) = homeroom_proto::event::decode(&value) else {
                report.not_understood += 1;
                continue;
            };
            let student = students.entry((event.district, event.student)).or_default();
            student.ledger.apply(event.origin, event.change);
        }
    }
    Ok(students)
}

async fn compare(
    database: &Database,
    snapshot: &Snapshot,
    partition: i32,
    mut recomputed: BTreeMap<Key, Student>,
    report: &mut Report,
) -> Result<(), Error> {
    let districts: BTreeSet<DistrictId> =
        recomputed.keys().map(|(district, _)| district.clone()).chain(snapshot.districts.keys().cloned()).collect();
    for district in &districts {
        let mut after = Vec::new();
        loop {
            let page = stored(database, district, partition, after.clone()).await?;
            let Some(((_, last), _)) = page.last() else { break };
            after = last.as_bytes().to_vec();
            for (key, student) in page {
                report.students += 1;
                let what = match recomputed.remove(&key) {
                    Some(expected) => difference(&key, &student, expected, snapshot),
                    None => Some("unknown to the log"),
                };
                note(report, key, what);
            }
        }
    }
    for key in recomputed.into_keys() {
        note(report, key, Some("missing"));
    }
    Ok(())
}

fn note(report: &mut Report, (district, student): Key, what: Option<&'static str>) {
    if let Some(what) = what
        && report.differences.len() < MAX_DIFFERENCES
    {
        report.differences.push(Difference { district, student, what });
    }
}

async fn stored(
    database: &Database,
    district: &DistrictId,
    partition: i32,
    after: Vec<u8>,
) -> Result<Vec<(Key, Student)>, homeroom_pg::Error> {
    let name = district.to_string();
    database
        .run("rules.verify.page", &Districts::one(district), move |tx| {
            let (name, after) = (name.clone(), after.clone());
            Box::pin(async move {
                let rows = sqlx::query(
                    "select district, student, ledger, episodes, written, included_offset, evaluated_today, evaluated_as_of, evaluated_reference, waiting
                     from student where partition = $1 and district = $2 and student > $3 order by student limit 500",
                )
                .bind(partition)
                .bind(name)
                .bind(after)
                .fetch_all(tx)
                .await?;
                rows.iter().map(load::read).collect()
            })
        })
        .await
}

/// What differs between the stored student and the one that the log comes to, evaluated at the stored one's dates.
fn difference(
    (district, key): &Key,
    stored: &Student,
    mut expected: Student,
    snapshot: &Snapshot,
) -> Option<&'static str> {
    if stored.ledger != expected.ledger {
        return Some("ledger");
    }
    let (reference, now) = (snapshot.districts.get(district)?, stored.evaluated?);
    let at = jiff::Timestamp::UNIX_EPOCH;
    let moment = Moment {
        district,
        student: *key,
        at,
        caused_at: None,
        district_time: jiff::civil::DateTime::constant(1970, 1, 1, 0, 0, 0, 0),
    };
    expected.evaluate(reference, snapshot.offset, now, &moment);
    let rows = |student: &Student| {
        student.written.rows.iter().map(|row| (row.school.clone(), row.measures)).collect::<Vec<_>>()
    };
    if rows(stored) != rows(&expected) {
        return Some("measures");
    }
    (open(stored) != open(&expected)).then_some("open alerts")
}

/// What is open: rule, scope and level. Which facts were told when, and how often, is history and depends on arrival.
fn open(student: &Student) -> BTreeSet<(String, EpisodeScope, i64)> {
    student.episodes.open().map(|episode| (episode.told.rule.to_string(), episode.scope, episode.told.level)).collect()
}
