//! One adapter's stream: hello, deliveries under lease within its limits, settlements, heartbeat, GoAway.

use std::sync::Arc;
use std::time::Duration;

use homeroom_domain::id::DistrictId;
use homeroom_proto::wire::notification as pb;
use pb::stream_request::Frame as In;
use pb::stream_response::Frame as Out;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};
use tonic::{Status, Streaming};

use super::held::Held;
use super::{Shared, unavailable, wire};
use crate::store::{Lease, Limits, Terms};

/// How long a peer may take to say hello.
const HELLO_WITHIN: Duration = Duration::from_secs(10);

/// Deliveries that an adapter may have at once.
const MOST_OUTSTANDING: u32 = 1_000;

/// Bytes that an adapter may have at once when it does not say.
const DEFAULT_BYTES: u64 = 1024 * 1024;

/// The least that an adapter can ask for: any one delivery fits.
const LEAST_BYTES: u64 = 128 * 1024;

/// The most bytes that an adapter may have at once.
const MOST_BYTES: u64 = 64 * 1024 * 1024;

/// A settlement alone is followed by a look when a quarter of the room is free: looking for one at a time would cost a
/// transaction per delivery.
const SOME_ROOM: u32 = 4;

/// The longest name in a hello, in bytes.
const LONGEST_NAME: usize = 100;

type Outbox = mpsc::Sender<Result<pb::StreamResponse, Status>>;

/// Serves the stream until the adapter leaves, is cut, or this process has drained.
pub(super) async fn run(
    shared: Arc<Shared>,
    district: DistrictId,
    mut frames: Streaming<pb::StreamRequest>,
    out: Outbox,
) {
    let cut = async {
        let mut session = Session::open(shared, district, &mut frames, out.clone()).await?;
        session.serve(&mut frames).await
    };
    // Boxed: the loop's state is large, and lives as long as the adapter.
    if let Err(status) = Box::pin(cut).await {
        tracing::debug!(code = ?status.code(), reason = status.message(), "a feed stream is cut");
        // A peer that does not read finds the stream closed.
        out.try_send(Err(status)).ok();
    }
}

struct Session {
    shared: Arc<Shared>,
    terms: Terms,
    limits: Limits,
    out: Outbox,
    held: Held,
    /// No more deliveries: the adapter or this process leaves.
    draining: bool,
    /// The last look found nothing, and nothing has happened since.
    dry: bool,
    /// Woken, or the time has come: a look is due however little room there is.
    looking: bool,
}

impl Session {
    async fn open(
        shared: Arc<Shared>,
        district: DistrictId,
        frames: &mut Streaming<pb::StreamRequest>,
        out: Outbox,
    ) -> Result<Self, Status> {
        let first = timeout(HELLO_WITHIN, frames.message()).await;
        let first = first.map_err(|_| Status::deadline_exceeded("no hello came"))??;
        let Some(In::Hello(hello)) = first.and_then(|request| request.frame) else {
            return Err(Status::failed_precondition("the first frame must be a hello"));
        };
        let (terms, limits) = parse(hello, district, &shared)?;
        let welcome = pb::Welcome {
            lease: Some(wire::duration(terms.lease)),
            heartbeat_every: Some(wire::duration(Duration::from_secs(shared.limits.heartbeat_s))),
        };
        let session =
            Self { shared, terms, limits, out, held: Held::default(), draining: false, dry: false, looking: true };
        session.send(Out::Welcome(welcome)).await?;
        Ok(session)
    }

    async fn serve(&mut self, frames: &mut Streaming<pb::StreamRequest>) -> Result<(), Status> {
        let limits = self.shared.limits.clone();
        let stopping = self.shared.tasks.stopping();
        let mut wake = self.shared.wake.clone();
        let mut settled = self.shared.settled.subscribe();
        let mut listening = true;
        let mut heard = *wake.borrow();
        let mut poll = interval(Duration::from_millis(limits.poll_ms));
        let mut heartbeat = interval(Duration::from_secs(limits.heartbeat_s));
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut leave_at: Option<Instant> = None;
        loop {
            self.held.release_run_out(self.shared.clock.now());
            if leave_at.is_some() && self.held.is_empty() {
                return Ok(());
            }
            // Also what came while a frame was handled.
            let now = *wake.borrow_and_update();
            if std::mem::replace(&mut heard, now) != now {
                self.look();
            }
            self.claim().await?;
            tokio::select! {
                frame = frames.message() => match frame? {
                    Some(request) => self.take(request).await?,
                    // The adapter is gone. What it has may still be settled by `Settle`, until the leases end.
                    None => return Ok(()),
                },
                changed = wake.changed(), if listening => listening = changed.is_ok(),
                settled = settled.recv() => match settled {
                    Ok(lease) => self.release(&lease),
                    // Too many at once to hear of each.
                    Err(_) => self.release_settled().await?,
                },
                _ = poll.tick() => {
                    self.release_settled().await?;
                    self.look();
                }
                _ = heartbeat.tick() => self.send(Out::Heartbeat(pb::Heartbeat {})).await?,
                () = stopping.cancelled(), if leave_at.is_none() => {
                    leave_at = Some(Instant::now() + Duration::from_secs(limits.drain_s));
                    self.draining = true;
                    self.send(Out::GoAway(pb::GoAway { reason: "this process is stopping".to_owned() })).await?;
                }
                () = sleep_until(leave_at.unwrap_or_else(Instant::now)), if leave_at.is_some() => return Ok(()),
            }
        }
    }

    /// Takes and sends what is due, as far as the adapter's limits allow.
    async fn claim(&mut self) -> Result<(), Status> {
        while !self.draining && !self.dry {
            let left = Limits {
                count: self.limits.count.saturating_sub(self.held.count()),
                bytes: self.limits.bytes.saturating_sub(self.held.bytes()),
            };
            let some_room = self.looking || left.count.saturating_mul(SOME_ROOM) >= self.limits.count;
            if left.count == 0 || left.bytes == 0 || !some_room {
                return Ok(());
            }
            self.looking = false;
            let claimed = self.shared.store.claim(&self.terms, left, self.shared.clock.now()).await;
            let claimed = claimed.map_err(|error| unavailable(&error))?;
            if claimed.is_empty() {
                // Nothing is due, or the next one does not fit: then a settlement makes room.
                self.dry = true;
                return Ok(());
            }
            let mut deliveries = Vec::with_capacity(claimed.len());
            for delivery in claimed {
                self.held.take(&delivery);
                deliveries.push(wire::delivery(&self.terms.district, delivery));
            }
            self.send(Out::Deliveries(pb::Deliveries { deliveries })).await?;
        }
        Ok(())
    }

    async fn take(&mut self, request: pb::StreamRequest) -> Result<(), Status> {
        match request.frame {
            Some(In::Settlement(settlement)) => self.settle(settlement).await,
            Some(In::Extend(extend)) => self.extend(extend).await,
            Some(In::Drain(_)) => {
                self.draining = true;
                Ok(())
            }
            Some(In::Hello(_)) => Err(Status::failed_precondition("a stream begins with one hello")),
            None => Err(Status::invalid_argument("a frame is empty, or newer than this server")),
        }
    }

    async fn settle(&mut self, settlement: pb::Settlement) -> Result<(), Status> {
        let settlement = wire::settlement(settlement)?;
        let lease = Lease { delivery_id: settlement.delivery_id, token: settlement.token.clone() };
        let now = self.shared.clock.now();
        let standing = self.shared.store.settle(&self.terms.district, settlement, &self.shared.policy, now).await;
        let standing = standing.map_err(|error| unavailable(&error))?;
        self.release(&lease);
        self.send(Out::Result(wire::result(lease.delivery_id, standing))).await
    }

    /// The adapter has something less, and so room for what is next.
    fn release(&mut self, lease: &Lease) {
        if self.held.release(lease) {
            self.dry = false;
        }
    }

    /// Asks the table what of the adapter's was settled by `Settle`, which another process may have answered.
    async fn release_settled(&mut self) -> Result<(), Status> {
        if self.held.is_empty() {
            return Ok(());
        }
        let over = self.shared.store.list_over(&self.terms.district, &self.held.leases()).await;
        for lease in over.map_err(|error| unavailable(&error))? {
            self.release(&lease);
        }
        Ok(())
    }

    async fn extend(&mut self, extend: pb::Extend) -> Result<(), Status> {
        let id = wire::id(&extend.delivery_id)?;
        let extended = self.shared.store.extend(&self.terms, id, &extend.lease_token, self.shared.clock.now()).await;
        match extended.map_err(|error| unavailable(&error))? {
            Some(until) => {
                self.held.extend(id, until);
                Ok(())
            }
            None => self.send(Out::Result(wire::result(id, crate::store::Standing::Stale))).await,
        }
    }

    fn look(&mut self) {
        self.dry = false;
        self.looking = true;
    }

    async fn send(&self, frame: Out) -> Result<(), Status> {
        let response = pb::StreamResponse { frame: Some(frame) };
        let patience = Duration::from_secs(self.shared.limits.slow_peer_s);
        match timeout(patience, self.out.send(Ok(response))).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Status::cancelled("the adapter is gone")),
            Err(_) => Err(Status::aborted("the adapter does not read its frames")),
        }
    }
}

fn parse(hello: pb::Hello, district: DistrictId, shared: &Shared) -> Result<(Terms, Limits), Status> {
    for (field, name) in [("channel", &hello.channel), ("adapter", &hello.adapter), ("instance", &hello.instance)] {
        if name.is_empty() || name.len() > LONGEST_NAME || name.chars().any(char::is_control) {
            return Err(Status::invalid_argument(format!("`{field}` must be 1 to {LONGEST_NAME} printable bytes")));
        }
    }
    if !(1..=MOST_OUTSTANDING).contains(&hello.max_outstanding) {
        return Err(Status::invalid_argument(format!("`max_outstanding` must be 1 to {MOST_OUTSTANDING}")));
    }
    let bytes = if hello.max_outstanding_bytes == 0 { DEFAULT_BYTES } else { hello.max_outstanding_bytes };
    if !(LEAST_BYTES..=MOST_BYTES).contains(&bytes) {
        return Err(Status::invalid_argument(format!("`max_outstanding_bytes` must be {LEAST_BYTES} to {MOST_BYTES}")));
    }
    let (shortest, longest) = (shared.limits.shortest_lease_s, shared.limits.longest_lease_s);
    let lease = wire::wait(hello.lease)?.unwrap_or(Duration::from_secs(shared.limits.default_lease_s));
    if lease < Duration::from_secs(shortest) || lease > Duration::from_secs(longest) {
        return Err(Status::invalid_argument(format!("`lease` must be {shortest} to {longest} s")));
    }
    let terms = Terms { district, channel: hello.channel, adapter: hello.adapter, instance: hello.instance, lease };
    Ok((terms, Limits { count: hello.max_outstanding, bytes }))
}
