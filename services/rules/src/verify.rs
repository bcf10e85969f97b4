//! Recomputes every student from the log, in the same pure code, and compares with what is stored.
//!
//! It reads what is committed: events up to each partition's offset and all reference records. It wants a state that has caught
//! up, since a sweep in the middle, or rows that are still to be written, would show as differences.

pub(crate) mod compare;
mod figure;
mod stored;
mod tally;
mod told;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use homeroom_bus::{Log, Offset, Partition, Topic};
use homeroom_domain::id::{DistrictId, StudentKey};
use homeroom_pg::{Database, Districts};

use crate::app::{Error, SCHEMA};
use crate::reference::{self, Snapshot};
use crate::store::postgres::load;
use compare::Recomputed;

/// What was compared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Events read from the log.
    pub events: u64,
    /// Events that could not be understood; they have no effect on either side.
    pub not_understood: u64,
    /// Students compared.
    pub students: u64,
    /// Where the stored state is not what the log comes to; at most a hundred.
    pub differences: Vec<Difference>,
}

/// The most differences that are listed.
pub(crate) const MAX_DIFFERENCES: usize = 100;

/// A place where the stored state is not what the log comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The institution.
    pub district: DistrictId,
    /// Whose state it is; none of what is kept of the district as a whole.
    pub student: Option<StudentKey>,
    /// What differs, in words: `ledger`, `measures`, `open alerts`, `missing`, `unknown to the log` and the like; or
    /// the name of a measure that is not kept.
    pub what: &'static str,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.student {
            Some(student) => write!(f, "{}: student {student}: {}", self.district, self.what),
            None => write!(f, "{}: {}", self.district, self.what),
        }
    }
}

/// Recomputes and compares. Reads one partition at a time, so memory is bounded by the largest.
pub async fn verify(database: &homeroom_pg::Config, log: Arc<dyn Log>) -> Result<Report, Error> {
    let database = Database::connect(database, &SCHEMA).await?;
    let end = reference::end(&*log).await?;
    let snapshot = reference::read_until(&*log, end).await?;
    let partitions = positions(&database).await?;
    partitions.iter().try_for_each(|position| position.caught_up(end))?;
    let mut report = Report::default();
    for Position { partition, next_offset, .. } in partitions {
        let given_up = load::given_up(&database, partition, 0..next_offset).await?;
        let replayed = Replay { partition, next_offset, given_up };
        let recomputed = replayed.run(&*log).await?;
        report.events += recomputed.events;
        report.not_understood += recomputed.not_understood;
        let told = told::Told::read(&database, &*log, partition).await?;
        compare(&database, &snapshot, partition, recomputed, told, &mut report).await?;
    }
    Ok(report)
}

/// How far a partition is.
struct Position {
    partition: i32,
    next_offset: i64,
    state_offset: i64,
    reference_offset: i64,
}

impl Position {
    fn caught_up(&self, reference_end: Offset) -> Result<(), Error> {
        let Self { partition, next_offset, state_offset, reference_offset } = self;
        let behind = if *reference_offset < reference_end.0 {
            format!("{reference_offset} of {} reference records in force", reference_end.0)
        } else if state_offset < next_offset {
            format!("rows that lack events since {state_offset} of those below {next_offset}")
        } else {
            return Ok(());
        };
        Err(Error::Config(format!("partition {partition} has {behind}; verify when it has caught up")))
    }
}

async fn positions(database: &Database) -> Result<Vec<Position>, homeroom_pg::Error> {
    database
        .run("rules.verify.positions", &Districts::none(), |tx| {
            Box::pin(async move {
                let rows: Vec<(i32, i64, i64, i64)> = sqlx::query_as(
                    "select partition, next_offset, state_offset, reference_offset from partitions order by partition",
                )
                .fetch_all(tx)
                .await?;
                let position = |(partition, next_offset, state_offset, reference_offset)| Position {
                    partition,
                    next_offset,
                    state_offset,
                    reference_offset,
                };
                Ok(rows.into_iter().map(position).collect())
            })
        })
        .await
}

/// What of a partition's log the state includes.
struct Replay {
    partition: i32,
    next_offset: i64,
    /// Events that could not be applied and went to dead letters.
    given_up: BTreeSet<i64>,
}

impl Replay {
    /// Ledgers of the partition, folded from the log's beginning.
    async fn run(&self, log: &dyn Log) -> Result<Recomputed, Error> {
        let (partition, next_offset) = (self.partition, self.next_offset);
        let mut recomputed = Recomputed::default();
        let mut tail = log.tail(Topic::Events, Partition(partition), Offset(0)).await?;
        let mut at = 0;
        while at < next_offset {
            let records = tail.next(5_000, Duration::from_secs(10)).await?;
            let Some(last) = records.last() else {
                return Err(Error::Config(format!(
                    "partition {partition} ends at {at}, before the committed offset {next_offset}"
                )));
            };
            at = last.offset.0 + 1;
            for record in records.into_iter().filter(|record| record.offset.0 < next_offset) {
                recomputed.take(record, &self.given_up);
            }
        }
        Ok(recomputed)
    }
}

async fn compare(
    database: &Database,
    snapshot: &Snapshot,
    partition: i32,
    recomputed: Recomputed,
    told: Option<told::Told>,
    report: &mut Report,
) -> Result<(), Error> {
    let mut recomputed = recomputed.students;
    let districts: BTreeSet<DistrictId> =
        recomputed.keys().map(|(district, _)| district.clone()).chain(snapshot.districts.keys().cloned()).collect();
    for district in &districts {
        let dates = load::district_date(database, district, partition).await?;
        let (mut tallies, mut episodes) = (tally::Tallies::default(), Vec::new());
        let known = report.differences.len();
        let mut after = Vec::new();
        loop {
            let page = stored::page(database, district, partition, after.clone()).await?;
            let Some(last) = page.last() else { break };
            after = last.key.1.as_bytes().to_vec();
            for stored in page {
                report.students += 1;
                tallies.count(&stored.student);
                episodes.push((stored.key.1, stored.student.episodes.clone()));
                let what = match recomputed.remove(&stored.key) {
                    Some(expected) => compare::difference(&stored.key, &stored.student, expected, dates, snapshot)
                        .or_else(|| stored.beside()),
                    None => Some("unknown to the log"),
                };
                note(report, stored.key.0, Some(stored.key.1), what);
            }
        }
        note(report, district.clone(), None, tallies.difference(&tally::stored(database, district, partition).await?));
        // Of rows that are not what they should be, what was told differs too, and that says nothing new.
        let told = told.as_ref().filter(|_| report.differences.len() == known);
        for promise in told.into_iter().flat_map(|told| told.broken(district, &episodes)) {
            note(report, district.clone(), None, Some(promise.broken()));
        }
    }
    for (district, student) in recomputed.into_keys() {
        note(report, district, Some(student), Some("missing"));
    }
    Ok(())
}

fn note(report: &mut Report, district: DistrictId, student: Option<StudentKey>, what: Option<&'static str>) {
    if let Some(what) = what
        && report.differences.len() < MAX_DIFFERENCES
    {
        report.differences.push(Difference { district, student, what });
    }
}
