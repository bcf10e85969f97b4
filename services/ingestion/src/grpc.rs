//! The native door over gRPC: `EventIngest.Push`.
//!
//! A stream of batches, each answered in order when its records are kept. Several are on their way at a time, and no more are
//! read while as many are: flow control then slows the sender.

use std::borrow::Cow;
use std::pin::Pin;
use std::sync::Arc;

use futures_util::{Stream, StreamExt as _};
use homeroom_chassis::access::{Access, Grant, Scope};
use homeroom_chassis::clock;
use homeroom_proto::scalar::timestamp_from_wire;
use homeroom_proto::wire::ingest as wire;
use homeroom_proto::wire::ingest::event_ingest_server::{EventIngest, EventIngestServer};
use prost::Message as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::{Request, Response, Status, Streaming};
use uuid::Uuid;

use crate::intake::field::{Field, Value};
use crate::intake::publisher::{Item, count_retries};
use crate::intake::submission::{check_key, former_student};
use crate::intake::{Arrivals, Context, Kind, Outcome, Problem, Publisher, Receipt, Submission, normalise};
use crate::merge::Merges;
use crate::native::body::MAX_RECORDS;
use crate::pseudonym::{Pseudonym, Pseudonyms};

/// Batches of one stream on their way to the log at a time.
const BATCHES_IN_FLIGHT: usize = 8;

/// The largest batch, bytes. What is being received is held before its bytes are counted, so it is less than over HTTP.
const MAX_BATCH_BYTES: usize = 4 * 1024 * 1024;

/// The door's name in metrics.
const DOOR: &str = "grpc";

/// The service.
#[derive(Clone)]
pub struct Ingest {
    /// The way to the log.
    pub publisher: Publisher,
    /// Who may do what.
    pub access: Access,
    /// The districts' secrets.
    pub pseudonyms: Arc<Pseudonyms>,
    /// Which students are one.
    pub merges: Merges,
    /// Revisions of records that come without one.
    pub arrivals: Arc<Arrivals>,
    /// How many more streams may push.
    pub streams: Arc<Semaphore>,
}

impl Ingest {
    /// The service's full name, for health.
    pub const NAME: &'static str = "homeroom.ingest.v1.EventIngest";

    /// The service, ready to be served.
    pub fn server(self) -> EventIngestServer<Self> {
        EventIngestServer::new(self).max_decoding_message_size(MAX_BATCH_BYTES)
    }
}

/// Who sends a stream.
struct Sender {
    publisher: Publisher,
    access: Access,
    pseudonym: Pseudonym,
    grant: Grant,
    merges: Merges,
    arrivals: Arc<Arrivals>,
    _stream: OwnedSemaphorePermit,
}

#[tonic::async_trait]
impl EventIngest for Ingest {
    type PushStream = Pin<Box<dyn Stream<Item = Result<wire::PushResponse, Status>> + Send>>;

    async fn push(&self, request: Request<Streaming<wire::PushRequest>>) -> Result<Response<Self::PushStream>, Status> {
        let grant = self.access.grpc(request.metadata(), Scope::Ingest)?;
        let pseudonym = self
            .pseudonyms
            .find(&grant.district)
            .ok_or_else(|| Status::failed_precondition("the district has no pseudonym key on this server"))?
            .clone();
        let stream = Arc::clone(&self.streams)
            .try_acquire_owned()
            .map_err(|_| Status::resource_exhausted("as many streams push records as may; try again later"))?;
        let (publisher, arrivals) = (self.publisher.clone(), Arc::clone(&self.arrivals));
        let (access, sending) = (self.access.clone(), grant.clone());
        let merges = self.merges.clone();
        let sender = Arc::new(Sender { publisher, access, pseudonym, grant, merges, arrivals, _stream: stream });
        let answers = request.into_inner().map(move |batch| {
            let sender = Arc::clone(&sender);
            async move { sender.keep(batch?).await }
        });
        let answers = self.access.while_permitted(sending, Scope::Ingest, answers.buffered(BATCHES_IN_FLIGHT));
        Ok(Response::new(Box::pin(answers)))
    }
}

impl Sender {
    async fn keep(&self, batch: wire::PushRequest) -> Result<wire::PushResponse, Status> {
        if batch.submissions.len() > MAX_RECORDS {
            return Err(Status::invalid_argument(format!("a batch has at most {MAX_RECORDS} records")));
        }
        let bytes = batch.encoded_len();
        let most = self.access.allowance(&self.grant).body_bytes(MAX_BATCH_BYTES);
        if bytes > most {
            return Err(Status::invalid_argument(format!("a batch of this key has at most {most} bytes")));
        }
        self.access.pace(&self.grant, batch.submissions.len()).await;
        // From here on: what the key's own rate has the batch wait is none of its time.
        let allowance = self.access.allowance(&self.grant);
        let again = || {
            count_retries(DOOR, batch.submissions.len());
            batch.submissions.iter().map(|_| result(Outcome::Retry(None))).collect()
        };
        let results = match self.publisher.admit(bytes) {
            Ok(admitted) => {
                let now = clock::now();
                // Held until the batch is kept: so it is known to be on its way.
                let merges = self.merges.current();
                let crosswalk = merges.of(&self.grant.district);
                let context = Context::new(&self.pseudonym, &crosswalk, &self.grant.source, now);
                let arrivals = self.arrivals.take(now, batch.submissions.len())..;
                let items = batch.submissions.iter().zip(arrivals).map(|(sent, arrival)| Item {
                    raw: &sent.record,
                    record: submission(sent).and_then(|submission| normalise(&context.arriving(arrival), &submission)),
                });
                let publish = self.publisher.publish(DOOR, &context, items.collect(), &admitted);
                match allowance.within(Box::pin(publish)).await {
                    Ok(outcomes) => outcomes.into_iter().map(result).collect(),
                    Err(_timed_out) => again(),
                }
            }
            Err(_overloaded) => again(),
        };
        Ok(wire::PushResponse { request_id: batch.request_id, results })
    }
}

fn submission(sent: &wire::Submission) -> Result<Submission<'_>, Problem> {
    let occurred_at = sent.occurred_at.as_ref().map(|at| {
        timestamp_from_wire(at).ok_or(Problem::new("$.occurred_at", "a moment from year -9999 to 9999", "is none"))
    });
    check_key(Field::at("$.key", &Value::Text(Cow::Borrowed(&sent.key))))?;
    let record: &[u8] = if sent.record.is_empty() { b"{}" } else { &sent.record };
    Ok(Submission {
        kind: Kind::find(&sent.kind).ok_or(Problem::new("$.kind", Kind::EXPECTED, "is no kind of record"))?,
        key: Cow::Borrowed(&sent.key),
        revision: sent.revision,
        occurred_at: occurred_at.transpose()?,
        withdrawn: sent.withdrawn,
        former_student: former_student(match sent.former_student.as_str() {
            "" => Value::Missing,
            id => Value::Text(Cow::Borrowed(id)),
        })?,
        record: Cow::Borrowed(record),
    })
}

fn result(outcome: Outcome) -> wire::Result {
    let (outcome, event_id, problem) = match outcome {
        Outcome::Accepted(Receipt::Event { event_id, .. }) => {
            (wire::Outcome::Accepted, Uuid::from_bytes(*event_id.as_bytes()).to_string(), None)
        }
        Outcome::Accepted(Receipt::Reference) => (wire::Outcome::Accepted, String::new(), None),
        Outcome::Quarantined(problem) => (wire::Outcome::Quarantined, String::new(), Some(problem)),
        Outcome::Retry(problem) => (wire::Outcome::Retry, String::new(), problem),
    };
    let problem = problem.map(|problem| wire::Problem {
        field: problem.field.into_owned(),
        expected: problem.expected.into_owned(),
        detail: problem.detail.into_owned(),
    });
    wire::Result { outcome: outcome.into(), event_id, problem }
}
