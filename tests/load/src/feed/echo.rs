//! The baseline: a bare stream that answers each settlement with a delivery.

use std::pin::Pin;
use std::time::Duration;

use anyhow::{Context as _, Result};
use futures_util::{Stream, StreamExt as _, stream};
use homeroom_proto::wire::notification as pb;
use pb::alert_feed_client::AlertFeedClient;
use pb::alert_feed_server::{AlertFeed, AlertFeedServer};
use pb::stream_request::Frame as In;
use pb::stream_response::Frame as Out;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Server};
use tonic::{Request, Response, Status, Streaming};
use uuid::Uuid;

use super::Args;
use super::adapter::{accepted, frame, hello};

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// Answers, and does nothing else.
struct Echo;

#[tonic::async_trait]
impl AlertFeed for Echo {
    type StreamStream = Answers<pb::StreamResponse>;
    type WatchAlertsStream = Answers<pb::WatchAlertsResponse>;

    async fn stream(
        &self,
        request: Request<Streaming<pb::StreamRequest>>,
    ) -> Result<Response<Self::StreamStream>, Status> {
        let delivery = delivery();
        let answers = request.into_inner().flat_map(move |request| {
            let count = match request.ok().and_then(|request| request.frame) {
                Some(In::Hello(hello)) => hello.max_outstanding as usize,
                Some(In::Settlement(_)) => 1,
                _ => 0,
            };
            let deliveries = pb::Deliveries { deliveries: vec![delivery.clone()] };
            let answer = pb::StreamResponse { frame: Some(Out::Deliveries(deliveries)) };
            stream::iter(std::iter::repeat_n(Ok(answer), count))
        });
        Ok(Response::new(Box::pin(answers)))
    }

    async fn settle(&self, _: Request<pb::SettleRequest>) -> Result<Response<pb::SettleResponse>, Status> {
        Err(Status::unimplemented("an echo only"))
    }

    async fn watch_alerts(
        &self,
        _: Request<pb::WatchAlertsRequest>,
    ) -> Result<Response<Self::WatchAlertsStream>, Status> {
        Err(Status::unimplemented("an echo only"))
    }

    async fn get_deliveries(
        &self,
        _: Request<pb::GetDeliveriesRequest>,
    ) -> Result<Response<pb::GetDeliveriesResponse>, Status> {
        Err(Status::unimplemented("an echo only"))
    }

    async fn acknowledge(
        &self,
        _: Request<pb::AcknowledgeRequest>,
    ) -> Result<Response<pb::AcknowledgeResponse>, Status> {
        Err(Status::unimplemented("an echo only"))
    }

    async fn record_duty_done(
        &self,
        _: Request<pb::RecordDutyDoneRequest>,
    ) -> Result<Response<pb::RecordDutyDoneResponse>, Status> {
        Err(Status::unimplemented("an echo only"))
    }

    async fn list_duties(&self, _: Request<pb::ListDutiesRequest>) -> Result<Response<pb::ListDutiesResponse>, Status> {
        Err(Status::unimplemented("an echo only"))
    }

    async fn list_cases(&self, _: Request<pb::ListCasesRequest>) -> Result<Response<pb::ListCasesResponse>, Status> {
        Err(Status::unimplemented("an echo only"))
    }

    async fn open_case(&self, _: Request<pb::OpenCaseRequest>) -> Result<Response<pb::OpenCaseResponse>, Status> {
        Err(Status::unimplemented("an echo only"))
    }

    async fn close_case(&self, _: Request<pb::CloseCaseRequest>) -> Result<Response<pb::CloseCaseResponse>, Status> {
        Err(Status::unimplemented("an echo only"))
    }
}

/// Deliveries acknowledged a second.
pub(super) async fn measure(args: &Args) -> Result<f64> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = format!("http://{}", listener.local_addr()?);
    let mut server = JoinSet::new();
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    server.spawn(Server::builder().add_service(AlertFeedServer::new(Echo)).serve_with_incoming(incoming));
    let end = Instant::now() + Duration::from_secs(args.seconds);
    let mut adapters = JoinSet::new();
    for _ in 0..args.adapters {
        let channel = Channel::from_shared(address.clone())?.connect().await?;
        adapters.spawn(acknowledge(channel, args.outstanding, end));
    }
    let mut count: u64 = 0;
    while let Some(done) = adapters.join_next().await {
        count += done.context("an adapter panicked")??;
    }
    #[expect(clippy::cast_precision_loss, reason = "a rate has a few digits")]
    Ok(count as f64 / args.seconds as f64)
}

async fn acknowledge(channel: Channel, outstanding: u32, end: Instant) -> Result<u64> {
    let (out, frames) = mpsc::channel(outstanding as usize + 1);
    out.send(frame(In::Hello(hello(outstanding)))).await?;
    let requests = stream::unfold(frames, async |mut frames| frames.recv().await.map(|frame| (frame, frames)));
    let mut client = AlertFeedClient::new(channel);
    let mut answers = client.stream(requests).await?.into_inner();
    let mut count = 0;
    while Instant::now() < end {
        let answer = answers.message().await?.context("the echo has ended")?;
        let Some(Out::Deliveries(deliveries)) = answer.frame else { continue };
        for delivery in deliveries.deliveries {
            out.send(frame(In::Settlement(accepted(delivery)))).await?;
            count += 1;
        }
    }
    Ok(count)
}

/// As large as ours are.
fn delivery() -> pb::Delivery {
    let id = Uuid::from_u128(7).to_string();
    pb::Delivery {
        delivery_id: id.clone(),
        idempotency_key: id.clone(),
        attempt: 1,
        lease_token: vec![7; 16].into(),
        lease_until: Some(prost_types::Timestamp { seconds: 1_650_000_000, nanos: 1 }),
        expires_at: Some(prost_types::Timestamp { seconds: 1_650_000_000, nanos: 1 }),
        district: "load".to_owned(),
        to: Some(pb::Recipient { team: "Team".to_owned(), address: "http://127.0.0.1:9/".to_owned() }),
        message: Some(pb::Message {
            kind: "alert.opened".to_owned(),
            subject: "Missing much of school (school 255901001)".to_owned(),
            text: "x".repeat(300),
            data: vec![b'x'; 290].into(),
        }),
        traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned(),
        maybe_sent_before: false,
        follows: String::new(),
    }
}
