//! One adapter's stream: hello, deliveries under lease within its limits, settlements, heartbeat, GoAway.
//!
//! Claims and settlements are work of their own beside the stream, so that neither waits for the other's transactions, and what
//! arrives meanwhile is settled together. When the stream ends, what the adapter has said is still recorded, and what it was
//! never sent is given back.

mod hello;
mod work;

use std::sync::Arc;
use std::time::Duration;

use homeroom_chassis::access::Grant;
use homeroom_proto::wire::notification as pb;
use pb::stream_request::Frame as In;
use pb::stream_response::Frame as Out;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};
use tonic::{Status, Streaming};

use super::ticket::{Parcel, Ticket};
use super::{Shared, unavailable, wire};
use crate::store::{Claimed, Lease, Reach, Standing};
use hello::Adapter;
use work::{Done, Work};

/// How long a peer may take to say hello.
const HELLO_WITHIN: Duration = Duration::from_secs(10);

/// Settlements that one frame may bring.
const MOST_SETTLEMENTS: usize = 500;

/// Bytes of deliveries in one frame; a client of gRPC takes four times as many unless it is told otherwise.
const LARGEST_FRAME: u64 = 1024 * 1024;

/// A settlement alone is followed by a look when a quarter of the room is free: looking for one at a time would cost a
/// transaction per delivery.
const SOME_ROOM: u32 = 4;

type Outbox = mpsc::Sender<Parcel>;

/// Serves the stream until the adapter leaves, is cut, or this process has drained.
pub(super) async fn run(shared: Arc<Shared>, grant: Grant, mut frames: Streaming<pb::StreamRequest>, out: Outbox) {
    let cut = async {
        let mut session = Session::open(shared, &grant, &mut frames, out.clone()).await?;
        let served = session.serve(&mut frames).await;
        session.close().await;
        served
    };
    // Boxed: the loop's state is large, and lives as long as the adapter.
    if let Err(status) = Box::pin(cut).await {
        tracing::debug!(code = ?status.code(), reason = status.message(), "a feed stream is cut");
        // A peer that does not read finds the stream closed.
        out.try_send(Parcel { frame: Err(status), ticket: None }).ok();
    }
}

struct Session {
    shared: Arc<Shared>,
    grant: Grant,
    adapter: Adapter,
    out: Outbox,
    work: Work,
    /// Frames that may not have left, with what they bring.
    leaving: Vec<(Ticket, Vec<Lease>)>,
    /// No more deliveries: the adapter or this process leaves.
    draining: bool,
    /// Nothing has happened since the last look that could give it more to find.
    dry: bool,
    /// Woken, or the time has come: a look is due however little room there is.
    looking: bool,
}

impl Session {
    async fn open(
        shared: Arc<Shared>,
        grant: &Grant,
        frames: &mut Streaming<pb::StreamRequest>,
        out: Outbox,
    ) -> Result<Self, Status> {
        let first = timeout(HELLO_WITHIN, frames.message()).await;
        let first = first.map_err(|_| Status::deadline_exceeded("no hello came"))??;
        let Some(In::Hello(hello)) = first.and_then(|request| request.frame) else {
            return Err(Status::failed_precondition("the first frame must be a hello"));
        };
        let adapter = Adapter::parse(hello, grant, &shared.limits)?;
        permit(&shared, grant, &adapter)?;
        let welcome = pb::Welcome {
            lease: Some(wire::duration(adapter.terms.lease)),
            heartbeat_every: Some(wire::duration(Duration::from_secs(shared.limits.heartbeat_s))),
            most_settlements: u32::try_from(MOST_SETTLEMENTS).unwrap_or(u32::MAX),
        };
        let reach =
            Reach { district: adapter.terms.district.clone(), channels: Some(vec![adapter.terms.channel.clone()]) };
        let work = Work::new(shared.store.clone(), Arc::clone(&shared.policy), adapter.terms.clone(), reach);
        let leaving = Vec::new();
        let grant = grant.clone();
        let session = Self { shared, grant, adapter, out, work, leaving, draining: false, dry: false, looking: true };
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
            if leave_at.is_some() && self.work.is_idle() {
                return Ok(());
            }
            // Also what came while a frame was handled.
            let now = *wake.borrow_and_update();
            if std::mem::replace(&mut heard, now) != now {
                self.look();
            }
            self.begin();
            tokio::select! {
                frame = frames.message(), if self.work.takes_settlements() => match frame? {
                    Some(request) => self.take(request).await?,
                    // The adapter is gone. What it has may still be settled by `Settle`, until the leases end.
                    None => return Ok(()),
                },
                Some(done) = self.work.next() => self.done(done).await?,
                changed = wake.changed(), if listening => listening = changed.is_ok(),
                settled = settled.recv() => match settled {
                    Ok(lease) => self.release(&lease),
                    // Too many at once to hear of each.
                    Err(_) => self.release_settled().await?,
                },
                _ = poll.tick() => {
                    permit(&self.shared, &self.grant, &self.adapter)?;
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

    /// Begins what there is to do: settling what has come, and taking what is due as far as the adapter's limits allow.
    fn begin(&mut self) {
        self.work.settle();
        if self.draining || self.dry || self.work.is_claiming() {
            return;
        }
        let left = self.work.room(self.adapter.limits);
        let some_room = self.looking || left.count.saturating_mul(SOME_ROOM) >= self.adapter.limits.count;
        if left.count > 0 && left.bytes > 0 && some_room {
            self.looking = false;
            // Until something happens, or this look finds as much as it may.
            self.dry = true;
            self.work.claim(left);
        }
    }

    async fn take(&mut self, request: pb::StreamRequest) -> Result<(), Status> {
        match request.frame {
            Some(In::Settlement(settlement)) => {
                self.work.add(wire::settlement(settlement)?, false);
                Ok(())
            }
            Some(In::Settlements(frame)) if frame.settlements.len() <= MOST_SETTLEMENTS => {
                for settlement in frame.settlements {
                    self.work.add(wire::settlement(settlement)?, true);
                }
                Ok(())
            }
            Some(In::Settlements(_)) => {
                Err(Status::invalid_argument(format!("`settlements` has more than {MOST_SETTLEMENTS}")))
            }
            Some(In::Extend(extend)) => self.extend(extend).await,
            Some(In::Drain(_)) => {
                self.draining = true;
                Ok(())
            }
            Some(In::Hello(_)) => Err(Status::failed_precondition("a stream begins with one hello")),
            None => Err(Status::invalid_argument("a frame is empty, or newer than this server")),
        }
    }

    async fn done(&mut self, done: Done) -> Result<(), Status> {
        match done {
            Done::Claimed { claimed, full } => {
                if full {
                    self.dry = false;
                }
                if claimed.is_empty() {
                    return Ok(());
                }
                if self.draining {
                    self.work.keep_back(&claimed);
                    return Ok(());
                }
                self.deliver(claimed).await
            }
            Done::Settled { one_by_one, together, made_room } => {
                if made_room {
                    self.dry = false;
                }
                for (id, standing) in one_by_one {
                    self.send(Out::Result(wire::result(id, standing))).await?;
                }
                if together.is_empty() {
                    return Ok(());
                }
                let results = together.into_iter().map(|(id, standing)| wire::result(id, standing)).collect();
                self.send(Out::Results(pb::SettlementResults { results })).await
            }
            Done::Failed(error) => Err(unavailable(&error)),
        }
    }

    /// Sends deliveries, in frames that any client takes.
    async fn deliver(&mut self, claimed: Vec<Claimed>) -> Result<(), Status> {
        self.leaving.retain(|(ticket, _)| !ticket.has_left());
        let mut frames = Vec::new();
        for claimed in in_frames(claimed) {
            let ticket = Ticket::default();
            self.leaving.push((ticket.clone(), claimed.iter().map(Claimed::lease).collect()));
            frames.push((claimed, ticket));
        }
        for (claimed, ticket) in frames {
            let district = &self.adapter.terms.district;
            let deliveries = claimed.into_iter().map(|claimed| wire::delivery(district, claimed)).collect();
            self.dispatch(Out::Deliveries(pb::Deliveries { deliveries }), Some(ticket)).await?;
        }
        Ok(())
    }

    /// The adapter has something less, and so room for what is next.
    fn release(&mut self, lease: &Lease) {
        if self.work.release(lease) {
            self.dry = false;
        }
    }

    /// Asks the table which of the adapter's leases are over: run out, or settled by `Settle`, which another process may have
    /// answered.
    async fn release_settled(&mut self) -> Result<(), Status> {
        let leases = self.work.leases();
        if leases.is_empty() {
            return Ok(());
        }
        let over = self.shared.store.list_over(&self.adapter.terms.district, &leases).await;
        for lease in over.map_err(|error| unavailable(&error))? {
            self.release(&lease);
        }
        Ok(())
    }

    async fn extend(&mut self, extend: pb::Extend) -> Result<(), Status> {
        let delivery_id = wire::id(&extend.delivery_id)?;
        let lease = Lease { delivery_id, token: extend.lease_token.to_vec() };
        let extended = self.shared.store.extend(&self.adapter.terms, &lease).await;
        if extended.map_err(|error| unavailable(&error))? {
            return Ok(());
        }
        self.send(Out::Result(wire::result(delivery_id, Standing::Stale))).await
    }

    fn look(&mut self) {
        self.dry = false;
        self.looking = true;
    }

    async fn send(&self, frame: Out) -> Result<(), Status> {
        self.dispatch(frame, None).await
    }

    async fn dispatch(&self, frame: Out, ticket: Option<Ticket>) -> Result<(), Status> {
        let parcel = Parcel { frame: Ok(pb::StreamResponse { frame: Some(frame) }), ticket };
        let patience = Duration::from_secs(self.shared.limits.slow_peer_s);
        match timeout(patience, self.out.send(parcel)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Status::cancelled("the adapter is gone")),
            Err(_) => Err(Status::aborted("the adapter does not read its frames")),
        }
    }

    /// Finishes what is under way without the adapter: records what it has said, and gives back what it was never sent.
    async fn close(mut self) {
        let unsent = self.leaving.drain(..).filter(|(ticket, _)| ticket.revoke()).flat_map(|(_, leases)| leases);
        let unsent = unsent.collect();
        self.work.close(unsent).await;
    }
}

/// Deliveries cut into frames of at most [`LARGEST_FRAME`], or of one.
fn in_frames(claimed: Vec<Claimed>) -> Vec<Vec<Claimed>> {
    let mut frames: Vec<Vec<Claimed>> = Vec::new();
    let mut bytes = 0;
    for delivery in claimed {
        bytes += delivery.bytes();
        match frames.last_mut() {
            Some(frame) if bytes <= LARGEST_FRAME => frame.push(delivery),
            _ => {
                bytes = delivery.bytes();
                frames.push(vec![delivery]);
            }
        }
    }
    frames
}

/// Whether the key may take deliveries of the channel; it is asked again and again, since keys change while streams run.
fn permit(shared: &Shared, grant: &Grant, adapter: &Adapter) -> Result<(), Status> {
    let channel = &adapter.terms.channel;
    match shared.access.channels(grant) {
        Some(channels) if !channels.contains(channel) => {
            Err(Status::permission_denied(format!("the key is not for the channel `{channel}`")))
        }
        _ => Ok(()),
    }
}
