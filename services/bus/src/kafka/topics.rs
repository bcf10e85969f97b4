//! Topics as they must be: created so, and checked to be so.

use std::thread;
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, ConfigResource, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::Producer as _;
use tokio::task::spawn_blocking;

use super::client::unavailable;
use super::config::{Clients, OVERHEAD_BYTES};
use super::produce::Producer;
use crate::log::Error;
use crate::topic::Topic;

/// How long the cluster may take to answer.
const ANSWER: Duration = Duration::from_secs(10);
/// How long a created topic may take to be seen.
const SEEN: Duration = Duration::from_secs(10);
/// How long to wait before asking again.
const AGAIN: Duration = Duration::from_millis(20);
/// The shortest time for which events may be kept, in milliseconds: a school year. State is rebuilt from them.
const EVENTS_KEPT_MS: i64 = 366 * 24 * 60 * 60 * 1000;

/// One topic's settings, as created.
#[derive(Debug)]
struct Wanted {
    topic: Topic,
    name: String,
    partitions: i32,
    settings: Vec<(&'static str, String)>,
}

impl Wanted {
    fn new(clients: &Clients, topic: Topic, partitions: i32) -> Self {
        let config = clients.config();
        let in_sync = config.replication.clamp(1, 2);
        let mut settings = vec![
            ("max.message.bytes", (config.max_record_bytes + OVERHEAD_BYTES).to_string()),
            ("min.insync.replicas", in_sync.to_string()),
            ("retention.bytes", "-1".to_owned()),
            // The broker's clock, not the sender's: it refuses what a clock an hour ahead has stamped, and drops too soon what
            // one behind has.
            ("message.timestamp.type", "LogAppendTime".to_owned()),
        ];
        if topic.compacted() {
            settings.extend([
                ("cleanup.policy", "compact".to_owned()),
                // A tombstone erases a name for good within days, and readers have a week to see it.
                ("max.compaction.lag.ms", "86400000".to_owned()),
                ("segment.ms", "86400000".to_owned()),
                ("delete.retention.ms", "604800000".to_owned()),
            ]);
        } else {
            let kept = config.retention_ms(topic).to_string();
            settings.extend([("cleanup.policy", "delete".to_owned()), ("retention.ms", kept)]);
        }
        let name = format!("{}{}", config.topic_prefix, topic.name());
        Self { topic, name, partitions: topic.partitions(partitions), settings }
    }

    fn problem(&self, problem: impl Into<String>) -> Error {
        Error::Topic { topic: self.name.clone(), problem: problem.into() }
    }

    /// What matters of a topic that is there. Operators may choose the rest.
    fn check_settings(&self, found: &ConfigResource) -> Result<(), Error> {
        let value = |name: &str| found.get(name).and_then(|entry| entry.value.clone()).unwrap_or_default();
        let number = |name: &str| value(name).parse::<i64>().unwrap_or_default();
        let cleanup = value("cleanup.policy");
        let wanted = if self.topic.compacted() { "compact" } else { "delete" };
        if cleanup != wanted {
            return Err(self.problem(format!("has cleanup.policy `{cleanup}`, not `{wanted}`")));
        }
        let kept = number("retention.ms");
        if self.topic == Topic::Events && kept != -1 && kept < EVENTS_KEPT_MS {
            return Err(self.problem(format!("keeps records for {kept} ms; a school year at least is needed")));
        }
        if self.topic == Topic::Reference && kept != -1 {
            return Err(self.problem(format!("keeps records for {kept} ms (retention.ms); they are needed for ever")));
        }
        if matches!(self.topic, Topic::Events | Topic::Reference) && number("retention.bytes") != -1 {
            return Err(self.problem("drops records by size (retention.bytes); state could not be rebuilt from it"));
        }
        let (largest, needed) = (number("max.message.bytes"), self.setting("max.message.bytes"));
        if largest < needed {
            return Err(self.problem(format!("takes records of {largest} bytes, not {needed} (max.message.bytes)")));
        }
        Ok(())
    }

    fn setting(&self, name: &str) -> i64 {
        let found = self.settings.iter().find(|(key, _)| *key == name);
        found.and_then(|(_, value)| value.parse().ok()).unwrap_or_default()
    }
}

/// Creates what is missing, then checks everything.
pub(super) async fn create(clients: &Clients, producer: &Producer, partitions: i32) -> Result<(), Error> {
    let wanted = Topic::ALL.map(|topic| Wanted::new(clients, topic, partitions));
    let replication = i32::from(clients.config().replication);
    let new: Vec<_> = wanted
        .iter()
        .map(|topic| {
            let new = NewTopic::new(&topic.name, topic.partitions, TopicReplication::Fixed(replication));
            topic.settings.iter().fold(new, |new, (key, value)| new.set(key, value))
        })
        .collect();
    let admin = admin(clients)?;
    let answers = admin.create_topics(&new, &options()).await;
    for answer in answers.map_err(|error| unavailable(&error))? {
        match answer {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((topic, code)) => return Err(Error::Topic { topic, problem: format!("cannot be created: {code}") }),
        }
    }
    // Brokers hear of a new topic a moment after its creation is acknowledged.
    for topic in &wanted {
        await_seen(producer, topic).await?;
    }
    check_each(&admin, producer, &wanted, true).await
}

/// Fails unless every topic is there and as it must be.
pub(super) async fn check(clients: &Clients, producer: &Producer) -> Result<(), Error> {
    let wanted = Topic::ALL.map(|topic| Wanted::new(clients, topic, 1));
    check_each(&admin(clients)?, producer, &wanted, false).await
}

/// How many partitions a topic has.
pub(super) async fn partitions(producer: &Producer, name: &str) -> Result<i32, Error> {
    let (producer, name) = (producer.clone(), name.to_owned());
    let ask = move || {
        let missing = || Error::Topic { topic: name.clone(), problem: "is not there".to_owned() };
        let metadata = producer.client().fetch_metadata(Some(&name), ANSWER).map_err(|error| unavailable(&error))?;
        let found = metadata.topics().iter().find(|topic| topic.name() == name).ok_or_else(missing)?;
        match found.error().map(RDKafkaErrorCode::from) {
            None if !found.partitions().is_empty() => {
                i32::try_from(found.partitions().len()).map_err(|error| Error::Unavailable(error.to_string()))
            }
            None | Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => Err(missing()),
            Some(code) => Err(Error::Unavailable(code.to_string())),
        }
    };
    spawn_blocking(ask).await.map_err(|error| Error::Unavailable(error.to_string()))?
}

/// The first and the next offset of a partition. Asks again while its leader is being chosen or found.
pub(super) async fn ends(producer: &Producer, name: &str, partition: i32) -> Result<(i64, i64), Error> {
    let (producer, name) = (producer.clone(), name.to_owned());
    let ask = move || {
        let deadline = Instant::now() + ANSWER;
        loop {
            match producer.client().fetch_watermarks(&name, partition, ANSWER) {
                Err(error) if leaderless(&error) && Instant::now() < deadline => thread::sleep(AGAIN),
                answer => return answer.map_err(|error| unavailable(&error)),
            }
        }
    };
    spawn_blocking(ask).await.map_err(|error| Error::Unavailable(error.to_string()))?
}

fn leaderless(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::NotLeaderForPartition
                | RDKafkaErrorCode::LeaderNotAvailable
                | RDKafkaErrorCode::ReplicaNotAvailable
                | RDKafkaErrorCode::FencedLeaderEpoch
                | RDKafkaErrorCode::UnknownLeaderEpoch
                | RDKafkaErrorCode::UnknownTopicOrPartition
                // Said by the library, of a partition that it has not heard of yet.
                | RDKafkaErrorCode::UnknownPartition
        )
    )
}

fn admin(clients: &Clients) -> Result<AdminClient<DefaultClientContext>, Error> {
    clients.plain().create().map_err(|error| unavailable(&error))
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(ANSWER)).operation_timeout(Some(ANSWER))
}

async fn await_seen(producer: &Producer, topic: &Wanted) -> Result<(), Error> {
    let deadline = Instant::now() + SEEN;
    loop {
        match partitions(producer, &topic.name).await {
            Err(Error::Topic { .. }) if Instant::now() < deadline => {
                tokio::time::sleep(AGAIN).await;
            }
            seen => return seen.map(|_| ()),
        }
    }
}

async fn check_each(
    admin: &AdminClient<DefaultClientContext>,
    producer: &Producer,
    wanted: &[Wanted],
    exact: bool,
) -> Result<(), Error> {
    for topic in wanted {
        let found = partitions(producer, &topic.name).await?;
        let matters = exact || topic.topic == Topic::Reference;
        if matters && found != topic.partitions {
            // Never changed in place: the keys' partitions would move.
            return Err(topic.problem(format!("has {found} partitions, not {}", topic.partitions)));
        }
    }
    let resources: Vec<_> = wanted.iter().map(|topic| ResourceSpecifier::Topic(&topic.name)).collect();
    let answers = admin.describe_configs(&resources, &options()).await.map_err(|error| unavailable(&error))?;
    for (topic, answer) in wanted.iter().zip(answers) {
        let found = answer.map_err(|code| topic.problem(format!("cannot be described: {code}")))?;
        topic.check_settings(&found)?;
    }
    Ok(())
}
