//! Appending: one idempotent producer for the whole process, and another in its place when it no longer serves.
//!
//! A call to append gets one answer for all its records. The library reports each delivery by itself, on its own thread; a
//! future for each would be an allocation, a wake-up and a look at the caller's task for every record.
//!
//! A producer is replaced when the files change that it was made with, and when nothing was delivered for long: after a broker
//! that hung for minutes it was seen to go on timing out while readers were back at once. A call keeps to one producer. So order
//! is what callers make it, as with one: whoever waits for an answer before the next call has these records before those.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use homeroom_chassis::tls::Followed;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer as _, ThreadedProducer};

use super::config::{Clients, ConfigError};
use super::delivery::{Call, Deliveries, Ticket};
use super::open::Open;
use crate::log::{Appended, Error, NewRecord};
use crate::topic::Topic;

/// The client that appends. Clones share it.
pub(super) type Producer = Arc<ThreadedProducer<Deliveries>>;

/// How often the calls that still wait for a producer that was replaced are counted. Each is answered by the library's timeout.
const UNUSED: Duration = Duration::from_millis(100);

/// The producer and what it takes.
pub(super) struct Appender {
    clients: Followed<Clients>,
    in_use: Mutex<InUse>,
    /// A producer that has delivered nothing for so long since its first record timed out is replaced.
    stuck: Duration,
    max_record_bytes: usize,
}

struct InUse {
    producer: Producer,
    made_with: Arc<Clients>,
}

impl InUse {
    fn new(made_with: Arc<Clients>) -> Result<Self, ConfigError> {
        let producer = made_with.producer().create_with_context(Deliveries::default())?;
        Ok(Self { producer: Arc::new(producer), made_with })
    }
}

impl Appender {
    pub(super) fn new(clients: Followed<Clients>) -> Result<Self, ConfigError> {
        let made_with = clients.current();
        let stuck = 2 * Duration::from_millis(u64::from(made_with.config().message_timeout_ms));
        let max_record_bytes = made_with.config().max_record_bytes;
        Ok(Self { clients, in_use: Mutex::new(InUse::new(made_with)?), stuck, max_record_bytes })
    }

    /// The client in use, also for questions about topics; another one than before where that has to be replaced.
    pub(super) fn producer(&self) -> Producer {
        let mut in_use = self.in_use.lock().unwrap_or_else(PoisonError::into_inner);
        let clients = self.clients.current();
        let failing = in_use.producer.context().failing_for();
        if !Arc::ptr_eq(&clients, &in_use.made_with) {
            Self::replace(&mut in_use, clients);
        } else if let Some(failing) = failing.filter(|failing| *failing >= self.stuck) {
            tracing::warn!(seconds = failing.as_secs(), "nothing was delivered since: another producer goes on");
            Self::replace(&mut in_use, clients);
        }
        Arc::clone(&in_use.producer)
    }

    /// Puts another producer in the place of one; that one stays when there cannot be another.
    fn replace(in_use: &mut InUse, clients: Arc<Clients>) {
        match InUse::new(clients) {
            Ok(another) => close(std::mem::replace(in_use, another).producer),
            Err(error) => tracing::error!(%error, "no other producer can be made"),
        }
    }

    /// Queues all records, then waits until each is delivered or not. When the queue is full, the rest of the call is refused,
    /// so that a later record of a key never goes before an earlier one that was refused.
    pub(super) async fn append(
        &self,
        topic: Topic,
        name: &str,
        records: Vec<NewRecord>,
    ) -> Vec<Result<Appended, Error>> {
        if records.is_empty() {
            return Vec::new();
        }
        let producer = self.producer();
        let (call, settled) = Call::new(topic, self.max_record_bytes, records.len());
        let mut full = false;
        for (place, record) in records.into_iter().enumerate() {
            let queued = if full { Err(Error::Full) } else { self.queue(&producer, name, &record, (&call, place)) };
            if let Err(error) = queued {
                full = full || matches!(error, Error::Full);
                call.settle(place, Err(error));
            }
        }
        // It is told by whichever record is settled last; the call holds the other end until then.
        settled.await.ok();
        // Whoever closes a producer that was replaced waits for this.
        drop(producer);
        call.answers()
    }

    fn queue(
        &self,
        producer: &Producer,
        name: &str,
        record: &NewRecord,
        (call, place): (&Arc<Call>, usize),
    ) -> Result<(), Error> {
        record.check_size(self.max_record_bytes)?;
        let ticket = Box::new(Ticket { call: Arc::clone(call), place });
        let mut entry: BaseRecord<'_, [u8], [u8], Box<Ticket>> =
            BaseRecord::with_opaque_to(name, ticket).key(&record.key);
        if let Some(value) = &record.value {
            entry = entry.payload(value);
        }
        if !record.headers.is_empty() {
            let headers = OwnedHeaders::new_with_capacity(record.headers.len());
            let add = |headers: OwnedHeaders, (key, value): &(String, bytes::Bytes)| {
                headers.insert(Header { key, value: Some(value.as_ref()) })
            };
            entry = entry.headers(record.headers.iter().fold(headers, add));
        }
        producer.send(entry).map_err(|(error, _)| call.explain(record.bytes(), &error))
    }
}

/// Closes a producer that was replaced, once nobody waits for it: closing drops what is still queued, and blocks.
fn close(replaced: Producer) {
    let open = Open::one();
    let wait = move || {
        while Arc::strong_count(&replaced) > 1 {
            thread::sleep(UNUSED);
        }
        drop(replaced);
        drop(open);
    };
    // Without a thread it is closed here.
    if let Err(error) = thread::Builder::new().name("replaced producer".to_owned()).spawn(wait) {
        tracing::warn!(%error, "a producer was closed at once");
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::super::config::Config;
    use super::*;

    /// More than enough for a few timeouts of a tenth of a second.
    const DEADLINE: Duration = Duration::from_mins(1);

    #[tokio::test(flavor = "multi_thread")]
    async fn a_producer_that_delivers_nothing_for_long_is_replaced_and_its_calls_are_answered() {
        // Nobody listens at port 1.
        let config =
            Config { bootstrap_servers: "127.0.0.1:1".to_owned(), message_timeout_ms: 100, ..Config::default() };
        let appender = Appender::new(Followed::fixed(Clients::new(&config).unwrap())).unwrap();
        let first = appender.producer();
        let until_replaced = async {
            while Arc::ptr_eq(&first, &appender.producer()) {
                let record = NewRecord { key: Bytes::from("key"), value: None, headers: Vec::new() };
                assert!(appender.append(Topic::Events, "events", vec![record]).await[0].is_err());
            }
        };
        tokio::time::timeout(DEADLINE, until_replaced).await.unwrap();
    }
}
