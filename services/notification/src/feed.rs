//! The gRPC service `AlertFeed`: what channel adapters and live screens read.
//!
//! Who is who. An *adapter* opens a stream, says hello, gets deliveries under lease and settles each. Several adapters may
//! serve one channel; a delivery goes to one of them at a time. A *watcher* reads alert changes from a cursor on, without
//! leases. What can go wrong: an adapter vanishes (its leases end, and count as unknown, except for what never left this
//! process), settles late (see [`crate::store`]), reads slowly (it is cut; row state is the truth, so nothing is lost), or this
//! process stops (GoAway, then time to settle). A notification in the database wakes streams; a poll makes up for lost ones.

mod held;
mod room;
mod session;
mod ticket;
mod watch;
mod wire;

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;

use crate::config;
use crate::metric;
use crate::schedule::Policy;
use crate::store::{Act, After, Lease, Reach, Refused, Store, Wake};
use homeroom_chassis::TaskGroup;
use homeroom_chassis::access::{Access, Grant, Scope};
use homeroom_chassis::tls::ClientCertificates;
use homeroom_proto::wire::notification as pb;
use pb::alert_feed_server::AlertFeed;
use tokio::sync::{broadcast, mpsc};
use tokio_stream::Stream;
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status, Streaming};

pub(crate) use room::Room;
pub(crate) use watch::Reader;

/// What streams share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) store: Store,
    pub(crate) access: Access,
    /// Whether adapters must show a certificate.
    pub(crate) certificates: bool,
    pub(crate) policy: Arc<Policy>,
    pub(crate) limits: config::Feed,
    pub(crate) wake: Wake,
    /// What was settled outside a stream, so that the stream that has it counts it no more.
    pub(crate) settled: broadcast::Sender<Lease>,
    pub(crate) tasks: TaskGroup,
    /// Room for adapters' streams.
    pub(crate) streams: Arc<Room>,
    /// Room for watchers.
    pub(crate) watchers: Arc<Room>,
    pub(crate) reader: Arc<Reader>,
}

/// Settlements that may wait for a stream to hear of them. One that falls behind looks into the table instead.
pub(crate) const SETTLED: usize = 256;

/// The service.
#[derive(Debug, Clone)]
pub(crate) struct Feed {
    shared: Arc<Shared>,
}

/// Frames that wait for a peer to read them; the connection's window holds more.
const OUTBOX: usize = 8;

/// The most deliveries or cases of one answer of a view.
const LARGEST_VIEW: u32 = 500;

/// How many a view gives when not asked for a number.
const DEFAULT_VIEW: u32 = 100;

type Frames<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

impl Feed {
    pub(crate) fn new(shared: Shared) -> Self {
        Self { shared: Arc::new(shared) }
    }

    fn permit(&self, metadata: &MetadataMap) -> Result<Grant, Status> {
        self.shared.access.grpc(metadata, Scope::Feed)
    }

    /// As [`Self::permit`], of whoever takes deliveries away and settles them.
    fn permit_adapter<T>(&self, request: &Request<T>) -> Result<Grant, Status> {
        let shown = request.extensions().get::<ClientCertificates>().is_some();
        if self.shared.certificates && !shown {
            return Err(Status::permission_denied("an adapter shows a certificate, at the port for peers"));
        }
        self.permit(request.metadata())
    }

    /// The deliveries that the key may settle and see.
    fn reach(&self, grant: &Grant) -> Reach {
        Reach { district: grant.district.clone(), channels: self.shared.access.channels(grant) }
    }
}

#[tonic::async_trait]
impl AlertFeed for Feed {
    type StreamStream = Frames<pb::StreamResponse>;
    type WatchAlertsStream = Frames<pb::WatchAlertsResponse>;

    async fn stream(
        &self,
        request: Request<Streaming<pb::StreamRequest>>,
    ) -> Result<Response<Self::StreamStream>, Status> {
        let grant = self.permit_adapter(&request)?;
        let place = self.shared.streams.take(&grant.key)?;
        let (out, frames) = mpsc::channel(OUTBOX);
        let frames = self.shared.access.while_permitted(grant.clone(), Scope::Feed, ticket::Outgoing(frames));
        let shared = Arc::clone(&self.shared);
        self.shared.tasks.spawn("feed stream", async move {
            session::run(shared, grant, request.into_inner(), out).await;
            drop(place);
            Ok::<(), Infallible>(())
        });
        Ok(Response::new(Box::pin(frames)))
    }

    async fn settle(&self, request: Request<pb::SettleRequest>) -> Result<Response<pb::SettleResponse>, Status> {
        let grant = self.permit_adapter(&request)?;
        let settlement =
            request.into_inner().settlement.ok_or_else(|| Status::invalid_argument("`settlement` is missing"))?;
        let settlement = wire::settlement(settlement)?;
        let lease = settlement.lease();
        let shared = &self.shared;
        let (reach, settlements) = (self.reach(&grant), Arc::new(vec![settlement]));
        let settling = shared.store.settle(&reach, &settlements, &shared.policy);
        let settled = shared.access.allowance(&grant).within(Box::pin(settling)).await?;
        let standing = settled.map_err(|error| unavailable(&error))?.first().copied();
        let standing = standing.ok_or_else(|| Status::internal("a settlement has no result"))?;
        let result = wire::result(lease.delivery_id, standing);
        // Nobody hears it when no stream is open.
        shared.settled.send(lease).ok();
        Ok(Response::new(pb::SettleResponse { result: Some(result) }))
    }

    async fn watch_alerts(
        &self,
        request: Request<pb::WatchAlertsRequest>,
    ) -> Result<Response<Self::WatchAlertsStream>, Status> {
        let grant = self.permit(request.metadata())?;
        let place = self.shared.watchers.take(&grant.key)?;
        let reader = Arc::clone(&self.shared.reader);
        let watcher = watch::Watcher::open(reader, grant.district.clone(), request.into_inner(), place).await?;
        Ok(Response::new(Box::pin(self.shared.access.while_permitted(grant, Scope::Feed, watcher))))
    }

    async fn get_deliveries(
        &self,
        request: Request<pb::GetDeliveriesRequest>,
    ) -> Result<Response<pb::GetDeliveriesResponse>, Status> {
        let grant = self.permit(request.metadata())?;
        let pb::GetDeliveriesRequest { alert_id, limit } = request.into_inner();
        let alert = (!alert_id.is_empty()).then(|| wire::alert_id(&alert_id)).transpose()?;
        let limit = page("limit", limit)?;
        let reach = self.reach(&grant);
        let listing = self.shared.store.list_deliveries(&reach, alert, limit);
        let states = self.shared.access.allowance(&grant).within(Box::pin(listing)).await?;
        let states = states.map_err(|error| unavailable(&error))?;
        Ok(Response::new(pb::GetDeliveriesResponse { deliveries: states.into_iter().map(wire::state).collect() }))
    }

    async fn acknowledge(
        &self,
        request: Request<pb::AcknowledgeRequest>,
    ) -> Result<Response<pb::AcknowledgeResponse>, Status> {
        let grant = self.permit(request.metadata())?;
        let pb::AcknowledgeRequest { alert_id, change_number } = request.into_inner();
        let alert = wire::alert_id(&alert_id)?;
        let shared = &self.shared;
        let acknowledging = shared.store.acknowledge(&grant.district, alert, change_number, &grant.key);
        let done = shared.access.allowance(&grant).within(Box::pin(acknowledging)).await?;
        let done = done.map_err(|error| unavailable(&error))?.map_err(refused)?;
        if let Some(waited_s) = done.waited_s {
            metrics::counter!(metric::ACKNOWLEDGED, "within" => metric::within(waited_s)).increment(1);
        }
        tracing::info!(alert.id = %alert, key = grant.key, "an alert was acknowledged");
        Ok(Response::new(wire::acknowledged(done)))
    }

    async fn record_duty_done(
        &self,
        request: Request<pb::RecordDutyDoneRequest>,
    ) -> Result<Response<pb::RecordDutyDoneResponse>, Status> {
        let grant = self.permit(request.metadata())?;
        let pb::RecordDutyDoneRequest { alert_id, change_number, duty } = request.into_inner();
        let alert = wire::alert_id(&alert_id)?;
        let shared = &self.shared;
        let recording = shared.store.record_duty_done(&grant.district, alert, (change_number, duty), &grant.key);
        let done = shared.access.allowance(&grant).within(Box::pin(recording)).await?;
        let done = done.map_err(|error| unavailable(&error))?.map_err(refused)?;
        tracing::info!(alert.id = %alert, duty, key = grant.key, done_by = done.by, "a duty was recorded as done, or was done");
        Ok(Response::new(pb::RecordDutyDoneResponse { done: Some(wire::done(done)) }))
    }

    async fn list_duties(
        &self,
        request: Request<pb::ListDutiesRequest>,
    ) -> Result<Response<pb::ListDutiesResponse>, Status> {
        let grant = self.permit(request.metadata())?;
        let alert = wire::alert_id(&request.into_inner().alert_id)?;
        let listing = self.shared.store.list_duties(&grant.district, alert);
        let found = self.shared.access.allowance(&grant).within(Box::pin(listing)).await?;
        let found = found.map_err(|error| unavailable(&error))?.ok_or_else(|| refused(Refused::Unknown))?;
        Ok(Response::new(wire::duties(found)))
    }

    async fn open_case(&self, request: Request<pb::OpenCaseRequest>) -> Result<Response<pb::OpenCaseResponse>, Status> {
        let grant = self.permit(request.metadata())?;
        let student = wire::student(&request.into_inner().student)?;
        let shared = &self.shared;
        let opening = shared.store.open_case(&grant.district, student, &grant.key);
        let done = shared.access.allowance(&grant).within(Box::pin(opening)).await?;
        let Act { case, by, at } = done.map_err(|error| unavailable(&error))?;
        tracing::info!(case.id = %case, key = grant.key, opened_by = by, "a case was opened, or was open");
        Ok(Response::new(pb::OpenCaseResponse { opened_by: by, opened_at: Some(wire::timestamp(at)) }))
    }

    async fn close_case(
        &self,
        request: Request<pb::CloseCaseRequest>,
    ) -> Result<Response<pb::CloseCaseResponse>, Status> {
        let grant = self.permit(request.metadata())?;
        let student = wire::student(&request.into_inner().student)?;
        let shared = &self.shared;
        let closing = shared.store.close_case(&grant.district, student, &grant.key);
        let done = shared.access.allowance(&grant).within(Box::pin(closing)).await?;
        let done = done.map_err(|error| unavailable(&error))?;
        let Act { case, by, at } = done.ok_or_else(|| Status::not_found("no case is open for the student"))?;
        tracing::info!(case.id = %case, key = grant.key, "a case was closed");
        Ok(Response::new(pb::CloseCaseResponse { closed_by: by, closed_at: Some(wire::timestamp(at)) }))
    }

    async fn list_cases(
        &self,
        request: Request<pb::ListCasesRequest>,
    ) -> Result<Response<pb::ListCasesResponse>, Status> {
        let grant = self.permit(request.metadata())?;
        let pb::ListCasesRequest { page_size, page_token } = request.into_inner();
        let most = page("page_size", page_size)?;
        let after = (!page_token.is_empty()).then(|| After::decode(&page_token));
        let after =
            after.map(|after| after.ok_or_else(|| Status::invalid_argument("`page_token` is none of this list")));
        let listing = self.shared.store.list_cases(&grant.district, after.transpose()?, most);
        let cases = self.shared.access.allowance(&grant).within(Box::pin(listing)).await?;
        let cases = cases.map_err(|error| unavailable(&error))?;
        Ok(Response::new(wire::cases(cases, most)))
    }
}

/// How many are to be given when so many are asked for, in the field of this name.
fn page(field: &str, asked: u32) -> Result<u32, Status> {
    match asked {
        0 => Ok(DEFAULT_VIEW),
        asked if asked <= LARGEST_VIEW => Ok(asked),
        asked => Err(Status::invalid_argument(format!("`{field}` is {asked}, and {LARGEST_VIEW} is the most"))),
    }
}

/// Why what somebody says of an alert is not taken, as they are told it.
fn refused(refused: Refused) -> Status {
    match refused {
        Refused::Unknown => Status::not_found("the district has no such alert"),
        Refused::NoSuchDuty => Status::not_found("the change is not known, or asks for no such duty"),
        Refused::Over => Status::failed_precondition("the alert is over"),
        Refused::Risen(number) => {
            Status::failed_precondition(format!("the alert has risen since, by change {number}: look at that first"))
        }
    }
}

/// The database is away, or broken: logged here, where it is known; the peer is told only to come back.
fn unavailable(error: &homeroom_pg::Error) -> Status {
    let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    tracing::warn!(%error, cause, "the feed's database did not answer as it should");
    Status::unavailable("the database is not available; try again")
}
