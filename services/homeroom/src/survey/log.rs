//! The log: whether it answers, how far it reaches, from whom it has heard, and since when something waits in it.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use homeroom_bus::{Error, Log, Offset, Partition, Record, Topic};
use homeroom_domain::id::{DistrictId, SourceId};
use homeroom_proto::{event, reference};
use jiff::Timestamp;
use tokio::time::{Instant, timeout_at};

use super::{Asked, Failure, Sender, refusal, within};
use crate::process::{ConfigArgs, log};

/// How many of the newest records of each partition are looked at for who sent them.
pub(super) const NEWEST: i64 = 500;
/// How long it may take until records have been looked at, from the first question on: less than [`super::PATIENCE`], so that a log
/// that answers slowly is not said to be away.
const RECORDS_BY: Duration = Duration::from_secs(12);
/// How long a partition's next record may take, when there is one.
const RECORD: Duration = Duration::from_secs(5);
/// How many partitions are read at the same time.
const AT_ONCE: usize = 4;
/// At most so many partitions are read: of more, the others go unseen.
const MOST_PARTITIONS: usize = 64;

/// How far each partition of a topic reaches, or why that is not known.
pub(crate) type Ends = BTreeMap<Topic, Result<Vec<Offset>, String>>;

/// What the log says.
#[derive(Debug, Clone)]
pub(crate) struct LogFacts {
    /// What it is.
    pub(crate) kind: &'static str,
    /// What is wrong with its topics.
    pub(crate) topics: Result<(), String>,
    /// How far it reaches.
    pub(crate) ends: Ends,
    /// When each sender was last heard from, among the newest records.
    pub(crate) heard: BTreeMap<Sender, Timestamp>,
    /// Whether every record was looked at for its sender; if not, a sender may have been heard later than `heard` says.
    pub(crate) heard_all: bool,
    /// Since when the first event has waited that was not counted yet; none also when that could not be found out.
    pub(crate) waiting_since: Option<Timestamp>,
}

/// When each sender was last heard from, and whether every record was looked at for that.
type HeardFrom = (BTreeMap<Sender, Timestamp>, bool);

/// A record's sender, and when it came.
type Heard = (Sender, Timestamp);

/// Asks the log, when the configuration says which it is.
pub(super) async fn look(
    config: &ConfigArgs,
    rules: Option<&homeroom_rules::Survey>,
    notification: Option<&homeroom_notification::Survey>,
) -> Asked<LogFacts> {
    let config = match log::Config::load(config) {
        Ok(config) => config,
        Err(error) => return Asked::Failed(Failure::Config(error.to_string())),
    };
    if !config.is_kafka() && !config.names_database() && rules.is_none() && notification.is_none() {
        return Asked::NotConfigured("this configuration names no log".to_owned());
    }
    within(async {
        let log = config.open().await.map_err(|error| Failure::Away(format!("{error:#}")))?;
        facts(&*log, config.name(), rules).await
    })
    .await
}

async fn facts(log: &dyn Log, kind: &'static str, rules: Option<&homeroom_rules::Survey>) -> Result<LogFacts, Failure> {
    let by = Instant::now() + RECORDS_BY;
    let mut ends = Ends::new();
    for topic in Topic::ALL {
        match log.end_offsets(topic).await {
            // A topic that is missing, or that this user may not see, is one thing; a log that is away would be asked in vain.
            Err(Error::Unavailable(problem)) if ends.is_empty() => return Err(Failure::Away(problem)),
            answer => ends.insert(topic, answer.map_err(|error| refusal(&error).to_string())),
        };
    }
    let topics = log.check_topics().await.map_err(|error| refusal(&error).to_string());
    let waiting_since = async {
        let rules = rules?;
        timeout_at(by, waiting_since(log, &ends, rules)).await.ok().flatten()
    };
    let (waiting_since, (heard, heard_all)) = tokio::join!(waiting_since, heard(log, &ends, by));
    Ok(LogFacts { kind, topics, ends, heard, heard_all, waiting_since })
}

/// When each sender was last heard from, as far as that can be seen by this moment.
async fn heard(log: &dyn Log, ends: &Ends, by: Instant) -> HeardFrom {
    let topics = [Topic::Events, Topic::Reference];
    let mut all = topics.iter().all(|topic| ends.get(topic).is_some_and(Result::is_ok));
    let places = topics.into_iter().flat_map(|topic| {
        let ends = ends.get(&topic).and_then(|ends| ends.as_ref().ok()).into_iter().flatten();
        (0_i32..).zip(ends).map(move |(partition, end)| (topic, Partition(partition), *end))
    });
    let places: Vec<_> = places.collect();
    all &= places.len() <= MOST_PARTITIONS;
    let reads = places.into_iter().take(MOST_PARTITIONS).map(|(topic, partition, end)| async move {
        let from = Offset((end.0 - NEWEST).max(0));
        // That a partition cannot be read is told where topics are checked.
        let records = read(log, topic, partition, from, end).await.unwrap_or_default();
        let whole = end.0 == 0 || (from.0 == 0 && reaches(&records, end));
        (records.iter().filter_map(|record| sender(topic, record)).collect::<Vec<Heard>>(), whole)
    });
    let mut newest = BTreeMap::new();
    let mut reads = stream::iter(reads).buffer_unordered(AT_ONCE);
    loop {
        match timeout_at(by, reads.next()).await {
            Err(_) => return (newest, false),
            Ok(None) => return (newest, all),
            Ok(Some((heard, whole))) => {
                all &= whole;
                for (sender, at) in heard {
                    newest.entry(sender).and_modify(|last: &mut Timestamp| *last = at.max(*last)).or_insert(at);
                }
            }
        }
    }
}

/// Whether these are all up to this end.
fn reaches(records: &[Record], end: Offset) -> bool {
    records.last().is_some_and(|last| last.offset.0 + 1 >= end.0)
}

/// The records from one offset to another; fewer when the log gives no more.
async fn read(
    log: &dyn Log,
    topic: Topic,
    partition: Partition,
    from: Offset,
    end: Offset,
) -> Result<Vec<Record>, Error> {
    let mut records = Vec::new();
    if from >= end {
        return Ok(records);
    }
    let mut tail = log.tail(topic, partition, from).await?;
    while !reaches(&records, end) {
        let batch = tail.next(500, RECORD).await?;
        if batch.is_empty() {
            break;
        }
        records.extend(batch);
    }
    Ok(records)
}

fn sender(topic: Topic, record: &Record) -> Option<Heard> {
    let value = record.value.as_ref()?;
    let of = |district: DistrictId, source: SourceId, at| Some((Sender { district, source }, at));
    match topic {
        Topic::Events => {
            let event = event::decode(value).ok()?;
            of(event.district, event.origin.source, event.received_at)
        }
        Topic::Reference => {
            let change = reference::decode(value).ok()?;
            of(change.district, change.origin.source, change.received_at)
        }
        _ => None,
    }
}

/// Since when the first event has waited that was not counted yet.
async fn waiting_since(log: &dyn Log, ends: &Ends, rules: &homeroom_rules::Survey) -> Option<Timestamp> {
    let ends = ends.get(&Topic::Events)?.as_ref().ok()?;
    let behind = rules.partitions.iter().filter_map(|partition| {
        let end = ends.get(usize::try_from(partition.partition).ok()?)?;
        (partition.next_offset < end.0).then_some((Partition(partition.partition), Offset(partition.next_offset)))
    });
    let reads = behind.take(MOST_PARTITIONS).map(|(partition, from)| async move {
        let first = read(log, Topic::Events, partition, from, Offset(from.0 + 1)).await.ok()?;
        first.first().and_then(|record| sender(Topic::Events, record)).map(|(_, at)| at)
    });
    let firsts: Vec<_> = stream::iter(reads).buffer_unordered(AT_ONCE).collect().await;
    firsts.into_iter().flatten().min()
}
