//! What becomes of appended records: each delivery report goes to the call that its record belongs to.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message as _;
use rdkafka::producer::{DeliveryResult, ProducerContext};
use tokio::sync::oneshot;

use super::client::{Words, unavailable};
use crate::log::{Appended, Error};
use crate::topic::{Offset, Partition, Topic};

/// The records of one call to append, and what has become of them.
#[derive(Debug)]
pub(super) struct Call {
    topic: Topic,
    max_record_bytes: usize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    answers: Vec<Option<Result<Appended, Error>>>,
    unsettled: usize,
    all_settled: Option<oneshot::Sender<()>>,
}

/// Which record of which call a delivery report is about.
#[derive(Debug)]
pub(super) struct Ticket {
    pub(super) call: Arc<Call>,
    pub(super) place: usize,
}

impl Call {
    pub(super) fn new(topic: Topic, max_record_bytes: usize, records: usize) -> (Arc<Self>, oneshot::Receiver<()>) {
        let (all_settled, settled) = oneshot::channel();
        let answers = std::iter::repeat_with(|| None).take(records).collect();
        let state = State { answers, unsettled: records, all_settled: Some(all_settled) };
        (Arc::new(Self { topic, max_record_bytes, state: Mutex::new(state) }), settled)
    }

    pub(super) fn settle(&self, place: usize, answer: Result<Appended, Error>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.answers[place] = Some(answer);
        state.unsettled -= 1;
        if state.unsettled == 0
            && let Some(all_settled) = state.all_settled.take()
        {
            // Fails when the caller no longer waits.
            all_settled.send(()).ok();
        }
    }

    pub(super) fn answers(&self) -> Vec<Result<Appended, Error>> {
        let stopped = || Err(Error::Unavailable("the producer has stopped".to_owned()));
        let answers = std::mem::take(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner).answers);
        answers.into_iter().map(|answer| answer.unwrap_or_else(stopped)).collect()
    }

    pub(super) fn explain(&self, bytes: usize, error: &KafkaError) -> Error {
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::QueueFull) => Error::Full,
            Some(RDKafkaErrorCode::MessageSizeTooLarge) => Error::TooLarge { bytes, limit: self.max_record_bytes },
            Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => {
                Error::Topic { topic: self.topic.name().to_owned(), problem: "is not there".to_owned() }
            }
            _ => unavailable(error),
        }
    }
}

/// Hands each delivery report to the call that its record belongs to, and knows for how long none was good.
#[derive(Debug)]
pub(super) struct Deliveries {
    began: Instant,
    /// Milliseconds from the beginning to the first record that timed out after the last good delivery; 0 when none did.
    failing_since: AtomicU64,
}

impl Default for Deliveries {
    fn default() -> Self {
        Self { began: Instant::now(), failing_since: AtomicU64::new(0) }
    }
}

impl Deliveries {
    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX).max(1)
    }

    fn delivered(&self) {
        // Mostly it is 0 already, and a store would take the line from the other processors.
        if self.failing_since.load(Ordering::Relaxed) != 0 {
            self.failing_since.store(0, Ordering::Relaxed);
        }
    }

    fn timed_out(&self) {
        self.failing_since.compare_exchange(0, self.now(), Ordering::Relaxed, Ordering::Relaxed).ok();
    }

    /// For how long nothing was delivered, since the first record timed out.
    pub(super) fn failing_for(&self) -> Option<Duration> {
        let since = self.failing_since.load(Ordering::Relaxed);
        (since != 0).then(|| Duration::from_millis(self.now().saturating_sub(since)))
    }
}

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, fac: &str, log_message: &str) {
        Words.log(level, fac, log_message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        Words.error(error, reason);
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = Box<Ticket>;

    fn delivery(&self, result: &DeliveryResult<'_>, ticket: Box<Ticket>) {
        let Ticket { call, place } = *ticket;
        let answer = match result {
            Ok(record) => {
                self.delivered();
                Ok(Appended { partition: Partition(record.partition()), offset: Offset(record.offset()) })
            }
            Err((error, record)) => {
                if error.rdkafka_error_code() == Some(RDKafkaErrorCode::MessageTimedOut) {
                    self.timed_out();
                }
                Err(call.explain(record.key_len() + record.payload_len(), error))
            }
        };
        call.settle(place, answer);
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn a_producer_fails_from_the_first_record_that_times_out_to_the_next_that_is_delivered() {
        let deliveries = Deliveries::default();
        assert_eq!(deliveries.failing_for(), None);
        deliveries.timed_out();
        let since = deliveries.failing_since.load(Ordering::Relaxed);
        thread::sleep(Duration::from_millis(3));
        deliveries.timed_out();
        assert_eq!(deliveries.failing_since.load(Ordering::Relaxed), since);
        assert!(deliveries.failing_for().is_some_and(|failing| failing >= Duration::from_millis(2)));
        deliveries.delivered();
        assert_eq!(deliveries.failing_for(), None);
    }
}
