//! What all clients share: where the library's own words go, and how its errors become ours.

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};

use bytes::Bytes;

use crate::log::{Error, Record, begins};
use crate::topic::{Offset, Partition, Topic};

/// Sends the library's log lines to ours. They name brokers, topics and groups, never what a record holds.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Words;

impl ClientContext for Words {
    fn log(&self, level: RDKafkaLogLevel, fac: &str, log_message: &str) {
        log(level, fac, log_message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        log_error(&error, reason);
    }
}

pub(super) fn log(level: RDKafkaLogLevel, facility: &str, message: &str) {
    match level {
        RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical | RDKafkaLogLevel::Error => {
            tracing::warn!(target: "librdkafka", facility, "{message}");
        }
        RDKafkaLogLevel::Warning | RDKafkaLogLevel::Notice => {
            tracing::info!(target: "librdkafka", facility, "{message}");
        }
        RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug => tracing::debug!(target: "librdkafka", facility, "{message}"),
    }
}

pub(super) fn log_error(error: &KafkaError, reason: &str) {
    tracing::warn!(target: "librdkafka", %error, "{reason}");
}

/// An error that says nothing about one record or topic.
pub(super) fn unavailable(error: &KafkaError) -> Error {
    Error::Unavailable(error.to_string())
}

/// What a consumer's error means for it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The library goes on by itself; it has said so in the log.
    Passing,
    /// The offset asked for is not in the log.
    OutOfRange,
    /// The topic is not there.
    NoTopic,
    /// The member's name in the group is another's now: nothing more will come, but to another consumer it may.
    Replaced,
    /// Nothing more will come.
    Over,
}

pub(super) fn judge(error: &KafkaError) -> Verdict {
    if error.rdkafka_error_code() == Some(RDKafkaErrorCode::FencedInstanceId) {
        return Verdict::Replaced;
    }
    if matches!(error, KafkaError::MessageConsumptionFatal(_)) {
        return Verdict::Over;
    }
    match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange) => Verdict::OutOfRange,
        Some(
            RDKafkaErrorCode::UnknownTopicOrPartition
            | RDKafkaErrorCode::UnknownTopic
            | RDKafkaErrorCode::UnknownPartition
            | RDKafkaErrorCode::UnknownTopicId,
        ) => Verdict::NoTopic,
        // Exceeding the poll interval is otherwise only a line in the log, and the member goes quiet.
        Some(
            RDKafkaErrorCode::PollExceeded
            | RDKafkaErrorCode::Fatal
            | RDKafkaErrorCode::Authentication
            | RDKafkaErrorCode::TopicAuthorizationFailed
            | RDKafkaErrorCode::GroupAuthorizationFailed
            | RDKafkaErrorCode::InconsistentGroupProtocol
            | RDKafkaErrorCode::InvalidSessionTimeout
            | RDKafkaErrorCode::UnsupportedSASLMechanism
            | RDKafkaErrorCode::SaslAuthenticationFailed,
        ) => Verdict::Over,
        _ => Verdict::Passing,
    }
}

/// Where a consumer is to start. The first record kept is for the cluster to find: it may move while we ask.
pub(super) fn start(topic: Topic, from: Offset) -> rdkafka::Offset {
    if begins(topic, from) { rdkafka::Offset::Beginning } else { rdkafka::Offset::Offset(from.0) }
}

/// Copies a record out of the library's memory, at once: a borrowed one holds its whole fetch buffer.
pub(super) fn copy(message: &BorrowedMessage<'_>) -> Record {
    let headers = message.headers().map(|headers| {
        let pair = |header: rdkafka::message::Header<'_, &[u8]>| {
            (header.key.to_owned(), Bytes::copy_from_slice(header.value.unwrap_or_default()))
        };
        headers.iter().map(pair).collect()
    });
    Record {
        partition: Partition(message.partition()),
        offset: Offset(message.offset()),
        key: Bytes::copy_from_slice(message.key().unwrap_or_default()),
        value: message.payload().map(Bytes::copy_from_slice),
        headers: headers.unwrap_or_default(),
    }
}

/// About how much memory a record takes, in bytes.
pub(super) fn weight(record: &Record) -> usize {
    let headers: usize = record.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    record.key.len() + record.value.as_ref().map_or(0, Bytes::len) + headers + size_of::<Record>()
}
