//! Adapters that accept whatever they are given.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use futures_util::stream;
use homeroom_proto::wire::notification as pb;
use pb::alert_feed_client::AlertFeedClient;
use pb::stream_request::Frame as In;
use pb::stream_response::Frame as Out;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tonic::Request;
use tonic::transport::Channel;

use super::Args;
use crate::intake::authorization;
use crate::world::{Role, World};

/// Frames of an adapter that may wait for the connection.
const OUTBOX: usize = 1_024;

/// Takes and accepts every delivery; how many a second.
pub(super) async fn deliver(world: &World, args: &Args, patience: Duration) -> Result<f64> {
    let recorded = Arc::new(AtomicU32::new(0));
    let began = Instant::now();
    let mut adapters = JoinSet::new();
    for _ in 0..args.adapters {
        let channel = Channel::from_shared(world.grpc(Role::Notification)?)?.connect().await?;
        adapters.spawn(accept_all(channel, args.clone(), Arc::clone(&recorded)));
    }
    while let Some(done) = timeout(patience, adapters.join_next()).await.context("the deliveries do not come")? {
        done.context("an adapter panicked")??;
    }
    Ok(f64::from(args.deliveries) / began.elapsed().as_secs_f64())
}

/// Accepts until all adapters together have accepted everything.
async fn accept_all(channel: Channel, args: Args, recorded: Arc<AtomicU32>) -> Result<()> {
    let (out, frames) = mpsc::channel(OUTBOX);
    out.send(frame(In::Hello(hello(args.outstanding)))).await?;
    let requests = stream::unfold(frames, async |mut frames| frames.recv().await.map(|frame| (frame, frames)));
    let mut request = Request::new(requests);
    request.metadata_mut().insert("authorization", authorization().parse()?);
    let mut client = AlertFeedClient::new(channel);
    let mut answers = client.stream(request).await?.into_inner();
    while recorded.load(Ordering::Acquire) < args.deliveries {
        // Another adapter may have had the last ones.
        let Ok(answer) = timeout(Duration::from_millis(100), answers.message()).await else { continue };
        match answer?.context("the stream has ended")?.frame {
            Some(Out::Deliveries(deliveries)) => {
                let settlements = deliveries.deliveries.into_iter().map(accepted).collect();
                out.send(frame(In::Settlements(pb::Settlements { settlements }))).await?;
            }
            Some(Out::Results(results)) => {
                let all = results.results.iter().all(|result| result.standing() == pb::Standing::Recorded);
                ensure!(all, "a settlement was not recorded");
                recorded.fetch_add(u32::try_from(results.results.len())?, Ordering::AcqRel);
            }
            Some(Out::Welcome(_) | Out::Heartbeat(_)) => {}
            other => bail!("unexpected: {other:?}"),
        }
    }
    Ok(())
}

pub(super) fn hello(max_outstanding: u32) -> pb::Hello {
    pb::Hello {
        // The channel of the world's only team.
        channel: "webhook".to_owned(),
        adapter: "load".to_owned(),
        instance: "1".to_owned(),
        max_outstanding,
        max_outstanding_bytes: 16 * 1024 * 1024,
        lease: None,
    }
}

pub(super) fn accepted(delivery: pb::Delivery) -> pb::Settlement {
    let outcome = pb::settlement::Outcome::Accepted(pb::Accepted { provider_message_id: String::new() });
    pb::Settlement { delivery_id: delivery.delivery_id, lease_token: delivery.lease_token, outcome: Some(outcome) }
}

pub(super) fn frame(frame: In) -> pb::StreamRequest {
    pb::StreamRequest { frame: Some(frame) }
}
