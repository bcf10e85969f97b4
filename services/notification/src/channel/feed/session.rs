//! One stream after the other over what is being sent and what is to be settled.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use homeroom_proto::wire::notification as pb;
use pb::stream_request::Frame as In;
use pb::stream_response::Frame as Out;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::Channel;
use tonic::{Request, Status, Streaming};
use tracing::Instrument as _;

use super::{Client, Config};
use crate::channel::{Link, Sender};
use crate::metric;
use crate::schedule::Outcome;

/// Frames that wait to be sent to the feed.
const OUTBOX: usize = 16;

/// Without a frame for so long the connection is taken for dead; the feed sends a heartbeat every 15 s.
const SILENCE: Duration = Duration::from_mins(1);

/// How long a stopping adapter waits for the answers to its last settlements.
const LAST_ANSWERS: Duration = Duration::from_secs(5);

/// What outlives a connection.
pub(super) struct Session<S> {
    config: Config,
    sender: Arc<S>,
    authorization: MetadataValue<Ascii>,
    stop: CancellationToken,
    link: Link,
    sending: JoinSet<pb::Settlement>,
    /// To be settled, oldest first; those at the front are out on the stream and not yet answered.
    settlements: VecDeque<pb::Settlement>,
}

impl<S: Sender> Session<S> {
    pub(super) fn new(
        config: Config,
        sender: Arc<S>,
        authorization: MetadataValue<Ascii>,
        stop: CancellationToken,
        link: Link,
    ) -> Self {
        Self { config, sender, authorization, stop, link, sending: JoinSet::new(), settlements: VecDeque::new() }
    }

    /// Stopping, and everything is sent and settled.
    pub(super) fn is_done(&self) -> bool {
        self.stop.is_cancelled() && self.sending.is_empty() && self.settlements.is_empty()
    }

    /// Lets time pass without a connection; what is being sent goes on.
    pub(super) async fn rest(&mut self, pause: Duration) {
        let until = Instant::now() + pause;
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(until) => return,
                // One more stream at once, to settle what is left.
                () = self.stop.cancelled() => return,
                Some(sent) = self.sending.join_next() => self.sent(sent),
            }
        }
    }

    /// Serves one stream until it ends. When stopping, a stream that cannot be had any more is given up with what is unsettled:
    /// the leases end, and the feed knows what that means.
    pub(super) async fn serve(&mut self, channel: Channel) -> Result<(), Status> {
        let (out, requests) = mpsc::channel(OUTBOX);
        out.try_send(self.hello()).ok();
        let mut request = Request::new(ReceiverStream::new(requests));
        request.metadata_mut().insert("authorization", self.authorization.clone());
        let mut client = Client::new(channel);
        let opening = client.stream(request);
        let opened = tokio::select! {
            opened = opening => opened,
            () = self.stop.cancelled(), if self.is_done() => return Ok(()),
        };
        match opened {
            Ok(response) => self.converse(response.into_inner(), out).await,
            Err(status) => {
                if self.stop.is_cancelled() {
                    self.give_up();
                }
                Err(status)
            }
        }
    }

    async fn converse(
        &mut self,
        mut frames: Streaming<pb::StreamResponse>,
        out: mpsc::Sender<pb::StreamRequest>,
    ) -> Result<(), Status> {
        // How many settlements, from the front, are out on this stream.
        let mut unanswered = 0;
        // How many of them one frame may bring.
        let mut together = 1;
        let mut heard = Instant::now();
        let mut leaving: Option<Instant> = None;
        loop {
            while let Some((told, next)) = self.next_settlements(unanswered, together) {
                if out.try_send(frame(next)).is_err() {
                    break;
                }
                unanswered += told;
            }
            if self.stop.is_cancelled() && leaving.is_none() {
                out.try_send(frame(In::Drain(pb::Drain {}))).ok();
                leaving = Some(Instant::now());
            }
            if self.is_done() {
                return Ok(());
            }
            let patience = if leaving.is_some() && self.sending.is_empty() { LAST_ANSWERS } else { SILENCE };
            tokio::select! {
                received = frames.message() => {
                    heard = Instant::now();
                    match received?.and_then(|response| response.frame) {
                        Some(Out::Deliveries(deliveries)) => self.take(deliveries),
                        Some(Out::Result(result)) => unanswered -= self.answered(&result, unanswered),
                        Some(Out::Results(results)) => {
                            for result in &results.results {
                                unanswered -= self.answered(result, unanswered);
                            }
                        }
                        Some(Out::GoAway(away)) => tracing::info!(reason = away.reason, "the feed's server is leaving"),
                        Some(Out::Welcome(welcome)) => {
                            together = welcome.most_settlements.max(1) as usize;
                            self.link.set(S::CHANNEL, true);
                        }
                        Some(Out::Heartbeat(_)) => {}
                        None => return Err(Status::unavailable("the stream has ended")),
                    }
                }
                Some(sent) = self.sending.join_next() => self.sent(sent),
                () = self.stop.cancelled(), if leaving.is_none() => {}
                () = out.closed() => return Err(Status::unavailable("the stream has ended")),
                () = tokio::time::sleep_until(heard + patience) => {
                    if leaving.is_some() {
                        self.give_up();
                    }
                    return Err(Status::deadline_exceeded("the feed is silent"));
                }
            }
        }
    }

    /// The next settlements to tell, and how many they are.
    fn next_settlements(&self, unanswered: usize, together: usize) -> Option<(usize, In)> {
        let mut next: Vec<_> = self.settlements.iter().skip(unanswered).take(together).cloned().collect();
        let told = next.len();
        let frame = if told == 1 {
            In::Settlement(next.pop()?)
        } else {
            In::Settlements(pb::Settlements { settlements: next })
        };
        (told > 0).then_some((told, frame))
    }

    fn hello(&self) -> pb::StreamRequest {
        frame(In::Hello(pb::Hello {
            channel: S::CHANNEL.to_owned(),
            adapter: format!("homeroom-{}", S::CHANNEL),
            instance: self.config.instance.clone(),
            max_outstanding: self.config.max_outstanding,
            max_outstanding_bytes: 0,
            lease: Some(prost_types::Duration {
                seconds: i64::try_from(self.config.lease_s).unwrap_or(i64::MAX),
                nanos: 0,
            }),
        }))
    }

    fn take(&mut self, deliveries: pb::Deliveries) {
        for delivery in deliveries.deliveries {
            let sender = Arc::clone(&self.sender);
            let span =
                tracing::info_span!("channel.delivery.send", channel = S::CHANNEL, delivery.id = delivery.delivery_id);
            homeroom_chassis::telemetry::trace::continue_from(&span, &delivery.traceparent);
            self.sending.spawn(
                async move {
                    let began = Instant::now();
                    let outcome = sender.send(&delivery).await;
                    let labels = [("channel", S::CHANNEL), ("outcome", outcome.as_str())];
                    metrics::histogram!(metric::CHANNEL_SENT, &labels).record(began.elapsed());
                    tracing::info!(outcome = outcome.as_str(), reason = outcome.reason(), "sent");
                    settlement(delivery, outcome)
                }
                .instrument(span),
            );
        }
    }

    fn sent(&mut self, sent: Result<pb::Settlement, tokio::task::JoinError>) {
        match sent {
            Ok(settlement) => self.settlements.push_back(settlement),
            // The lease ends without a settlement, and the attempt counts as unknown, which it is.
            Err(error) => tracing::error!(%error, "sending a delivery panicked"),
        }
    }

    /// Takes the settlement that this is the answer to off the list: 1 when there was one.
    fn answered(&mut self, result: &pb::SettlementResult, unanswered: usize) -> usize {
        let place = self
            .settlements
            .iter()
            .take(unanswered)
            .position(|settlement| settlement.delivery_id == result.delivery_id);
        if result.standing() != pb::Standing::Recorded {
            tracing::warn!(delivery.id = result.delivery_id, standing = ?result.standing(), "a settlement came too late");
        }
        usize::from(place.and_then(|place| self.settlements.remove(place)).is_some())
    }

    fn give_up(&mut self) {
        if !self.settlements.is_empty() {
            tracing::warn!(settlements = self.settlements.len(), "leaving without settling; the leases will end");
        }
        self.settlements.clear();
        self.sending.abort_all();
        self.sending = JoinSet::new();
    }
}

fn frame(frame: In) -> pb::StreamRequest {
    pb::StreamRequest { frame: Some(frame) }
}

fn settlement(delivery: pb::Delivery, outcome: Outcome) -> pb::Settlement {
    use pb::settlement::Outcome as Wire;
    let outcome = match outcome {
        Outcome::Accepted { provider_message_id } => Wire::Accepted(pb::Accepted { provider_message_id }),
        Outcome::Retry { reason, after } => Wire::Retry(pb::Retry { reason, after: wait(after) }),
        Outcome::Limited { after } => Wire::Limited(pb::RateLimited { after: wait(after) }),
        Outcome::Permanent { reason } => Wire::Permanent(pb::Permanent { reason }),
        Outcome::Unknown { reason } => Wire::Unknown(pb::Unknown { reason }),
    };
    pb::Settlement { delivery_id: delivery.delivery_id, lease_token: delivery.lease_token, outcome: Some(outcome) }
}

fn wait(after: Option<Duration>) -> Option<prost_types::Duration> {
    after.and_then(|after| prost_types::Duration::try_from(after).ok())
}
