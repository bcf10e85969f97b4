//! How long the question takes how far a change has come, which operators ask again and again while one is under way.

use std::time::Duration;

use anyhow::Result;
use homeroom_proto::wire::risk::GetProgressRequest;
use homeroom_proto::wire::risk::risk_query_client::RiskQueryClient;
use tokio::time::Instant;
use tonic::Request;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::Channel;

use crate::intake::authorization;
use crate::world::{Role, World};

/// How often it is asked; the median counts.
const TIMES: usize = 21;

/// The median time of an answer.
pub(super) async fn progress(world: &World) -> Result<Duration> {
    let channel = Channel::from_shared(world.grpc(Role::Rules)?)?.connect().await?;
    let mut client = RiskQueryClient::new(channel);
    let authorization: MetadataValue<Ascii> = authorization().parse()?;
    let mut times = Vec::with_capacity(TIMES);
    for _ in 0..TIMES {
        let mut request = Request::new(GetProgressRequest {});
        request.metadata_mut().insert("authorization", authorization.clone());
        let asked = Instant::now();
        client.get_progress(request).await?;
        times.push(asked.elapsed());
    }
    times.sort_unstable();
    Ok(times[TIMES / 2])
}
